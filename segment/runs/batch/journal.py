"""The journal of a run: a lock on the folder of the results, and a row for each image that is begun or done."""

from __future__ import annotations

import contextlib
import json
import os
import stat
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

from segment.core.atomic_files import make_folder
from segment.core.errors import OutputError, describe_os_error, get_write_remedy, printable_path
from segment.runs.batch.manifest_rows import JOURNAL, MANIFEST, MAX_LINE_BYTES, TABLE, Row, parse_row, read_rows

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

__all__ = ["Journal"]


class Journal:
    """The rows of all images, one JSON line for each event, in a hidden file of the folder for the results.

    A line is written at once and at the end of the file, so whatever stops the run can only cut the last line short.
    The file is locked as long as the run lives. It holds all rows, so that memory need not, and is removed when the
    manifest is written.

    Parameters
    ----------
    folder : Path
        For the results; made if it is not there.

    Attributes
    ----------
    folder : Path
        The same.
    was_interrupted : bool
        Whether an earlier run did not end: its journal is continued.
    has_manifest : bool
        Whether an earlier run ended and left a manifest, whose rows are taken over.

    Raises
    ------
    OutputError
        If nothing can be written to the folder, or another run writes to it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._path = folder / JOURNAL
        # Noted before they are made, so that a run that does not begin can remove them.
        self._made = [part for part in (folder, *folder.parents) if not os.path.lexists(part)]
        self._lock = threading.Lock()
        self._positions: dict[str, int] = {}  # where the newest row of each image begins in the file
        try:
            make_folder(folder)
            self._file = _open_locked(self._path)
        except OSError as error:
            self._remove_made_folders()
            raise OutputError(
                f"{printable_path(folder)}: no results can be written there; {describe_os_error(error)}. "
                "Give another folder with -o."
            ) from error
        self.was_interrupted = self._index_rows() > 0
        self.has_manifest = os.path.lexists(folder / MANIFEST) or os.path.lexists(folder / TABLE)
        # The journal is complete in itself: all rows of the run before are copied to it first.
        if not self.was_interrupted:
            for row in read_rows(folder / MANIFEST):
                self.add(row)

    def __contains__(self, name: str) -> bool:
        return name in self._positions

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names of all images that have a row."""
        return iter(list(self._positions))

    def add(self, row: Row) -> None:
        """Write the newest row of an image; it counts at once.

        Parameters
        ----------
        row : dict
            Its item ``input`` is the name of the image.

        Raises
        ------
        OutputError
            If the disk is full.
        """
        line = json.dumps(row, separators=(",", ":")).encode() + b"\n"
        with self._lock:
            # The file is open for appending, so the line begins at its end.
            begin = os.fstat(self._file).st_size
            try:
                written = 0
                while written < len(line):
                    written += os.write(self._file, line[written:])
            except OSError as error:
                # Half a line would make the next one unreadable.
                with contextlib.suppress(OSError):
                    os.ftruncate(self._file, begin)
                raise OutputError(
                    f"{printable_path(self._path)}: the run cannot go on; {describe_os_error(error)}. "
                    f"{get_write_remedy(error)} Then give --resume."
                ) from error
            self._positions[row["input"]] = begin

    def get_row(self, name: str) -> Row:
        """Read the newest row of an image.

        Parameters
        ----------
        name : str
            The name of the image.

        Returns
        -------
        dict
            Empty if there is no row.
        """
        if name not in self._positions:
            return {}
        with self._path.open("rb") as file:
            file.seek(self._positions[name])
            row: Row = json.loads(file.readline())
        return row

    def iterate_rows(self, names: Iterable[str]) -> Iterator[Row]:
        """Read the newest rows of images that are done or have failed.

        Parameters
        ----------
        names : iterable of str
            Images, of which those without a row are left out.

        Yields
        ------
        dict
            In the order of the names, without images that were only begun.
        """
        with self._path.open("rb") as file:
            for name in filter(self.__contains__, names):
                file.seek(self._positions[name])
                row = json.loads(file.readline())
                if "status" in row:
                    yield row

    def close(self, *, remove: bool) -> None:
        """Unlock the folder.

        Parameters
        ----------
        remove : bool
            Whether the journal is deleted: the manifest has all of it.
        """
        # Deleted while it is locked, so no other run can have opened and locked it in between.
        if remove:
            self._path.unlink(missing_ok=True)
        os.close(self._file)

    def withdraw(self) -> None:
        """Undo a run that has not begun: an earlier journal stays, what was made now is deleted."""
        if not self.was_interrupted:
            self._path.unlink(missing_ok=True)
        os.close(self._file)
        self._remove_made_folders()

    def _index_rows(self) -> int:
        """Find the rows that an interrupted run has left, cut off an incomplete last line, and count the lines."""
        lines = 0
        with self._path.open("rb") as file:
            begin = 0
            while line := file.readline(MAX_LINE_BYTES):
                # A line without its end was being written when the run was killed.
                row = parse_row(line) if line.endswith(b"\n") else {}
                if not row:
                    os.ftruncate(self._file, begin)
                    break
                self._positions[row["input"]] = begin
                begin += len(line)
                lines += 1
        return lines

    def _remove_made_folders(self) -> None:
        """Remove the folders that were made for the results, as far as they are empty."""
        for part in self._made:
            with contextlib.suppress(OSError):
                part.rmdir()


def _open_locked(path: Path) -> int:
    """Open the journal and lock it; the kernel unlocks it when the process ends, however it ends."""
    # A lock file beside the journal would have to stay in the folder for ever: it cannot be deleted safely while
    # another process may have opened it. The journal itself can, because the loop looks whether the file that was
    # locked still has the name.
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0), 0o666)
        # A pipe of that name would block.
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise OutputError(
                f"{printable_path(path)}: the journal of a run is a regular file; got another. Remove it."
            )
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
        os.close(descriptor)  # the run that had the lock ended, and deleted the journal, in between
