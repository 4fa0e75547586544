"""Which results an image has and where they go, decided before any work starts."""

from __future__ import annotations

import os
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from segment.config.config import SegmentConfig
from segment.config.products import plan_files
from segment.core.errors import SettingsError, printable_path

__all__ = ["Job", "plan"]

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
    n_extra : int
        Classes that it may have beyond the number in the settings.
    pipe_in, pipe_out : binary file, optional
        Where the image comes from, if not from `source`, and where the result goes, if not into the folder.
    """

    source: Path
    folder: Path
    stem: str
    save: tuple[str, ...] = ()
    n_extra: int = 0
    pipe_in: BinaryIO | None = None
    pipe_out: BinaryIO | None = None

    @property
    def picture_suffix(self) -> str:
        """Format of the picture: that of the input for JPEG, else PNG."""
        return ".jpg" if self.source.suffix.lower() in _JPEG else ".png"

    def results(self, config: SegmentConfig) -> list[Path]:
        """The files that it may write: all of them, where the number of classes is not known before."""
        n = config.k if isinstance(config.k, int) else config.k_range[1]
        n += self.n_extra
        save, labels = self.save or config.save, f".{config.labels_format}"
        files = plan_files(self.stem, save, picture=self.picture_suffix, n_classes=n, labels=labels)
        return [self.folder / file.name for file in files]


def plan(
    sources: Iterable[Path],
    output: Path,
    config: SegmentConfig,
    *,
    root: Path | None = None,
    also_read: Iterable[Path] = (),
    save: tuple[str, ...] = (),
    n_extra: int = 0,
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
    n_extra : int
        Classes that an image may have beyond the number in the settings.

    Raises
    ------
    SettingsError
        If two inputs would share a result, or a result would replace an input.
    """
    distinct = list({_place(source): source for source in sources}.values())
    folders = [output / source.parent.relative_to(root) if root else output for source in distinct]
    alike = Counter(_key(folder / source.stem) for folder, source in zip(folders, distinct, strict=True))
    jobs = [
        Job(source, folder, source.stem if alike[_key(folder / source.stem)] == 1 else source.name, save, n_extra)
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
                    f"{printable_path(job.source)}: would share its results with {printable_path(other)}. "
                    "Rename one, or segment them into different folders with -o."
                )
            if place in inputs:
                raise SettingsError(
                    f"{printable_path(path)}: is an input, and a result of "
                    f"{printable_path(job.source)} would replace it. "
                    "Give another folder with -o."
                )
    return jobs


def _place(path: Path) -> str:
    """The same for all ways to write the path of one directory entry, which may itself be a symbolic link."""
    return os.path.join(os.path.realpath(path.parent), path.name)  # noqa: PTH118


def _key(path: str | Path) -> str:
    """The same for paths that a file system might take for one: in other case, or of other Unicode composition."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", str(path)).casefold())
