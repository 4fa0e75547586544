"""WebP: a gap of zeros is refused, and zeros that code an even area are not."""

import numpy as np
import pytest
from encoded_images import NOISE, encode_with_pillow
from PIL import Image

from segment.core.errors import ImageError
from segment.loader.decoders.checks import ZERO_RUN
from segment.loader.decoders.webp import require_no_gap
from segment.loader.loader import load_image

PAGE = np.full((300, 300, 3), 255, np.uint8)
PAGE[20 : 20 + NOISE.shape[0], 20 : 20 + NOISE.shape[1]] = NOISE


@pytest.mark.parametrize("lossless", [True, False])
@pytest.mark.parametrize("others", [{}, {"save_all": True, "append_images": [Image.fromarray(PAGE[::-1])]}])
def test_zeros_of_an_even_area_are_read_and_a_gap_is_refused(write_file, lossless, others):
    data = encode_with_pillow(PAGE, "WEBP", lossless=lossless, method=0, quality=100, **others)
    assert bytes(ZERO_RUN) in data
    pixels = load_image(write_file(data)).pixels
    assert not lossless or np.array_equal(pixels, PAGE)
    with pytest.raises(ImageError, match="the WebP file is damaged; zeros stand in place"):
        require_no_gap(data, 0)
    half = data.index(b"VP8") + 5000
    with pytest.raises(ImageError, match="the WebP file is damaged; zeros stand in place"):
        load_image(write_file(data[:half] + bytes(800) + data[half + 800 :]))
