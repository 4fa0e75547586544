"""Distinct colors, their counts, and values mapped back to the pixels."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from segment.core.image import Image
from segment.features.color_index import ColorIndex

IMAGES = st.one_of(
    hnp.arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(3))),
    hnp.arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9))),
    hnp.arrays(np.uint16, st.tuples(st.integers(1, 9), st.integers(1, 9))),
    hnp.arrays(np.uint16, st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(3))),
)


@given(IMAGES, st.data())
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


@given(IMAGES, st.data())
def test_every_pixel_gets_the_value_of_its_color(pixels: np.ndarray, data: st.DataObject) -> None:
    valid = data.draw(hnp.arrays(bool, pixels.shape[:2]))
    image = Image.from_array(pixels, valid=valid)

    def total(colors: np.ndarray) -> np.ndarray:
        return colors.sum(axis=1, dtype=np.int64) + 1

    expected = pixels.reshape(*pixels.shape[:2], -1).sum(axis=2, dtype=np.int64) + 1
    np.testing.assert_array_equal(ColorIndex(image).map_to_pixels(total), np.where(valid, expected, 0))


@pytest.mark.parametrize("shape", [(23, 31), (23, 31, 3)])
def test_the_counts_of_pieces_add_up(
    shape: tuple[int, ...], rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = Image.from_array(rng.integers(0, 3, size=shape).astype(np.uint8), valid=rng.random(shape[:2]) < 0.7)
    ((colors, counts),) = ColorIndex(image).iterate_parts()
    expected = ColorIndex(image).map_to_pixels(lambda colors: colors.sum(axis=1))
    monkeypatch.setattr("segment.features.color_index.PIECE_PIXELS", 50)
    monkeypatch.setattr("segment.features.color_index.CHUNK_PIXELS", 7)
    ((pieced, added),) = ColorIndex(image).iterate_parts()
    assert pieced.tolist() == colors.tolist()
    assert added.tolist() == counts.tolist()
    np.testing.assert_array_equal(ColorIndex(image).map_to_pixels(lambda colors: colors.sum(axis=1)), expected)


def test_functions_may_have_several_values() -> None:
    image = Image.from_array(np.array([[0, 7], [7, 2]], dtype=np.uint8))
    out = ColorIndex(image).map_to_pixels(lambda colors: np.concatenate([colors, 2 * colors], axis=1))
    assert out.tolist() == [[[0, 0], [7, 14]], [[7, 14], [2, 4]]]


def test_float_pixels_are_quantized_to_65536_levels() -> None:
    image = Image.from_array(np.array([[-1.0, 0.0], [1.0, np.nan]], dtype=np.float32))
    ((colors, counts),) = ColorIndex(image).iterate_parts()
    assert colors.ravel().tolist() == [0, 32768, 65535]
    assert counts.tolist() == [1, 1, 1]


@given(IMAGES, st.data())
def test_a_pixel_lookup_has_the_values_of_the_map(pixels: np.ndarray, data: st.DataObject) -> None:
    index = ColorIndex(Image.from_array(pixels))
    chosen = data.draw(
        hnp.arrays(np.intp, st.integers(1, 9), elements=st.integers(0, pixels.shape[0] * pixels.shape[1] - 1))
    )

    def double(colors: np.ndarray) -> np.ndarray:
        return 2 * colors.astype(np.int64)

    expected = index.map_to_pixels(double).reshape(-1, index.n_channels)[chosen]
    np.testing.assert_array_equal(index.make_pixel_lookup(double)(chosen), expected)
    planes = index.map_to_planes(lambda colors: double(colors).astype(np.float32))
    np.testing.assert_array_equal(planes.reshape(index.n_channels, -1)[:, chosen].T, expected)


def test_colors_of_more_than_64_bits_are_not_counted(rng: np.random.Generator) -> None:
    pixels = rng.integers(0, 3, (4, 5, 6)).astype(np.uint16)
    index = ColorIndex(replace(Image.from_array(pixels[..., :3]), pixels=pixels))
    rows = pixels.reshape(-1, 6)
    ((colors, counts),) = index.iterate_parts()
    np.testing.assert_array_equal(colors, rows)
    assert (counts == 1).all()
    np.testing.assert_array_equal(index.map_to_pixels(lambda colors: colors.sum(axis=1)), pixels.sum(axis=2))
    np.testing.assert_array_equal(
        index.make_pixel_lookup(lambda colors: colors)(np.array([3])), pixels.reshape(-1, 6)[[3]]
    )


@pytest.mark.parametrize("size", [30, 90])
def test_noise_of_as_many_colors_as_pixels_is_not_counted(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segment.features.color_index.MAX_COLORS_OF_NOISE", 40)
    monkeypatch.setattr("segment.features.color_index.PIECE_PIXELS", 50)
    monkeypatch.setattr("segment.features.color_index.CHUNK_PIXELS", 16)
    pixels = np.random.default_rng(0).integers(0, 256, (1, size, 3), dtype=np.uint8)
    index = ColorIndex(Image.from_array(pixels))
    assert index.is_countable
    assert index.is_tabled == (size == 30)
    assert sum(counts.sum() for _, counts in index.iterate_parts()) == size
    np.testing.assert_array_equal(index.map_to_pixels(lambda colors: colors[:, 0]), pixels[..., 0])
    chosen = np.arange(size)[::-1]
    np.testing.assert_array_equal(index.make_pixel_lookup(lambda colors: colors)(chosen), pixels[0, ::-1])


def test_noise_is_told_in_less_memory_than_counts_take() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (1025, 1024, 3), dtype=np.uint8)
    tracemalloc.start()
    is_tabled = ColorIndex(Image.from_array(pixels)).is_tabled
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert not is_tabled
    assert peak < 2**25  # a table of the counts takes 2**26 bytes


def test_a_sample_of_noise_tells_no_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segment.features.color_index.MAX_COLORS_OF_NOISE", 20)
    monkeypatch.setattr("segment.features.color_index.PIECE_PIXELS", 50)
    monkeypatch.setattr("segment.features.color_index.CHUNK_PIXELS", 16)
    colors = np.random.default_rng(0).integers(0, 256, (1, 31, 3), dtype=np.uint8)
    # Every fifth of the pixels is sampled: no two of these have the same color.
    index = ColorIndex(Image.from_array(np.tile(colors, (1, 3, 1))))
    ((found, counts),) = index.iterate_parts()
    assert {*map(tuple, found.tolist())} == {*map(tuple, colors[0].tolist())}
    assert (counts == 3).all()


def test_an_image_of_too_many_colors_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segment.features.color_index.MAX_COLORS", 40)
    assert ColorIndex(Image.from_array(np.arange(40, dtype=np.uint8)[None].repeat(9, axis=0))).is_tabled
    assert not ColorIndex(Image.from_array(np.arange(41, dtype=np.uint8)[None].repeat(9, axis=0))).is_tabled
