"""Feature spaces against scikit-image, their Jacobians against differences, and the way from colors to pixels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from skimage.color import rgb2gray, rgb2hsv, rgb2lab

from segment.core.errors import SettingsError
from segment.core.image import Image
from segment.features.color_index import ColorIndex
from segment.features.color_space import FEATURES, FeatureSpace
from segment.features.pixel_features import collect_cells
from segment.mixture.cells import pack

EVERY = np.stack(np.meshgrid(*[np.arange(0, 256, 15)] * 3), axis=-1).reshape(-1, 3).astype(np.uint8)


def features(name: str, colors: np.ndarray, white: float = 255.0) -> np.ndarray:
    return FeatureSpace(name, colors.shape[1], 0.0, white).make_cells(colors).means


def test_lab_is_that_of_scikit_image() -> None:
    # scikit-image rounds the white point to five digits.
    np.testing.assert_allclose(features("lab", EVERY), rgb2lab(EVERY[None])[0], atol=0.01)


def test_intensity_is_that_of_scikit_image() -> None:
    np.testing.assert_allclose(features("intensity", EVERY)[:, 0] / 255, rgb2gray(EVERY[None])[0], atol=1e-12)


def test_hsv_is_the_cone_over_scikit_images_hsv() -> None:
    hue, saturation, value = rgb2hsv(EVERY[None])[0].T
    chroma = saturation * value
    cone = np.stack([chroma * np.cos(2 * np.pi * hue), chroma * np.sin(2 * np.pi * hue), value], axis=1)
    np.testing.assert_allclose(features("hsv", EVERY) / 255, cone, atol=1e-12)


def test_hue_is_a_circle() -> None:
    """Reds on either side of hue 0 are neighbors, not strangers."""
    reds = features("hsv", np.array([[200, 0, 2], [200, 2, 0], [0, 200, 0]], dtype=np.uint8))
    assert np.linalg.norm(reds[0] - reds[1]) < 5 < np.linalg.norm(reds[0] - reds[2])


def test_rgb_is_the_values_in_255ths() -> None:
    colors = np.array([[0, 512, 1023]], dtype=np.uint16)
    np.testing.assert_allclose(features("rgb", colors, 1023.0), colors * (255 / 1023))


@pytest.mark.parametrize("name", FEATURES)
@pytest.mark.parametrize("n_channels", [1, 3])
def test_scatter_is_the_quantization_noise_through_the_jacobian(name: str, n_channels: int) -> None:
    """Against differences on a scale 256 times as fine."""
    rng = np.random.default_rng(0)
    colors = rng.permuted(np.tile(np.arange(5, 250), (n_channels, 1)), axis=1).T
    fine = FeatureSpace(name, n_channels, 0.0, 255.0 * 256)
    jacobian = np.stack(
        [
            (fine.make_cells(256 * colors + step).means - fine.make_cells(256 * colors - step).means) / 2
            for step in np.eye(n_channels, dtype=int)
        ],
        axis=2,
    )
    expected = pack(256**2 / 12 * jacobian @ np.swapaxes(jacobian, 1, 2))
    scatters = FeatureSpace(name, n_channels, 0.0, 255.0).make_cells(colors).scatters
    smooth = np.abs(scatters - expected).max(axis=1) < 1e-3 * np.abs(expected).max(axis=1)
    assert smooth.mean() > 0.98  # hue bends where two channels are equal


@pytest.mark.parametrize("name", FEATURES)
def test_a_gray_image_has_the_first_feature_of_its_rgb_twin(name: str) -> None:
    gray = np.arange(256, dtype=np.uint8)[:, None]
    column = 2 if name == "hsv" else 0
    np.testing.assert_allclose(
        features(name, gray)[:, 0], features(name, np.repeat(gray, 3, axis=1))[:, column], atol=1e-10
    )


@pytest.mark.parametrize("name", FEATURES)
def test_lightness_grows_from_black_to_white(name: str) -> None:
    space = FeatureSpace(name, 3, 0.0, 255.0)
    grays = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)
    assert (np.diff(space.compute_lightness(space.make_cells(grays).means)) > 0).all()


def test_unknown_features_are_refused() -> None:
    with pytest.raises(SettingsError, match="features"):
        FeatureSpace("cmyk", 3, 0.0, 255.0)


PICTURES = st.one_of(
    hnp.arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(3))),
    hnp.arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9))),
    hnp.arrays(np.uint16, st.tuples(st.integers(1, 9), st.integers(1, 9))),
    hnp.arrays(np.uint16, st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(3))),
)


@given(PICTURES, st.data())
def test_colors_and_counts_are_those_of_the_valid_pixels(pixels: np.ndarray, data: st.DataObject) -> None:
    valid = data.draw(hnp.arrays(bool, pixels.shape[:2]))
    image = Image.from_array(pixels, valid=valid)
    n_channels = 1 if pixels.ndim == 2 else 3
    expected, counts = np.unique(pixels[valid].reshape(-1, n_channels), axis=0, return_counts=True)
    found: dict[tuple[int, ...], int] = {}
    for colors, part in ColorIndex(image).iterate_parts():
        for color, count in zip(colors.tolist(), part.tolist(), strict=True):
            found[tuple(color)] = found.get(tuple(color), 0) + count
    assert found == dict(zip(map(tuple, expected.tolist()), counts.tolist(), strict=True))


@given(PICTURES, st.data())
def test_spread_gives_every_pixel_the_value_of_its_color(pixels: np.ndarray, data: st.DataObject) -> None:
    valid = data.draw(hnp.arrays(bool, pixels.shape[:2]))
    image = Image.from_array(pixels, valid=valid)

    def total(colors: np.ndarray) -> np.ndarray:
        return colors.sum(axis=1, dtype=np.int64) + 1

    expected = pixels.reshape(*pixels.shape[:2], -1).sum(axis=2, dtype=np.int64) + 1
    np.testing.assert_array_equal(ColorIndex(image).map_to_pixels(total), np.where(valid, expected, 0))


@pytest.mark.parametrize("shape", [(23, 31), (23, 31, 3)])
def test_pieces_counted_side_by_side_add_up(
    shape: tuple[int, ...], rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = Image.from_array(rng.integers(0, 3, size=shape).astype(np.uint8), valid=rng.random(shape[:2]) < 0.7)
    ((colors, counts),) = ColorIndex(image).iterate_parts()
    whole = ColorIndex(image).map_to_pixels(lambda colors: colors.sum(axis=1))
    monkeypatch.setattr("segment.features.color_index.PIECE_PIXELS", 50)
    monkeypatch.setattr("segment.features.color_index.CHUNK_PIXELS", 7)
    ((pieced, added),) = ColorIndex(image).iterate_parts()
    assert pieced.tolist() == colors.tolist()
    assert added.tolist() == counts.tolist()
    np.testing.assert_array_equal(ColorIndex(image).map_to_pixels(lambda colors: colors.sum(axis=1)), whole)


def test_spread_carries_several_values_a_pixel() -> None:
    image = Image.from_array(np.array([[0, 7], [7, 2]], dtype=np.uint8))
    out = ColorIndex(image).map_to_pixels(lambda colors: np.concatenate([colors, 2 * colors], axis=1))
    assert out.tolist() == [[[0, 0], [7, 14]], [[7, 14], [2, 4]]]


def test_float_pixels_are_read_in_65536_steps() -> None:
    image = Image.from_array(np.array([[-1.0, 0.0], [1.0, np.nan]], dtype=np.float32))
    ((colors, counts),) = ColorIndex(image).iterate_parts()
    assert colors.ravel().tolist() == [0, 32768, 65535]
    assert counts.tolist() == [1, 1, 1]


def test_blocks_of_deep_color_give_the_same_moments_as_all_pixels(rng: np.random.Generator) -> None:
    pixels = rng.integers(0, 65536, size=(600, 700, 3)).astype(np.uint16)
    index = ColorIndex(Image.from_array(pixels))
    assert not index.is_tabled
    space = FeatureSpace("rgb", 3, index.black, index.white)
    cells = collect_cells(space, index.iterate_parts(), exact=False)
    exact = space.make_cells(pixels.reshape(-1, 3))
    assert len(cells) < len(exact)
    np.testing.assert_allclose(cells.compute_center(), exact.compute_center(), rtol=1e-9)
    np.testing.assert_allclose(cells.compute_second_moment(), exact.compute_second_moment(), rtol=1e-9)
