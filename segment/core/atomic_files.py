"""Write files atomically: all of them complete, or none."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import BinaryIO

from segment.core.errors import OutputError, describe_os_error, get_write_remedy, printable_path

__all__ = [
    "Content",
    "build_file_name",
    "make_folder",
    "make_temporary_name",
    "refuse_existing",
    "remove_abandoned",
    "write_files",
    "write_to_pipe",
]

Content = bytes | Iterable[bytes]  # of a file, whole or in pieces

# The limit of nearly every file system.
MAX_NAME_BYTES = 255


def build_file_name(stem: str, ending: str) -> str:
    """Join a stem and an ending to a file name that the file system accepts.

    Parameters
    ----------
    stem : str
        Where the name would be too long, its end is replaced by a tilde and a hash of all of it, so that long stems
        with the same beginning keep different names.
    ending : str
        Kept as it is, such as ``_labels.png``.

    Returns
    -------
    str
        A name of at most `MAX_NAME_BYTES` bytes.

    Examples
    --------
    >>> build_file_name("landscape", "_labels.png")
    'landscape_labels.png'
    >>> len(build_file_name(300 * "x", "_labels.png"))
    255
    """
    if len(os.fsencode(stem + ending)) <= MAX_NAME_BYTES:
        return stem + ending
    mark = "~" + hashlib.sha256(os.fsencode(stem)).hexdigest()[:8]
    # Cut characters, not bytes: half a character is no valid UTF-8.
    while len(os.fsencode(stem + mark + ending)) > MAX_NAME_BYTES:
        stem = stem[:-1]
    return stem + mark + ending


def refuse_existing(path: Path) -> None:
    """Raise an OutputError if there is anything at the path, a dangling link included."""
    if os.path.lexists(path):
        raise OutputError(f"{printable_path(path)}: exists already. Replace it (--overwrite), or give another folder.")


def make_folder(folder: Path) -> None:
    """Make a folder with its parents; unlike :meth:`pathlib.Path.mkdir`, nested as deep as the file system allows.

    Parameters
    ----------
    folder : Path
        May be there already.

    Raises
    ------
    OSError
        If a part of the path is a file, or cannot be made.
    """
    for part in (*reversed(folder.parents), folder):
        if not os.path.lexists(part):
            part.mkdir(exist_ok=True)
    folder.mkdir(exist_ok=True)


def write_files(folder: Path, contents: Mapping[str, Content], *, overwrite: bool = False) -> list[Path]:
    """Write files into a folder: all of them complete, or none.

    Parameters
    ----------
    folder : Path
        Created, with its parents, if it does not exist.
    contents : mapping of str to bytes, or to an iterable of bytes
        The file names and what goes into each. Pieces are made while they are written.
    overwrite : bool
        Whether existing files of these names may be replaced.

    Returns
    -------
    list of Path
        The paths of the files, in the order of `contents`.

    Raises
    ------
    OutputError
        If a file exists already, or the folder or a file cannot be written.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     [path] = write_files(Path(folder) / "new", {"a.txt": b"text"})
    ...     path.name, path.read_bytes()
    ('a.txt', b'text')
    """
    paths = [folder / name for name in contents]
    # Remember which folders are new: a failure removes them again.
    created = [part for part in (folder, *folder.parents) if not os.path.lexists(part)]
    try:
        make_folder(folder)
    except OSError as error:
        _remove(created)
        raise OutputError(
            f"{printable_path(folder)}: cannot be made a folder for results; {describe_os_error(error)}. "
            f"{get_write_remedy(error)}"
        ) from error
    for path in paths:
        _refuse_taken(path, overwrite)

    # Write everything under temporary names first; renaming within a folder is atomic and needs no more room.
    new = [path for path in paths if not os.path.lexists(path)]
    temporaries: list[Path] = []
    identities: set[tuple[int, int]] = set()
    try:
        for content in contents.values():
            temporaries.append(folder / make_temporary_name())
            if isinstance(content, bytes):
                temporaries[-1].write_bytes(content)
            else:
                with temporaries[-1].open("wb") as file:
                    file.writelines(content)
        identities.update(map(_get_identity, temporaries))
        for temporary, path in zip(temporaries, paths, strict=True):
            _rename(temporary, path, overwrite)
    except BaseException as error:
        # Ctrl-C can come between the renaming of a file and any record of it, so ask the file system which files are
        # ours. A file of another program that appeared meanwhile has another identity and stays.
        _remove(temporaries)
        _remove(path for path in new if os.path.lexists(path) and _get_identity(path) in identities)
        _remove(created)
        if isinstance(error, OSError):
            raise OutputError(
                f"{printable_path(folder)}: the results cannot be written; {describe_os_error(error)}. "
                f"{get_write_remedy(error)}"
            ) from error
        raise
    return paths


def _refuse_taken(path: Path, overwrite: bool) -> None:
    """Refuse to write a file in place of a folder, or of another file unless that may be replaced."""
    if path.is_dir():
        raise OutputError(f"{printable_path(path)}: is a folder, so no result can have its name. Give another folder.")
    if not overwrite:
        refuse_existing(path)


def write_to_pipe(pipe: BinaryIO, contents: Iterable[Content]) -> None:
    """Write contents one after the other to a pipe.

    Parameters
    ----------
    pipe : binary file
        Its ``write`` may accept a part of what it is given, as unbuffered pipes do.
    contents : iterable of bytes, or of iterables of bytes
        What to write.

    Raises
    ------
    OutputError
        If the program at the other end has closed the pipe.
    """
    try:
        for content in contents:
            for piece in [content] if isinstance(content, bytes) else content:
                rest = memoryview(piece)
                while rest:
                    rest = rest[pipe.write(rest) :]
        pipe.flush()
    except OSError as error:
        is_closed = isinstance(error, BrokenPipeError)
        remedy = "Let the next program read all of it." if is_closed else get_write_remedy(error)
        raise OutputError(f"stdout: the result cannot be written; {describe_os_error(error)}. {remedy}") from error


def make_temporary_name() -> str:
    """Make up a name for an incomplete file; it holds the number of the process that writes it."""
    return f".segment-{os.getpid()}-{secrets.token_hex(8)}.tmp"


def remove_abandoned(folder: Path) -> None:
    """Remove the incomplete files of processes that were killed while they wrote into a folder."""
    # The name tells the process; the files of one that still runs are being written.
    with contextlib.suppress(OSError):
        for path in folder.glob(".segment-*-*.tmp"):
            process = path.name.split("-")[1]
            if process.isascii() and process.isdigit() and not _is_alive(int(process)):
                _remove([path])


def _is_alive(process: int) -> bool:
    """Whether there is a process of this number."""
    # Signal 0 is not delivered: the system only checks whether it could be.
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:  # it belongs to another user
        return True
    return True


def _rename(temporary: Path, path: Path, overwrite: bool) -> None:
    """Give a complete file its name; without `overwrite` a file that has appeared there meanwhile is kept."""
    # Renaming replaces an existing file without a word. Making a hard link fails if the name is taken, in one step.
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


def _get_identity(path: Path) -> tuple[int, int]:
    """Return device and inode, which a file keeps when it is renamed."""
    status = path.lstat()
    return status.st_dev, status.st_ino


def _remove(paths: Iterable[Path]) -> None:
    """Remove those files and empty folders that exist."""
    for path in paths:
        with contextlib.suppress(OSError):
            if path.is_dir():
                path.rmdir()
            else:
                path.unlink()
