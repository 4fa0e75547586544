"""What is to be said of classes without pixels, and of pixels without a class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from segment.config.config import SegmentConfig
from segment.pipeline.class_table import ClassRow

__all__ = ["collect_result_warnings", "find_labels_lost_in_cleanup"]


def find_labels_lost_in_cleanup(before: NDArray[np.integer], classes: Sequence[ClassRow]) -> tuple[int, ...]:
    """The labels of a label image before its clean-up that none of its pixels has after it."""
    return tuple(row.label for row in classes if row.pixels == 0 and np.any(before == row.label))


def collect_result_warnings(
    classes: Sequence[ClassRow], config: SegmentConfig, *, rejected: float, taken: Sequence[int], n_colors: int = 0
) -> tuple[str, ...]:
    """What is to be said of the classes, a sentence each: which are empty, by what, and what would fill them.

    Parameters
    ----------
    classes : sequence of ClassRow
    config : SegmentConfig
    rejected : float
        Share of the valid pixels that is rejected.
    taken : sequence of int
        Labels of which there were pixels before the clean-up.
    n_colors : int
        How many distinct colors the image has, if that is known and is less than there are classes.
    """
    empty = [row.label for row in classes if row.pixels == 0]
    said = []
    if rejected:
        cure = "; lower --reject" if rejected == 1 else ""
        said.append(f"{rejected:.2%} of the pixels are rejected as unlikely and have no label{cure}")
    if rejected == 1:
        return tuple(said)
    lost = [label for label in empty if label in taken]
    if lost:
        said.append(
            f"the clean-up took the last pixels of class {_listed(lost)}; lower --smooth-radius, --min-region or "
            "--max-hole, or ask for fewer classes"
        )
    never = [label for label in empty if label not in taken]
    if never:
        said.append(f"no pixel is of class {_listed(never)}: {_why(config, bool(rejected), n_colors)}")
    return tuple(said)


def _why(config: SegmentConfig, has_rejected: bool, n_colors: int) -> str:
    """Why a class had no pixel even before the clean-up, and what can be done about it."""
    if n_colors:
        colors = f"{n_colors} distinct color{'s' if n_colors > 1 else ''}"
        return f"the image has only {colors}; ask for no more classes"
    if has_rejected:
        return "none that --reject leaves is likeliest of it; lower --reject or ask for fewer classes"
    if config.coherence == "region":
        cure = "--spatial none or --coherence pixel" if config.spatial == "field" else "--coherence pixel"
        return f"each region is likelier of another; ask for fewer classes, or give {cure}"
    if config.has_field:
        return (
            "each is likelier of another, its neighbors considered; ask for fewer classes, lower --smoothness, or "
            "give --spatial none"
        )
    return "each color is likelier of another; ask for fewer classes"


def _listed(labels: Sequence[int]) -> str:
    return ", ".join(map(str, labels))
