"""Read image files: file -> Image.

The file's first bytes choose the decoder, never its name. Whatever a decoder raises becomes one `ImageError` here.
Nothing here needs NumPy: while it and the other stages are being loaded, a picture can be decoded.
"""

from __future__ import annotations

import io
import logging
import os
import stat
import tempfile
import threading
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from segment.core.errors import ImageError, SegmentError, describe_os_error, printable_path

if TYPE_CHECKING:
    from segment.core.image import Image

__all__ = ["LoadedFile", "load_image", "load_stream"]

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


@dataclass(frozen=True)
class LoadedFile(os.PathLike[str]):
    """The path of a file whose image is there already, for whoever takes a path.

    Attributes
    ----------
    path : str
    image : Image
    begin : float
        When reading began, by :func:`time.perf_counter`.
    """

    path: str
    image: Image
    begin: float

    def __fspath__(self) -> str:
        return self.path


def load_image(path: str | os.PathLike[str], *, max_pixels: int = 200_000_000, allow_truncated: bool = False) -> Image:
    """Read the first picture of an image file.

    Reads JPEG, PNG, TIFF, WebP, GIF, BMP and the PPM family. EXIF orientation is applied. Gray stays gray, 16-bit and
    float data keep their depth, other colors become RGB. Transparent, nodata and NaN pixels are not valid. Several
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
    return _load(name, lambda: _open(name), max_pixels, allow_truncated)


def load_stream(
    stream: BinaryIO, *, name: str = "stdin", max_pixels: int = 200_000_000, allow_truncated: bool = False
) -> Image:
    """Read the first picture of an image that comes through a pipe: as :func:`load_image`.

    Parameters
    ----------
    stream : binary file
        Read to its end, or for as long as it can be an image: it need not have an end.
    name : str
        What messages call it.
    max_pixels, allow_truncated
        As for a file. More than 16 bytes for each of `max_pixels` are refused too.

    Raises
    ------
    ImageError
        If it cannot be read, in one line that starts with the name.
    """
    with tempfile.TemporaryFile() as copy:
        return _load(name, lambda: _received(stream, copy, 16 * max_pixels + 2**20), max_pixels, allow_truncated)


def _load(name: str, open_: Callable[[], BinaryIO], max_pixels: int, allow_truncated: bool) -> Image:
    try:
        with _ONE_AT_A_TIME, warnings.catch_warnings(), open_() as stream:
            warnings.simplefilter("ignore")
            logging.getLogger("PIL").addHandler(_SILENCE)
            image = _decoder(stream)(stream, max_pixels=max_pixels, allow_truncated=allow_truncated)
            return replace(image, file_name=Path(name).name)
    except ImageError as error:
        raise ImageError(f"{printable_path(name)}: {error}") from error
    except SegmentError:
        raise
    except Exception as error:  # decoders raise a dozen kinds of exception on damaged files
        raise ImageError(
            f"{printable_path(name)}: the image is damaged, or no valid file of its kind. {_CURE}"
        ) from error


_SILENCE = logging.NullHandler()
_CURE = "Export it again."
_PART = 2**20  # bytes read from a pipe at once
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
        raise ImageError(f"the file cannot be opened; {describe_os_error(error)}. Check the path and its permissions.") from error


def _received(stream: BinaryIO, copy: BinaryIO, limit: int) -> BinaryIO:
    """What comes through a pipe, as a file: decoders go back and forth in it."""
    size = 0
    while part := stream.read(_PART):
        copy.write(part)
        if size == 0:
            copy.seek(0)
            _decoder(copy)
            copy.seek(0, os.SEEK_END)
        size += len(part)
        if size > limit:
            raise ImageError(f"an image of as many pixels has at most {limit} bytes; got more. Raise --max-pixels.")
    if size == 0:
        raise ImageError("there is no image; 0 bytes came. Pipe an image file into it.")
    copy.seek(0)
    return _PatientReader(io.FileIO(copy.fileno(), closefd=False))


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
    decoder: Callable[..., Image] = getattr(import_module(f"segment.loader.decoders.{module}"), function)
    return decoder
