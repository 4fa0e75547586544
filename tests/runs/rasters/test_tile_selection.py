"""Windows of a raster: which of their pixels count, and to which region of interest they belong."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from segment.core.errors import ImageError
from segment.preprocessor.interest import make_circle, make_grid
from segment.runs.rasters.tile_selection import EVERYTHING, is_tiff, load_mask, number_labels, read_file_window
from segment.runs.rasters.tiles import Window

SHAPE = (20, 30)
WHOLE = replace(EVERYTHING, shape=SHAPE, file_shape=SHAPE)
CIRCLE = (14.0, 9.5, 7.0)


def test_everything_counts_without_a_selection() -> None:
    assert not EVERYTHING.has_gaps
    assert EVERYTHING.find_counted(np.zeros((4, 5, 3)), Window(2, 3, 4, 5)).all()


@pytest.mark.parametrize("window", [Window(0, 0, 20, 30), Window(3, 7, 5, 9), Window(19, 29, 1, 1)])
def test_a_window_has_the_labels_of_the_whole(window: Window) -> None:
    grid, circle = make_grid(SHAPE, 3, 4), make_circle(SHAPE, CIRCLE)
    in_grid = replace(WHOLE, grid=(3, 4), names=grid.names).label(window)
    in_circle = replace(WHOLE, circle=CIRCLE, names=("circle",)).label(window)
    assert np.array_equal(in_grid.label_image, grid.label_image[window.slices])
    assert np.array_equal(in_circle.label_image, circle.label_image[window.slices])


def test_a_part_lies_at_its_place_in_the_file() -> None:
    part = replace(WHOLE, row=2, column=5, shape=(10, 10), circle=CIRCLE, names=("circle",))
    assert part.shift(Window(1, 1, 3, 4)) == Window(3, 6, 3, 4)
    whole = make_circle(SHAPE, CIRCLE).label_image
    assert np.array_equal(part.label(Window(0, 0, 10, 10)).label_image, whole[2:12, 5:15])


def test_a_smaller_copy_counts_by_the_pixels_in_the_middle() -> None:
    selection = replace(WHOLE, circle=CIRCLE, names=("circle",))
    counted = selection.find_counted(np.zeros((4, 6, 1)), Window(0, 0, *SHAPE))
    assert np.array_equal(counted, make_circle(SHAPE, CIRCLE).label_image[2::5, 2::5] > 0)


def test_values_that_stand_for_no_data_do_not_count() -> None:
    samples = np.array([[[0, 0], [0, 1]]])
    assert replace(WHOLE, nodata=(0.0,)).find_counted(samples, Window(0, 0, 1, 2)).tolist() == [[False, True]]


def test_labels_are_numbered_as_listed() -> None:
    assert number_labels(np.array([[300, 0], [2, 9]]), (2, 9, 300)).tolist() == [[3, 0], [1, 2]]


def test_files_of_another_size_or_kind_are_refused(tmp_path: Path) -> None:
    files = pytest.importorskip("raster_files")
    path = files.write(tmp_path / "mask.tif", np.ones((4, 6), np.uint8))
    assert is_tiff(str(path))
    with pytest.raises(ImageError, match="6 x 5 pixels; got 6 x 4"):
        read_file_window(str(path), None, (5, 6))
    (tmp_path / "bad.tif").write_bytes(path.read_bytes()[:30])
    with pytest.raises(ImageError, match="the file is damaged"):
        read_file_window(str(tmp_path / "bad.tif"), None, (4, 6))
    with pytest.raises(ImageError, match="cannot be opened"):
        load_mask(str(tmp_path / "nothing.tif"), (4, 6))


def test_a_transparent_pixel_of_a_mask_does_not_count(tmp_path: Path) -> None:
    files = pytest.importorskip("raster_files")
    pixels = np.full((4, 6, 4), 255, np.uint8)
    pixels[:2, :, 3] = 0
    pixels[:, :3, :3] = 0
    path = files.write(tmp_path / "mask.tif", pixels, photometric="RGB", alpha="YES")
    selection = replace(EVERYTHING, mask=str(path), file_shape=(4, 6))
    counted = selection.find_counted(np.zeros((4, 6, 1)), Window(0, 0, 4, 6))
    assert np.argwhere(counted).tolist() == [[row, column] for row in (2, 3) for column in (3, 4, 5)]
