"""Which files of a folder are images to segment."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from segment.core.errors import ImageError, describe_os_error, pluralize, printable_path
from segment.output.result_mark import is_marked
from segment.runs.batch.manifest_rows import list_recorded_outputs

__all__ = ["FolderImages", "find_images"]

SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".mpo", ".png", ".apng", ".tif", ".tiff", ".webp", ".gif", ".bmp", ".dib"}
    | {".ppm", ".pgm", ".pbm", ".pnm", ".pfm"}
)
# Folders in which desktops and file servers keep thumbnails and deleted files.
_JUNK = frozenset({"__MACOSX", "@eaDir", "#recycle", "$RECYCLE.BIN", "System Volume Information"})


@dataclass(frozen=True)
class FolderImages:
    """The pictures of a folder, sorted by name.

    Attributes
    ----------
    images : list of Path
        Those to segment.
    results : list of Path
        Those that carry the mark of results although no manifest names them: of other commands, or moved here.
    """

    images: list[Path]
    results: list[Path]


def find_images(folder: Path, *, recursive: bool = False, leave_out: Path | None = None) -> FolderImages:
    """Find the image files in a folder by their suffix.

    Hidden files and folders, what desktops leave behind, and the results that a manifest names are left out. Results
    that no manifest names are recognized by their mark and listed apart.

    Parameters
    ----------
    folder : Path
        Where to look.
    recursive : bool
        Whether to look into its folders too. Symbolic links to folders are not followed.
    leave_out : Path, optional
        A folder not to look into: that of the results.

    Returns
    -------
    FolderImages
        Sorted by name, byte by byte.

    Raises
    ------
    ImageError
        If the folder is not one, cannot be read, or holds no image.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("sea.jpg", "notes.txt", ".hidden.png"):
    ...         Path(folder, name).touch()
    ...     [path.name for path in find_images(Path(folder)).images]
    ['sea.jpg']
    """
    if not os.path.lexists(folder):
        raise ImageError(f"{printable_path(folder)}: there is no such folder. Check the path.")
    if not folder.is_dir():
        raise ImageError(f"{printable_path(folder)}: not a folder. Give single images to 'segment run'.")
    place = os.path.realpath(folder)
    # A run over a folder above may have left its results here.
    recorded = {path for above in Path(place).parents for path in list_recorded_outputs(above)}
    search = _Search(recursive, os.path.realpath(leave_out) if leave_out else "", recorded)
    images: list[Path] = []
    results: list[Path] = []
    for path in sorted(search.walk(folder, place), key=os.fsencode):
        (results if is_marked(path) else images).append(path)
    if not images:
        but = f", but {pluralize(len(results), 'result')} of segment" if results else ""
        hint = "" if recursive else " Give -r to look into its folders too."
        raise ImageError(f"{printable_path(folder)}: no image in this folder{but}.{hint}")
    return FolderImages(images, results)


@dataclass(frozen=True)
class _Search:
    """A walk through folders; `recorded` has the real paths of results, which it adds to on the way."""

    recursive: bool
    leave_out: str
    recorded: set[str]

    def walk(self, folder: Path, place: str) -> Iterator[Path]:
        """Find the images in a folder, whose real path is `place`, and if asked for in the folders below it."""
        try:
            entries = list(os.scandir(folder))
        except OSError as error:
            reason = describe_os_error(error)
            raise ImageError(
                f"{printable_path(folder)}: the folder cannot be read; {reason}. Check its permissions."
            ) from error
        # Manifests first: they name results among the entries of this folder and below it.
        self.recorded.update(list_recorded_outputs(Path(place)))
        for entry in entries:
            # As str, which is compared: a Path for each of ten thousand files is slow.
            path, here = Path(entry.path), os.path.join(place, entry.name)  # noqa: PTH118
            if entry.name.startswith(".") or entry.name in _JUNK or here in self.recorded:
                continue
            if entry.is_dir(follow_symlinks=False):
                if self.recursive and here != self.leave_out:
                    yield from self.walk(path, here)
            elif path.suffix.lower() in SUFFIXES and not path.is_dir():  # a broken link is an image that fails
                yield path
