"""Checks and notes that all decoders share: the pixel limit, truncated files, further frames, noise on stderr."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from segment.core.errors import ImageError, SettingsError

__all__ = [
    "TRUNCATED_NOTE",
    "ZERO_RUN",
    "PageNote",
    "TruncatedError",
    "check_canvas",
    "check_size",
    "check_tile_size",
    "check_zeros",
    "describe_other_frames",
    "describe_page",
    "read_all_bytes",
    "select_page",
    "silence_stderr",
]

# Tiles of this size are always allowed: a small image may lie in one tile that is larger than it.
TILE_PIXELS = 1 << 26

# A canvas of a GIF costs memory wherever no picture lies on it.
MAX_CANVAS_PIXELS, MAX_CANVAS_GROWTH = 1 << 24, 100

# Files that a decoder needs in memory are read up to this size: 268 megapixels fit into as many bytes.
MAX_FILE_BYTES = 1 << 30

# Zeros in a row that stand for damage. The longest run in flat, dotted and noisy pictures of 12 megapixels was 7.
ZERO_RUN = 128

TRUNCATED_NOTE = "the file is truncated: the missing part of the picture is blank"


class PageNote(str):
    """Note that says which of several pages was taken; it is left out where each of them is."""

    __slots__ = ()


class TruncatedError(ImageError):
    """The file ends before the picture does.

    Parameters
    ----------
    detail : str
        What is missing, in a few words.
    """

    def __init__(self, detail: str = "the picture is incomplete") -> None:
        super().__init__(
            f"the file is truncated; {detail}. Fetch it again, or allow truncated files (--allow-truncated)."
        )


def check_size(width: int, height: int, max_pixels: int) -> None:
    """Refuse an image without pixels, or with more pixels than allowed.

    Call it with the size from the header, before anything is decoded or allocated.

    Parameters
    ----------
    width, height : int, pixels
        Size of the image.
    max_pixels : int
        The largest product of both that is allowed.

    Raises
    ------
    ImageError
        If `width` or `height` is less than 1 or their product is more than `max_pixels`.

    Examples
    --------
    >>> check_size(1600, 1065, max_pixels=1_000_000)
    Traceback (most recent call last):
    segment.core.errors.ImageError: at most 1000000 pixels are read; got 1600 x 1065 = 1704000. Raise the limit ...
    """
    if width < 1 or height < 1:
        raise ImageError(f"an image has at least one pixel; got {width} x {height}. Export it again.")
    if width * height > max_pixels:
        raise ImageError(
            f"at most {max_pixels} pixels are read; got {width} x {height} = {width * height}. "
            "Raise the limit (--max-pixels) if you trust the file, or give a TIFF to 'segment raster'."
        )


def check_canvas(box: tuple[int, int, int, int], canvas: tuple[int, int]) -> None:
    """Refuse a huge canvas of a GIF with next to no picture on it.

    Parameters
    ----------
    box : tuple of int
        Left, top, right and bottom of the picture.
    canvas : tuple of (int, int), pixels
        Width and height.

    Raises
    ------
    ImageError
        If the canvas has more than `MAX_CANVAS_PIXELS` pixels, and `MAX_CANVAS_GROWTH` times those of the picture.
    """
    left, top, right, bottom = box
    width, height = canvas
    pixels = (right - left) * (bottom - top)
    if width * height > MAX_CANVAS_PIXELS and width * height > MAX_CANVAS_GROWTH * pixels:
        raise ImageError(
            f"a GIF of more than {MAX_CANVAS_PIXELS} pixels is filled by its picture; got {pixels} of "
            f"{width} x {height}. Export it again."
        )


def check_tile_size(pixels: int, max_pixels: int) -> None:
    """Refuse a TIFF whose header demands a giant tile: a decoder allocates whole tiles, however small the image.

    Parameters
    ----------
    pixels : int
        Width times height of a tile.
    max_pixels : int
        The limit for images. Tiles of up to `TILE_PIXELS` are allowed in any case.

    Raises
    ------
    ImageError
        If the tile is larger.
    """
    limit = max(max_pixels, TILE_PIXELS)
    if pixels > limit:
        raise ImageError(f"a TIFF tile holds at most {limit} pixels; got {pixels}. Export it again.")


def check_zeros(data: bytes, name: str) -> None:
    """Refuse a coded picture with a gap of zeros, as an interrupted copy leaves it.

    Parameters
    ----------
    data : bytes
        Of a code that has no long run of zeros: HEVC, AV1 or that of WebP.
    name : str
        The format, for the message.

    Raises
    ------
    ImageError
        If there are 128 zeros or more in a row.

    Examples
    --------
    >>> check_zeros(b"picture" + bytes(600), "WebP")
    Traceback (most recent call last):
    segment.core.errors.ImageError: the WebP file is damaged; zeros stand in place of a part of the picture. Fetch ...
    """
    if bytes(ZERO_RUN) in data:
        raise ImageError(f"the {name} file is damaged; zeros stand in place of a part of the picture. Fetch it again.")


def read_all_bytes(stream: BinaryIO, name: str) -> bytes:
    """Read a file for a decoder that needs all of it in memory.

    Parameters
    ----------
    stream : binary file
        Read from its beginning.
    name : str
        The format, for the message.

    Returns
    -------
    bytes
        All of it.

    Raises
    ------
    ImageError
        If it has more than `MAX_FILE_BYTES` bytes.
    """
    size = stream.seek(0, os.SEEK_END)
    if size > MAX_FILE_BYTES:
        raise ImageError(f"the {name} file has at most {MAX_FILE_BYTES} bytes; got {size}. Export it again, smaller.")
    stream.seek(0)
    return stream.read()


def describe_other_frames(frames: int, *, at_least: bool = False) -> tuple[str, ...]:
    """Write a note that only the first of several frames is used, for formats of which no other can be.

    Parameters
    ----------
    frames : int
        Number of frames in the file.
    at_least : bool
        Whether there may be more.

    Returns
    -------
    tuple of str
        The note, or nothing if there is one frame.

    Examples
    --------
    >>> describe_other_frames(3)
    ('only the first frame is used: the file holds 2 more',)
    >>> describe_other_frames(1)
    ()
    """
    others = frames - 1
    if others < 1:
        return ()
    bound = "at least " if at_least else ""
    return (f"only the first frame is used: the file holds {bound}{others} more",)


def select_page(page: int, n: int) -> int:
    """Check the number of a page.

    Parameters
    ----------
    page : int
        The number that was asked for, from 1.
    n : int
        How many there are.

    Returns
    -------
    int
        The same number.

    Raises
    ------
    SettingsError
        If there is no such page.
    """
    if not 1 <= page <= n:
        raise SettingsError(f"page (--page): a page of the file, 1 to {n}; got {page}.")
    return page


def describe_page(page: int, n: int, words: str = "", *, at_least: bool = False) -> tuple[str, ...]:
    """Write a note that one of several pages is used.

    Parameters
    ----------
    page, n : int
        Which, from 1, of how many.
    words : str
        What it is.
    at_least : bool
        Whether there may be more.

    Returns
    -------
    tuple of str
        The note, or nothing if there is one page.

    Examples
    --------
    >>> describe_page(2, 3, "depth 2 of 3")
    ('page 2 of 3 (depth 2 of 3) is used; --page takes another',)
    """
    if n < 2:
        return ()
    bound, what = "at least " if at_least else "", f" ({words})" if words else ""
    return (PageNote(f"page {page} of {bound}{n}{what} is used; --page takes another"),)


@contextmanager
def silence_stderr() -> Iterator[None]:
    """Discard what C libraries write to file descriptor 2 while a block lasts.

    libtiff and libpng report damage there, and neither Pillow nor imagecodecs can switch that off.
    """
    try:
        saved = os.dup(2)
    except OSError:  # there is no descriptor 2, so nothing can be written to it
        yield
        return
    try:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 2)
        os.close(null)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
