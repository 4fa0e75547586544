"""Pictures of results: class colors, mean colors, and every picture of unusual images."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PilImage

from segment import Image, Segmentation, segment_image
from segment.config.products import plan_files
from segment.output.palette import pick_class_colors
from segment.output.products import encode_product


def encode_one(result: Segmentation, name: str) -> bytes:
    """Encode one product of a result."""
    (file,) = plan_files("a", (name,), picture=".png", n_classes=result.n_classes)
    return encode_product(result, file)


def test_mean_colors_are_those_of_the_image(quadrants: np.ndarray) -> None:
    image = Image.from_array(quadrants, valid=np.arange(240).reshape(12, 20) > 3)
    result = segment_image(image, k=4)
    shown = np.asarray(PilImage.open(io.BytesIO(encode_one(result, "mean"))).convert("RGBA"))
    assert shown.shape == (12 * 16, 20 * 16, 4)  # a tiny image is enlarged
    shown = shown[::16, ::16]
    np.testing.assert_array_equal(shown[..., :3][image.valid], quadrants[image.valid])
    np.testing.assert_array_equal(shown[..., 3] == 255, image.valid)


@pytest.mark.parametrize("palette", ["category", "mean", "viridis", "cividis", "grey"])
def test_the_palette_colors_every_product(palette: str, quadrants: np.ndarray) -> None:
    result = segment_image(quadrants, k=4, palette=palette)
    seen = np.asarray(PilImage.open(io.BytesIO(encode_one(result, "labels"))).convert("RGB"))
    np.testing.assert_array_equal(seen, result.colors[result.label_image - 1])
    used, wanted = (colors.reshape(-1, 3) @ np.array([65536, 256, 1]) for colors in (result.panel(), result.colors))
    assert np.isin(wanted, used).all()
    if palette == "mean":
        np.testing.assert_array_equal(seen, quadrants)
    if palette == "category":
        # Ultramarine, a light green, blue and yellow have the nearest hues.
        known = pick_class_colors(12).tolist()
        assert [known.index(color) for color in result.colors.tolist()] == [11, 7, 0, 3]


def test_every_product_of_an_image_without_labels_can_be_made(tmp_path: Path) -> None:
    pictures = "panel,overlay,contours,labels,mean,posterior,uncertainty,anomaly,cutouts"
    result = segment_image(Image.from_array(np.zeros((4, 6, 4), np.uint8), alpha=True), save=pictures)
    assert len(result.save(tmp_path)) == 8


def test_every_picture_of_a_gray_image_can_be_made(tmp_path: Path, rng: np.random.Generator) -> None:
    pictures = "panel,overlay,contours,labels,mean,posterior,uncertainty,anomaly,cutouts"
    gray = rng.integers(0, 1000, (30, 40)).astype(np.uint16)
    for path in segment_image(gray, k=2, save=pictures, palette="mean").save(tmp_path):
        with PilImage.open(path) as picture:
            picture.load()
