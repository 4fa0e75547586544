"""The journal of a run: who may write to the folder, what was begun, and what became of it, safe at any moment."""

from __future__ import annotations

import contextlib
import json
import os
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from segment.core.errors import OutputError, describe_os_error, printable_path
from segment.runs.batch.manifest_rows import JOURNAL, MANIFEST, TABLE, rows_in

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

__all__ = ["Journal"]

Row = dict[str, Any]


class Journal:
    """The rows of all images, one JSON line for each event, in a hidden file of the folder for the results.

    A line is written at once and at the end of the file, so whatever stops the run can only cut the last one short. The
    file is locked while the run lives, is the place of all rows, so that memory need not hold them, and is gone when
    the manifest is written.

    Parameters
    ----------
    folder : Path
        For the results; made if it is not there.

    Raises
    ------
    OutputError
        If nothing can be written to the folder, or another run writes to it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._path = folder / JOURNAL
        self._made = [part for part in (folder, *folder.parents) if not os.path.lexists(part)]
        self._write = threading.Lock()
        self._places: dict[str, int] = {}  # where the newest row of each image begins
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = _locked(self._path)
        except OSError as error:
            self._unmake()
            raise OutputError(
                f"{printable_path(folder)}: no results can be written there; {describe_os_error(error)}."
            ) from error
        begun = self._index()
        self.was_interrupted = begun > 0
        self.has_manifest = os.path.lexists(folder / MANIFEST) or os.path.lexists(folder / TABLE)
        if not begun:
            for row in rows_in(folder / MANIFEST):
                self.add(row)

    def __contains__(self, name: str) -> bool:
        return name in self._places

    def __iter__(self) -> Iterator[str]:
        """The names of all images that there is a row of."""
        return iter(list(self._places))

    def add(self, row: Row) -> None:
        """Write the newest row of an image; it counts at once.

        Raises
        ------
        OutputError
            If there is no room.
        """
        line = json.dumps(row, separators=(",", ":")).encode() + b"\n"
        with self._write:
            begin = os.fstat(self._file).st_size
            try:
                written = 0
                while written < len(line):
                    written += os.write(self._file, line[written:])
            except OSError as error:
                with contextlib.suppress(OSError):
                    os.ftruncate(self._file, begin)
                raise OutputError(
                    f"{printable_path(self._path)}: the run cannot go on; {describe_os_error(error)}."
                ) from error
            self._places[row["input"]] = begin

    def row(self, name: str) -> Row:
        """The newest row of an image; empty if there is none."""
        if name not in self._places:
            return {}
        with self._path.open("rb") as file:
            file.seek(self._places[name])
            row: Row = json.loads(file.readline())
        return row

    def rows(self, names: Iterable[str]) -> Iterator[Row]:
        """The newest rows of images, in the order asked for, without those of work that was only begun."""
        with self._path.open("rb") as file:
            for name in names:
                file.seek(self._places[name])
                row = json.loads(file.readline())
                if "status" in row:
                    yield row

    def close(self, *, remove: bool) -> None:
        """Let others write to the folder. With `remove` the journal goes, for good."""
        if remove:
            self._path.unlink(missing_ok=True)
        os.close(self._file)

    def withdraw(self) -> None:
        """End a run that has not begun: what was there before stays, what was made goes."""
        if not self.was_interrupted:
            self._path.unlink(missing_ok=True)
        os.close(self._file)
        self._unmake()

    def _index(self) -> int:
        """Find the rows of a run that did not end, and cut off what it left unfinished. How many lines there are."""
        lines = 0
        with self._path.open("rb") as file:
            begin = 0
            for line in file:
                try:
                    name = json.loads(line)["input"] if line.endswith(b"\n") else None
                except (ValueError, TypeError, KeyError):
                    name = None
                if name is None:
                    os.ftruncate(self._file, begin)
                    break
                self._places[name] = begin
                begin += len(line)
                lines += 1
        return lines

    def _unmake(self) -> None:
        for part in self._made:
            with contextlib.suppress(OSError):
                part.rmdir()


def _locked(path: Path) -> int:
    """Open the journal and lock it; the kernel takes the lock back when the process ends, however it ends."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0), 0o666)
        if fcntl is None:
            return descriptor
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.lexists(path) and os.path.samestat(os.fstat(descriptor), path.stat()):
                return descriptor
        except BlockingIOError:
            os.close(descriptor)
            raise OutputError(
                f"{printable_path(path.parent)}: another 'segment batch' is writing there. "
                "Wait for it, or give another folder with -o."
            ) from None
        os.close(descriptor)  # the run that had the journal ended, and took it away, in between
