"""Decode JPEG XL with imagecodecs; the header (ISO/IEC 18181-1) is read here, before anything is decoded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO

from segment.core.errors import ImageError
from segment.core.image import Image
from segment.loader.decoders.checks import check_size, describe_other_frames, read_all_bytes
from segment.loader.decoders.color_profile import convert_to_srgb
from segment.loader.decoders.declared_colors import UNCONVERTED_NOTE, is_srgb, make_declared_profile
from segment.loader.decoders.isobmff import get_size, iterate_boxes, require_complete
from segment.loader.read_options import ReadOptions

__all__ = ["Header", "decode_jpeg_xl", "read_header"]

# Bytes that hold the header of any picture; names of extra channels could make it longer.
HEADER_BYTES = 4096
_CODESTREAM = b"\xff\n"

# How the header writes numbers: two bits choose among four ways, each a first value and a number of further bits.
_Ways = tuple[tuple[int, int], tuple[int, int], tuple[int, int], tuple[int, int]]
_SIDE: _Ways = ((1, 9), (1, 13), (1, 18), (1, 30))
_ENUM: _Ways = ((0, 0), (1, 0), (2, 4), (18, 6))
_INTEGER_BITS: _Ways = ((8, 0), (10, 0), (12, 0), (1, 6))
_FLOAT_BITS: _Ways = ((32, 0), (16, 0), (24, 0), (1, 6))
_CHANNELS: _Ways = ((0, 0), (1, 0), (2, 4), (1, 12))
_SHIFT: _Ways = ((0, 0), (3, 0), (4, 0), (1, 3))
_NAME: _Ways = ((0, 0), (0, 4), (16, 5), (48, 10))
_RATE_NUMERATOR: _Ways = ((100, 0), (1000, 0), (1, 10), (1, 30))
_RATE_DENOMINATOR: _Ways = ((1, 0), (1001, 0), (1, 8), (1, 10))
_LOOPS: _Ways = ((0, 0), (0, 3), (0, 16), (0, 32))
_CFA: _Ways = ((1, 0), (0, 2), (3, 4), (19, 8))
_PREVIEW_EIGHTHS: _Ways = ((16, 0), (32, 0), (1, 5), (33, 9))
_PREVIEW_SIDE: _Ways = ((1, 6), (65, 8), (321, 10), (1345, 12))
# Width divided by height where the header gives the height alone.
_RATIOS = {1: (1, 1), 2: (6, 5), 3: (4, 3), 4: (3, 2), 5: (16, 9), 6: (5, 4), 7: (2, 1)}
# Types of extra channels.
_ALPHA, _SPOT, _BLACK, _CFA_CHANNEL = 0, 2, 4, 5
# Codes of color spaces, white points, primaries and transfer functions.
_GRAY, _XYB, _CUSTOM, _SRGB_WHITE = 1, 2, 2, 1
# Primaries of P3, which with the white of sRGB have another code in ITU-T H.273.
_P3, _DISPLAY_P3 = 11, 12
SRGB = (1, 13)


@dataclass(frozen=True)
class Header:
    """What a JPEG XL file says about its pictures.

    Attributes
    ----------
    width, height : int, pixels
        Size.
    bits : int
        Bits of a channel.
    is_animated : bool
        Whether there may be several frames.
    has_alpha, has_black : bool
        Whether there is a channel of opacity, and whether the pixels are inks.
    colors : tuple of (int, int)
        Codes of ITU-T H.273 for the primaries and the transfer function of the pixels; zeros where these have a color
        profile or are declared in another way.
    """

    width: int
    height: int
    bits: int = 8
    is_animated: bool = False
    has_alpha: bool = False
    has_black: bool = False
    colors: tuple[int, int] = SRGB


class _Bits:
    """Reader of bits, the lowest of a byte first."""

    def __init__(self, data: bytes) -> None:
        self._number, self._left = int.from_bytes(data, "little"), 8 * len(data)

    def read(self, n: int) -> int:
        """Read a number of `n` bits."""
        self._left -= n
        if self._left < 0:
            raise EOFError
        value = self._number & ((1 << n) - 1)
        self._number >>= n
        return value

    def read_number(self, ways: _Ways) -> int:
        """Read a number written in one of four ways."""
        first, n = ways[self.read(2)]
        return first + self.read(n)


def decode_jpeg_xl(stream: BinaryIO, options: ReadOptions) -> Image:
    """Decode the first picture of a JPEG XL; see :data:`segment.loader.loader.Decoder`. A truncated file is refused."""
    stream.seek(0)
    if stream.read(2) != _CODESTREAM:
        require_complete(stream, "JPEG XL")
    header = read_header(stream)
    check_size(header.width, header.height, options.max_pixels)
    if header.has_black:
        raise ImageError("JPEG XL colors are gray or RGB; got CMYK. Save it as RGB.")
    import imagecodecs

    if not imagecodecs.JPEGXL.available:
        raise ImageError("JPEG XL is not among the formats of this imagecodecs. Install it with pip, or save as PNG.")
    data = read_all_bytes(stream, "JPEG XL")
    try:
        array = imagecodecs.jpegxl_decode(data, index=0)
    except RuntimeError as error:
        if "NEED_MORE_INPUT" not in str(error):
            raise
        raise ImageError("the JPEG XL file is truncated; the picture is incomplete. Fetch it again.") from error
    # Frames, or the planes of gray with channels that are no alpha, come one after the other.
    if array.ndim > 3 or (array.ndim == 3 and array.shape[2] > 4):
        array = array[0]
    # 16 bits say how wide the numbers are, not how bright white is, as in a PNG.
    white = float(2**header.bits - 1) if array.dtype.kind == "u" and header.bits < 16 else None
    notes = describe_other_frames(2, at_least=True) if header.is_animated else ()
    profile = None if is_srgb(*header.colors) else make_declared_profile(*header.colors)
    if profile is None and not is_srgb(*header.colors) and not options.keep_profile:
        notes += (UNCONVERTED_NOTE.format(""),)
    colors = convert_to_srgb(array, profile, keep_profile=options.keep_profile, white=white)
    return Image.from_array(
        colors.array, white=colors.white, notes=notes + colors.notes, alpha=header.has_alpha or None
    )


def read_header(stream: BinaryIO) -> Header:
    r"""Read the header of a JPEG XL file.

    Parameters
    ----------
    stream : binary file
        A codestream, or a file of boxes with one.

    Raises
    ------
    ImageError
        If there is none, or it is damaged.

    Examples
    --------
    >>> from io import BytesIO
    >>> read_header(BytesIO(b"\xff\x0a\xff\x03" + bytes(4)))
    Header(width=512, height=256, bits=8, is_animated=False, has_alpha=False, has_black=False, colors=(1, 13))
    """
    data = _read_codestream_head(stream)
    if not data.startswith(_CODESTREAM):
        raise ImageError("the JPEG XL file is damaged; it holds no picture. Fetch or export it again.")
    try:
        return _parse_header(_Bits(data[2:]))
    except EOFError as error:
        raise ImageError("the JPEG XL file is damaged or truncated; its header ends early. Fetch it again.") from error


def _read_codestream_head(stream: BinaryIO) -> bytes:
    """Read the first bytes of the codestream, which may lie in one box or in several parts."""
    stream.seek(0)
    data = stream.read(HEADER_BYTES)
    if data.startswith(_CODESTREAM):
        return data
    data = b""
    for box in iterate_boxes(stream, 0, get_size(stream)):
        if box.kind in (b"jxlc", b"jxlp"):
            # Each part begins with its number.
            begin = box.begin + (4 if box.kind == b"jxlp" else 0)
            stream.seek(begin)
            data += stream.read(max(min(box.end - begin, HEADER_BYTES - len(data)), 0))
        if len(data) >= HEADER_BYTES:
            break
    return data


def _parse_header(bits: _Bits) -> Header:
    """Parse the size and the metadata of the picture (ISO/IEC 18181-1, annex D)."""
    width, height = _parse_size(bits, _SIDE)
    if bits.read(1):  # everything else has its default
        return Header(width, height)
    is_animated = False
    if bits.read(1):  # extra fields
        bits.read(3)  # the orientation, which the decoder applies
        if bits.read(1):  # the size at which it is to be shown
            _parse_size(bits, _SIDE)
        if bits.read(1):
            _parse_size(bits, _PREVIEW_SIDE, eighths=_PREVIEW_EIGHTHS)
        is_animated = bool(bits.read(1))
        if is_animated:
            for ways in (_RATE_NUMERATOR, _RATE_DENOMINATOR, _LOOPS):
                bits.read_number(ways)
            bits.read(1)
    depth = _parse_depth(bits)
    bits.read(1)  # whether 16 bits are enough to decode it
    kinds = [_parse_extra_channel(bits) for _ in range(bits.read_number(_CHANNELS))]
    bits.read(1)  # whether the colors are stored as XYB: they are decoded to those that are declared
    colors = _parse_colors(bits)
    return Header(width, height, depth, is_animated, _ALPHA in kinds, _BLACK in kinds, colors)


def _parse_size(bits: _Bits, ways: _Ways, *, eighths: _Ways | None = None) -> tuple[int, int]:
    """Parse width and height, which may be given divided by 8, and the width by its ratio to the height."""
    is_divided = bits.read(1)

    def read_side() -> int:
        if not is_divided:
            return bits.read_number(ways)
        return 8 * (bits.read_number(eighths) if eighths else 1 + bits.read(5))

    height = read_side()
    ratio = bits.read(3)
    if ratio == 0:
        return read_side(), height
    numerator, denominator = _RATIOS[ratio]
    return height * numerator // denominator, height


def _parse_depth(bits: _Bits) -> int:
    """Parse the number of bits of a channel."""
    if not bits.read(1):
        return bits.read_number(_INTEGER_BITS)
    n = bits.read_number(_FLOAT_BITS)
    bits.read(4)  # the bits of the exponent
    return n


def _parse_extra_channel(bits: _Bits) -> int:
    """Parse the description of a channel besides the colors; return its type."""
    if bits.read(1):  # alpha of 8 bits
        return _ALPHA
    kind = bits.read_number(_ENUM)
    _parse_depth(bits)
    bits.read_number(_SHIFT)
    bits.read(8 * bits.read_number(_NAME))
    if kind == _ALPHA:
        bits.read(1)  # whether the colors are multiplied with it
    elif kind == _SPOT:
        bits.read(4 * 16)
    elif kind == _CFA_CHANNEL:
        bits.read_number(_CFA)
    return kind


def _parse_colors(bits: _Bits) -> tuple[int, int]:
    """Parse the codes of the primaries and the transfer function, which are those of ITU-T H.273; zeros for others."""
    if bits.read(1):  # the default
        return SRGB
    if bits.read(1):  # a color profile follows, compressed
        return (0, 0)
    space = bits.read_number(_ENUM)
    if space == _XYB or bits.read_number(_ENUM) != _SRGB_WHITE:
        return (0, 0)
    primaries = 1 if space == _GRAY else bits.read_number(_ENUM)
    if primaries == _CUSTOM or bits.read(1):  # a power is given as a number
        return (0, 0)
    return _DISPLAY_P3 if primaries == _P3 else primaries, bits.read_number(_ENUM)
