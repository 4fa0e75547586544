"""Saved models: file -> ClassModel and back."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from segment.core.atomic_files import write_files
from segment.core.errors import ModelError, OutputError, describe_os_error, printable_path
from segment.segmenter.class_model.class_model import ClassModel

__all__ = ["check_model_path", "load_class_model", "save_class_model"]

_LARGEST = 2**24  # bytes; 255 classes take a fiftieth of it


def load_class_model(path: str | os.PathLike[str]) -> ClassModel:
    """Read a model that `segment fit` or :func:`save_class_model` wrote.

    Raises
    ------
    ModelError
        If the file cannot be read or is not such a model, in one line that starts with the path.
    """
    place = Path(path)
    try:
        status = place.stat()
        if not stat.S_ISREG(status.st_mode):
            raise ModelError(f"{printable_path(path)}: a model is a regular file; got something else. Name a file.")
        if status.st_size > _LARGEST:
            raise ModelError(f"{printable_path(path)}: a model has at most {_LARGEST} bytes; got {status.st_size}.")
        text = place.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ModelError(
            f"{printable_path(path)}: a model is JSON text; got other bytes. Name a .json file."
        ) from error
    except (OSError, ValueError) as error:
        raise ModelError(
            f"{printable_path(path)}: the model cannot be opened; {describe_os_error(error)}. Check the path."
        ) from error
    try:
        return replace(ClassModel.from_json(text), file=str(place))
    except ModelError as error:
        raise ModelError(f"{printable_path(path)}: {error}") from error


def save_class_model(model: ClassModel, path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
    """Write a model, whole or not at all.

    Raises
    ------
    OutputError
        If the file exists and `overwrite` is False, or cannot be written.
    """
    place = Path(path)
    (written,) = write_files(place.parent, {place.name: model.to_json().encode()}, overwrite=overwrite)
    return written


def check_model_path(path: Path, inputs: Iterable[Path], *, overwrite: bool = False) -> None:
    """Raise an OutputError if a model cannot go to `path` or would replace one of the inputs."""
    if not path.name or path.is_dir():
        raise OutputError(f"{printable_path(path)}: is a folder, and a model is one file. Give a file name with -o.")
    if not overwrite and os.path.lexists(path):
        raise OutputError(
            f"{printable_path(path)}: exists already. Give --overwrite to replace it, or another file with -o."
        )
    if any(_is_same(path, source) for source in inputs):
        raise OutputError(
            f"{printable_path(path)}: is an input, and the model would replace it. Give another file with -o."
        )


def _is_same(path: Path, other: Path) -> bool:
    try:
        return path.samefile(other)
    except (OSError, ValueError):
        return False
