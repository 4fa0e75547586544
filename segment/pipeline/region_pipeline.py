"""Divide an image into connected regions: loader, preprocessor and region hierarchy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Unpack, cast

import numpy as np
from numpy.typing import NDArray

from segment.config.config import SegmentConfig
from segment.config.setting_arguments import SettingArguments
from segment.core.equality import EqualByValue
from segment.core.errors import SettingsError, pluralize
from segment.core.image import Image
from segment.core.stages import Stage
from segment.pipeline.fine_structure import NOISE_WARNING
from segment.pipeline.output_loader import load_output
from segment.pipeline.pixel_selection import take_arrays
from segment.pipeline.preparation import preprocess, read_image
from segment.pipeline.result_views import LabelViews
from segment.pipeline.result_warnings import warn_of_kept_coordinates
from segment.pipeline.shown_image import choose_shown_image
from segment.pipeline.sources import Source
from segment.preprocessor.preprocessor import enlarge
from segment.segmenter.regions.region_finding import find_hierarchy
from segment.segmenter.regions.region_hierarchy import RegionGraph, RegionHierarchy

__all__ = ["RegionSegmentation", "segment_regions"]


@dataclass(frozen=True, eq=False, repr=False)
class RegionSegmentation(LabelViews, EqualByValue):
    """An image divided into connected regions.

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

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._describe_image()}: {pluralize(self.n_regions, 'region')}>"

    @property
    def n_regions(self) -> int:
        """Number of regions."""
        return int(self.label_image.max(initial=0))

    @property
    def n_classes(self) -> int:
        """Number of regions: each is a class of its own where files are planned and drawn."""
        return self.n_regions

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the regions, in the order of the labels."""
        return tuple(f"region {label}" for label in range(1, self.n_regions + 1))

    @property
    def colors(self) -> NDArray[np.uint8]:
        """The color that stands for each region in label images, RGB: (n, 3). Above 255 regions colors come again."""
        return np.resize(load_output("palette").pick_class_colors(min(self.n_regions, 255)), (self.n_regions, 3))

    def contour_map(self) -> NDArray[np.float32]:
        """Compute how different the regions are that each border parts.

        Returns
        -------
        ndarray of shape (H, W), float32
            0 to 1, 0 inside regions; see :meth:`segment.RegionHierarchy.contour_map`.
        """
        return enlarge(self.hierarchy.contour_map(), self.image)

    def graph(self) -> RegionGraph:
        """Find which regions touch, how long their borders are, and how different they are.

        Returns
        -------
        RegionGraph
            Arrays, in pixels of the size that was segmented; its ``to_networkx()`` is a graph of NetworkX.
        """
        return self.hierarchy.coarsen(self.n_regions).graph()

    def numbers(self) -> NDArray[np.uint8]:
        """Draw the borders of the regions and their numbers on the image.

        Returns
        -------
        ndarray of shape (H, W, 3), uint8
            RGB, of the image's size unless it is tiny.
        """
        draw = load_output("pictures.overlays").draw_region_numbers
        return cast(NDArray[np.uint8], draw(choose_shown_image(self.image, self.config)[0], self.label_image))

    def panel(self) -> NDArray[np.uint8]:
        """Draw the original with the borders beside the regions in their mean colors.

        Returns
        -------
        ndarray of shape (h, w, 3), uint8
            RGB, sized for a screen.
        """
        draw = load_output("pictures.panels").draw_regions_beside
        image, title = choose_shown_image(self.image, self.config)
        return cast(NDArray[np.uint8], draw(image, self.label_image, title=title))

    def shapes(self) -> Any:
        """Trace the outlines of the regions.

        Returns
        -------
        Shapes
            See :mod:`segment.output.shapes`.
        """
        return load_output("shapes").trace_classes(self.label_image)

    def region_table(self) -> dict[str, NDArray[Any]]:
        """Measure each region.

        Returns
        -------
        dict of str to ndarray
            Columns by name; see :mod:`segment.output.measurements`.
        """
        return cast("dict[str, NDArray[Any]]", load_output("measurements").measure_parts(self.label_image, self.image))


def segment_regions(
    source: Source,
    config: SegmentConfig | None = None,
    *,
    on_stage: Callable[[str], None] = lambda _: None,
    **settings: Unpack[SettingArguments],
) -> RegionSegmentation:
    """Divide an image into connected regions.

    Parameters
    ----------
    source : path, binary file, array_like of shape (H, W) or (H, W, 1 to 4), or Image
        As for :func:`segment.segment_image`. It is not changed.
    config : SegmentConfig, optional
        All settings at once. `regions` is the number of regions, "auto" by default.
    on_stage : callable
        Called with each :class:`segment.core.stages.Stage` as it begins.
    **settings
        Single settings instead, such as ``regions=12``. `mask` and `roi` may be arrays as well as paths.

    Returns
    -------
    RegionSegmentation

    Raises
    ------
    ImageError
        If the image cannot be read.
    SettingsError
        If a setting is unknown or out of its range, or has no meaning for regions.

    Examples
    --------
    >>> import numpy as np
    >>> pixels = np.kron([[20, 220]], np.ones((32, 16), int)).astype(np.uint8)
    >>> segment_regions(pixels, regions=2).n_regions
    2
    """
    chosen, arrays = take_arrays(settings)
    config = SegmentConfig.resolve(config, chosen, regions="auto").reject_unused_by("segment_regions")
    if config.regions == 0:
        raise SettingsError("regions (--regions): a number of at least 1 or auto; got 0.")
    on_stage(Stage.READ)
    image = read_image(source, config, arrays)
    on_stage(Stage.PREPROCESS)
    preprocessed = preprocess(image, config)
    n = config.regions if isinstance(config.regions, int) else 1
    hierarchy, smoothed = find_hierarchy(preprocessed, n, on_stage)
    labels, warnings = _cut_hierarchy(hierarchy, config.regions)
    if smoothed is not preprocessed:
        warnings += (f"{NOISE_WARNING}. Give -k for classes of pixels, which follow these",)
    warnings += warn_of_kept_coordinates(config, image.georeference)
    return RegionSegmentation(image, enlarge(labels, image), hierarchy, preprocessed.notes + warnings, config)


def _cut_hierarchy(hierarchy: RegionHierarchy, regions: int | str) -> tuple[NDArray[np.int32], tuple[str, ...]]:
    """Make the cut that was asked for, or the nearest possible one, and warn where they differ."""
    if hierarchy.n_fine == 0:
        return hierarchy.cut(), ("no pixel is valid, so no pixel has a label",)
    if isinstance(regions, str):
        labels = hierarchy.cut()
        is_one = labels.max() == 1 and hierarchy.count(0.0) > 1
        words = "no border is clear enough for auto: there is one region. Give --regions N, or -k for classes"
        return labels, (words,) if is_one else ()
    # There are at least as many regions as parts of the mask, and at most as many as pixels.
    n = min(max(regions, hierarchy.n_least), hierarchy.n_fine)
    if n < regions:
        return hierarchy.regions(n), (f"the valid pixels are too few for {regions} regions: there are {n}",)
    if n > regions:
        return hierarchy.regions(n), (f"the valid pixels lie in more parts than {regions}: there are {n} regions",)
    shown = hierarchy.count(0.0)
    if n > shown:
        only = f"the image shows only {pluralize(shown, 'region')}"
        return hierarchy.regions(n), (f"{only}, so large ones are divided by a grid to make {n}",)
    return hierarchy.regions(n), ()
