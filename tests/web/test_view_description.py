"""What the page gets of a segmented image."""

from __future__ import annotations

import base64
import io
import json

import numpy as np
from PIL import Image as PilImage

import segment
from segment.web.preview import View
from segment.web.view_description import describe_view


def test_labels_of_more_regions_than_a_byte_has_values_are_colors_of_two_bytes(rng: np.random.Generator) -> None:
    pixels = np.kron(rng.integers(0, 256, (20, 20, 3)), np.ones((6, 6, 1))).astype(np.uint8)
    found = segment.segment_regions(pixels, regions=300)
    about = describe_view(View(found, found.image, is_exact=True, is_full=True), 0)
    assert about["n_regions"] == found.n_regions > 255
    with PilImage.open(io.BytesIO(base64.b64decode(about["labels_png"]))) as picture:
        red, green, blue = np.moveaxis(np.asarray(picture).astype(int), 2, 0)
    np.testing.assert_array_equal(red + 256 * green, found.label_image)
    assert not blue.any()


def test_a_class_that_has_no_share_is_null_in_json() -> None:
    pixels = np.repeat(np.uint8([[20], [120], [220]]), 40, axis=0) + np.arange(9, dtype=np.uint8)
    found = segment.segment_image(pixels, k=3, background="1")
    about = describe_view(View(found, found.image, is_exact=True, is_full=True), 0)
    shares = [row["share"] for row in json.loads(json.dumps(about, allow_nan=False))["classes"]]
    assert shares == [None, 0.5, 0.5]
