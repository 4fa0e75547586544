"""An image divided into connected regions, and what can be made of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segment.config.config import SegmentConfig
from segment.core.errors import SettingsError
from segment.core.image import Image
from segment.pipeline.preparation import preprocess, read_image
from segment.pipeline.result import load_output
from segment.preprocessor.preprocessor import enlarge
from segment.segmenter.regions.region_finding import build_region_hierarchy
from segment.segmenter.regions.region_hierarchy import RegionHierarchy

__all__ = ["RegionSegmentation", "segment_regions"]


@dataclass(frozen=True)
class RegionSegmentation:
    """An image divided into regions.

    Attributes
    ----------
    image : Image
        The image as it was read.
    label_image : ndarray of shape (H, W), int32
        The regions, 1..n; 0 where a pixel is not valid. Of the image's size.
    hierarchy : RegionHierarchy
        Finer and coarser regions, of the size that was segmented.
    warnings : tuple of str
        What is not as one would expect, a sentence each.
    config : SegmentConfig
        The settings.
    """

    image: Image
    label_image: NDArray[np.int32]
    hierarchy: RegionHierarchy
    warnings: tuple[str, ...]
    config: SegmentConfig

    @property
    def n_regions(self) -> int:
        return int(self.label_image.max(initial=0))

    def contour_map(self) -> NDArray[np.float32]:
        """How different the regions are that a border parts: (H, W), float32, 0..1; see :class:`RegionHierarchy`."""
        return enlarge(self.hierarchy.contour_map(), self.image)

    @property
    def names(self) -> tuple[str, ...]:
        """What the regions are called."""
        return tuple(f"region {label}" for label in range(1, self.n_regions + 1))

    @property
    def n_classes(self) -> int:
        """Each region is a class of its own where files are planned and drawn."""
        return self.n_regions

    @property
    def colors(self) -> NDArray[np.uint8]:
        """The color that stands for each region in label images, RGB: (n, 3)."""
        return cast(NDArray[np.uint8], load_output("palette").pick_class_colors(self.n_regions))

    def panel(self) -> NDArray[np.uint8]:
        """The original with the borders beside the regions in their mean colors: RGB, (h, w, 3), for a screen."""
        return cast(NDArray[np.uint8], load_output("result_pictures").draw_regions(self))

    def shapes(self) -> Any:
        """The outlines of the regions, for :mod:`segment.output.vectors`."""
        return load_output("vectors").trace_classes(self.label_image)

    def region_table(self) -> dict[str, NDArray[Any]]:
        """What there is to measure of each region: columns by name; see :mod:`segment.output.measurements`."""
        return cast("dict[str, NDArray[Any]]", load_output("measurements").measure_result_regions(self))

    def save(self, folder: str | PathLike[str] | BinaryIO, *, stem: str = "image", suffix: str = ".png") -> list[Path]:
        """Write what `config.save` names into a folder or a pipe; see :func:`segment.output.products.save_products`.

        Labels are 8-bit palette PNG up to 255 regions and 16-bit gray PNG above. The contour map is a 16-bit gray PNG
        with 65535 for a difference of 1.
        """
        return cast("list[Path]", load_output("products").save_products(self, folder, stem=stem, suffix=suffix))


def segment_regions(
    source: ArrayLike | Image | BinaryIO | str | PathLike[str],
    config: SegmentConfig | None = None,
    *,
    on_stage: Callable[[str], None] = lambda _: None,
    **settings: Any,
) -> RegionSegmentation:
    """Divide an image into connected regions.

    Parameters
    ----------
    source, config, tell, **settings
        As for :func:`segment.segment_image`; `regions` is their number, "auto" by default.

    Raises
    ------
    ImageError
        If the image cannot be read.
    SettingsError
        If a setting is unknown or out of its range, or has no meaning for regions.
    """
    config = SegmentConfig.either(config, settings, regions="auto")
    if config.regions == 0:
        raise SettingsError("regions (--regions): a number of at least 1 or auto; got 0.")
    on_stage("reading")
    image = read_image(source, config)
    on_stage("preprocessing")
    working = preprocess(image, config)
    hierarchy = build_region_hierarchy(working, seed=config.seed, on_stage=on_stage)
    labels, warnings = _divided(hierarchy, config.regions)
    return RegionSegmentation(image, enlarge(labels, image), hierarchy, image.notes + warnings, config)


def _divided(hierarchy: RegionHierarchy, regions: int | str) -> tuple[NDArray[np.int32], tuple[str, ...]]:
    """The cut that was asked for, or the nearest there is, and what is to be said of it."""
    if hierarchy.n_fine == 0:
        return hierarchy.cut(), ("no pixel is valid, so no pixel has a label",)
    if isinstance(regions, str):
        return hierarchy.cut(), ()
    n = min(max(regions, hierarchy.n_least), hierarchy.n_fine)
    if n < regions:
        return hierarchy.regions(n), (f"the image has fewer regions than the {regions} asked for: it gets {n}",)
    if n > regions:
        return hierarchy.regions(n), (f"the valid pixels lie in more parts than {regions}: there are {n} regions",)
    return hierarchy.regions(n), ()
