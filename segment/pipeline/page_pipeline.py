"""Segment every page of a file, such as the planes of a stack, with the classes of all."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Unpack

from segment.config.config import SegmentConfig
from segment.config.setting_arguments import SettingArguments
from segment.core.errors import SettingsError
from segment.mixture.selection import Selection
from segment.pipeline.pixel_selection import NO_ARRAYS, SelectionArrays, take_arrays
from segment.pipeline.result import Segmentation
from segment.pipeline.shared_classes import fit_and_select, label_with_model, resolve_for_model
from segment.pipeline.sources import list_pages
from segment.segmenter.class_model.class_model import ClassModel

__all__ = ["iterate_pages", "segment_pages"]


def segment_pages(
    path: str | os.PathLike[str],
    config: SegmentConfig | None = None,
    *,
    model: ClassModel | None = None,
    on_stage: Callable[[str], None] = lambda _: None,
    **settings: Unpack[SettingArguments],
) -> Iterator[Segmentation]:
    """Segment every page of a file with the classes of all.

    One set of classes is fitted to all pages, which count by their pixels, as :func:`segment.fit_classes` does for
    several images. One page at a time is in memory.

    Parameters
    ----------
    path : str or os.PathLike
        A TIFF of several pages, a stack of a microscope, an animated GIF or WebP. Any other image has one page.
    config : SegmentConfig, optional
        All settings at once.
    model : ClassModel, optional
        Find the classes of this model, as :func:`segment.apply_classes` does, instead of fitting any.
    on_stage : callable
        Called with each stage as it begins.
    **settings
        Single settings instead, such as ``k=4``. `mask` and `roi`, the same for all pages, may be arrays of shape
        (H, W) as well as paths.

    Returns
    -------
    iterator of Segmentation
        Of each page, in the order of the file; each is made when it is asked for.

    Raises
    ------
    ImageError
        If a page cannot be read.
    ModelError
        If the pages have different features, such as gray and color ones, or if the model is no ClassModel.
    SettingsError
        If a setting is unknown, out of its range, or would be ignored.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> import numpy as np, tifffile
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "stack.tif"
    ...     tifffile.imwrite(path, np.full((2, 8, 8), [[[30]], [[200]]], dtype=np.uint8), photometric="minisblack")
    ...     [result.classes[1].pixels for result in segment_pages(path, k=2)]
    [0, 64]
    """
    chosen, arrays = take_arrays(settings)
    if model is None:
        config = SegmentConfig.resolve(config, chosen).reject_unused_by("segment_image")
    else:
        config = resolve_for_model(model, config, chosen)
    if config.page not in (1, "all"):
        raise SettingsError(f"page (--page): all pages are segmented; got {config.page}. Use segment_image for one.")
    pages = iterate_pages(path, replace(config, page="all"), model=model, on_stage=on_stage, arrays=arrays)
    return (result for _, result in pages)


def iterate_pages(
    path: str | os.PathLike[str],
    config: SegmentConfig,
    *,
    model: ClassModel | None = None,
    on_stage: Callable[[str], None],
    arrays: SelectionArrays = NO_ARRAYS,
) -> Iterator[tuple[Selection | None, Segmentation]]:
    """Segment every page of a file with settings that have been checked.

    Parameters
    ----------
    path : str or os.PathLike
        The file.
    config : SegmentConfig
        Its `page` is ``"all"``.
    model : ClassModel, optional
        The classes; by default they are fitted to all pages.
    on_stage : callable
        Called with each stage as it begins.
    arrays : SelectionArrays
        Mask and regions of interest that are not in files.

    Yields
    ------
    selection : Selection or None
        How many classes were chosen and why; None for those of a model.
    result : Segmentation
        Of each page, in the order of the file.
    """
    selection = None
    if model is None:
        model, selection = fit_and_select([path], config, on_stage=lambda _, stage: on_stage(stage), arrays=arrays)
        config = config.for_ready_classes()
    for page in list_pages([path], config):
        yield selection, label_with_model(model, page, config, on_stage=on_stage, arrays=arrays)
