"""Feature spaces against scikit-image, and their scatters against numerical derivatives."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.color import rgb2gray, rgb2hsv, rgb2lab

from segment.core.errors import SettingsError
from segment.features.color_space import FEATURES, FeatureSpace
from segment.mixture.packed_matrices import pack

COLORS = np.stack(np.meshgrid(*[np.arange(0, 256, 15)] * 3), axis=-1).reshape(-1, 3).astype(np.uint8)


def compute_features(name: str, colors: np.ndarray, white: float = 255.0) -> np.ndarray:
    return FeatureSpace(name, colors.shape[1], 0.0, white).make_cells(colors).means


def test_lab_equals_that_of_scikit_image() -> None:
    # scikit-image rounds the white point to five digits.
    np.testing.assert_allclose(compute_features("lab", COLORS), rgb2lab(COLORS[None])[0], atol=0.01)


@pytest.mark.parametrize("name", ["lab", "rgb", "hsv"])
@pytest.mark.parametrize("white", [255.0, 1023.0])
def test_features_are_converted_back_to_their_colors(name: str, white: float) -> None:
    space = FeatureSpace(name, 3, 0.0, white)
    np.testing.assert_allclose(space.convert_to_rgb(space.convert_rgb(COLORS)), COLORS, atol=0.2)


@pytest.mark.parametrize("name", FEATURES)
def test_gray_features_are_converted_to_gray(name: str) -> None:
    grays = np.arange(0, 256, 15, dtype=np.uint8)[:, None]
    space = FeatureSpace(name, 1, 0.0, 255.0)
    np.testing.assert_allclose(space.convert_to_rgb(space.make_cells(grays).means), np.repeat(grays, 3, 1), atol=0.01)


def test_intensity_equals_that_of_scikit_image() -> None:
    np.testing.assert_allclose(compute_features("intensity", COLORS)[:, 0] / 255, rgb2gray(COLORS[None])[0], atol=1e-12)


def test_hsv_is_the_cone_of_the_hsv_of_scikit_image() -> None:
    hue, saturation, value = rgb2hsv(COLORS[None])[0].T
    chroma = saturation * value
    cone = np.stack([chroma * np.cos(2 * np.pi * hue), chroma * np.sin(2 * np.pi * hue), value], axis=1)
    np.testing.assert_allclose(compute_features("hsv", COLORS) / 255, cone, atol=1e-12)


def test_reds_on_both_sides_of_hue_0_are_neighbors() -> None:
    """Their hue angles differ by nearly 360 degrees."""
    reds = compute_features("hsv", np.array([[200, 0, 2], [200, 2, 0], [0, 200, 0]], dtype=np.uint8))
    assert np.linalg.norm(reds[0] - reds[1]) < 5 < np.linalg.norm(reds[0] - reds[2])


def test_rgb_scales_the_channels_to_255() -> None:
    colors = np.array([[0, 512, 1023]], dtype=np.uint16)
    np.testing.assert_allclose(compute_features("rgb", colors, 1023.0), colors * (255 / 1023))


@pytest.mark.parametrize("name", FEATURES)
@pytest.mark.parametrize("n_channels", [1, 3])
def test_the_scatter_is_the_quantization_variance_times_the_jacobians(name: str, n_channels: int) -> None:
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
def test_a_gray_image_has_the_lightness_feature_of_its_rgb_copy(name: str) -> None:
    gray = np.arange(256, dtype=np.uint8)[:, None]
    column = 2 if name == "hsv" else 0
    np.testing.assert_allclose(
        compute_features(name, gray)[:, 0], compute_features(name, np.repeat(gray, 3, axis=1))[:, column], atol=1e-10
    )


@pytest.mark.parametrize("name", FEATURES)
def test_lightness_increases_from_black_to_white(name: str) -> None:
    space = FeatureSpace(name, 3, 0.0, 255.0)
    grays = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)
    assert (np.diff(space.compute_lightness(space.make_cells(grays).means)) > 0).all()


def test_given_colors_are_scaled_to_the_range_of_the_image() -> None:
    sky = np.array([[0x87, 0xCE, 0xEB]], dtype=np.uint8)
    np.testing.assert_allclose(FeatureSpace("rgb", 3, 0, 65535).convert_rgb(sky), sky, atol=0.01)
    luma = 0.2125 * 0x87 + 0.7154 * 0xCE + 0.0721 * 0xEB
    assert FeatureSpace("intensity", 1, 0, 255).convert_rgb(sky).item() == pytest.approx(luma, abs=0.5)


@pytest.mark.parametrize("name", FEATURES)
def test_hue_of_the_pure_colors_is_in_steps_of_60_degrees(name: str) -> None:
    """Red, yellow, green, cyan, blue and magenta; CIELAB has its own angles in the same order."""
    pure = np.array(
        [[255, 0, 0], [255, 255, 0], [0, 255, 0], [0, 255, 255], [0, 0, 255], [255, 0, 255]], dtype=np.uint8
    )
    hue = FeatureSpace(name, 3, 0.0, 255.0).compute_hue(compute_features(name, pure))
    if name == "intensity":
        assert (hue == 0).all()
    else:
        assert (np.diff(hue) > 0).all()
    if name in ("rgb", "hsv"):
        np.testing.assert_allclose(np.degrees(hue), [30, 90, 150, 210, 270, 330])


def test_the_start_metric_scales_lightness_and_chroma_to_the_same_variance(rng: np.random.Generator) -> None:
    colors = np.clip(rng.normal(120, 20, (500, 3)), 0, 255).astype(np.uint8)
    for name in ("lab", "rgb", "hsv"):
        space = FeatureSpace(name, 3, 0.0, 255.0)
        cells = space.make_cells(colors)
        scaled = cells.means @ space.compute_start_metric(cells)
        light = 2 if name == "hsv" else 0
        variances = scaled.var(axis=0)
        assert variances[light] == pytest.approx(1, rel=0.01)
        assert variances.sum() - variances[light] == pytest.approx(1, rel=0.05)


def test_bands_of_any_unit_count_alike_in_the_start_metric(rng: np.random.Generator) -> None:
    space = FeatureSpace("rgb", 4, 0.0, 65535.0)
    spreads = np.array([5, 200, 10000, 0])
    cells = space.make_cells(np.rint(30000 + spreads * rng.standard_normal((900, 4))).astype(np.int64))
    scaled = cells.means @ space.compute_start_metric(cells)
    np.testing.assert_allclose(scaled.std(axis=0), [1, 1, 1, 0], atol=0.01)


def test_seed_colors_need_a_gray_or_rgb_image() -> None:
    with pytest.raises(SettingsError, match="only for gray or RGB; got 5 bands"):
        FeatureSpace("rgb", 5, 0.0, 255.0).convert_rgb(np.zeros((1, 3), dtype=np.uint8))
    with pytest.raises(SettingsError, match="for 5 bands; got lab"):
        FeatureSpace("lab", 5, 0.0, 255.0)
