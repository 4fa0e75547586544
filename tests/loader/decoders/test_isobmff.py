"""Boxes of the ISO base media format."""

from __future__ import annotations

import io
import struct

import pytest
from box_files import make_box

from segment.core.errors import ImageError
from segment.loader.decoders.isobmff import MAX_BOXES, find_box, get_size, iterate_boxes, require_complete


def test_lengths_of_all_kinds():
    wide = struct.pack(">I4sQ", 1, b"wide", 20) + b"abcd"
    data = wide + make_box(b"free", b"xy") + struct.pack(">I4s", 0, b"rest") + b"the rest"
    boxes = list(iterate_boxes(io.BytesIO(data), 0, len(data)))
    assert [(box.kind, data[box.begin : box.end]) for box in boxes] == [
        (b"wide", b"abcd"),
        (b"free", b"xy"),
        (b"rest", b"the rest"),
    ]
    stream = io.BytesIO(data)
    assert find_box(stream, b"free", 0, get_size(stream)) == boxes[1]
    assert find_box(stream, b"none", 0, get_size(stream)) is None


def test_boxes_without_end_are_not_followed():
    data = make_box(b"free", b"") * (MAX_BOXES + 5)
    with pytest.raises(ImageError, match=r"at most 10,000 boxes in a row; got more\."):
        list(iterate_boxes(io.BytesIO(data), 0, len(data)))
    assert list(iterate_boxes(io.BytesIO(struct.pack(">I4s", 3, b"free") + bytes(9)), 0, 17)) == []


def test_end_within_a_box_is_found():
    data = make_box(b"ftyp", b"avif\0\0\0\0avif") + make_box(b"mdat", bytes(9))
    require_complete(io.BytesIO(data), "AVIF")
    with pytest.raises(ImageError, match=r"the AVIF file is truncated; \d+ of \d+ bytes are there\. Fetch it again\."):
        require_complete(io.BytesIO(data[:-1]), "AVIF")
