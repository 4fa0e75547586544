"""Pictures that a program has opened or made with Pillow are read like the same pictures from files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import PIL.ImageCms
import pytest
from encoded_images import ALPHA, GRAY, GRAY16, RGB

from segment.core.errors import ImageError
from segment.core.image import Image
from segment.loader.loader import load_image

COLOR = PIL.Image.fromarray(RGB)
PALETTE = COLOR.quantize(8)
HIDDEN = PIL.Image.fromarray(np.dstack([RGB, ALPHA]))
UPSIDE_DOWN = PIL.Image.Exif()
UPSIDE_DOWN[0x0112] = 6
PICTURES: dict[str, tuple[PIL.Image.Image, str, dict[str, Any]]] = {
    "RGB": (COLOR, "PNG", {}),
    "JPEG": (COLOR, "JPEG", {}),
    "EXIF orientation": (COLOR, "JPEG", {"exif": UPSIDE_DOWN}),
    "CMYK": (COLOR.convert("CMYK"), "TIFF", {}),
    "CMYK JPEG": (COLOR.convert("CMYK"), "JPEG", {}),
    "YCbCr": (COLOR.convert("YCbCr"), "TIFF", {}),
    "L": (PIL.Image.fromarray(GRAY), "PNG", {}),
    "1": (PIL.Image.fromarray(GRAY > 100), "PNG", {}),
    "P": (PALETTE, "PNG", {}),
    "P of GIF": (PALETTE, "GIF", {}),
    "P with a transparent entry": (PALETTE, "PNG", {"transparency": 3}),
    "P with alpha": (PALETTE, "PNG", {"transparency": bytes([0, 255, 90, 255])}),
    "L with a transparent gray": (PIL.Image.fromarray(GRAY), "PNG", {"transparency": int(GRAY[0, 0])}),
    "RGB with a transparent color": (COLOR, "PNG", {"transparency": tuple(RGB[0, 0].tolist())}),
    "RGBA": (HIDDEN, "PNG", {}),
    "RGBA of TIFF": (HIDDEN, "TIFF", {}),
    "LA": (HIDDEN.convert("LA"), "PNG", {}),
    "I;16": (PIL.Image.fromarray(GRAY16), "PNG", {}),
    "I;16 of TIFF": (PIL.Image.fromarray(GRAY16), "TIFF", {}),
    "I": (PIL.Image.fromarray(GRAY16.astype(np.int32) * 3), "TIFF", {}),
    "F": (PIL.Image.fromarray((GRAY / 255).astype(np.float32)), "TIFF", {}),
}


def test_cielab_needs_no_profile() -> None:
    srgb, lab = PIL.ImageCms.createProfile("sRGB"), PIL.ImageCms.createProfile("LAB")
    image = Image.from_array(PIL.ImageCms.profileToProfile(COLOR, srgb, lab, outputMode="LAB"))
    assert image.notes == ()
    assert np.abs(image.pixels.astype(int) - RGB).mean() < 12


def can_be_loaded(path: Path) -> bool:
    """Say whether Pillow itself can read a file."""
    try:
        with PIL.Image.open(path) as picture:
            picture.load()
    except OSError:
        return False
    return True


@pytest.mark.parametrize("name", PICTURES)
def test_opened_picture_is_read_like_its_file(tmp_path: Path, name: str) -> None:
    picture, kind, options = PICTURES[name]
    picture.save(tmp_path / "a", kind, **options)
    if name == "YCbCr" and not can_be_loaded(tmp_path / "a"):
        pytest.skip("this version of Pillow cannot read the YCbCr TIFF that it writes")
    expected = load_image(tmp_path / "a")
    with PIL.Image.open(tmp_path / "a") as opened:
        image = Image.from_array(opened)
    np.testing.assert_array_equal(image.pixels, expected.pixels)
    np.testing.assert_array_equal(image.valid, expected.valid)
    assert (image.white, image.notes) == (expected.white, expected.notes)


@pytest.mark.parametrize("mode", ["RGBX", "RGBa", "La", "PA", "HSV", "I;16B"])
def test_modes_that_no_file_has_are_read(mode: str) -> None:
    if mode == "I;16B":
        picture = PIL.Image.frombytes(mode, (30, 20), np.arange(600, dtype=">u2").tobytes())
        assert Image.from_array(picture).pixels[1, 2] == 32
        return
    through = {"La": "LA", "RGBa": "RGBA", "PA": "P"}.get(mode, "RGB")
    image = Image.from_array(COLOR.convert(through).convert(mode))
    assert image.valid.all()
    expected = COLOR.convert("L") if mode == "La" else COLOR
    if mode != "PA":
        assert np.abs(image.pixels.astype(int) - np.asarray(expected).astype(int)).max() <= 8  # hues are rounded


def test_mask_is_combined_with_transparency() -> None:
    mask = np.zeros(ALPHA.shape, bool)
    mask[:, :5] = True
    np.testing.assert_array_equal(Image.from_array(HIDDEN, valid=mask).valid, mask & (ALPHA > 127))


def test_bands_of_a_picture_are_chosen() -> None:
    np.testing.assert_array_equal(Image.from_array(COLOR, bands=(3,)).pixels, RGB[..., 2])


def test_frame_of_an_animation_is_told(tmp_path: Path) -> None:
    COLOR.save(tmp_path / "a.png", save_all=True, append_images=[COLOR.rotate(180)])
    with PIL.Image.open(tmp_path / "a.png") as opened:
        opened.seek(1)
        image = Image.from_array(opened)
    np.testing.assert_array_equal(image.pixels, RGB[::-1, ::-1])
    assert image.notes == ("frame 2 of 2 is used",)


def test_picture_without_pixels_or_that_is_damaged_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="at least one pixel; got 0 x 3"):
        Image.from_array(PIL.Image.new("RGB", (0, 3)))
    COLOR.save(tmp_path / "a.png")
    data = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(data[: len(data) // 2])
    with PIL.Image.open(tmp_path / "a.png") as opened, pytest.raises(ImageError, match="can be loaded"):
        Image.from_array(opened)
