"""Segment an image into several numbers of classes, so that a person can see which of them is right."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Unpack, cast

import numpy as np
from numpy.typing import NDArray

from segment.config.config import SegmentConfig
from segment.config.entry_points import ENTRY_POINTS, reject_ignored
from segment.config.setting_arguments import SettingArguments
from segment.core.equality import EqualByValue
from segment.core.errors import ImageError, pluralize, printable_path
from segment.mixture.selection import Selection
from segment.pipeline.output_loader import load_output
from segment.pipeline.pipeline import segment_image
from segment.pipeline.pixel_selection import take_arrays
from segment.pipeline.preparation import read_image
from segment.pipeline.result import Segmentation
from segment.pipeline.sheet_views import SheetViews
from segment.pipeline.sources import Source, get_source_path

__all__ = ["DEFAULT_RANGE", "Exploration", "explore"]

DEFAULT_RANGE = (2, 8)  # least and greatest number of classes that are tried


@dataclass(frozen=True, eq=False, repr=False)
class Exploration(SheetViews, EqualByValue):
    """Segmentations of an image into several numbers of classes.

    Attributes
    ----------
    results : tuple of Segmentation
        One for each number of classes, ascending.
    selection : Selection
        The number that ``-k auto`` takes of these, and the criterion for each.
    warnings : tuple of str
        That numbers were left out, besides the warnings of the results.
    """

    results: tuple[Segmentation, ...]
    selection: Selection
    warnings: tuple[str, ...] = ()

    product = "explored"

    @property
    def config(self) -> SegmentConfig:
        """The settings, for the smallest number of classes."""
        return self.results[0].config

    def __repr__(self) -> str:
        numbers = ", ".join(str(result.config.k) for result in self.results)
        name = f" of {self.results[0].image.file_name}" if self.results[0].image.file_name else ""
        return f"<Exploration{name}: k = {numbers}; {self.selection.chosen} would be chosen>"

    @property
    def chosen(self) -> Segmentation:
        """The result with the number of classes that ``-k auto`` takes."""
        # An image of few colors has fewer classes than it is asked for.
        return next(result for result in self.results if result.k == self.selection.chosen)

    def panel(self) -> NDArray[np.uint8]:
        """Draw the original, the segments of each number of classes with their shares, and the criterion.

        Returns
        -------
        ndarray of shape (h, w, 3), uint8
            RGB, sized for a screen.
        """
        return cast(NDArray[np.uint8], load_output("result_pictures").draw_exploration(self))


def explore(
    source: Source,
    config: SegmentConfig | None = None,
    *,
    on_stage: Callable[[str], None] = lambda _: None,
    **settings: Unpack[SettingArguments],
) -> Exploration:
    """Segment an image into several numbers of classes, and tell which of them ``-k auto`` would take.

    Parameters
    ----------
    source : path, binary file, array_like of shape (H, W) or (H, W, 1 to 4), or Image
        As for :func:`segment.segment_image`. It is read once and not changed.
    config : SegmentConfig, optional
        All settings at once. Its `k` is ``"auto"``, and `k_range` has the least and the greatest number of classes.
    on_stage : callable
        Called with the text of each number of classes as it begins.
    **settings
        Single settings instead, such as ``k_range=(2, 6)``; by default it is (2, 8). `mask` and `roi` may be arrays as
        well as paths.

    Returns
    -------
    Exploration
        Without the numbers of classes for which the image has too few distinct colors.

    Raises
    ------
    ImageError
        If the image cannot be read or has no pixel to segment.
    SettingsError
        If a setting is unknown, out of its range, or would be ignored.

    Examples
    --------
    >>> import numpy as np
    >>> pixels = np.kron([[0, 80], [160, 240]], np.ones((8, 8), int)).astype(np.uint8)
    >>> found = explore(pixels, k_range=(2, 4))
    >>> [result.k for result in found.results], found.selection.chosen
    ([2, 3, 4], 4)
    """
    chosen, arrays = take_arrays(settings)
    # Before the settings are brought together: one k and the default range would contradict each other.
    numbers = {name: chosen[name] for name in chosen if name == "k"}
    reject_ignored(numbers, ENTRY_POINTS["explore"], has_defaults=True)
    config = SegmentConfig.resolve(config, chosen, k="auto", k_range=DEFAULT_RANGE).reject_unused_by("explore")
    image = read_image(source, config, arrays)
    if not image.valid.any():
        name = printable_path(get_source_path(source, image)) or "image"
        raise ImageError(f"{name}: an image to explore has valid pixels; got none. Name another image.")
    # The page, the bands and the pixels that count were chosen above, and are not chosen again.
    config = replace(config, page=1, bands="", crop="", nodata="", mask="", roi="", pixel_size="")

    def segment_number(k: int) -> Segmentation:
        # The criterion and its range are for k = auto alone.
        return segment_image(
            image, replace(config, k=k, k_range=SegmentConfig.k_range, criterion=SegmentConfig.criterion)
        )

    results: list[Segmentation] = []
    few: tuple[str, ...] = ()
    for number in range(config.k_range[0], config.k_range[1] + 1):
        on_stage(f"k = {number}")
        result = segment_number(number)
        # Where there are fewer distinct colors than classes, all larger numbers give the same.
        if result.n_classes == number or not results:
            results.append(result)
        if result.n_classes < number:
            if number < config.k_range[1] or result is not results[0]:
                few = (f"the image has too few distinct colors for more than {pluralize(result.n_classes, 'class')}",)
            break
    on_stage("choosing k")
    selection = segment_image(image, config).selection
    if all(result.k != selection.chosen for result in results):
        # With several components for a class and few colors, no number of the range may be possible for -k auto.
        results.insert(0, segment_number(selection.chosen))
    return Exploration(tuple(results), selection, few)
