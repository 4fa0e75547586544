"""Save of a segmented raster what is saved of an image: panel, tables, polygons and model, beside its labels."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.config.config import SegmentConfig
from segment.config.products import plan_files
from segment.core.atomic_files import write_files
from segment.core.errors import SettingsError, printable_path
from segment.core.image import Image
from segment.output.products import encode_product
from segment.output.result_tables import add_expected_shares, measure_label_image
from segment.pipeline.result_views import ResultViews
from segment.runs.rasters.gdal_files import configure_rasterio, open_file
from segment.runs.rasters.raster_opening import Paths, open_raster
from segment.runs.rasters.raster_result import RasterSegmentation
from segment.runs.rasters.tiles import Window

__all__ = ["check_raster_products", "save_raster_products"]

MAX_PIXELS = 50_000_000  # of a raster that is held in memory, with its labels and regions: some 20 bytes each
MAX_PANEL_SIDE = 2048  # pixels, of the copy that the panel shows
# The labels are written tile by tile, and these two need no pixels.
_NEED_NO_PIXELS = ("labels", "model", "config")
_NEED_LABELS = ("geojson", "svg", "coco")
MAX_LABELED_PIXELS = 500_000_000  # of a raster of which the labels are in memory and their regions: some 8 bytes each


class RasterView(ResultViews):
    """A raster, or a small copy of it, and its labels in memory.

    Parameters
    ----------
    result : RasterSegmentation
    image : Image
        The pixels.
    label_image : ndarray of shape (H, W), uint8
        Of the same size.
    config : SegmentConfig
        Its `background`, `group`, `drop_class` and `geojson_crs` count.
    """

    def __init__(
        self, result: RasterSegmentation, image: Image, label_image: NDArray[np.uint8], config: SegmentConfig
    ) -> None:
        self.image, self.label_image, self.config = image, label_image, config
        self.classes, self.class_model = result.classes, result.class_model
        self._names, self._colors, self._old_numbers = result.names, result.colors, result.old_numbers

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the classes."""
        return self._names

    @property
    def colors(self) -> NDArray[np.uint8]:
        """The color that stands for each class, RGB: (k, 3)."""
        return self._colors

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return len(self._names)

    @property
    def old_numbers(self) -> tuple[str, ...]:
        """The numbers that each class has without merges; empty without merges."""
        return self._old_numbers

    @cached_property
    def _tables(self) -> tuple[dict[str, NDArray[Any]], dict[str, NDArray[Any]]]:
        classes, regions = measure_label_image(self, {})
        if self.image.interest is not None:
            return classes, regions
        expected = np.array([(row.expected_share, row.expected_share_sd) for row in self.classes]).reshape(-1, 2)
        return add_expected_shares(classes, *expected.T), regions


def check_raster_products(source: Paths, config: SegmentConfig, *, allow_vrt_sources: bool) -> None:
    """Refuse products that need all pixels in memory for a raster that is too large, before any work.

    Parameters
    ----------
    source : path, or sequence of paths
    config : SegmentConfig
        Its `save`, `crop` and `bands` count.
    allow_vrt_sources : bool
        As for :func:`segment.segment_raster`.

    Raises
    ------
    SettingsError
        If there are such products and the raster has more than `MAX_PIXELS` pixels, or `MAX_LABELED_PIXELS` for those
        that need the labels alone.
    """
    wanted = [name for name in config.save if name not in (*_NEED_NO_PIXELS, *_NEED_LABELS, "panel")]
    of_labels = [name for name in config.save if name in _NEED_LABELS]
    if not wanted and not of_labels:
        return
    with configure_rasterio():
        raster = open_raster(source, config.band_numbers, allow_vrt_sources=allow_vrt_sources)
    left, top, right, bottom = config.crop_box or (0, 0, raster.width, raster.height)
    n_pixels = (bottom - top) * (right - left)
    for names, most in ((wanted, MAX_PIXELS), (of_labels, MAX_LABELED_PIXELS)):
        if names and n_pixels > most:
            raise SettingsError(
                f"{printable_path(raster.path)}: save (--save): {', '.join(names)} of at most {most} pixels, which lie "
                f"in memory; got {n_pixels}. Leave it out, or take a part with --crop."
            )


def save_raster_products(result: RasterSegmentation, config: SegmentConfig, stem: str) -> list[Path]:
    """Write what `config.save` names besides the labels, beside them.

    Parameters
    ----------
    result : RasterSegmentation
        A segmented raster, whose labels are written.
    config : SegmentConfig
        All settings.
    stem : str
        What file names begin with.

    Returns
    -------
    list of Path
        The written files.

    Raises
    ------
    OutputError
        If a file exists and `config.overwrite` is False, or cannot be written. None of them is left behind then; the
        labels are.
    """
    save = [name for name in config.save if name not in ("labels", "config")]
    files = plan_files(stem, save, picture=".png", n_classes=len(result.names))
    # Only what a product needs is read; tables and polygons share one copy of the raster.
    views: dict[str, RasterView] = {}
    contents = {}
    with configure_rasterio():
        for file in files:
            name = file.product.name
            sizes = {"panel": "small"} | dict.fromkeys(_NEED_NO_PIXELS, "none") | dict.fromkeys(_NEED_LABELS, "labels")
            size = sizes.get(name, "whole")
            if size not in views:
                views[size] = _make_view(result, config, size)
            contents[file.name] = encode_product(views[size], file)
    return write_files(result.path.parent, contents, overwrite=config.overwrite) if contents else []


def _make_view(result: RasterSegmentation, config: SegmentConfig, size: str) -> RasterView:
    """Read a raster and its labels, whole or as a small copy, or the labels alone."""
    raster = result.raster
    if size == "none":
        nothing = np.zeros((1, 1), np.uint8)
        return RasterView(result, Image(nothing, nothing > 0, raster.black, raster.white), nothing, config)
    window = Window(0, 0, raster.height, raster.width)
    if size == "small":
        image = raster.read_thumbnail(MAX_PANEL_SIDE)
    elif size == "labels":
        # As many pixels as the raster has, which take no memory and are not looked at.
        shape = raster.height, raster.width
        pixels, valid = np.broadcast_to(np.uint8(0), shape), np.broadcast_to(np.False_, shape)
        image = Image(pixels, valid, raster.black, raster.white)
        image = replace(image, georeference=raster.georeference, pixel_size=raster.pixel_size)
    else:
        image = raster.read(window)
        interest = raster.selection.label(window) if raster.selection.names else None
        image = replace(image, georeference=raster.georeference, pixel_size=raster.pixel_size, interest=interest)
    image = replace(image, file_name=Path(raster.path).name)
    with open_file(str(result.path.absolute())) as file:
        labels = file.read(1, out_shape=image.pixels.shape[:2])
    return RasterView(result, image, labels, config)
