"""Read and preprocess a part of a raster as if the whole raster were preprocessed."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from segment.config.config import SegmentConfig
from segment.core.image import Image
from segment.pipeline.preparation import clip_to_white
from segment.preprocessor.logarithms import to_log_scale
from segment.preprocessor.preprocessor import clip_floats, denoise, to_grayscale
from segment.runs.rasters.reader import Raster
from segment.runs.rasters.tiles import Window

__all__ = ["compute_filter_halo", "read_preprocessed"]

MAX_SIGMAS = 4  # that the kernels of the noise filters reach


def read_preprocessed(raster: Raster, window: Window, config: SegmentConfig) -> Image:
    """Read a window and preprocess it.

    Parameters
    ----------
    raster : Raster
        The file.
    window : Window
        The part to read. Pixels around it are read too, where the noise filter needs them.
    config : SegmentConfig
        Its settings for grayscale and noise.

    Returns
    -------
    Image
        The pixels of the window.
    """
    outer = window.expand(compute_filter_halo(raster, config), raster.height, raster.width)
    image = clip_floats(raster.read(outer))
    if config.greyscale:
        image = to_grayscale(image)
    if config.log_scale:
        image = to_log_scale(image)
    # The radius is a share of the image's diagonal: of the raster's, here measured in the window's.
    share = np.hypot(raster.height, raster.width) / np.hypot(outer.height, outer.width)
    image = clip_to_white(denoise(image, method=config.denoise, radius=float(config.denoise_radius * share)))
    # Without a halo there is nothing to cut off.
    if outer == window:
        return image
    rows, columns = window.shift_to(outer).slices
    return replace(image, pixels=np.ascontiguousarray(image.pixels[rows, columns]), valid=image.valid[rows, columns])


def compute_filter_halo(raster: Raster, config: SegmentConfig) -> int:
    """Compute how far the noise filter looks around a pixel.

    Parameters
    ----------
    raster : Raster
        Its size counts.
    config : SegmentConfig
        Its settings for noise.

    Returns
    -------
    int
        In pixels; 0 without a filter.
    """
    if config.denoise == "none":
        return 0
    return math.ceil(MAX_SIGMAS * config.denoise_radius * math.hypot(raster.height, raster.width)) + 2
