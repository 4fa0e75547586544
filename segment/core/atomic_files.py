"""Arrays to files, whole or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from segment.core.errors import OutputError, describe_os_error, printable_path

if TYPE_CHECKING:
    pass

__all__ = [
    "build_file_name",
    "make_temporary_name",
    "write_to_pipe",
    "refuse_existing",
    "remove_abandoned",
    "write_files",
]


_LONGEST_NAME = 255  # bytes, on nearly every file system


def build_file_name(stem: str, ending: str) -> str:
    """`stem` + `ending`, with the stem cut and marked by a hash of the whole where the file system has no room."""
    if len(os.fsencode(stem + ending)) <= _LONGEST_NAME:
        return stem + ending
    mark = "~" + hashlib.sha256(os.fsencode(stem)).hexdigest()[:8]
    while len(os.fsencode(stem + mark + ending)) > _LONGEST_NAME:
        stem = stem[:-1]
    return stem + mark + ending


def refuse_existing(path: Path) -> None:
    """Raise an OutputError if there is anything at the path."""
    if os.path.lexists(path):
        raise OutputError(f"{printable_path(path)}: exists already. Give --overwrite to replace it, or another folder.")


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
    made = [part for part in (folder, *folder.parents) if not os.path.lexists(part)]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        _remove(made)
        raise OutputError(
            f"{printable_path(folder)}: cannot be made a folder for results; {describe_os_error(error)}."
        ) from error
    for path in paths:
        if path.is_dir():
            raise OutputError(
                f"{printable_path(path)}: is a folder, so no result can have its name. Give another folder."
            )
        if not overwrite:
            refuse_existing(path)
    new = [path for path in paths if not os.path.lexists(path)]
    temporaries: list[Path] = []
    ours: set[tuple[int, int]] = set()
    try:
        for content in contents.values():
            temporaries.append(folder / make_temporary_name())
            temporaries[-1].write_bytes(content)
        ours.update(map(_identity, temporaries))
        for temporary, path in zip(temporaries, paths, strict=True):
            _place(temporary, path, overwrite)
    except BaseException as error:
        # An interruption can fall between the renaming of a file and any note of it, so ask the file system.
        _remove(temporaries)
        _remove(path for path in new if os.path.lexists(path) and _identity(path) in ours)
        _remove(made)
        if isinstance(error, OSError):
            raise OutputError(
                f"{printable_path(folder)}: the results cannot be written; {describe_os_error(error)}."
            ) from error
        raise
    return paths


def write_to_pipe(pipe: BinaryIO, contents: Iterable[bytes]) -> None:
    """Write contents one after the other into a pipe, which may take a part at a time.

    Raises
    ------
    OutputError
        If nobody reads on.
    """
    try:
        for content in contents:
            rest = memoryview(content)
            while rest:
                rest = rest[pipe.write(rest) :]
        pipe.flush()
    except OSError as error:
        raise OutputError(
            f"stdout: the result cannot be written; {describe_os_error(error)}. Let the next program read all of it."
        ) from error


def make_temporary_name() -> str:
    """A new name for a file that is not complete; it says which process writes it."""
    return f".segment-{os.getpid()}-{secrets.token_hex(8)}.tmp"


def remove_abandoned(folder: Path) -> None:
    """Remove the incomplete files that processes left in a folder when they were killed."""
    with contextlib.suppress(OSError):
        for path in folder.glob(".segment-*-*.tmp"):
            process = path.name.split("-")[1]
            if process.isascii() and process.isdigit() and not _is_alive(int(process)):
                _remove([path])


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return True


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


def _identity(path: Path) -> tuple[int, int]:
    status = path.lstat()
    return status.st_dev, status.st_ino


def _remove(paths: Iterable[Path]) -> None:
    """Remove files and empty folders, as far as they are there."""
    for path in paths:
        with contextlib.suppress(OSError):
            if path.is_dir():
                path.rmdir()
            else:
                path.unlink()
