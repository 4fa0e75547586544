"""A source becomes an Image, and the Image is preprocessed as the settings say."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image as PilImage

from segment import Image, SegmentConfig
from segment.pipeline.preparation import get_source_name, preprocess, read_image


def test_a_path_a_stream_an_array_and_an_image_are_the_same_image(tmp_path: Path, quadrants: np.ndarray) -> None:
    path = tmp_path / "a.png"
    PilImage.fromarray(quadrants).save(path)
    config = SegmentConfig()
    for source in (path, str(path), io.BytesIO(path.read_bytes()), quadrants, Image.from_array(quadrants)):
        np.testing.assert_array_equal(read_image(source, config).pixels, quadrants)


def test_messages_name_a_file_by_its_path_and_an_array_as_image() -> None:
    assert get_source_name(Path("a.png")) == "a.png"
    assert get_source_name(np.zeros((2, 2))) == "image"


def test_the_image_is_shrunk_and_converted_to_grayscale(quadrants: np.ndarray) -> None:
    working = preprocess(Image.from_array(quadrants), SegmentConfig(max_size=10, greyscale=True))
    assert working.pixels.shape == (6, 10)


def test_values_above_the_white_of_a_model_are_clipped() -> None:
    image = Image(np.array([[10, 5000]], dtype=np.uint16), np.ones((1, 2), bool), black=0, white=4095)
    np.testing.assert_array_equal(preprocess(image, SegmentConfig()).pixels, [[10, 4095]])
