"""Find the file that belongs to an image by its name: its mask in a folder of masks."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

from segment.core.errors import ImageError, printable_path

__all__ = ["find_stem_file"]


def find_stem_file(path: str, image: str) -> str:
    """Find the mask of an image: the path itself, or in a folder the file with the name of the image.

    Parameters
    ----------
    path : str
        A file or a folder.
    image : str
        Path or file name of the image. Of its folders those that are in the folder of masks too are followed, so that
        ``photographs/june/sea.jpg`` has the mask ``masks/june/sea.png`` rather than ``masks/sea.png``.

    Returns
    -------
    str
        The file.

    Raises
    ------
    ImageError
        If the folder has no file of this name, or several.
    """
    if not os.path.isdir(path):  # noqa: PTH112  a path may hold any bytes
        return path
    folder = printable_path(path)
    stem = Path(image).stem
    if not stem:
        raise ImageError(f"{folder}: a folder of masks needs the name of an image; got none. Name one file.")
    parents = Path(os.path.abspath(image)).parent.parts[1:]  # noqa: PTH100
    # The longest part of the image's own path that the folder of masks has too.
    for skipped in range(len(parents) + 1):
        found = _list_stems(os.path.join(path, *parents[skipped:])).get(stem, ())  # noqa: PTH118
        if len(found) > 1:
            names = ", ".join(printable_path(Path(name).name) for name in found)
            raise ImageError(f"{folder}: one file for each image; got {names}. Leave one of them.")
        if found:
            return found[0]
    raise ImageError(
        f"{folder}: a folder of masks has one for each image; got none named {printable_path(stem)}. Add it there."
    )


def _list_stems(folder: str) -> dict[str, tuple[str, ...]]:
    """List the files of a folder by their names without suffixes; empty if there is no such folder."""
    try:
        return _list_unchanged_stems(folder, os.stat(folder).st_mtime_ns)  # noqa: PTH116
    except (OSError, ValueError):
        return {}


@lru_cache(maxsize=8)
def _list_unchanged_stems(folder: str, modified: int) -> dict[str, tuple[str, ...]]:  # noqa: ARG001  part of the key
    """List the files of a folder as it was at some time; once for all images of a run."""
    stems: dict[str, tuple[str, ...]] = {}
    with os.scandir(folder) as entries:
        files = sorted(entry.path for entry in entries if entry.is_file() and not entry.name.startswith("."))
    for file in files:
        stem = Path(file).stem
        stems[stem] = (*stems.get(stem, ()), file)
    return stems
