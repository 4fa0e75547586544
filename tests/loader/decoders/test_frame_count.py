"""The number of frames and pages, in intact and in damaged files."""

from __future__ import annotations

import io
import struct

import numpy as np
import PIL.Image
import pytest
import tifffile
from encoded_images import GRAY, RGB, encode_with_pillow

from segment.core.errors import ImageError
from segment.loader.decoders.frame_count import MAX_FRAMES, count_gif_frames, list_tiff_pages
from segment.loader.loader import load_image


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF"])
def test_first_frame_is_read_and_a_note_counts_the_others(write_file, kind):
    frames = [PIL.Image.fromarray(np.roll(RGB, shift, axis=0)) for shift in (0, 5, 11)]
    image = load_image(write_file(encode_with_pillow(frames[0], kind, save_all=True, append_images=frames[1:])))
    assert image.pixels.shape == RGB.shape
    assert len(image.notes) == 1
    assert ("2 more" if kind == "PNG" else "page 1 of 3 is used") in image.notes[0]


def test_page_chain_that_loops_is_one_page(write_file):
    entries = [(256, 3, 1, 2), (257, 3, 1, 1), (258, 3, 1, 8), (262, 3, 1, 1), (273, 4, 1, 8), (279, 4, 1, 2)]
    page = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *entry) for entry in entries)
    image = load_image(write_file(b"II*\0" + struct.pack("<I", 10) + b"\0\xff" + page + struct.pack("<I", 10)))
    assert image.pixels.tolist() == [[0, 255]]
    assert image.notes == ()


def encode_frames(kind, n_frames):
    frames = [PIL.Image.fromarray(np.roll(GRAY, shift, axis=0)) for shift in range(n_frames)]
    return io.BytesIO(encode_with_pillow(frames[0], kind, save_all=True, append_images=frames[1:]))


@pytest.mark.parametrize("n_frames", [1, 2, 7])
def test_frames_and_pages_are_counted(n_frames):
    assert count_gif_frames(encode_frames("GIF", n_frames)) == n_frames
    assert len(list_tiff_pages(encode_frames("TIFF", n_frames))) == n_frames


def test_frames_of_a_truncated_gif_are_those_that_begin_in_it():
    data = encode_frames("GIF", 5).getvalue()
    assert count_gif_frames(io.BytesIO(data[: len(data) // 2])) in (2, 3)
    assert count_gif_frames(io.BytesIO(data[:9])) == 0


def test_pages_end_where_the_chain_breaks():
    data = encode_frames("TIFF", 3).getvalue()
    assert list_tiff_pages(io.BytesIO(data[:4])) == []
    first = int.from_bytes(data[4:8], "little")
    assert list_tiff_pages(io.BytesIO(data[:first])) == []


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("bigtiff", [False, True])
def test_pages_of_every_kind_of_tiff(order, bigtiff):
    stream = io.BytesIO()
    tifffile.imwrite(stream, np.zeros((3, 4, 5), np.uint8), photometric="minisblack", byteorder=order, bigtiff=bigtiff)
    assert len(list_tiff_pages(stream)) == 3


def test_counting_stops_at_the_largest_number():
    picture = b",\0\0\0\0\1\0\1\0\0\2\0"
    stream = io.BytesIO(b"GIF89a\1\0\1\0\0\0\0" + picture * (MAX_FRAMES + 5) + b";")
    assert count_gif_frames(stream) == MAX_FRAMES


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("bigtiff", [False, True])
def test_overviews_and_masks_are_told_from_images(order, bigtiff):
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream, byteorder=order, bigtiff=bigtiff) as file:
        for kind, shape in ((0, (40, 50)), (4, (40, 50)), (1, (20, 25)), (5, (20, 25)), (2, (40, 50))):
            values = np.zeros(shape, bool if kind & 4 else np.uint8)
            how = "mask" if kind & 4 else "minisblack"
            file.write(values, subfiletype=kind, photometric=how, description="a stack of pages", metadata=None)
    pages = list_tiff_pages(stream)
    assert [page.is_image for page in pages] == [True, False, False, False, True]
    assert [page.is_mask for page in pages] == [False, True, False, False, False]
    assert [page.size for page in pages] == [(50, 40), (50, 40), (25, 20), (25, 20), (50, 40)]
    assert pages[0].description.startswith(b"a stack")


def test_blocks_and_chunks_have_a_bound(write_file, monkeypatch):
    monkeypatch.setattr("segment.loader.decoders.frame_count.MAX_BLOCKS", 20)
    gif, webp = encode_with_pillow(RGB, "GIF"), encode_with_pillow(RGB, "WEBP")
    first = gif.index(b",\0\0\0\0")
    with pytest.raises(ImageError, match="a GIF file has at most 20 blocks before its first picture"):
        load_image(write_file(gif[:first] + b"!\xfe\1x\0" * 20 + gif[first:]))
    body = webp[8:] + b"ABCD\0\0\0\0" * 20
    with pytest.raises(ImageError, match="a WebP file has at most 20 chunks"):
        load_image(write_file(b"RIFF" + struct.pack("<I", len(body)) + body))
