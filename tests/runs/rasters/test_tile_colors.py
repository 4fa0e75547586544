"""The colors of tiles, and their sum."""

from __future__ import annotations

import pickle
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from raster_files import write

import segment
from segment.config.config import SegmentConfig
from segment.features.color_index import ColorIndex
from segment.features.color_space import FeatureSpace
from segment.mixture.streaming_bins import StreamingBins
from segment.runs.rasters import tile_colors
from segment.runs.rasters.gdal_files import configure_rasterio
from segment.runs.rasters.raster_opening import open_raster
from segment.runs.rasters.tile_colors import (
    ColorCounts,
    ColorSum,
    TileColors,
    add_tile_colors,
    collect_tile_colors,
    sum_counts,
)
from segment.runs.rasters.tiles import Window


@pytest.mark.parametrize("bits", [8, 16])
def test_parts_that_are_added_are_those_of_all_and_stay_unchanged(rng: np.random.Generator, bits: int) -> None:
    dtype = f"uint{bits}"
    space = FeatureSpace("rgb", 3, 0.0, float(2**bits - 1))
    pixels = rng.integers(0, 40, (30, 50, 3)).astype(dtype)
    parts = [collect_colors(piece, space) for piece in (pixels[:, :20], pixels[:, 20:])]
    before = pickle.dumps(parts)
    together = add_tile_colors(*parts)
    assert pickle.dumps(parts) == before
    found, expected = ColorSum(space, dtype), ColorSum(space, dtype)
    found.add(together)
    expected.add(collect_colors(pixels, space))
    for ours, theirs in zip(
        asdict(found.make_cells()[0]).values(), asdict(expected.make_cells()[0]).values(), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)
    assert len(together.counts) == (bits == 8)
    for colors, counts in together.counts:
        theirs, numbers = np.unique(pixels.reshape(-1, 3), axis=0, return_counts=True)
        order = np.lexsort(colors.T[::-1])
        np.testing.assert_array_equal(colors[order], theirs)
        np.testing.assert_array_equal(counts[order], numbers)


def collect_colors(pixels: np.ndarray, space: FeatureSpace) -> TileColors:
    index = ColorIndex(segment.Image.from_array(pixels))
    bins = StreamingBins(3, int(space.white).bit_length())
    if index.is_tabled:
        return TileColors(tuple(index.iterate_parts()), bins)
    for colors, counts in index.iterate_parts():
        bins.add(colors, space.make_cells(colors, counts))
    return TileColors((), bins)


def test_the_colors_of_a_tile_are_counted(tmp_path: Path, quadrants: np.ndarray) -> None:
    space = FeatureSpace("rgb", 3, 0.0, 255.0)
    with configure_rasterio():
        raster = open_raster(write(tmp_path / "a.tif", quadrants))
        found = collect_tile_colors(raster, Window(0, 0, 12, 10), SegmentConfig(), space)
    ((colors, counts),) = found.counts
    # 5 + 7 rows, 8 + 2 columns
    assert dict(zip(map(tuple, colors.tolist()), counts.tolist(), strict=True)) == {
        (20, 30, 90): 40,
        (90, 140, 200): 10,
        (60, 110, 40): 56,
        (230, 220, 190): 14,
    }


def test_more_colors_than_memory_should_hold_are_merged(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tile_colors, "MAX_COLORS", 400)
    monkeypatch.setattr(tile_colors, "StreamingBins", lambda *keys: StreamingBins(*keys, max_bins=100))
    space = FeatureSpace("rgb", 3, 0.0, 255.0)
    pixels = rng.integers(0, 256, (40, 50, 3)).astype(np.uint8)
    colors = ColorSum(space, "uint8")
    colors.add(collect_colors(pixels, space))
    cells, (note,) = colors.make_cells()
    assert len(cells) <= 100
    assert cells.weights.sum() == 2000
    assert note.endswith(f"distinct colors: they were merged in {len(cells)} bins")


def test_a_tile_of_noise_is_counted_too(
    tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("segment.features.color_index.MAX_COLORS_OF_NOISE", 5)
    monkeypatch.setattr("segment.features.color_index.CHUNK_PIXELS", 7)
    pixels = rng.integers(0, 256, (4, 5, 3)).astype(np.uint8)
    pixels[0, 0] = pixels[3, 4]
    with configure_rasterio():
        raster = open_raster(write(tmp_path / "a.tif", pixels))
        space = FeatureSpace("rgb", 3, 0.0, 255.0)
        found = collect_tile_colors(raster, Window(0, 0, 4, 5), SegmentConfig(), space)
    ((colors, counts),) = found.counts
    assert (len(colors), counts.max(), counts.sum()) == (19, 2, 20)


def test_counts_of_parts_are_added_and_looked_up(rng: np.random.Generator) -> None:
    parts = [rng.integers(0, 5, (40, 3)).astype(np.uint8) for _ in range(3)]
    counts = ColorCounts("uint8", 3)
    counted = [np.unique(part, axis=0, return_counts=True) for part in parts]
    for colors, numbers in counted:
        counts.add(colors, numbers)
    expected, numbers = np.unique(np.concatenate(parts), axis=0, return_counts=True)
    expected = dict(zip(map(tuple, expected.tolist()), numbers.tolist(), strict=True))
    colors, added = counts.list_colors()
    assert dict(zip(map(tuple, colors.tolist()), added.tolist(), strict=True)) == expected
    colors, added = sum_counts(counted)
    assert dict(zip(map(tuple, colors.tolist()), added.tolist(), strict=True)) == expected
    lookup = counts.make_lookup(lambda colors: colors.sum(axis=1))
    np.testing.assert_array_equal(lookup(parts[0]), parts[0].sum(axis=1))
