"""Tell whether a file has changed."""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Fingerprint", "fingerprint"]


@dataclass(frozen=True)
class Fingerprint:
    """What tells a file from another version of it.

    Attributes
    ----------
    bytes : int
    modified : int
        Nanoseconds since 1970.
    sha256 : str
        Of its content, in hexadecimal.
    """

    bytes: int
    modified: int
    sha256: str


def fingerprint(path: Path, known: Fingerprint | None = None) -> Fingerprint | None:
    """The fingerprint of a regular file; None for anything else, and where it cannot be read.

    The file is not read where size and time are those that are `known`.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # never opened: a pipe could block, a device could do anything
            return None
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            if known is not None and (known.bytes, known.modified) == (status.st_size, status.st_mtime_ns):
                return known
            content = hashlib.file_digest(file, "sha256").hexdigest()
            return Fingerprint(status.st_size, status.st_mtime_ns, content)
    except (OSError, ValueError):
        return None
