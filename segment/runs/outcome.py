"""The outcome of the work on one image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from segment.output.tables import drop_nan
from segment.runs.fingerprint import Fingerprint
from segment.runs.job import Job

if TYPE_CHECKING:
    from pathlib import Path

    from segment.pipeline.class_table import ClassRow
    from segment.pipeline.comparison import Method
    from segment.pipeline.interest_table import InterestRow


__all__ = ["Outcome", "ShareRow", "TriedRow"]


class ShareRow(NamedTuple):
    """A class of an image, or of one of its regions of interest, in the table of shares of a folder.

    Attributes
    ----------
    roi : str
        Name of the region of interest; empty for the whole image.
    label : int
        1..k.
    name : str
        Name of the class.
    pixels : int, optional
        None for a class of a reference that has no counterpart in the image.
    area : float, optional
        In square units; None where the size of a pixel is not known.
    area_unit : str
        The square unit; empty where it is not known.
    share : float, optional
        0..1; None for a class that does not count.
    expected_share : float, optional
        The mean of the field's posteriors before they are calibrated, 0..1.
    expected_share_sd : float, optional
        Standard deviation of the true share from it; None without a random field.
    group : str
        The group of classes that it belongs to; empty for none.
    group_share : float, optional
        Its share of the group, 0..1.
    mean : tuple of float
        Mean of each channel.
    page : int
        The page of a file of several, counted from 1; 0 for a file of one.
    """

    roi: str
    label: int
    name: str
    pixels: int | None
    area: float | None
    area_unit: str
    share: float | None
    expected_share: float | None
    expected_share_sd: float | None
    group: str
    group_share: float | None
    mean: tuple[float, ...]
    page: int = 0


class TriedRow(NamedTuple):
    """A number of classes in the table of an exploration: the criterion, or NaN, and the share of each class."""

    k: int
    criterion: float
    shares: tuple[float, ...]


@dataclass(frozen=True)
class Outcome:
    """The outcome of a job: written files, or an error.

    Attributes
    ----------
    job : Job
        The image.
    paths : tuple of Path
        Files that were written; empty where the job failed.
    classes : tuple of ClassRow
        The class table, with the names of the classes.
    colors : tuple of (r, g, b)
        The color of each class.
    changed : float
        Share of the labeled pixels that the clean-up changed; NaN where there was none.
    warnings : tuple of str
        A sentence each, without a period.
    choice : str
        Which number of classes was chosen and why; empty where it was given.
    error : str
        Why the job failed; empty where it did not.
    absent : tuple of int
        Labels of the classes of a reference that have no counterpart: their pixels are not known, which is not 0.
    interest : tuple of InterestRow
        The class table of each region of interest; empty where there are none.
    old_numbers : tuple of str
        The numbers that each class has without merges; empty where none are merged.
    shares : tuple of ShareRow
        Its rows in the table of shares, where one was asked for.
    acquired : str
        When the picture was taken; empty where that is not known.
    n_regions : int
        How many regions there are; 0 where there are classes instead.
    methods : tuple of Method
        The table of a comparison.
    tried : tuple of TriedRow
        The table of an exploration.
    uncertainty : float, optional
        Mean entropy of the posteriors in bits, where a page about the image was written.
    photograph : str
        URL of a small picture of the original, for the index of a folder; empty for none.
    thumbnail : str
        URL of a small picture, where a page about the image was written.
    drift : float, optional
        By how many nats a pixel the classes that all images share explain this one worse than those they come from.
        None where the image has classes of its own.
    seconds : float
        How long the job took.
    fingerprint : Fingerprint, optional
        Of the input, where it was computed.
    is_stuck : bool
        Whether the folder for results takes no more files, so that all further images would fail.
    """

    job: Job
    paths: tuple[Path, ...] = ()
    classes: tuple[ClassRow, ...] = ()
    colors: tuple[tuple[int, int, int], ...] = ()
    changed: float = 0.0
    warnings: tuple[str, ...] = ()
    choice: str = ""
    error: str = ""
    absent: tuple[int, ...] = ()
    interest: tuple[InterestRow, ...] = ()
    old_numbers: tuple[str, ...] = ()
    shares: tuple[ShareRow, ...] = ()
    acquired: str = ""
    n_regions: int = 0
    methods: tuple[Method, ...] = ()
    tried: tuple[TriedRow, ...] = ()
    uncertainty: float | None = None
    photograph: str = ""
    thumbnail: str = ""
    drift: float | None = None
    seconds: float = 0.0
    fingerprint: Fingerprint | None = None
    is_stuck: bool = False

    @property
    def status(self) -> str:
        """``done`` or ``failed``."""
        return "failed" if self.error else "done"

    def list_interest(self, *, has_means: bool = True) -> list[dict[str, Any]]:
        """List the classes in each region of interest, for JSON.

        Parameters
        ----------
        has_means : bool
            List the mean of each channel too.
        """
        return [
            {
                "roi": item.roi,
                "label": item.row.label,
                "name": item.row.name,
                "pixels": item.row.pixels,
                "share": drop_nan(item.row.share),
                **({"mean": item.row.mean} if has_means else {}),
                **({} if item.row.area is None else {"area": item.row.area, "unit": item.row.unit}),
            }
            for item in self.interest
        ]
