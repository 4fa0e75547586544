"""Everything that can go wrong on purpose, and the exit code each kind stands for."""

from __future__ import annotations

import os

__all__ = [
    "ClusterError",
    "DependencyError",
    "ImageError",
    "ModelError",
    "OutputError",
    "SegmentError",
    "SettingsError",
    "pluralize",
    "printable_path",
]


class SegmentError(Exception):
    """A failure whose message, ``what: rule; got value. What to do.``, explains itself in one line."""

    exit_code = 1


class ImageError(SegmentError):
    """An image cannot be read, or holds nothing that can be segmented."""


class ModelError(SegmentError):
    """A saved model cannot be read, or does not fit the image."""


class OutputError(SegmentError):
    """A result cannot be written, or would replace a file that nobody asked to replace."""


class ClusterError(SegmentError):
    """The machines that were to do the work cannot be reached, are lost, or do not fit this one."""


class DependencyError(SegmentError):
    """A library that a stage needs cannot be loaded."""


class SettingsError(SegmentError, ValueError):
    """A setting, an argument or their combination makes no sense."""

    exit_code = 2


def pluralize(n: int, noun: str) -> str:
    """A number of things in words: "1 image", "2 images", "3 classes"."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}es" if noun.endswith("s") else f"{n} {noun}s"


def printable_path(path: str | bytes | os.PathLike[str] | os.PathLike[bytes], *, limit: int = 160) -> str:
    r"""Write a path so that it fits a message: one printable line in any encoding of the terminal.

    Control characters, invisible characters and bytes that are not UTF-8 become escapes such as ``\x1b``.

    Parameters
    ----------
    path : str, bytes or os.PathLike
        Any path, to a file that need not exist.
    limit : int, characters
        A longer path loses folders from its middle; a longer file name keeps its beginning and its end.

    Examples
    --------
    >>> shown("two\nlines.png")
    'two\\nlines.png'
    >>> shown(b"caf\xe9.png")
    'caf\\xe9.png'
    """
    text = "".join(_printable(character) for character in os.fsdecode(path))
    if len(text) <= limit:
        return text
    name = text.rsplit("/", 1)[-1]
    room = limit - len(name) - 2
    if room >= 0:
        return f"{text[:room]}…/{name}"
    return f"{name[: limit - 41]}…{name[-40:]}"


def _printable(character: str) -> str:
    if character.isprintable():
        return character
    if "\udc80" <= character <= "\udcff":  # how Python holds a byte that is not UTF-8
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode("ascii")
