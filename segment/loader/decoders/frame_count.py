"""Count the frames of a GIF or list the pages of a TIFF by walking through its blocks, without decoding any.

Pillow counts GIF frames byte by byte and has to build every TIFF page; a crafted or huge file makes that slow.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO

from segment.core.errors import ImageError
from segment.loader.tiff_directories import read_tiff_header

__all__ = ["MAX_FRAMES", "TiffPage", "count_gif_frames", "count_webp_frames", "iterate_webp_chunks", "list_tiff_pages"]

# Frames are counted up to here.
MAX_FRAMES = 10_000

# GIF blocks and WebP chunks that are visited: reading as many takes a quarter of a second.
MAX_BLOCKS = 500_000

# Numbers of TIFF tags, of which only the first entries of a page are read, and format codes of the types of numbers.
_SUBFILE_TYPE, _WIDTH, _HEIGHT, _DESCRIPTION, _RESOLUTIONS = 254, 256, 257, 270, (282, 283)
_FIRST_ENTRIES = 24
_NUMBER_CODES = {3: "H", 4: "I", 16: "Q"}
_RATIONAL = 5
_DESCRIPTION_BYTES = 2**17


def count_gif_frames(stream: BinaryIO) -> int:
    """Count the pictures of a GIF.

    Parameters
    ----------
    stream : binary file
        Read from its beginning.

    Returns
    -------
    int
        Their number up to `MAX_FRAMES`, or up to the first block that is damaged.

    Raises
    ------
    ImageError
        If there are more than `MAX_BLOCKS` blocks before the first picture.
    """
    stream.seek(0)
    # Signature (6 bytes), canvas size (4), flags, background color, aspect ratio; then an optional color table.
    head = stream.read(13)
    if len(head) < 13:
        return 0
    _skip_color_table(stream, head[10])
    frames = blocks = 0
    while frames < MAX_FRAMES and blocks < MAX_BLOCKS:
        introducer = stream.read(1)
        if introducer == b"!":  # an extension: one byte for its kind
            stream.seek(1, 1)
        elif introducer == b",":  # a picture: position, size and flags; a color table; one byte for the code size
            descriptor = stream.read(9)
            if len(descriptor) < 9:
                break
            _skip_color_table(stream, descriptor[8])
            stream.seek(1, 1)
            frames += 1
        else:
            break
        # Data follow in blocks that begin with their length; a length of 0 ends them.
        while blocks < MAX_BLOCKS and (size := stream.read(1)) not in (b"", b"\0"):
            stream.seek(size[0], 1)
            blocks += 1
        blocks += 1
    if frames == 0 and blocks >= MAX_BLOCKS:
        raise ImageError(
            f"a GIF file has at most {MAX_BLOCKS:,} blocks before its first picture; got more. Export it again."
        )
    return frames


def count_webp_frames(stream: BinaryIO) -> int:
    """Count the pictures of a WebP by the chunks of its animation.

    Parameters
    ----------
    stream : binary file
        Read from its beginning.

    Returns
    -------
    int
        1 for a still picture.
    """
    return max(sum(kind == b"ANMF" for kind, *_ in iterate_webp_chunks(stream)), 1)


def iterate_webp_chunks(stream: BinaryIO) -> Iterator[tuple[bytes, int, int]]:
    """Yield the chunks of a WebP.

    Parameters
    ----------
    stream : binary file
        Read from its beginning.

    Yields
    ------
    tuple of (bytes, int, int)
        The kind, four letters; the first byte of its content, and the first behind it.

    Raises
    ------
    ImageError
        If there are more than `MAX_BLOCKS`.
    """
    size = stream.seek(0, 2)
    begin, chunks = 12, 0
    while begin + 8 <= size:
        if chunks >= MAX_BLOCKS:
            raise ImageError(f"a WebP file has at most {MAX_BLOCKS:,} chunks; got more. Export it again.")
        stream.seek(begin)
        head = stream.read(8)
        length = int.from_bytes(head[4:], "little")
        yield head[:4], begin + 8, begin + 8 + length
        # Chunks have an even number of bytes.
        begin += 8 + (length + 1) // 2 * 2
        chunks += 1


def _skip_color_table(stream: BinaryIO, flags: int) -> None:
    """Skip the color table of a GIF if the flags say that there is one."""
    if flags & 0x80:
        stream.seek(3 << ((flags & 7) + 1), 1)


@dataclass(frozen=True)
class TiffPage:
    """What the first tags of a TIFF page say.

    Attributes
    ----------
    index : int
        Its number in the file, from 0.
    kind : int
        The tag NewSubfileType: bit 0 for a reduced copy, such as an overview, bit 2 for a mask.
    size : tuple of (int, int)
        Width and height in pixels.
    description : bytes
        The beginning of its description.
    resolution : tuple of (float, float)
        Pixels for each unit along rows and columns; 0 where it is not said. That of the first page alone is read.
    offset : int
        Where the page begins in the file.
    """

    index: int
    kind: int
    size: tuple[int, int]
    description: bytes
    resolution: tuple[float, float] = (0.0, 0.0)
    offset: int = 0

    @property
    def is_image(self) -> bool:
        """Whether it is neither a reduced copy nor a mask."""
        return not self.kind & 5

    @property
    def is_mask(self) -> bool:
        """Whether it is the mask of an image in full size."""
        return self.kind & 5 == 4


def list_tiff_pages(stream: BinaryIO) -> list[TiffPage]:
    r"""List the pages of a TIFF or BigTIFF.

    Parameters
    ----------
    stream : binary file
        Read from its beginning.

    Returns
    -------
    list of TiffPage
        Up to `MAX_FRAMES`, or up to where the chain of pages breaks or returns to an earlier page.

    Examples
    --------
    >>> from io import BytesIO
    >>> page = b"\0\0" + bytes(4)  # without entries, and without a next page
    >>> list_tiff_pages(BytesIO(b"II*\0" + (8).to_bytes(4, "little") + page))
    [TiffPage(index=0, kind=0, size=(0, 0), description=b'', resolution=(0.0, 0.0), offset=8)]
    """
    order, is_big, offset = read_tiff_header(stream)
    # A page is the number of its entries, the entries, and the offset of the next page.
    count_code, link_code, entry_bytes = ("Q", "Q", 20) if is_big else ("H", "I", 12)
    pages: list[TiffPage] = []
    visited: set[int] = set()
    try:
        while offset and offset not in visited and len(visited) < MAX_FRAMES:
            stream.seek(offset)
            (entries,) = struct.unpack(order + count_code, stream.read(struct.calcsize(count_code)))
            begin = stream.tell()
            # Entries are in the order of their numbers: those that are wanted come first.
            table = stream.read(min(entries, _FIRST_ENTRIES) * entry_bytes)
            stream.seek(begin + entries * entry_bytes)
            link = stream.read(struct.calcsize(link_code))
            visited.add(offset)
            pages.append(replace(_describe_page(stream, len(pages), table, order, is_big=is_big), offset=offset))
            (offset,) = struct.unpack(order + link_code, link)
    except (struct.error, OverflowError, OSError, ValueError):
        pass  # the pages before the break are the answer
    return pages


def _describe_page(stream: BinaryIO, index: int, table: bytes, order: str, *, is_big: bool) -> TiffPage:
    """Describe a page by its first entries."""
    word, value_bytes = ("Q", 8) if is_big else ("I", 4)
    entry = struct.Struct(f"{order}HH{word}{value_bytes}s")
    numbers, description, resolution = {}, b"", {}
    for tag, kind, count, value in entry.iter_unpack(table[: len(table) // entry.size * entry.size]):
        if tag in (_SUBFILE_TYPE, _WIDTH, _HEIGHT) and kind in _NUMBER_CODES:
            numbers[tag] = struct.unpack_from(order + _NUMBER_CODES[kind], value)[0]
        # A description of more bytes than the entry has room for lies elsewhere.
        if tag == _DESCRIPTION and count > value_bytes and index == 0:
            stream.seek(struct.unpack(order + word, value)[0])
            description = stream.read(min(count, _DESCRIPTION_BYTES))
        if tag in _RESOLUTIONS and kind == _RATIONAL and index == 0:
            if not is_big:  # BigTIFF has room for the two numbers of a fraction in the entry
                stream.seek(struct.unpack(order + word, value)[0])
                value = stream.read(8)  # noqa: PLW2901
            numerator, denominator = struct.unpack(order + "II", value)
            resolution[tag] = numerator / max(1, denominator)
    return TiffPage(
        index,
        numbers.get(_SUBFILE_TYPE, 0),
        (numbers.get(_WIDTH, 0), numbers.get(_HEIGHT, 0)),
        description,
        (resolution.get(_RESOLUTIONS[0], 0.0), resolution.get(_RESOLUTIONS[1], 0.0)),
    )
