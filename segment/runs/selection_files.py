"""The files of masks and regions of interest that settings name: whether they exist, and whether they have changed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from segment.config.config import SegmentConfig
from segment.config.text_forms import is_path
from segment.core.errors import ImageError, SettingsError, printable_path
from segment.loader.stem_files import find_stem_file
from segment.runs.fingerprint import Fingerprint, compute_fingerprint

__all__ = ["SelectionHashes", "check_selection_files", "list_selection_paths", "make_selection_absolute"]


def list_selection_paths(config: SegmentConfig) -> tuple[Path, ...]:
    """List the files and folders that the settings `mask` and `roi` name.

    Parameters
    ----------
    config : SegmentConfig

    Returns
    -------
    tuple of Path
        As they were given, relative to the working folder; none of a grid or a circle.

    Examples
    --------
    >>> [path.as_posix() for path in list_selection_paths(SegmentConfig(mask="masks", roi="grid:2x2"))]
    ['masks']
    """
    return tuple(Path(text) for text in (config.mask, config.roi) if is_path(text))


def make_selection_absolute(config: SegmentConfig) -> SegmentConfig:
    """Make the paths of masks and regions of interest absolute, for workers with other working folders."""
    paths = {text: os.path.abspath(text) for text in (config.mask, config.roi) if is_path(text)}  # noqa: PTH100
    return replace(config, mask=paths.get(config.mask, config.mask), roi=paths.get(config.roi, config.roi))


def check_selection_files(config: SegmentConfig) -> None:
    """Refuse a mask or regions of interest that are not there, before the first image is read.

    Raises
    ------
    SettingsError
        If there is nothing at a path.
    """
    for name, text in (("mask", config.mask), ("roi", config.roi)):
        if is_path(text) and not os.path.exists(text):  # noqa: PTH110
            raise SettingsError(
                f"{name} (--{name}): a file or folder that exists; got {printable_path(text)}. Check the path."
            )


class SelectionHashes:
    """Hashes of the masks and regions of interest of images, so that a run sees where one has changed.

    Parameters
    ----------
    config : SegmentConfig
        Its `mask` and `roi` count.
    """

    def __init__(self, config: SegmentConfig) -> None:
        self._paths = list_selection_paths(config)
        self._known: dict[str, Fingerprint] = {}

    def extend(self, settings_hash: str, source: Path) -> str:
        """Extend the hash of all settings by the content of the mask and the regions of one image.

        Parameters
        ----------
        settings_hash : str
        source : Path
            The image.

        Returns
        -------
        str
            The same hash where no files count.
        """
        if not self._paths:
            return settings_hash
        contents = [self._hash_file(path, source) for path in self._paths]
        return hashlib.sha256(" ".join([settings_hash, *contents]).encode()).hexdigest()[:16]

    def hash_all(self, sources: Iterable[Path]) -> str:
        """Hash the masks and regions of several images.

        Parameters
        ----------
        sources : iterable of Path
            The images.

        Returns
        -------
        str
            Empty where no files count.
        """
        if not self._paths:
            return ""
        return hashlib.sha256(" ".join(self.extend("", source) for source in sources).encode()).hexdigest()[:16]

    def _hash_file(self, path: Path, source: Path) -> str:
        """Return the hash of the file for one image; it is read only if it has changed since."""
        try:
            file = find_stem_file(os.fspath(path), os.fspath(source))
        except ImageError:
            return ""
        found = compute_fingerprint(Path(file), self._known.get(file))
        if found is None:
            return ""
        # One file for all images is remembered; those of a folder are asked for once each.
        if file == os.fspath(path):
            self._known[file] = found
        return found.sha256
