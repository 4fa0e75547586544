"""Read from the beginning of AV1 data how large their pictures are: the sequence header (AV1 specification, 5.5.1)."""

from __future__ import annotations

__all__ = ["MAX_HEADER_BYTES", "read_av1_size"]

MAX_HEADER_BYTES = 1024  # in which the sequence header lies; it comes first
_SEQUENCE_HEADER = 1


class _Bits:
    """Numbers in a row of bits."""

    def __init__(self, data: bytes) -> None:
        self._number, self._left = int.from_bytes(data, "big"), 8 * len(data)

    def read(self, n: int) -> int:
        """Read a number of `n` bits."""
        self._left -= n
        if self._left < 0:
            raise ValueError("the data end early")
        return self._number >> self._left & ((1 << n) - 1)


def read_av1_size(data: bytes) -> tuple[int, int] | None:
    r"""Read the size of the pictures of AV1 data.

    Parameters
    ----------
    data : bytes
        The first bytes of a coded picture.

    Returns
    -------
    tuple of int or None
        Width and height in pixels; None if there is no sequence header.

    Examples
    --------
    >>> read_av1_size(b"\x0a\x088\x10\xff\xfc\xa0@@\x12")
    (32, 16)
    """
    try:
        at = 0
        while at < len(data):
            # A unit begins with its type, whether there is a second byte, and whether its length follows.
            type_, has_extension, has_length = data[at] >> 3 & 15, data[at] & 4, data[at] & 2
            at += 2 if has_extension else 1
            length, shift = 0 if has_length else len(data) - at, 0
            while has_length:
                length |= (data[at] & 127) << shift
                has_length, at, shift = data[at] & 128, at + 1, shift + 7
            if type_ == _SEQUENCE_HEADER:
                return _parse_sequence_header(_Bits(data[at : at + length]))
            at += length
    except (IndexError, ValueError):  # the decoder says what is wrong
        return None
    return None


def _parse_sequence_header(bits: _Bits) -> tuple[int, int]:
    """Return width and height."""
    bits.read(4)  # profile, and whether it is a still picture
    if bits.read(1):  # a short header
        bits.read(5)
    else:
        _skip_operating_points(bits)
    n_width, n_height = bits.read(4) + 1, bits.read(4) + 1
    return bits.read(n_width) + 1, bits.read(n_height) + 1


def _skip_operating_points(bits: _Bits) -> None:
    """Skip what a header says of time and of layers."""
    delay_bits = 0
    if bits.read(1):  # timing
        bits.read(64)
        if bits.read(1):  # ticks of a picture: as many zeros as bits follow behind a one
            n = 0
            while not bits.read(1):
                n += 1
            bits.read(n)
        if bits.read(1):  # a model of the decoder
            delay_bits = bits.read(5) + 1
            bits.read(42)
    has_delays = bits.read(1)
    for _ in range(bits.read(5) + 1):
        bits.read(12)
        if bits.read(5) > 7:
            bits.read(1)  # tier
        if delay_bits and bits.read(1):
            bits.read(2 * delay_bits + 1)
        if has_delays and bits.read(1):
            bits.read(4)
