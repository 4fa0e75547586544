"""Fingerprints of files, to find out whether a file has changed."""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Fingerprint", "compute_fingerprint", "stat_file"]


@dataclass(frozen=True)
class Fingerprint:
    """Values that differ between two versions of a file.

    Attributes
    ----------
    bytes : int
        Size of the file.
    modified : int
        Time of the last change, of the content or of the entry in the file system, in nanoseconds since 1970.
    sha256 : str
        Hash of the content, in hexadecimal; empty where it was not read.
    """

    bytes: int
    modified: int
    sha256: str


def stat_file(path: Path) -> Fingerprint | None:
    """Take size and time of a regular file without reading it.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    Fingerprint or None
        Without a hash; None for anything but a regular file.
    """
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    return Fingerprint(status.st_size, _find_last_change(status), "") if stat.S_ISREG(status.st_mode) else None


def compute_fingerprint(path: Path, known: Fingerprint | None = None) -> Fingerprint | None:
    """Compute the fingerprint of a regular file.

    Parameters
    ----------
    path : Path
        The file.
    known : Fingerprint, optional
        Returned without reading the file where the file still has this size and this time.

    Returns
    -------
    Fingerprint or None
        None for anything but a regular file, and where it cannot be read.

    Examples
    --------
    >>> from pathlib import Path
    >>> compute_fingerprint(Path("no-such-file.png")) is None
    True
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # never opened: a pipe could block, a device could do anything
            return None
        with path.open("rb") as file:
            # The status of the open file: its name may lead to another file by now.
            status = os.fstat(file.fileno())
            size, modified = status.st_size, _find_last_change(status)
            if known is not None and (known.bytes, known.modified) == (size, modified):
                return known
            return Fingerprint(size, modified, hashlib.file_digest(file, "sha256").hexdigest())
    # ValueError: a name with a zero byte.
    except (OSError, ValueError):
        return None


def _find_last_change(status: os.stat_result) -> int:
    """Find when a file was changed last, in nanoseconds since 1970.

    A copy and a file from an archive may have the time of their original. The time at which they came to this place is
    the file system's own.
    """
    return max(status.st_mtime_ns, status.st_ctime_ns)
