"""A source becomes an Image, and the Image is preprocessed as the settings say."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image as PilImage

from segment import Image, SegmentConfig
from segment.core.errors import SettingsError
from segment.core.pixel_grid import PixelSize
from segment.pipeline.preparation import choose_pixel_size, preprocess, read_image


def test_a_path_a_stream_an_array_and_an_image_are_the_same_image(tmp_path: Path, quadrants: np.ndarray) -> None:
    path = tmp_path / "a.png"
    PilImage.fromarray(quadrants).save(path)
    config = SegmentConfig()
    for source in (path, str(path), io.BytesIO(path.read_bytes()), quadrants, Image.from_array(quadrants)):
        np.testing.assert_array_equal(read_image(source, config).pixels, quadrants)


def test_the_image_is_shrunk_and_converted_to_grayscale(quadrants: np.ndarray) -> None:
    preprocessed = preprocess(Image.from_array(quadrants), SegmentConfig(max_size=10, greyscale=True))
    assert preprocessed.pixels.shape == (6, 10)


def test_values_above_the_white_of_a_model_are_clipped() -> None:
    image = Image(np.array([[10, 5000]], dtype=np.uint16), np.ones((1, 2), bool), black=0, white=4095)
    np.testing.assert_array_equal(preprocess(image, SegmentConfig()).pixels, [[10, 4095]])


def test_bands_are_chosen_in_every_source(tmp_path: Path) -> None:
    bands = np.random.default_rng(0).integers(0, 256, (8, 9, 5), dtype=np.uint8)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, bands, photometric="minisblack", planarconfig="contig", metadata=None)
    config = SegmentConfig(bands=(4, 3, 2))
    for source in (path, io.BytesIO(path.read_bytes()), bands, Image.from_array(bands)):
        np.testing.assert_array_equal(read_image(source, config).pixels, bands[..., [3, 2, 1]])
    for source in (path, io.BytesIO(path.read_bytes()), bands, Image.from_array(bands)):
        with pytest.raises(SettingsError, match="each of the bands 1 to 5 at most once; got 6"):
            read_image(source, SegmentConfig(bands="6"))


def test_bands_of_a_photograph_are_chosen(tmp_path: Path, quadrants: np.ndarray) -> None:
    PilImage.fromarray(quadrants).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png", SegmentConfig(bands="3")).pixels, quadrants[..., 2])


def test_pages_are_those_of_a_tiff(tmp_path: Path, quadrants: np.ndarray) -> None:
    PilImage.fromarray(quadrants).save(tmp_path / "a.png")
    tifffile.imwrite(tmp_path / "a.tif", np.stack([quadrants, quadrants[::-1]]), photometric="rgb")
    config = SegmentConfig(page=2)
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif", config).pixels, quadrants[::-1])
    for source in (tmp_path / "a.png", quadrants):
        with pytest.raises(SettingsError, match=r"page \(--page\): only"):
            read_image(source, config)
    with pytest.raises(SettingsError, match=r"page \(--page\): here one page at a time; got all"):
        read_image(tmp_path / "a.tif", SegmentConfig(page="all"))


def test_extreme_floats_are_clipped_before_a_filter_spreads_them() -> None:
    pixels = np.random.default_rng(0).uniform(0, 0.5, (40, 50))
    pixels[20, 20] = 60_000
    preprocessed = preprocess(
        Image.from_array(pixels), SegmentConfig(denoise="gaussian", denoise_radius=0.02, max_size=25)
    )
    assert 0 <= preprocessed.pixels.min() <= preprocessed.pixels.max() <= 0.6


def test_grayscale_of_other_bands_is_refused() -> None:
    image = Image.from_array(np.zeros((8, 9, 4), np.uint8))
    with pytest.raises(SettingsError, match=r"greyscale \(--greyscale\): of one or three bands; got 4"):
        preprocess(image, SegmentConfig(greyscale=True))


@pytest.mark.parametrize("method", ["gaussian", "median", "bilateral"])
@pytest.mark.parametrize("n", [2, 4, 5])
def test_each_band_is_filtered(method: str, n: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (60, 70, n), dtype=np.uint8)
    config = SegmentConfig(denoise=method, denoise_radius=0.02)
    filtered = preprocess(Image.from_array(pixels), config).pixels
    first = preprocess(Image.from_array(pixels[..., 0]), config).pixels
    np.testing.assert_array_equal(filtered[..., 0], first)
    assert filtered.shape == pixels.shape


def test_a_pixel_size_that_contradicts_the_file_is_told() -> None:
    own = PixelSize(1e-6, 1e-6, "um")
    assert choose_pixel_size(SegmentConfig(), own, own.area) == (own, ())
    assert choose_pixel_size(SegmentConfig(pixel_size="1um"), own, own.area) == (own, ())
    size, (note,) = choose_pixel_size(SegmentConfig(pixel_size="2um"), own, own.area)
    assert size == PixelSize(2e-6, 2e-6, "um")
    assert "0.25 times" in note


@pytest.mark.parametrize("text", ["0mm", "-1mm", "1e9km", "3parsec", "1", "0.21", "0,21mm", "2xmm", "mm", 5])
def test_pixel_sizes_that_are_none_are_refused(text: Any) -> None:
    with pytest.raises(SettingsError, match=r"^pixel_size \(--pixel-size\): .*; got "):
        SegmentConfig(pixel_size=text)


def test_an_array_has_no_resolution() -> None:
    with pytest.raises(SettingsError, match="dpi of a file; got an array"):
        read_image(np.zeros((2, 2), np.uint8), SegmentConfig(pixel_size="dpi"))
