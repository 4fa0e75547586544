"""Which files of a folder are images to segment, and whether a file is still the one it was."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from segment.core.errors import ImageError, describe_os_error, pluralize, printable_path
from segment.output.result_mark import is_marked
from segment.runs.batch.manifest_rows import recorded_outputs

__all__ = ["Found", "find_images"]


SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".mpo", ".png", ".apng", ".tif", ".tiff", ".webp", ".gif", ".bmp", ".dib"}
    | {".ppm", ".pgm", ".pbm", ".pnm", ".pfm"}
)
# Folders in which desktops and file servers keep thumbnails and what was thrown away.
_JUNK = frozenset({"__MACOSX", "@eaDir", "#recycle", "$RECYCLE.BIN", "System Volume Information"})


@dataclass(frozen=True)
class Found:
    """The pictures of a folder, sorted by name.

    Attributes
    ----------
    images : list of Path
        Those to segment.
    results : list of Path
        Those that carry the mark of results: of other commands, or moved here.
    """

    images: list[Path]
    results: list[Path]


def find_images(folder: Path, *, recursive: bool = False, leave_out: Path | None = None) -> Found:
    """The image files in a folder, sorted by name, told by their suffix.

    Hidden files and folders, what desktops leave behind, and the results that a manifest names are passed over; results
    that no manifest names are told by their mark, and apart.

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
    if not os.path.lexists(folder):
        raise ImageError(f"{printable_path(folder)}: there is no such folder. Check the path.")
    if not folder.is_dir():
        raise ImageError(f"{printable_path(folder)}: not a folder. Give single images to 'segment run'.")
    place = os.path.realpath(folder)
    ours = {path for above in Path(place).parents for path in recorded_outputs(above)}
    search = _Search(recursive, os.path.realpath(leave_out) if leave_out else "", ours)
    images: list[Path] = []
    results: list[Path] = []
    for path in sorted(search.walk(folder, place), key=os.fsencode):
        (results if is_marked(path) else images).append(path)
    if not images:
        but = f", but {pluralize(len(results), 'result')} of segment" if results else ""
        hint = "" if recursive else " Give -r to look into its folders too."
        raise ImageError(f"{printable_path(folder)}: no image in this folder{but}.{hint}")
    return Found(images, results)


@dataclass(frozen=True)
class _Search:
    """A walk through folders; `ours` are the real paths of results, found on the way."""

    recursive: bool
    leave_out: str
    ours: set[str]

    def walk(self, folder: Path, place: str) -> Iterator[Path]:
        """The images in a folder, whose real path is `place`, and where asked for in those below it."""
        try:
            entries = list(os.scandir(folder))
        except OSError as error:
            reason = describe_os_error(error)
            raise ImageError(f"{printable_path(folder)}: the folder cannot be read; {reason}.") from error
        self.ours.update(recorded_outputs(Path(place)))
        for entry in entries:
            path, here = Path(entry.path), os.path.join(place, entry.name)  # noqa: PTH118  as str, which is compared
            if entry.name.startswith(".") or entry.name in _JUNK or here in self.ours:
                continue
            if entry.is_dir(follow_symlinks=False):
                if self.recursive and here != self.leave_out:
                    yield from self.walk(path, here)
            elif path.suffix.lower() in SUFFIXES and not path.is_dir():  # a broken link is an image that fails
                yield path
