"""The size in the sequence header of AV1 data."""

import pytest

from segment.loader.decoders.av1 import read_av1_size


def make_header(fields):
    """Write a unit with a sequence header of fields of (value, bits)."""
    bits = "".join(f"{value:0{n}b}" for value, n in fields)
    payload = int(bits.ljust(-(-len(bits) // 8) * 8, "0"), 2).to_bytes(-(-len(bits) // 8), "big")
    return bytes((0x0A, len(payload))) + payload


SIZE = [(8, 4), (7, 4), (299, 9), (199, 8)]
TIMING = [(1, 1), (1, 32), (25, 32), (1, 1), (0b00100, 5)]
MODEL = [(1, 1), (9, 5), (1, 32), (3, 5), (4, 5)]


@pytest.mark.parametrize(
    "fields",
    [
        [(0, 3), (1, 1), (1, 1), (4, 5)],
        [(0, 3), (0, 1), (0, 1), (0, 1), (0, 1), (0, 5), (0, 12), (4, 5)],
        [(2, 3), (0, 1), (0, 1), *TIMING, (0, 1), (1, 1), (1, 5), *[(1, 12), (9, 5), (1, 1), (1, 1), (7, 4)] * 2],
        [(0, 3), (0, 1), (0, 1), *TIMING, *MODEL, (0, 1), (0, 5), (0, 12), (4, 5), (1, 1), (5, 10), (6, 10), (1, 1)],
    ],
    ids=["short", "plain", "timing", "model"],
)
def test_size_is_read_behind_all_fields(fields):
    data = make_header(fields + SIZE)
    assert read_av1_size(b"\x12\0" + data) == (300, 200)
    assert read_av1_size(b"\x16\0\0" + data + bytes(9)) == (300, 200)
    assert all(read_av1_size(data[:n]) is None for n in range(len(data) - 1))


def test_other_data_have_no_size():
    assert read_av1_size(b"") is None
    assert read_av1_size(b"\x12\0" * 9) is None
    assert read_av1_size(b"\x12" + b"\xff" * 1000) is None
