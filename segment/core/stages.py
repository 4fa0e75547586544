"""The stages of a run, as programs tell them apart; the text of each is what people read."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["Stage"]


class Stage(StrEnum):
    """A stage of the work on one image.

    A member is a string, so that it can be shown as it is.

    Examples
    --------
    >>> print(Stage.FIT)
    fitting the mixture
    """

    READ = "reading"
    PREPROCESS = "preprocessing"
    COUNT_COLORS = "counting colors"
    FIND_REGIONS = "finding regions"
    DRAW_BORDERS = "drawing borders"
    MERGE_REGIONS = "merging regions"
    FIT = "fitting the mixture"
    LABEL = "labeling pixels"
    CLEAN_UP = "cleaning up"
    WRITE = "writing"
