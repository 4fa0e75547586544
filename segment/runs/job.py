"""The results of each image and where they go, decided before any work starts."""

from __future__ import annotations

import os
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from segment.config.config import SegmentConfig
from segment.config.products import plan_files
from segment.core.errors import SegmentError, SettingsError, printable_path
from segment.loader.loader import count_pages

__all__ = ["Job", "plan_jobs", "plan_relabel_jobs"]

_JPEG = frozenset({".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"})


@dataclass(frozen=True)
class Job:
    """One image to segment.

    Attributes
    ----------
    source : Path
        The image.
    folder : Path
        Where its results go.
    stem : str
        What the names of its results begin with.
    save : tuple of str
        Kinds of results to write; empty for those that the settings name.
    n_extra : int
        Classes that it may have beyond the number in the settings.
    n_pages : int
        Pages of the file, each of which has results of its own; 0 where one page is segmented.
    more_bands : tuple of Path
        Further files, whose bands belong to the same raster.
    pipe_in, pipe_out : binary file, optional
        Where the image comes from, if not from `source`, and where the result goes, if not into the folder.
    pictured : Path, optional
        The image that pictures show, where `source` has its labels alone.
    refusal : str
        Why the image is not segmented, where that is known before any work; empty where it is.
    """

    source: Path
    folder: Path
    stem: str
    save: tuple[str, ...] = ()
    n_extra: int = 0
    n_pages: int = 0
    more_bands: tuple[Path, ...] = ()
    pipe_in: BinaryIO | None = None
    pipe_out: BinaryIO | None = None
    pictured: Path | None = None
    refusal: str = ""

    @property
    def picture_suffix(self) -> str:
        """Format of the picture: JPEG where the image is one, else PNG."""
        return ".jpg" if (self.pictured or self.source).suffix.lower() in _JPEG else ".png"

    def list_results(self, config: SegmentConfig) -> list[Path]:
        """List the files that the job may write.

        Parameters
        ----------
        config : SegmentConfig
            Names the kinds of results, unless the job does, and the number of classes.

        Returns
        -------
        list of Path
            With a file for each class that there may be, where classes have files of their own.
        """
        # Some products have a file for each class, and the number of classes may be chosen later: plan for the most.
        n = config.max_classes + self.n_extra
        save, labels = self.save or config.save, f".{config.labels_format}"
        stems = [self.name_page(number) for number in range(1, self.n_pages + 1)] or [self.stem]
        files = [
            file
            for stem in stems
            for file in plan_files(
                stem, save, picture=self.picture_suffix, n_classes=n, labels=labels, regions=config.regions
            )
        ]
        return [self.folder / file.name for file in files]

    def name_page(self, number: int) -> str:
        """Make what the names of the results of one page begin with.

        Parameters
        ----------
        number : int
            The page, from 1.

        Examples
        --------
        >>> Job(Path("stack.tif"), Path("results"), "stack", n_pages=12).name_page(3)
        'stack_page0003'
        """
        return f"{self.stem}_page{number:04d}"


def plan_jobs(
    sources: Iterable[Path],
    output: Path,
    config: SegmentConfig,
    *,
    root: Path | None = None,
    also_read: Iterable[Path] = (),
    save: tuple[str, ...] = (),
    n_extra: int = 0,
) -> list[Job]:
    """Decide where the results of every image go, before any work starts.

    Inputs that differ in their suffix only (``a.jpg`` and ``a.png``) keep it in their results' names
    (``a.jpg_labels.png``).

    Parameters
    ----------
    sources : iterable of Path
        The images. The same file given twice counts once.
    output : Path
        Folder for the results.
    config : SegmentConfig
        The settings of all images.
    root : Path, optional
        Folder whose structure is kept below `output`.
    also_read : iterable of Path
        Other files that no result may replace: a model.
    save : tuple of str
        Kinds of results to write, where they are not those of the settings.
    n_extra : int
        Classes that an image may have beyond the number in the settings.

    Returns
    -------
    list of Job
        One for each image, in their order.

    Raises
    ------
    SettingsError
        If two inputs would share a result, or a result would replace an input.

    Examples
    --------
    >>> from pathlib import Path
    >>> from segment import SegmentConfig
    >>> (job,) = plan_jobs([Path("sea.jpg")], Path("results"), SegmentConfig(k=4))
    >>> [path.as_posix() for path in job.list_results(SegmentConfig(k=4))]
    ['results/sea_panel.jpg', 'results/sea_labels.png']
    """
    # A dict keeps the order of its keys, so images keep the order in which they were given.
    distinct = list({_locate(source): source for source in sources}.values())
    folders = [output / source.parent.relative_to(root) if root else output for source in distinct]
    # A stem that two images of one folder share is not enough to name their results.
    counts = Counter(_fold_name(folder / source.stem) for folder, source in zip(folders, distinct, strict=True))
    jobs = [
        Job(
            source,
            folder,
            source.stem if counts[_fold_name(folder / source.stem)] == 1 else source.name,
            save,
            n_extra,
            _count_pages(source) if config.page == "all" else 0,
        )
        for folder, source in zip(folders, distinct, strict=True)
    ]
    _refuse_shared_paths(jobs, [*distinct, *also_read], config)
    return jobs


def plan_relabel_jobs(sources: tuple[Path, ...], output: Path, config: SegmentConfig, image: Path | None) -> list[Job]:
    """Decide where the results of every label image go.

    Parameters
    ----------
    sources : tuple of Path
        The label images.
    output : Path
        Folder for the results.
    config : SegmentConfig
        The settings of all.
    image : Path, optional
        The image that was segmented, which no result may replace.

    Returns
    -------
    list of Job
        ``sea_labels.png`` gives ``sea_relabeled_labels.png``.

    Raises
    ------
    SettingsError
        If two label images would share a result, or a result would replace a file that is read.
    """
    distinct = dict.fromkeys(sources)
    jobs = [
        Job(source, output, f"{source.stem.removesuffix('_labels')}_relabeled", pictured=image) for source in distinct
    ]
    _refuse_shared_paths(jobs, [*sources, *(() if image is None else (image,))], config)
    return jobs


def _count_pages(source: Path) -> int:
    """Count the pages of a file; 1 for one that cannot be read, which fails when it is segmented."""
    try:
        return count_pages(source)
    except SegmentError:
        return 1


def _refuse_shared_paths(jobs: Sequence[Job], read: Sequence[Path], config: SegmentConfig) -> None:
    """Refuse jobs that would share a result, or of which a result would replace a file that is read."""
    # A symbolic link is an input at its own place and at the place of the file that it leads to.
    inputs = {_fold_name(place) for source in read for place in (_locate(source), os.path.realpath(source))}
    owners: dict[str, Path] = {}
    for job in jobs:
        for path in job.list_results(config):
            # The first image that plans a file owns it.
            place = _fold_name(_locate(path))
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


def _locate(path: Path) -> str:
    """Return the same text for all ways to write the path of one entry of a folder, which may be a symbolic link."""
    return os.path.join(os.path.realpath(path.parent), path.name)  # noqa: PTH118


def _fold_name(path: str | Path) -> str:
    """Return the same text for paths that a file system may not tell apart: in case or in Unicode composition."""
    # NFD and NFC around casefold: the caseless match of Unicode (section 3.13, D145), in composed form.
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", str(path)).casefold())
