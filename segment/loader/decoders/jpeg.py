"""Check a JPEG before and while Pillow decodes it: sizes and counts that would take for ever, and missing parts.

libjpeg fills what is missing of a picture with gray and only warns, which Pillow does not pass on. Here the end marker
of a file with one scan is hidden from it: then it cannot fill anything, and the last row shows whether it came so far.
Of several scans the first is decoded again with noise behind it, which a whole scan does not show.
"""

from __future__ import annotations

import io
import os
import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

from segment.core.errors import ImageError
from segment.loader.decoders.checks import TruncatedError, check_size
from segment.loader.decoders.picture_size import FRAME_MARKERS

if TYPE_CHECKING:
    from PIL.Image import Image as PillowImage

__all__ = [
    "JpegLayout",
    "check_jpeg",
    "copy_first_scan",
    "fills_first_scan",
    "fills_picture",
    "hide_end",
    "read_layout",
]

# No encoder writes as many: a scan costs the decoder a pass over the whole image, however empty it is.
MAX_SCANS = 256
MAX_HEADER_BYTES = 2**25  # of all segments before the first scan, such as Exif and color profiles
# Limits of what takes Pillow long: it joins segments with Exif one by one, and reads bytes between segments singly.
MAX_SEGMENTS, MAX_EXIF_BYTES, MAX_FILL_BYTES = 8192, 2**20, 2**16
MAX_FILE_BYTES = 2**30
_CHUNK_BYTES = 2**20
# In coded data FF is followed by 00, or where restarts are announced, by their markers, which have data between them
# unless the code is arithmetic: it may need no bits. Anywhere else libjpeg takes such a marker for the end of the data,
# and fills what is missing.
_MARKER = re.compile(rb"\xff[^\0\xff]")
_MARKER_BUT_RESTARTS = re.compile(rb"\xff[^\0\xff\xd0-\xd7]")
_MARKER_OR_GAP = re.compile(rb"\xff([^\0\xff\xd0-\xd7]|[\xd0-\xd7]\xff[\xd0-\xd7])")
_RESTARTS = range(0xD0, 0xD8)
_PROGRESSIVE = {0xC2, 0xC6, 0xCA, 0xCE}
_ARITHMETIC = set(range(0xC8, 0xD0))
_END, _SCAN, _EXIF, _INTERVAL, _QUANTIZATION = 0xD9, 0xDA, 0xE1, 0xDD, 0xDB
# Markers of segments before the first scan, and of those that hold no more than metadata.
_JPEG_LS = 0xF7  # the frame of another format
_SEGMENTS = {*range(0xC0, 0xD0), *range(0xDB, 0xFF)}
_METADATA = {*range(0xE1, 0xEE), 0xEF, 0xFE}
_HOLE_BYTES = 512  # zeros in a row that only an even area has in coded data
# Content of the last row before it is decoded.
_ROW_SEED = 20_260_101


@dataclass(frozen=True)
class JpegLayout:
    """What the markers of a JPEG say.

    Attributes
    ----------
    frame : int
        The marker of its frame, which tells the process; 0 for none.
    width, height : int, pixels
    n_blocks : int
        Blocks of 8 x 8 values of its first component, which has the most.
    n_scans : int
    is_covered : bool
        Whether the scans have all coefficients of all components to the last bit.
    first_scan, first_scan_end : int
        Where the coded data of the first scan begin, and the marker behind them; 0 without one.
    end : int
        Where the end marker begins; -1 without one.
    """

    frame: int
    width: int
    height: int
    n_blocks: int
    n_scans: int
    is_covered: bool
    first_scan: int
    first_scan_end: int
    end: int


def read_layout(stream: BinaryIO) -> JpegLayout | None:
    """Read the markers of the first picture of a JPEG.

    Parameters
    ----------
    stream : binary file

    Returns
    -------
    JpegLayout or None
        None for a file that is damaged so that its markers cannot be followed.

    Raises
    ------
    ImageError
        If there are more scans, segments, Exif data or bytes before the first scan than any encoder writes.
    TruncatedError
        If an interval between two restarts has no data, in a code that needs some.
    """
    stream.seek(2)
    frame, size, n_scans, first_scan, first_scan_end, end = 0, b"", 0, 0, 0, -1
    # The bits that each component lacks of each coefficient; 14 for one that no scan has.
    missing: dict[int, list[int]] = {}
    limit, n_segments, n_exif, n_fill = MAX_HEADER_BYTES, 0, 0, 0
    after, pattern = 2, _MARKER
    while (marker := _find_marker(stream, limit, pattern)) is not None:
        first_scan_end = first_scan_end or (n_scans and stream.tell() - 2)
        if marker == _END:
            end = stream.tell() - 2
            break
        if marker in _RESTARTS and n_scans:
            raise TruncatedError("a part of it is missing")
        n_fill += 0 if n_scans else stream.tell() - 2 - after
        length = int.from_bytes(stream.read(2), "big") - 2
        after = stream.tell() + length
        is_exif = marker == _EXIF and stream.read(min(6, max(length, 0))).startswith(b"Exif")
        has_body = length > 0 and (marker in FRAME_MARKERS or marker in (_SCAN, _INTERVAL))
        body = stream.read(length) if has_body else b""
        if length < 0:
            return None
        if not body:
            stream.seek(after)
        n_segments, n_exif = n_segments + 1, n_exif + length * is_exif
        _check_segments(n_segments, n_exif, n_fill)
        _check_kind(marker, body)
        if marker in FRAME_MARKERS and not frame and len(body) >= 6:
            frame, size = marker, body
            limit += _compute_max_bytes(*_read_size(body))
            missing = {number: [14] * 64 for number in body[6::3][: body[5]]}
        elif marker == _INTERVAL:
            with_restarts = _MARKER_BUT_RESTARTS if frame in _ARITHMETIC else _MARKER_OR_GAP
            pattern = with_restarts if any(body) else _MARKER
        elif marker == _SCAN and body:
            n_scans, first_scan = n_scans + 1, first_scan or stream.tell()
            _count_coefficients(missing, body)
        if n_scans == 0 and stream.tell() > MAX_HEADER_BYTES:
            raise ImageError(
                f"a JPEG has at most {MAX_HEADER_BYTES} bytes before its pixels; got more. Export it again."
            )
        if n_scans > MAX_SCANS:
            raise ImageError(f"a JPEG has at most {MAX_SCANS} scans; got more. Export it again.")
    if not n_scans:
        _check_segments(n_segments, n_exif, stream.tell() - after)
    if not frame or not n_scans:
        return None
    width, height = _read_size(size)
    is_covered = not any(map(any, missing.values())) if n_scans > 1 or frame in _PROGRESSIVE else True
    n_blocks = -(-width // 8) * -(-height // 8)
    return JpegLayout(frame, width, height, n_blocks, n_scans, is_covered, first_scan, first_scan_end, end)


def _check_kind(marker: int, body: bytes) -> None:
    """Refuse a frame that no decoder here takes."""
    if marker == _JPEG_LS:
        raise ImageError("a JPEG of another kind, JPEG-LS, is not read. Save it as PNG or TIFF.")
    if marker in FRAME_MARKERS and body and body[0] != 8:
        raise ImageError(f"a JPEG has 8 bits; got {body[0]}. Save it as PNG or TIFF, which keep them.")


def _check_segments(n_segments: int, n_exif: int, n_fill: int) -> None:
    """Refuse more segments, or bytes of Exif or between segments, than any encoder writes."""
    for what, most, got in (
        ("segments", MAX_SEGMENTS, n_segments),
        ("bytes of Exif", MAX_EXIF_BYTES, n_exif),
        ("bytes between segments", MAX_FILL_BYTES, n_fill),
    ):
        if got > most:
            raise ImageError(f"a JPEG has at most {most} {what}; got more. Export it again.")


def _read_size(frame: bytes) -> tuple[int, int]:
    """Read width and height from the header of a frame."""
    return int.from_bytes(frame[3:5], "big"), int.from_bytes(frame[1:3], "big")


def _compute_max_bytes(width: int, height: int) -> int:
    """Compute how many bytes of coded data are read at most: twice as many as four 16-bit channels have."""
    return 16 * width * height + 2**20


def _find_marker(stream: BinaryIO, limit: int, pattern: re.Pattern[bytes]) -> int | None:
    """Find the next marker before a place, and leave the stream behind it; None if there is none."""
    begin = stream.tell()
    while begin < limit and (chunk := stream.read(_CHUNK_BYTES)):
        if found := pattern.search(chunk):
            stream.seek(begin + found.end())
            return chunk[found.end() - 1]
        # A marker may lie across the border of two chunks.
        begin += len(chunk) - (chunk[-1] == 0xFF and len(chunk) > 1)
        stream.seek(begin)
    return None


def _count_coefficients(missing: dict[int, list[int]], body: bytes) -> None:
    """Note which bits of which coefficients the header of a scan announces."""
    n = body[0] if body else 0
    if len(body) < 2 * n + 4:
        return
    first, last, bits = body[2 * n + 1], min(body[2 * n + 2], 63), body[2 * n + 3] & 15
    for number in body[1 : 2 * n : 2]:
        if number in missing:
            missing[number][first : last + 1] = [bits] * (last + 1 - first)


def check_jpeg(layout: JpegLayout, file_bytes: int, max_pixels: int) -> None:
    """Refuse a JPEG that cannot hold the picture that it claims.

    Parameters
    ----------
    layout : JpegLayout
    file_bytes : int
        Size of the file.
    max_pixels : int
        As in :func:`segment.loader.loader.load_image`.

    Raises
    ------
    ImageError
        If it is too large.
    TruncatedError
        If there are fewer bits than blocks, or scans are missing.
    """
    check_size(layout.width, max(layout.height, 1), max_pixels)
    if layout.frame not in _ARITHMETIC and 8 * file_bytes < layout.n_blocks:
        raise TruncatedError(f"{layout.width} x {layout.height} pixels are more than {file_bytes} bytes can hold")
    if layout.end >= 0 and not layout.is_covered:
        raise TruncatedError("some scans of the picture are missing")


def hide_end(stream: BinaryIO, layout: JpegLayout) -> list[BinaryIO]:
    """Copy a JPEG of one scan without its end marker.

    Parameters
    ----------
    stream : binary file
    layout : JpegLayout

    Returns
    -------
    list of binary file
        The copy. Where a part of the coded data is zeros, which may stand for data that were lost, a shorter copy too,
        which fills the picture only if the data do not belong to it. Nothing for a file of several scans, of which
        libjpeg decodes nothing before it has seen the end, one that is a pixel wide, or without an end marker.
    """
    size = stream.seek(0, os.SEEK_END)
    if layout.n_scans != 1 or layout.frame in _PROGRESSIVE or size > MAX_FILE_BYTES:
        return []
    if layout.width == 1:  # the only pixel of a row may look like the mark
        return []
    stream.seek(0)
    most = layout.first_scan + _compute_max_bytes(layout.width, layout.height)
    data = stream.read(layout.end if layout.end >= 0 else most)
    has_hole = bytes(_HOLE_BYTES) in data[layout.first_scan :]
    if layout.end < 0 and not has_hole:
        return []
    # The decoder looks some bytes ahead.
    copies: list[BinaryIO] = [io.BytesIO(data + bytes(16))]
    return [*copies, io.BytesIO(data[: -_HOLE_BYTES // 2])] if has_hole else copies


def copy_first_scan(stream: BinaryIO, layout: JpegLayout) -> bytes:
    """Copy a JPEG as far as the end of its first scan, where more scans follow.

    Parameters
    ----------
    stream : binary file
    layout : JpegLayout

    Returns
    -------
    bytes
        Empty for a file of one scan, and for arithmetic code, which may leave out its last bits.
    """
    if layout.n_scans < 2 or not layout.first_scan_end or layout.frame in _ARITHMETIC:
        return b""
    stream.seek(0)
    return stream.read(layout.first_scan_end).rstrip(b"\xff")  # bytes that fill up to the marker


def fills_first_scan(data: bytes, layout: JpegLayout, plugin: Callable[[BinaryIO], Any]) -> bool:
    """Say whether the first scan of a JPEG has data for all of its picture.

    Parameters
    ----------
    data : bytes
        What :func:`copy_first_scan` returned, and not empty.
    layout : JpegLayout
    plugin : callable
        What makes a picture of Pillow from a stream.
    """
    # Behind a whole scan the decoder passes over anything up to the next marker, and over markers of restarts; where
    # it still lacks blocks, it takes them from there. It takes nothing behind a restart with another number than the
    # next one.
    noise = random.Random(_ROW_SEED).randbytes(9 * 64).replace(b"\xff", b"")
    n = sum(data.count(bytes((0xFF, marker)), layout.first_scan) for marker in _RESTARTS)
    tail = b"".join(noise[64 * i : 64 * (i + 1)] + bytes((0xFF, _RESTARTS[(n + i) % 8])) for i in range(8))
    data, decoded = _simplify_header(data), []
    for end in (b"", tail):
        picture = plugin(io.BytesIO(data + end + b"\xff\xd9"))
        # One value for a block. The colors count: those of the last blocks come at the end, or in a scan of their own.
        picture.draft(None, (max(picture.width // 8, 1), max(picture.height // 8, 1)))
        picture.load()
        decoded.append(picture.tobytes())
    return bool(decoded[0] == decoded[1])


def _simplify_header(data: bytes) -> bytes:
    """Leave out of a JPEG what makes decoding the means of its blocks slow, and changes none of them.

    Megabytes of metadata before the first scan take Pillow longer than the scan. And libjpeg guesses from the blocks
    around what later scans will tell of a block, which takes longer than all else: it does not where that is zero.
    """
    parts, at = [data[:2]], 2
    while data[at : at + 1] == b"\xff" and data[at + 1] in _SEGMENTS:
        after = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if data[at + 1] not in _METADATA:
            segment = data[at:after]
            parts.append(segment[:4] + _keep_means(segment[4:]) if data[at + 1] == _QUANTIZATION else segment)
        at = after
    return b"".join([*parts, data[at:]])


def _keep_means(tables: bytes) -> bytes:
    """Set the factors of all coefficients but the mean in quantization tables to zero."""
    kept, at = bytearray(len(tables)), 0
    while at < len(tables):
        n_bytes = 1 + (tables[at] >> 4)  # of a factor; the first byte also numbers the table
        kept[at : at + 1 + n_bytes] = tables[at : at + 1 + n_bytes]
        at += 1 + 64 * n_bytes
    return bytes(kept)


def fills_picture(picture: Any) -> bool:
    """Decode a picture over a row of noise, as far as its file goes, and say whether its data reach the last row.

    Parameters
    ----------
    picture : PIL.ImageFile.ImageFile
        A PNG, or a JPEG without its end marker. It is open and not decoded.
    """
    prepare, noise = picture.load_prepare, _make_row(picture)

    def prepare_marked() -> None:
        # The picture would hold itself, and its memory would not be free with its last user.
        del picture.load_prepare
        prepare()
        picture.im.paste(noise.im, _find_last_row(picture))

    picture.load_prepare = prepare_marked
    # Pillow would add the end marker.
    picture._ended = True
    picture.load()
    return bool(picture.crop(_find_last_row(picture)).tobytes() != noise.tobytes())


def _find_last_row(picture: PillowImage) -> tuple[int, int, int, int]:
    """Return the box of the row that is decoded last: in an interlaced PNG, the last of every second row."""
    skipped = picture.height % 2 if picture.info.get("interlace") else 0
    bottom = max(picture.height - skipped, 1)
    return 0, bottom - 1, picture.width, bottom


def _make_row(picture: PillowImage) -> PillowImage:
    """Make a row of noise, the same each time."""
    from PIL import Image

    size = picture.width, 1
    n = len(Image.new(picture.mode, size).tobytes())
    return Image.frombytes(picture.mode, size, random.Random(_ROW_SEED).randbytes(n))
