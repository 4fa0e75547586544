"""Many images: which ones, where their results go, and one image's failure kept from the rest."""

from __future__ import annotations

import os
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from segment.config import SegmentConfig
from segment.errors import ImageError, SegmentError, SettingsError, shown
from segment.products import plan_files
from segment.writer import refuse_existing

if TYPE_CHECKING:
    from segment.class_models.model import ClassModel

__all__ = ["Job", "Outcome", "attempted", "compare_job", "find_images", "plan", "run_job"]

SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".mpo", ".png", ".apng", ".tif", ".tiff", ".webp", ".gif", ".bmp", ".dib"}
    | {".ppm", ".pgm", ".pbm", ".pnm", ".pfm"}
)
_JPEG = frozenset({".jpg", ".jpeg", ".jpe", ".mpo"})


@dataclass(frozen=True)
class Job:
    """One image to segment.

    Attributes
    ----------
    source : Path
    folder : Path
        Where its results go.
    stem : str
        What their names begin with.
    save : tuple of str
        Kinds of results to write; empty for those that the settings name.
    pipe_in, pipe_out : binary file, optional
        Where the image comes from, if not from `source`, and where the result goes, if not into the folder.
    """

    source: Path
    folder: Path
    stem: str
    save: tuple[str, ...] = ()
    pipe_in: BinaryIO | None = None
    pipe_out: BinaryIO | None = None

    @property
    def picture_suffix(self) -> str:
        """Format of the picture: that of the input for JPEG, else PNG."""
        return ".jpg" if self.source.suffix.lower() in _JPEG else ".png"

    def results(self, config: SegmentConfig) -> list[Path]:
        """The files that it may write: all of them, where the number of classes is not known before."""
        n = config.k if isinstance(config.k, int) else config.k_range[1]
        save, labels = self.save or config.save, f".{config.labels_format}"
        files = plan_files(self.stem, save, picture=self.picture_suffix, n_classes=n, labels=labels)
        return [self.folder / file.name for file in files]


@dataclass(frozen=True)
class Outcome:
    """What became of a job: written files, or an error.

    Attributes
    ----------
    job : Job
    paths : tuple of Path
        Files written; empty where the job failed.
    rows : tuple of (label, colour, share, mean)
        The class table: int, (r, g, b), 0..1, and the mean of each channel.
    changed : float
        Share of the labelled pixels that the clean-up changed.
    warnings : tuple of str
    names : tuple of str
        What the classes are called.
    choice : str
        Which number of classes was chosen and why; empty where it was given.
    error : str
        Why it failed; empty where it did not.
    pixels : tuple of int
        The area of each class.
    methods : tuple of (name, seconds, inertia, log_likelihood, agreement)
        The table of a comparison: see :class:`segment.comparison.Method`.
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
    methods: tuple[tuple[str, float, float, float, float], ...] = ()


Work = Callable[[Job, SegmentConfig, Callable[[str], None]], Outcome]


def find_images(folder: Path, *, recursive: bool = False, leave_out: Path | None = None) -> list[Path]:
    """The image files in a folder, sorted by name, told by their suffix. Hidden files and folders are passed over.

    Parameters
    ----------
    folder : Path
    recursive : bool
        Whether to look into its folders too. Symbolic links to folders are not followed.
    leave_out : Path, optional
        A folder not to look into: that of the results.

    Raises
    ------
    ImageError
        If the folder is not one, cannot be read, or holds no image.
    """
    if not folder.is_dir():
        raise ImageError(f"{shown(folder)}: not a folder. Give single images to 'segment run'.")
    found = sorted(_walk(folder, recursive, os.path.realpath(leave_out) if leave_out else ""), key=os.fsencode)
    if not found:
        hint = "" if recursive else " Give -r to look into its folders too."
        raise ImageError(f"{shown(folder)}: no image in this folder.{hint}")
    return found


def plan(
    sources: Iterable[Path],
    output: Path,
    config: SegmentConfig,
    *,
    root: Path | None = None,
    also_read: Iterable[Path] = (),
    save: tuple[str, ...] = (),
) -> list[Job]:
    """Decide where every image's results go, before any work starts.

    Inputs that differ in their suffix only (``a.jpg`` and ``a.png``) keep it in their results' names
    (``a.jpg_labels.png``).

    Parameters
    ----------
    sources : iterable of Path
        The same file given twice counts once.
    output : Path
        Folder for the results.
    config : SegmentConfig
    root : Path, optional
        Folder whose structure is kept below `output`.
    also_read : iterable of Path
        Other files that no result may replace: a model.
    save : tuple of str
        Kinds of results to write, where they are not those of the settings.

    Raises
    ------
    SettingsError
        If two inputs would share a result, or a result would replace an input.
    """
    distinct = list({_place(source): source for source in sources}.values())
    folders = [output / source.parent.relative_to(root) if root else output for source in distinct]
    alike = Counter(_key(folder / source.stem) for folder, source in zip(folders, distinct, strict=True))
    jobs = [
        Job(source, folder, source.stem if alike[_key(folder / source.stem)] == 1 else source.name, save)
        for folder, source in zip(folders, distinct, strict=True)
    ]
    inputs = {_key(place) for source in (*distinct, *also_read) for place in (_place(source), os.path.realpath(source))}
    owners: dict[str, Path] = {}
    for job in jobs:
        for path in job.results(config):
            place = _key(_place(path))
            other = owners.setdefault(place, job.source)
            if other != job.source:
                raise SettingsError(
                    f"{shown(job.source)}: would share its results with {shown(other)}. "
                    "Rename one, or segment them into different folders with -o."
                )
            if place in inputs:
                raise SettingsError(
                    f"{shown(path)}: is an input, and a result of {shown(job.source)} would replace it. "
                    "Give another folder with -o."
                )
    return jobs


def run_job(
    job: Job,
    config: SegmentConfig,
    *,
    model: ClassModel | None = None,
    adapt: bool = False,
    tell: Callable[[str], None] = lambda _: None,
    debug: bool = False,
) -> Outcome:
    """Segment one image and write the results.

    With a `model` its classes are found, or with `adapt` too the fit starts from them.

    A failure of the image is an outcome, not an exception, so that the rest can go on; with `debug` it is raised.
    """
    return attempted(job, config, partial(_segmented, model=model, adapt=adapt), tell, debug)


def compare_job(
    job: Job, config: SegmentConfig, *, tell: Callable[[str], None] = lambda _: None, debug: bool = False
) -> Outcome:
    """Compare the mixture with other methods on one image and write the panel. Failures as in :func:`run_job`."""
    return attempted(job, config, _compared, tell, debug)


def attempted(job: Job, config: SegmentConfig, work: Work, tell: Callable[[str], None], debug: bool) -> Outcome:
    """Do the work of a job; what goes wrong is its outcome, or with `debug` is raised."""
    try:
        for path in () if config.overwrite or job.pipe_out else job.results(config):
            refuse_existing(path)
        return work(job, config, tell)
    except Exception as error:
        if debug:
            raise
        return Outcome(job, error=_explained(error, job))


def _segmented(
    job: Job, config: SegmentConfig, tell: Callable[[str], None], *, model: ClassModel | None, adapt: bool
) -> Outcome:
    from segment.classes import apply_classes
    from segment.pipeline import segment_image

    source = job.source if job.pipe_in is None else job.pipe_in
    if model is None or adapt:
        result = segment_image(source, config, start=model, tell=tell)
    else:
        result = apply_classes(model, source, config, tell=tell)
    tell("writing")
    paths = result.save(job.pipe_out or job.folder, stem=job.stem, suffix=job.picture_suffix)
    colours = [(red, green, blue) for red, green, blue in result.colours.tolist()]
    rows = tuple((row.label, c, row.share, row.mean) for row, c in zip(result.classes, colours, strict=True))
    return Outcome(
        job,
        tuple(paths),
        rows,
        changed=result.changed,
        warnings=result.warnings,
        names=result.class_model.names,
        pixels=tuple(row.pixels for row in result.classes),
        choice=result.selection.sentence if result.selection.candidates else "",
    )


def _compared(job: Job, config: SegmentConfig, tell: Callable[[str], None]) -> Outcome:
    from segment.comparison import compare_image

    found = compare_image(job.source, config, tell=tell)
    tell("writing")
    paths = found.save(job.folder, stem=job.stem, suffix=job.picture_suffix)
    rows = tuple((m.name, m.seconds, m.inertia, m.log_likelihood, m.agreement) for m in found.methods)
    return Outcome(job, tuple(paths), warnings=found.result.warnings, methods=rows)


def _explained(error: Exception, job: Job) -> str:
    """One line for a failure, expected or not, that names the image."""
    if isinstance(error, SegmentError):
        return str(error)
    if isinstance(error, MemoryError):
        return f"{shown(job.source)}: not enough memory. Give --max-size to segment a smaller copy."
    detail = " ".join(f"{type(error).__name__}: {error}".split())
    return f"{shown(job.source)}: {detail}. This is a fault of segment; --debug shows where."


def _walk(folder: Path, recursive: bool, leave_out: str) -> Iterator[Path]:
    try:
        entries = list(os.scandir(folder))
    except OSError as error:
        raise ImageError(f"{shown(folder)}: the folder cannot be read; {error.strerror}.") from error
    for entry in entries:
        path = Path(entry.path)
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            if recursive and os.path.realpath(path) != leave_out:
                yield from _walk(path, recursive, leave_out)
        elif path.suffix.lower() in SUFFIXES and not path.is_dir():  # a broken link is an image that fails
            yield path


def _place(path: Path) -> str:
    """The same for all ways to write the path of one directory entry, which may itself be a symbolic link."""
    return os.path.join(os.path.realpath(path.parent), path.name)  # noqa: PTH118


def _key(path: str | Path) -> str:
    """The same for paths that a file system might take for one: in other case, or of other Unicode composition."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", str(path)).casefold())
