"""Read image files: file -> Image.

The file's first bytes choose the decoder, never its name. Whatever a decoder raises becomes one `ImageError` here.
"""

from __future__ import annotations

import io
import logging
import os
import stat
import threading
import warnings
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import BinaryIO

from segment.errors import ImageError, SegmentError, shown
from segment.image import Image

__all__ = ["load_image"]

_SIGNATURES: tuple[tuple[tuple[bytes, ...], str, str], ...] = (
    ((b"\xff\xd8\xff",), "pillow", "decode_jpeg"),
    ((b"\x89PNG\r\n\x1a\n",), "pillow", "decode_png"),
    ((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), "tiff", "decode_tiff"),
    ((b"GIF87a", b"GIF89a"), "pillow", "decode_gif"),
    ((b"BM",), "pillow", "decode_bmp"),
    ((b"P1", b"P2", b"P3", b"P4", b"P5", b"P6", b"P7", b"Pf", b"PF"), "netpbm", "decode_netpbm"),
    (tuple(bytes((size, 0, 0, 0)) for size in (12, 40, 52, 56, 64, 108, 124)), "pillow", "decode_dib"),
)
_READABLE = "JPEG, PNG, TIFF, WebP, GIF, BMP or PPM"

_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)

_ONE_AT_A_TIME = threading.Lock()
"""Pillow's switch for truncated files, Python's warning filters and file descriptor 2 belong to the whole process."""


def load_image(path: str | os.PathLike[str], *, max_pixels: int = 200_000_000, allow_truncated: bool = False) -> Image:
    """Read the first picture of an image file.

    Reads JPEG, PNG, TIFF, WebP, GIF, BMP and the PPM family. EXIF orientation is applied. Grey stays grey, 16-bit and
    float data keep their depth, other colours become RGB. Transparent, nodata and NaN pixels are not valid. Several
    threads may call it; they take turns.

    Parameters
    ----------
    path : str or os.PathLike
        A regular file, or a symbolic link to one. It is only read.
    max_pixels : int, pixels
        A larger image is refused before it is decoded. A picture takes up to 7 bytes of memory a pixel while it is
        read, a 16-bit or float one several times that.
    allow_truncated : bool
        Read what there is of a file that ends too early, with a remark in ``Image.notes``.

    Returns
    -------
    Image
        Its notes say whether the file is truncated and how many more frames it holds.

    Raises
    ------
    ImageError
        If the file cannot be read, in one line that starts with the path.
    DependencyError
        If the file needs a library that cannot be loaded.
    """
    name = os.fsdecode(path)
    try:
        with _ONE_AT_A_TIME, warnings.catch_warnings(), _open(name) as stream:
            warnings.simplefilter("ignore")
            logging.getLogger("PIL").addHandler(_SILENCE)
            image = _decoder(stream)(stream, max_pixels=max_pixels, allow_truncated=allow_truncated)
            return replace(image, file_name=Path(name).name)
    except ImageError as error:
        raise ImageError(f"{shown(name)}: {error}") from error
    except SegmentError:
        raise
    except Exception as error:  # decoders raise a dozen kinds of exception on damaged files
        detail = " ".join(f"{type(error).__name__} {error}".split())[:80]
        raise ImageError(f"{shown(name)}: the image is damaged or of an unknown kind; {detail}. {_CURE}") from error


_SILENCE = logging.NullHandler()
_CURE = "Export it again."
_SMALL_READS = 2_000_000
"""Reads of a few bytes that a file may take: about a second's worth, and far more than a sound picture needs."""


class _PatientReader(io.BufferedReader):
    """A file that ends a decoder's search for a marker, byte by byte, through gigabytes of nothing."""

    small_reads = 0

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and 0 < size <= 8:
            self.small_reads += 1
            if self.small_reads > _SMALL_READS:
                raise ImageError(f"the image is damaged; no picture found in {self.tell()} bytes. {_CURE}")
        return super().read(size)


def _open(name: str) -> BinaryIO:
    """Open a regular file; anything else could block for ever or have no end."""
    try:
        status = os.stat(name)  # noqa: PTH116  a path may hold any bytes
        kind = next((words for test, words in _KINDS if test(status.st_mode)), "")
        if kind or not stat.S_ISREG(status.st_mode):
            cure = "Give folders to 'segment batch'." if stat.S_ISDIR(status.st_mode) else "Name a file."
            raise ImageError(f"an image is a regular file; got {kind or 'something else'}. {cure}")
        if status.st_size == 0:
            raise ImageError("the file is empty; 0 bytes. Fetch or export it again.")
        return _PatientReader(io.FileIO(name))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ImageError(f"the file cannot be opened; {reason}. Check the path and its permissions.") from error


def _decoder(stream: BinaryIO) -> Callable[..., Image]:
    """Choose the decoder by the first bytes of the file."""
    head = stream.read(16)
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        module, function = "pillow", "decode_webp"
    else:
        found = (entry[1:] for entry in _SIGNATURES if head.startswith(entry[0]))
        module, function = next(found, ("", ""))
    if not module:
        begins = "".join(chr(byte) if 32 < byte < 127 else f"\\x{byte:02x}" for byte in head[:8])
        raise ImageError(f"an image is {_READABLE}; got a file that begins with {begins}. Convert it.")
    decoder: Callable[..., Image] = getattr(import_module(f"segment.decoders.{module}"), function)
    return decoder
