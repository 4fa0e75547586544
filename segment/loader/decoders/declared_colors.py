"""Color profiles (ICC) of colors that a file declares by numbers or words instead: P3, BT.2020 and Adobe RGB."""

from __future__ import annotations

import struct
from functools import lru_cache

__all__ = ["UNCONVERTED_NOTE", "describe_declared_colors", "is_srgb", "make_adobe_rgb_profile", "make_declared_profile"]

UNCONVERTED_NOTE = "the colors are not those of sRGB{} and are not converted: save it as PNG (sRGB) to have it done"

# Codes of ITU-T H.273 for sRGB's primaries and those that are not declared; and for the transfer functions of BT.709,
# of sRGB and of their kin.
_SRGB_PRIMARIES, _SRGB_TRANSFERS = {1, 2, 5, 6, 7}, {1, 2, 6, 13, 14, 15}
# Codes of transfer functions that are powers, and their exponents. Linear light (8) is left: such numbers are measured.
_POWERS = {4: 2.2, 5: 2.8}

# Names, and XYZ of red, green and blue relative to the white of profiles (D50, adapted as Bradford), by the code of the
# primaries. Each of their columns sums to that white.
_ADOBE_RGB = ("Adobe RGB (1998)", ((0.6097, 0.3111, 0.0195), (0.2053, 0.6257, 0.0609), (0.1492, 0.0632, 0.7445)))
_SRGB = ("sRGB", ((0.4361, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7139)))
_COLORANTS = {
    **dict.fromkeys(_SRGB_PRIMARIES, _SRGB),
    9: ("BT.2020", ((0.6735, 0.2790, -0.0019), (0.1657, 0.6753, 0.0300), (0.1251, 0.0456, 0.7968))),
    12: ("Display P3", ((0.5151, 0.2412, -0.0011), (0.2920, 0.6922, 0.0419), (0.1571, 0.0666, 0.7841))),
}
_WHITE = (0.9642, 1.0, 0.8249)
_CURVE_POINTS = 1024


def is_srgb(primaries: int, transfer: int) -> bool:
    """Tell whether declared colors are those of sRGB, or nearly.

    Parameters
    ----------
    primaries, transfer : int
        Codes of ITU-T H.273.

    Returns
    -------
    bool
        True also where nothing is declared.
    """
    return primaries in _SRGB_PRIMARIES and transfer in _SRGB_TRANSFERS


def describe_declared_colors(primaries: int, transfer: int) -> tuple[bytes | None, tuple[str, ...]]:
    """Make the profile of declared colors, or the note that they are not converted; nothing for sRGB.

    Parameters
    ----------
    primaries, transfer : int
        Codes of ITU-T H.273.

    Returns
    -------
    profile : bytes or None
    notes : tuple of str
    """
    if is_srgb(primaries, transfer):
        return None, ()
    profile = make_declared_profile(primaries, transfer)
    return profile, () if profile else (UNCONVERTED_NOTE.format(f" (color codes {primaries} and {transfer})"),)


@lru_cache(maxsize=8)
def make_declared_profile(primaries: int, transfer: int) -> bytes | None:
    """Make the profile of colors that are declared by numbers.

    Parameters
    ----------
    primaries, transfer : int
        Codes of ITU-T H.273.

    Returns
    -------
    bytes or None
        An ICC profile; None for colors that none describes, as those of high dynamic range, and for linear light.

    Examples
    --------
    >>> make_declared_profile(12, 13)[36:40], make_declared_profile(9, 16)
    (b'acsp', None)
    """
    if primaries not in _COLORANTS:
        return None
    if transfer in _SRGB_TRANSFERS:
        return _encode_profile(*_COLORANTS[primaries], _encode_srgb_curve())
    if transfer in _POWERS:
        name, colorants = _COLORANTS[primaries]
        power = _POWERS[transfer]
        return _encode_profile(f"{name} of gamma {power:g}", colorants, _encode_power(power))
    return None


@lru_cache(maxsize=1)
def make_adobe_rgb_profile() -> bytes:
    """Make the profile of Adobe RGB (1998), which cameras declare in EXIF data.

    Returns
    -------
    bytes
        An ICC profile.
    """
    return _encode_profile(*_ADOBE_RGB, _encode_power(563 / 256))


def _encode_profile(name: str, colorants: tuple[tuple[float, ...], ...], curve: bytes) -> bytes:
    """Encode a profile of version 2.4 (ICC.1:2001-04): its head, the table of its tags, and the tags."""
    text = name.encode("ascii") + b"\0"
    tags = {
        b"desc": b"desc" + struct.pack(">II", 0, len(text)) + text + bytes(78),
        b"cprt": b"text\0\0\0\0none\0",
        b"wtpt": _encode_xyz(_WHITE),
        **{letter + b"XYZ": _encode_xyz(xyz) for letter, xyz in zip((b"r", b"g", b"b"), colorants, strict=True)},
        **dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve),
    }
    table, data, begin = b"", b"", 132 + 12 * len(tags)
    for tag, content in tags.items():
        table += tag + struct.pack(">II", begin + len(data), len(content))
        data += content + bytes(-len(content) % 4)
    head = struct.pack(">I4sI4s4s4s", begin + len(data), bytes(4), 0x02400000, b"mntr", b"RGB ", b"XYZ ")
    head += bytes(12) + b"acsp" + bytes(28) + _encode_xyz(_WHITE)[8:]
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + data


def _encode_xyz(values: tuple[float, ...]) -> bytes:
    """Encode a color in fixed point."""
    return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(value * 65536) for value in values))


def _encode_power(power: float) -> bytes:
    """Encode a curve that is a power."""
    return b"curv" + struct.pack(">IIH", 0, 1, round(power * 256))


def _encode_srgb_curve() -> bytes:
    """Encode the curve of sRGB (IEC 61966-2-1) as a table."""
    steps = [number / (_CURVE_POINTS - 1) for number in range(_CURVE_POINTS)]
    light = [step / 12.92 if step <= 0.04045 else ((step + 0.055) / 1.055) ** 2.4 for step in steps]
    table = struct.pack(f">{_CURVE_POINTS}H", *(round(65535 * value) for value in light))
    return b"curv" + struct.pack(">II", 0, _CURVE_POINTS) + table
