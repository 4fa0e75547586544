"""The size of a picture by its first bytes."""

import pytest
from encoded_images import RGB, encode_with_pillow

from segment.loader.decoders.picture_size import read_picture_size


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "JPEG2000", "WEBP"])
def test_size_is_that_of_the_header(kind):
    assert read_picture_size(encode_with_pillow(RGB, kind)) == (40, 24)


def test_other_files_have_none():
    assert read_picture_size(encode_with_pillow(RGB, "BMP")) == (0, 0)
    assert read_picture_size(b"\xff\xd8\xff") == (0, 0)
