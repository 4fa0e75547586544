"""The labels of one tile, and sums over tiles."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from raster_files import write

from segment.config.config import SegmentConfig
from segment.core.image import Image
from segment.features.color_space import FeatureSpace
from segment.mixture.model import MixtureModel
from segment.pipeline.class_table import ClassRow, tabulate_classes
from segment.pipeline.label_cleanup import LabelCleaner, resolve_sizes
from segment.runs.rasters.gdal_files import configure_rasterio
from segment.runs.rasters.raster_opening import open_raster
from segment.runs.rasters.reader import Raster
from segment.runs.rasters.tile_labels import LabeledTile, compute_label_halo, label_tile, sum_class_tables
from segment.runs.rasters.tiles import Window
from segment.segmenter.class_mixture import ClassMixture
from segment.segmenter.field.share_sample import LabeledPixels

NO_CLEAN_UP = SegmentConfig(k=2, clean_up="none")
SPACE = FeatureSpace("rgb", 1, 0, 255)
MEANS = SPACE.make_cells(np.array([[20], [200]], dtype=np.uint8)).means
CLASSES = ClassMixture(MixtureModel(np.full(2, 0.5), MEANS, np.full((2, 1, 1), 800.0)), np.arange(2))


def label_bright(image: Image, *_: object) -> LabeledPixels:
    """Label pixels 2 where they are bright, 1 where they are dark, 0 where they are not valid or 77."""
    labels = np.where(image.pixels > 100, 2, 1).astype(np.uint8)
    labels[~image.valid | (image.pixels == 77)] = 0
    return LabeledPixels(labels)


def label_columns(raster: Raster, n: int, config: SegmentConfig, classes: ClassMixture = CLASSES) -> LabeledTile:
    """Label the tile of the first n columns."""
    shape = raster.height, raster.width
    cleaner = LabelCleaner(classes, SPACE, config, resolve_sizes(config, shape, raster.pixel_area), shape)
    with configure_rasterio():
        return label_tile(raster, Window(0, 0, shape[0], n), config, label_bright, classes, cleaner)


@pytest.fixture
def raster(tmp_path: Path) -> Raster:
    """Dark and bright halves of 20 x 20 pixels, with a speck and a rejected pixel in the dark one."""
    pixels = np.repeat([[20, 200]], 10, axis=1).repeat(20, axis=0).astype(np.uint8)
    pixels[5, 4] = 180
    pixels[15, 4] = 77
    pixels[0] = 3
    with configure_rasterio():
        return open_raster(write(tmp_path / "a.tif", pixels, nodata=3))


def test_a_tile_has_its_labels_and_its_share_of_the_report(raster: Raster) -> None:
    tile = label_columns(raster, 8, NO_CLEAN_UP)
    assert tile.label_image.shape == (20, 8)
    assert (tile.label_image == 2).sum() == 1
    assert (tile.changed, tile.rejected, tile.valid, tile.lost) == (0, 1, 19 * 8, ())
    assert [row.pixels for row in tile.classes] == [19 * 8 - 2, 1]
    assert tile.classes[0].mean == (20.0,)


def test_clean_up_sees_what_lies_beyond_the_tile(raster: Raster) -> None:
    config = replace(NO_CLEAN_UP, min_region=0.02)  # 8 pixels
    tile = label_columns(raster, 8, config)
    assert tile.label_image[5, 4] == 1
    assert (tile.changed, tile.lost) == (1, (2,))
    # One column of the bright half is a part of a large region, of which the tile has 19 pixels.
    assert (label_columns(raster, 11, config).label_image[1:, 10] == 2).all()


def test_clean_up_weighs_the_colors_of_a_speck(raster: Raster) -> None:
    config, narrow = SegmentConfig(k=2), replace(CLASSES.model, covariances=np.full((2, 1, 1), 200.0))
    tile = label_columns(raster, 8, config)
    assert (tile.label_image[5, 4], tile.changed) == (1, 1)
    assert tile.counts[:, 0].tolist() == [[150, 1], [151, 0]]
    # With less noise in the classes the same speck is a small thing.
    tile = label_columns(raster, 8, config, replace(CLASSES, model=narrow))
    assert (tile.label_image[5, 4], tile.changed) == (2, 0)


def test_the_halo_is_what_clean_up_reaches(raster: Raster) -> None:
    assert compute_label_halo(raster, NO_CLEAN_UP) == 0
    # radius 0.1 of the diagonal of 28.3 pixels, regions of up to 4 pixels: 4 * 2.83 + 16 + 2 * 2
    assert compute_label_halo(raster, replace(NO_CLEAN_UP, smooth_radius=0.1, min_region=0.01)) == 32
    # Parts of up to 48 pixels of the working copy, which is the raster, and discs of half a pixel: 2 + 16 + 2 * 6.9
    assert compute_label_halo(raster, SegmentConfig(k=2)) == 32
    assert compute_label_halo(raster, SegmentConfig(k=2, smoothness=0)) == 0


def test_tables_of_tiles_add_up_to_that_of_the_whole(rng: np.random.Generator) -> None:
    pixels = rng.integers(0, 256, (12, 20, 3)).astype(np.uint8)
    labels = rng.integers(0, 4, (12, 20)).astype(np.uint8)
    labels[:, :7] = labels[:, :7] % 3  # no label 3 in the first tile
    parts = [
        tabulate_classes(labels[:, columns], Image.from_array(pixels[:, columns]), 4)
        for columns in (slice(0, 7), slice(7, 20))
    ]
    expected = tabulate_classes(labels, Image.from_array(pixels), 4)
    for ours, theirs in zip(sum_class_tables(parts), expected, strict=True):
        assert (ours.label, ours.pixels) == (theirs.label, theirs.pixels)
        assert ours.share == pytest.approx(theirs.share)
        assert ours.mean == pytest.approx(theirs.mean)
    assert sum_class_tables([(ClassRow(1, 0, 0.0, ()),)]) == (ClassRow(1, 0, 0.0, ()),)
