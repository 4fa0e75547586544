"""Pictures as PNG and JPEG, read back by Pillow and OpenCV."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image as PilImage

from segment.output.pictures.encoding import encode_picture
from segment.output.result_mark import has_mark


def test_pictures_are_png_or_jpeg(rng: np.random.Generator) -> None:
    picture = np.kron(rng.integers(0, 256, (3, 4, 3)), np.ones((8, 8, 1), int)).astype(np.uint8)
    png = PilImage.open(io.BytesIO(encode_picture(picture, suffix=".png")))
    np.testing.assert_array_equal(np.asarray(png), picture)
    jpg = PilImage.open(io.BytesIO(encode_picture(picture, suffix=".jpg")))
    assert (png.format, jpg.format, jpg.mode) == ("PNG", "JPEG", "RGB")
    assert np.abs(np.asarray(jpg).astype(int) - picture).max() <= 8
    opened = cv2.imdecode(np.frombuffer(encode_picture(picture, suffix=".png"), np.uint8), cv2.IMREAD_COLOR)
    np.testing.assert_array_equal(opened[..., ::-1], picture)


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_a_picture_carries_the_mark_of_a_result(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(encode_picture(np.zeros((4, 6, 3), np.uint8), suffix=suffix))
    with path.open("rb") as file:
        assert has_mark(file)


def test_a_transparent_picture_is_read_back() -> None:
    picture = np.array([[[9, 8, 7, 255], [0, 0, 0, 0]]], np.uint8)
    np.testing.assert_array_equal(PilImage.open(io.BytesIO(encode_picture(picture, suffix=".png"))), picture)


@pytest.mark.parametrize(
    ("shape", "dtype"), [((7, 5), "u1"), ((300, 9), "u2"), ((9, 300), "u2"), ((600, 7, 3), "u1"), ((257, 3, 4), "u1")]
)
def test_png_keeps_every_value_of_each_kind_of_picture(shape: tuple[int, ...], dtype: str) -> None:
    values = np.random.default_rng(2).integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)
    picture = np.concatenate([values, values[::-1]], axis=1)[:, ::2]  # not contiguous
    content = encode_picture(picture, suffix=".png")
    found = PilImage.open(io.BytesIO(content))
    found.verify()  # the checksums
    np.testing.assert_array_equal(np.asarray(PilImage.open(io.BytesIO(content))), picture)


def test_a_png_of_many_rows_has_several_chunks() -> None:
    values = np.random.default_rng(3).integers(0, 256, (700, 90), np.uint8)
    content = encode_picture(values, suffix=".png")
    assert content.count(b"IDAT") > 2  # a chunk may not hold a picture of any size
    np.testing.assert_array_equal(cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED), values)
