"""The outcome of the work on one image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from segment.runs.fingerprint import Fingerprint
from segment.runs.job import Job

if TYPE_CHECKING:
    from pathlib import Path


__all__ = ["Outcome"]


@dataclass(frozen=True)
class Outcome:
    """The outcome of a job: written files, or an error.

    Attributes
    ----------
    job : Job
        The image.
    paths : tuple of Path
        Files that were written; empty where the job failed.
    rows : tuple of (label, color, share, mean)
        The class table: int, (r, g, b), 0..1, and the mean of each channel.
    changed : float
        Share of the labeled pixels that the clean-up changed.
    warnings : tuple of str
        A sentence each, without a period.
    names : tuple of str
        Names of the classes.
    choice : str
        Which number of classes was chosen and why; empty where it was given.
    error : str
        Why the job failed; empty where it did not.
    pixels : tuple of int
        The area of each class.
    areas : tuple of float
        The area of each class in `area_unit`; empty where the size of the pixels is not known.
    area_unit : str
        Such as ``mm2``; empty where there is none.
    interest : tuple of (roi, label, pixels, share, mean, area)
        The class table of each region of interest, by its name; empty where there are none. The area is None where the
        size of the pixels is not known.
    n_regions : int
        How many regions there are; 0 where there are classes instead.
    methods : tuple of (name, seconds, inertia, log_likelihood, agreement)
        The table of a comparison: see :class:`segment.pipeline.comparison.Method`.
    uncertainty : float, optional
        Mean entropy of the posteriors in bits, where a page about the image was written.
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
    rows: tuple[tuple[int, tuple[int, int, int], float, tuple[float, ...]], ...] = ()
    changed: float = 0.0
    warnings: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    choice: str = ""
    error: str = ""
    pixels: tuple[int, ...] = ()
    areas: tuple[float, ...] = ()
    area_unit: str = ""
    interest: tuple[tuple[str, int, int, float, tuple[float, ...], float | None], ...] = ()
    n_regions: int = 0
    methods: tuple[tuple[str, float, float, float, float], ...] = ()
    uncertainty: float | None = None
    thumbnail: str = ""
    drift: float | None = None
    seconds: float = 0.0
    fingerprint: Fingerprint | None = None
    is_stuck: bool = False

    @property
    def status(self) -> str:
        """``done`` or ``failed``."""
        return "failed" if self.error else "done"
