"""Blocks of labels, cut and compressed."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from segment.runs.rasters.label_blocks import compress_labels, cut_blocks, decompress_labels, list_levels
from segment.runs.rasters.tiles import Window, cut_tiles


@pytest.mark.parametrize("side", [600, 512, 77])
def test_the_blocks_of_all_tiles_are_the_raster_and_its_overviews(rng: np.random.Generator, side: int) -> None:
    labels = rng.integers(0, 200, (1030, 620)).astype(np.uint8)
    levels = list_levels(1030, 620)
    found = [np.zeros((len(rows), len(columns)), dtype=np.uint8) for rows, columns in levels]
    complete = set()
    for window in cut_tiles(1030, 620, side):
        for block in cut_blocks(labels[window.slices], window, (1030, 620)):
            size = Window(0, 0, 512, 512) if block.is_complete else block.window
            part = decompress_labels(block.data, size)[: block.window.height, : block.window.width]
            rows, columns = block.window.slices
            found[block.level][512 * block.row :, 512 * block.column :][rows, columns] = part
            complete |= {(block.level, block.row, block.column)} if block.is_complete else set()
    for (rows, columns), level in zip(levels, found, strict=True):
        assert_array_equal(level, labels[np.ix_(rows, columns)])
    assert len(complete) == {600: 2, 512: 6, 77: 0}[side]


def test_labels_travel_compressed(rng: np.random.Generator) -> None:
    labels = rng.integers(1, 5, (20, 8)).astype(np.uint8).repeat(10, 0).repeat(10, 1)
    data = compress_labels(labels)
    assert len(data) < labels.size / 8
    assert_array_equal(decompress_labels(data, Window(3, 3, 200, 80)), labels)
