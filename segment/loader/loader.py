"""Read image files: file -> Image.

The first bytes of a file choose its decoder, never its name. Whatever a decoder raises becomes one `ImageError` here.
This module needs no NumPy, so that a picture can be decoded while another thread imports NumPy and the later stages.
"""

from __future__ import annotations

import io
import logging
import os
import re
import stat
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from segment.core.errors import (
    DependencyError,
    ImageError,
    SegmentError,
    SettingsError,
    describe_os_error,
    printable_path,
)
from segment.loader.file_kind import READABLE_FORMATS, describe_content, identify_stream
from segment.loader.read_options import ReadOptions

if TYPE_CHECKING:
    from segment.core.image import Image

__all__ = ["FilePage", "LoadedFile", "count_pages", "load_image", "load_path", "load_stream"]

Decoder = Callable[[BinaryIO, ReadOptions], "Image"]
"""Takes a file, which it moves, and how to read it; returns the picture, upright, at the depth of the file.

It raises an ImageError if the file is damaged or larger than allowed, or truncated and that is not allowed, and a
DependencyError if a library that it needs cannot be imported.
"""

# Things that a path can lead to instead of a regular file.
_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)

_STREAM_NAME = "stdin"
# Bytes read from a pipe at a time, and the largest image that may come through one.
_PIPE_CHUNK_BYTES = 2**20
_MAX_BYTES_PER_PIXEL = 16

# Reads of a few bytes that a file may cause: about a second's worth, and far more than any intact picture needs.
MAX_SMALL_READS = 2_000_000

# Modules and functions that count the pages of a file, by the function that decodes it.
_COUNTERS = {
    "decode_tiff": ("tiff", "count_tiff_pages"),
    "decode_gif": ("frame_count", "count_gif_frames"),
    "decode_webp": ("frame_count", "count_webp_frames"),
}
MAX_PAGES = 9999  # that are segmented together

_CURE = "Export it again."
_NULL_HANDLER = logging.NullHandler()

# Pillow's switch for truncated files, Python's warning filters and file descriptor 2 belong to the whole process, so
# one thread decodes at a time.
_DECODER_LOCK = threading.Lock()


@dataclass(frozen=True)
class LoadedFile(os.PathLike[str]):
    """Path of an image file that has been loaded already; functions that take a path use the image instead.

    Attributes
    ----------
    path : str
        The path, which messages and results name.
    image : Image
        What the file holds.
    begin : float
        When reading began, by :func:`time.perf_counter`.
    """

    path: str
    image: Image
    begin: float

    def __fspath__(self) -> str:
        return self.path


@dataclass(frozen=True)
class FilePage(os.PathLike[str]):
    """One of the pages of an image file, all of which are segmented; functions that take a path use it alone.

    Attributes
    ----------
    path : str
        The path, which messages and results name.
    number : int
        Which page, from 1.
    n_pages : int
        How many pages the file has.
    """

    path: str
    number: int
    n_pages: int

    def __fspath__(self) -> str:
        return self.path


def load_image(
    path: str | os.PathLike[str],
    *,
    max_pixels: int = 200_000_000,
    allow_truncated: bool = False,
    keep_profile: bool = False,
    page: int = 1,
    bands: tuple[int, ...] = (),
    dpi: bool = False,
) -> Image:
    """Read one picture of an image file.

    Parameters
    ----------
    path : str or os.PathLike
        A regular file, or a symbolic link to one: JPEG, PNG, TIFF, WebP, GIF, BMP, PBM, PGM, PPM, PAM, PFM, AVIF,
        JPEG XL or JPEG 2000; HEIC with the extra `heif`, and camera RAW (DNG, CR2, NEF, ARW and others) with the extra
        `raw`. Its name does not matter. It is only read.
    max_pixels : int, pixels
        A larger image is refused before it is decoded. Reading takes up to 7 bytes of memory a pixel for 8-bit
        pictures, and several times that for 16-bit and float ones.
    allow_truncated : bool
        Read what there is of a file that ends too early, with a note in ``Image.notes``. What is missing is blank, and
        not valid where the decoder tells what is missing. WebP, AVIF, JPEG XL, JPEG 2000, HEIC and camera RAW are read
        as a whole or not at all.
    keep_profile : bool
        Keep the color values of the file. By default they are converted to sRGB where the file embeds another color
        profile (ICC), with a note.
    page : int
        Page of a TIFF, counted from 1: of a stack, such as the depths or times of a microscope, one plane. Of an
        animated GIF or WebP, one picture. Other files have one.
    bands : tuple of int
        Bands to use, counted from 1; empty for all. The channels of a microscope's TIFF are bands.
    dpi : bool
        Take the size of a pixel from the resolution that the file says. By default only OME-TIFF and ImageJ tell it.

    Returns
    -------
    Image
        Upright, in gray, RGB or the bands of the file, at its depth. Transparent, nodata and NaN pixels are not valid.
        Its notes say whether the file is truncated, how many more frames it holds and from which color profile its
        colors are converted.

    Raises
    ------
    ImageError
        If the file cannot be read; one line that begins with the path.
    DependencyError
        If the file needs a library that cannot be imported.
    SettingsError
        If there is no such page or band.

    See Also
    --------
    segment.Image.from_array : Make an image from an array.

    Notes
    -----
    Gray pictures stay gray, palettes and CMYK become RGB (gray if the palette holds grays only), 16-bit and float data
    keep their depth. The EXIF orientation is applied. Camera RAW is developed to 16-bit sRGB with the camera's white
    balance and without automatic brightness; the preview in such a file is never the image.

    Several threads may call it; they wait for each other.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> import segment
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "gray.pgm"
    ...     size = path.write_bytes(b"P2  3 2  255  0 50 100  150 200 250")
    ...     image = segment.load_image(path)
    >>> image.pixels
    array([[  0,  50, 100],
           [150, 200, 250]], dtype=uint8)
    >>> image.file_name, image.is_gray, image.white
    ('gray.pgm', True, 255.0)
    """
    return load_path(path, ReadOptions(max_pixels, allow_truncated, keep_profile, page, bands, dpi))


def load_path(path: str | os.PathLike[str], options: ReadOptions) -> Image:
    """Read one picture of an image file, as :func:`load_image` does."""
    if not isinstance(path, (str, os.PathLike)):
        kind = type(path).__name__
        raise ImageError(f"path: of a file; got {kind}. Give an open file, or io.BytesIO of bytes, to segment_image.")
    name = os.fsdecode(path)
    return _load(name, lambda: _open(name), options)


def load_stream(stream: BinaryIO, options: ReadOptions) -> Image:
    """Read the first picture of an image that comes through a pipe, as :func:`load_image` reads a file.

    Parameters
    ----------
    stream : binary file
        It is read to its end, or until it is found to be no image or too long. Messages call it stdin.
    options : ReadOptions
        More than 16 bytes for each of its `max_pixels` are refused too.

    Raises
    ------
    ImageError
        If it cannot be read; one line that begins with the name.
    """
    limit = _MAX_BYTES_PER_PIXEL * options.max_pixels + 2**20
    import tempfile  # loaded here: only pipes need it

    with tempfile.TemporaryFile() as copy:
        return _load(_STREAM_NAME, lambda: _copy_stream(stream, copy, limit), options)


def count_pages(path: str | os.PathLike[str]) -> int:
    """Count the pages of an image file of which `load_image` can read each.

    Parameters
    ----------
    path : str or os.PathLike
        As for `load_image`.

    Returns
    -------
    int
        Pages of a TIFF, or planes of a stack; pictures of a GIF or WebP; 1 for any other image.

    Raises
    ------
    ImageError
        If it is no image, or has more than `MAX_PAGES` pages.
    """
    name = os.fsdecode(path)
    with _describe_errors(name), _open(name) as stream:
        counter = _COUNTERS.get(_choose_decoder(stream).__name__)
        if counter is None:
            return 1
        module, function = counter
        n = int(getattr(import_module(f"segment.loader.decoders.{module}"), function)(stream))
        if n > MAX_PAGES:
            raise SettingsError(f"page (--page): all of at most {MAX_PAGES} pages; got {n}. Give the number of one.")
        return max(n, 1)


def _load(name: str, open_: Callable[[], BinaryIO], options: ReadOptions) -> Image:
    """Open and decode a file."""
    with _describe_errors(name), open_() as stream:
        image = _decode(stream, options)
        if options.dpi:
            read_resolution = import_module("segment.loader.decoders.pixel_sizes").read_resolution
            image = replace(image, pixel_size=read_resolution(stream))
        return replace(image, file_name=Path(name).name)


@contextmanager
def _describe_errors(name: str) -> Iterator[None]:
    """Let one thread decode at a time, and turn every error into one that begins with the name of the file."""
    try:
        with _DECODER_LOCK, warnings.catch_warnings():
            # A decoder's warnings would be printed between the messages of this program.
            warnings.simplefilter("ignore")
            logging.getLogger("PIL").addHandler(_NULL_HANDLER)
            yield
    except (ImageError, DependencyError, SettingsError) as error:
        # Errors of other kinds, such as that of a truncated file, are made from other things than a message.
        kind = next(kind for kind in (ImageError, DependencyError, SettingsError) if isinstance(error, kind))
        raise kind(f"{printable_path(name)}: {error}") from error
    except SegmentError:
        raise
    except Exception as error:  # decoders raise a dozen kinds of exception on damaged files
        raise ImageError(
            f"{printable_path(name)}: the image is damaged, or no valid file of its kind. {_CURE}"
        ) from error


def _decode(stream: BinaryIO, options: ReadOptions) -> Image:
    """Decode a page of a file, and select its bands."""
    decoder = _choose_decoder(stream)
    if options.page != 1 and decoder.__name__ not in _COUNTERS:
        raise SettingsError(f"page (--page): only TIFF, GIF and WebP have pages; got {options.page}. Leave it out.")
    image = decoder(stream, options)
    # The decoder of TIFF decodes no others than the selected bands.
    return image if decoder.__name__ == "decode_tiff" else image.select_bands(options.bands)


class _BoundedReader(io.BufferedReader):
    """File that stops a decoder from searching gigabytes for a marker byte by byte."""

    small_reads = 0

    def read(self, size: int | None = -1, /) -> bytes:
        """Read as a file does; raise an ImageError after too many reads of a few bytes."""
        if size is not None and 0 < size <= 8:
            self.small_reads += 1
            if self.small_reads > MAX_SMALL_READS:
                raise ImageError(f"the image is damaged; no picture found in {self.tell()} bytes. {_CURE}")
        return super().read(size)


def _open(name: str) -> BinaryIO:
    """Open a regular file; refuse anything else, which could block or have no end."""
    try:
        status = os.stat(name)  # noqa: PTH116  a path may hold any bytes
        kind = next((words for is_kind, words in _KINDS if is_kind(status.st_mode)), "")
        if kind or not stat.S_ISREG(status.st_mode):
            cure = "Name its images, or give it to 'segment batch'." if stat.S_ISDIR(status.st_mode) else "Name a file."
            raise ImageError(f"an image is a regular file; got {kind or 'something else'}. {cure}")
        if status.st_size == 0:
            raise ImageError("the file is empty; 0 bytes. Fetch or export it again.")
        return _BoundedReader(io.FileIO(name))
    except (OSError, ValueError) as error:
        # A path has one slash where an address has two.
        if re.match(r"(https?|ftp|s3|gs|file):/", name):
            raise ImageError("an image is a file of this machine; got an address. Download it first.") from error
        reason = describe_os_error(error)
        raise ImageError(f"the file cannot be opened; {reason}. Check the path and its permissions.") from error


def _copy_stream(stream: BinaryIO, copy: BinaryIO, limit: int) -> BinaryIO:
    """Copy what comes through a pipe to a file, because decoders move back and forth, and return that file."""
    size = 0
    while part := stream.read(_PIPE_CHUNK_BYTES):
        if not isinstance(part, bytes):
            raise ImageError(f"an image is bytes; got {type(part).__name__}. Open the file in the mode 'rb'.")
        try:
            copy.write(part)
            copy.flush()
        except OSError as error:
            raise ImageError(
                f"what comes through the pipe cannot be kept in the temporary folder; {describe_os_error(error)}. Make "
                "room there, or name another folder in TMPDIR."
            ) from error
        # Refuse what is no image before the rest of it has come: there may be no end.
        if size == 0:
            copy.seek(0)
            _choose_decoder(copy)
            copy.seek(0, os.SEEK_END)
        size += len(part)
        if size > limit:
            raise ImageError(f"an image of as many pixels has at most {limit} bytes; got more. Raise --max-pixels.")
    if size == 0:
        raise ImageError("there is no image; 0 bytes came. Pipe an image file into it.")
    copy.seek(0)
    return _BoundedReader(io.FileIO(copy.fileno(), closefd=False))


def _choose_decoder(stream: BinaryIO) -> Decoder:
    """Import the decoder for the content of a file."""
    kind = identify_stream(stream)
    if kind is None:
        name, remedy = describe_content(stream)
        raise ImageError(f"an image is {READABLE_FORMATS}; got {name}. {remedy}")
    if not kind.is_readable:
        error = DependencyError if kind.decoder[0] else ImageError
        raise error(f"{kind.obstacle}. {kind.remedy}")
    module, function = kind.decoder
    decoder: Decoder = getattr(import_module(f"segment.loader.decoders.{module}"), function)
    return decoder
