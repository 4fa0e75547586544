"""What all formats that Pillow reads have in common: alpha, CMYK, and Pillow's global switch."""

from __future__ import annotations

import numpy as np
import PIL.Image
import pytest
from encoded_images import ALPHA, RGB, TRUNCATABLE_FILES, assert_same_picture, encode_with_pillow
from PIL import ImageFile

from segment.core.errors import ImageError
from segment.loader.loader import load_image


def test_alpha_of_webp_and_png(write_file):
    for kind, options in (("PNG", {}), ("WEBP", {"lossless": True}), ("TIFF", {})):
        image = load_image(write_file(encode_with_pillow(np.dstack([RGB, ALPHA]), kind, **options)))
        np.testing.assert_array_equal(image.valid, ALPHA > 127)
        assert_same_picture(image, RGB, 0)


def test_fully_transparent_loads_without_a_valid_pixel(write_file):
    assert not load_image(write_file(encode_with_pillow(np.zeros((3, 4, 4), np.uint8), "PNG"))).valid.any()


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk_becomes_rgb(write_file, kind):
    picture = PIL.Image.fromarray(np.full((8, 8, 3), [250, 120, 10], np.uint8)).convert("CMYK")
    image = load_image(write_file(encode_with_pillow(picture, kind)))
    np.testing.assert_allclose(image.pixels.mean(axis=(0, 1)), [250, 120, 10], atol=3)


def test_pillows_global_switch_has_no_effect_and_is_restored(write_file, monkeypatch):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    data = TRUNCATABLE_FILES["jpeg"]()
    with pytest.raises(ImageError, match="truncated"):
        load_image(write_file(data[: len(data) // 2]))
    assert ImageFile.LOAD_TRUNCATED_IMAGES is True
