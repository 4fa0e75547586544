"""Arrays to files, whole or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from segment.errors import OutputError, shown

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["encode_labels", "encode_picture", "file_name", "refuse_existing", "result_names", "write_files"]

_LONGEST_NAME = 255  # bytes, on nearly every file system


def encode_picture(picture: NDArray[np.uint8], *, suffix: str) -> bytes:
    """An RGB picture (H, W, 3), uint8, as the bytes of a ``.png`` or ``.jpg`` file."""
    from PIL import Image as PilImage

    buffer = io.BytesIO()
    image = PilImage.fromarray(picture)
    if suffix == ".jpg":
        image.save(buffer, "JPEG", quality=92, subsampling=0)
    else:
        image.save(buffer, "PNG", compress_level=4)
    return buffer.getvalue()


def encode_labels(label_image: NDArray[np.integer], colours: NDArray[np.uint8]) -> bytes:
    """A label image as the bytes of a palette PNG whose pixel values are the labels.

    Parameters
    ----------
    label_image : ndarray of shape (H, W), integers 0..k, k <= 255
    colours : ndarray of shape (k, 3), uint8
        The colour that a viewer shows for each class. No label, 0, is transparent.
    """
    from PIL import Image as PilImage

    image = PilImage.fromarray(label_image.astype("uint8", order="C", copy=False))
    image.putpalette((colours[:1].tobytes() or bytes(3)) + colours.tobytes())
    buffer = io.BytesIO()
    hidden = {} if label_image.all() else {"transparency": 0}
    image.save(buffer, "PNG", bits=8, compress_level=1, **hidden)
    return buffer.getvalue()


def file_name(stem: str, ending: str) -> str:
    """`stem` + `ending`, with the stem cut and marked by a hash of the whole where the file system has no room."""
    if len(os.fsencode(stem + ending)) <= _LONGEST_NAME:
        return stem + ending
    mark = "~" + hashlib.sha256(os.fsencode(stem)).hexdigest()[:8]
    while len(os.fsencode(stem + mark + ending)) > _LONGEST_NAME:
        stem = stem[:-1]
    return stem + mark + ending


def result_names(stem: str, *, save: tuple[str, ...], suffix: str) -> dict[str, str]:
    """The file name of each result to save: ``STEM_segmented`` + suffix for the picture, ``STEM_labels.png``."""
    endings = {"segmented": "_segmented" + suffix, "labels": "_labels.png"}
    return {kind: file_name(stem, endings[kind]) for kind in save}


def refuse_existing(path: Path) -> None:
    """Raise an OutputError if there is anything at the path."""
    if os.path.lexists(path):
        raise OutputError(f"{shown(path)}: exists already. Give --overwrite to replace it, or another folder.")


def write_files(folder: Path, contents: Mapping[str, bytes], *, overwrite: bool = False) -> list[Path]:
    """Write files into a folder: all of them, whole, or none.

    Parameters
    ----------
    folder : Path
        Made if it is not there.
    contents : mapping of file name to bytes
    overwrite : bool
        Whether files of these names may be replaced.

    Raises
    ------
    OutputError
        If a file is there already, or the folder or a file cannot be written.
    """
    paths = [folder / name for name in contents]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{shown(folder)}: cannot be made a folder for results; {_reason(error)}.") from error
    if not overwrite:
        for path in paths:
            refuse_existing(path)
    temporaries: list[Path] = []
    placed: list[Path] = []
    try:
        for content in contents.values():
            temporaries.append(folder / f".segment-{secrets.token_hex(8)}.tmp")
            temporaries[-1].write_bytes(content)
        for temporary, path in zip(temporaries, paths, strict=True):
            _place(temporary, path, overwrite)
            placed.append(path)
    except BaseException as error:
        for left in (*temporaries, *([] if overwrite else placed)):
            with contextlib.suppress(OSError):
                left.unlink()
        if isinstance(error, OSError):
            raise OutputError(f"{shown(folder)}: the results cannot be written; {_reason(error)}.") from error
        raise
    return paths


def _place(temporary: Path, path: Path, overwrite: bool) -> None:
    """Give a finished file its name. Without `overwrite` a file that came up meanwhile is left alone."""
    if not overwrite:
        try:
            os.link(temporary, path)
        except FileExistsError:
            refuse_existing(path)
        except OSError:  # no hard links on this file system
            refuse_existing(path)
        else:
            temporary.unlink()
            return
    temporary.replace(path)


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
