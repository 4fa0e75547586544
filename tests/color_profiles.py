"""Color profiles (ICC) for the tests of the loader; those of scanners and printers are made up."""

from __future__ import annotations

import io
import itertools
import struct

import numpy as np
import skimage.color
from PIL import Image, ImageCms

WHITE = (0.9642, 1.0, 0.8249)


def fix(value):
    return struct.pack(">i", round(value * 65536))


def pack_xyz(values):
    return b"XYZ \0\0\0\0" + b"".join(fix(value) for value in values)


def pack_gamma(gamma):
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"


def make_profile(space, tags, *, name="Scanner 7", pcs=b"XYZ ", kind=b"mntr"):
    """Write a profile of version 2.4: its head, the table of its tags, and the tags one after the other."""
    text = name.encode() + b"\0"
    desc = b"desc\0\0\0\0" + struct.pack(">I", len(text)) + text + bytes(78)
    entries = {b"desc": desc, b"cprt": b"text\0\0\0\0none\0", b"wtpt": pack_xyz(WHITE), **tags}
    table, data, offset = b"", b"", 132 + 12 * len(entries)
    for tag, value in entries.items():
        table += tag + struct.pack(">II", offset + len(data), len(value))
        data += value + bytes(-len(value) % 4)
    head = struct.pack(">I4s4s4s4s4s", offset + len(data), bytes(4), b"\x02\x40\0\0", kind, space, pcs)
    head += bytes(12) + b"acsp" + bytes(28) + b"".join(fix(value) for value in WHITE)
    return head.ljust(128, b"\0") + struct.pack(">I", len(entries)) + table + data


def make_ink_table():
    """Write a table from CMYK to CIELAB that knows the colors of full and of no ink (ICC.1:2001-04, 6.5.8)."""
    ramp = bytes(range(256))
    inks = np.array(list(itertools.product((0.0, 1.0), repeat=4)))
    lab = skimage.color.rgb2lab((1 - inks[:, :3]) * (1 - inks[:, 3:]))
    corners = np.rint(np.stack([lab[:, 0] * 2.55, lab[:, 1] + 128, lab[:, 2] + 128], axis=1)).astype(np.uint8)
    identity = b"".join(fix(value) for value in (1, 0, 0, 0, 1, 0, 0, 0, 1))
    return b"mft1\0\0\0\0" + bytes((4, 3, 2, 0)) + identity + 4 * ramp + corners.tobytes() + 3 * ramp


# The primaries of Adobe RGB (1998) and its gamma; a gray that is proportional to light; inks; and sRGB itself.
_PRIMARIES = {b"rXYZ": (0.6097, 0.3111, 0.0195), b"gXYZ": (0.2053, 0.6257, 0.0609), b"bXYZ": (0.1492, 0.0632, 0.7446)}
_CURVES = dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), pack_gamma(2.2))
WIDE_RGB = make_profile(b"RGB ", {tag: pack_xyz(xyz) for tag, xyz in _PRIMARIES.items()} | _CURVES)
LINEAR_GRAY = make_profile(b"GRAY", {b"kTRC": pack_gamma(1.0)})
CMYK = make_profile(b"CMYK", {b"A2B0": make_ink_table()}, pcs=b"Lab ", kind=b"prtr")
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def convert_from_srgb(pixels, profile):
    """Convert an RGB array to the colors of a profile: what a camera that uses it would have written."""
    target = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    picture = Image.fromarray(pixels)
    return np.asarray(ImageCms.profileToProfile(picture, ImageCms.createProfile("sRGB"), target, outputMode="RGB"))
