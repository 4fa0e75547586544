"""Color profiles are converted to sRGB: the same picture in other colors gives the same pixels."""

from __future__ import annotations

import io
import zlib

import imagecodecs
import numpy as np
import PIL.Image
import pytest
import tifffile
from color_profiles import CMYK, LINEAR_GRAY, SRGB, WIDE_RGB, convert_from_srgb, make_profile
from encoded_images import GRAY, encode_png, encode_with_pillow
from PIL import ImageCms

from segment.core.image import Image
from segment.loader.decoders.color_profile import (
    DAMAGED_PROFILE,
    DAMAGED_PROFILE_NOTE,
    convert_cmyk_picture,
    convert_to_srgb,
    get_profile,
)
from segment.loader.decoders.declared_colors import make_declared_profile
from segment.loader.loader import load_image

NOTE = 'the colors are converted from the profile "Scanner 7" to sRGB (--keep-profile leaves them)'
# Colors that both profiles have, and gray.
STEPS = np.linspace(90, 190, 12).astype(np.uint8)
RED, GREEN = np.meshgrid(STEPS, STEPS[::-1], indexing="ij")
PICTURE = np.stack([RED, GREEN, RED // 2 + GREEN // 2], axis=2)
WIDE = convert_from_srgb(PICTURE, WIDE_RGB)


def measure_difference(pixels, expected, full=255.0):
    return np.abs(pixels * (255.0 / full) - expected).max()


def test_pictures_of_the_tests_differ_without_conversion():
    assert measure_difference(WIDE, PICTURE) > 8


@pytest.mark.parametrize(
    ("kind", "options"),
    [("PNG", {}), ("JPEG", {"quality": 100, "subsampling": 0}), ("WEBP", {"lossless": True}), ("TIFF", {})],
)
def test_embedded_profile_is_converted_and_said_once(write_file, kind, options):
    path = write_file(encode_with_pillow(WIDE, kind, icc_profile=WIDE_RGB, **options))
    image = load_image(path)
    assert measure_difference(image.pixels, PICTURE) <= (6 if kind == "JPEG" else 1)
    assert image.notes == (NOTE,)
    kept = load_image(path, keep_profile=True)
    assert measure_difference(kept.pixels, WIDE) <= (4 if kind == "JPEG" else 0)
    assert kept.notes == ()


@pytest.mark.parametrize("profile", [SRGB, imagecodecs.cms_profile("srgb")], ids=["Pillow", "imagecodecs"])
def test_srgb_by_any_name_leaves_every_number(write_file, profile):
    image = load_image(write_file(encode_with_pillow(PICTURE, "PNG", icc_profile=profile)))
    np.testing.assert_array_equal(image.pixels, PICTURE)
    assert image.notes == ()


def test_16_bit_colors_are_converted_at_their_depth(write_file):
    deep = WIDE.astype(np.uint16) * 257
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in deep)
    profile = b"x\0\0" + zlib.compress(WIDE_RGB)
    data = encode_png(2, 16, rows, deep.shape[1::-1], chunks=[(b"iCCP", profile)])
    image = load_image(write_file(data))
    assert image.pixels.dtype == np.uint16
    assert image.white == 65535
    assert measure_difference(image.pixels, PICTURE, 65535) <= 1.5
    assert image.notes == (NOTE,)
    assert len(np.unique(image.pixels)) > 256 // 12


def test_values_of_fewer_bits_are_scaled_to_16():
    colors = convert_to_srgb(WIDE.astype(np.uint16) * 4, WIDE_RGB, white=1020.0)
    assert colors.white == 65535
    assert measure_difference(colors.array, PICTURE, 65535) <= 1.5


@pytest.mark.parametrize(("space", "rule", "is_other"), [(65535, "R03", True), (2, "", True), (1, "R98", False)])
def test_adobe_rgb_that_exif_data_declare_is_converted(write_file, space, rule, is_other):
    exif = PIL.Image.Exif()
    exif[0x8769] = {0xA001: space} | ({0xA005: {1: rule}} if rule else {})
    data = encode_with_pillow(WIDE, "JPEG", quality=100, subsampling=0, exif=exif.tobytes())
    image = load_image(write_file(data))
    assert [note for note in image.notes if "Adobe RGB" in note] == list(image.notes)
    assert bool(image.notes) == is_other
    assert (measure_difference(image.pixels, PICTURE) <= 6) == is_other
    assert load_image(write_file(data), keep_profile=True).notes == ()
    # A profile counts before EXIF data.
    data = encode_with_pillow(PICTURE, "JPEG", quality=100, subsampling=0, exif=exif.tobytes(), icc_profile=SRGB)
    assert load_image(write_file(data)).notes == ()


@pytest.mark.parametrize(
    ("codes", "words"), [((12, 13), '"Display P3"'), ((9, 16), "color codes 9 and 16"), ((1, 13), "")]
)
def test_colors_that_a_png_declares_by_numbers(write_file, codes, words):
    body = b"cICP" + bytes((*codes, 0, 1))
    chunk = (4).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")
    profile = make_declared_profile(*codes)
    data = encode_with_pillow(PICTURE if profile is None else convert_from_srgb(PICTURE, profile), "PNG")
    image = load_image(write_file(data[:33] + chunk + data[33:]))
    assert measure_difference(image.pixels, PICTURE) <= 1
    assert [words in note for note in image.notes] == [True] * bool(words)
    assert load_image(write_file(data[:33] + chunk + data[33:]), keep_profile=True).notes == ()


def test_profile_of_four_bands_is_said(tmp_path):
    tifffile.imwrite(
        tmp_path / "a.tif", np.dstack([WIDE, RED]), photometric="rgb", extrasamples=[0], iccprofile=WIDE_RGB
    )
    assert "the color profile is not used: there are 4 bands" in load_image(tmp_path / "a.tif").notes


def test_gray_stays_gray():
    light = np.array([[0, 55, 128, 255]], dtype=np.uint8)
    converted = convert_to_srgb(light, LINEAR_GRAY)
    # The transfer function of sRGB: 1.055 x^(1/2.4) - 0.055.
    expected = 255 * np.where(light > 0, 1.055 * (light / 255) ** (1 / 2.4) - 0.055, 0)
    assert converted.array.shape == light.shape
    assert measure_difference(converted.array, expected) <= 1
    deep = convert_to_srgb(light.astype(np.uint16) * 257, LINEAR_GRAY)
    assert measure_difference(deep.array, expected, 65535) <= 0.5
    # A gray picture may embed the profile of its RGB original.
    assert measure_difference(convert_to_srgb(WIDE[..., 1] * 0 + 200, WIDE_RGB).array, 201) <= 2


@pytest.mark.parametrize("n_colors", [1, 3])
def test_alpha_is_left(n_colors):
    array = np.dstack([WIDE[..., :n_colors], PICTURE[..., :1]])
    profile = WIDE_RGB if n_colors == 3 else LINEAR_GRAY
    converted = convert_to_srgb(array, profile).array
    assert converted.shape == array.shape
    np.testing.assert_array_equal(converted[..., -1], PICTURE[..., 0])
    assert (converted[..., 0] != array[..., 0]).any()


def test_inks_are_converted_by_their_profile():
    inks = np.zeros((1, 3, 4), np.uint8)
    inks[0, 1], inks[0, 2] = (0, 0, 0, 128), (255, 0, 0, 0)
    picture = (
        PIL.Image.fromarray(inks, "CMYK")
        if PIL.__version__ < "11.3"
        else PIL.Image.frombytes("CMYK", (3, 1), inks.tobytes())
    )
    converted, _, notes = convert_cmyk_picture(picture, CMYK)
    assert notes == (NOTE,)
    pixels = np.asarray(converted)[0].astype(int)
    # White, the middle gray of CIELAB, and a cyan that sRGB has not.
    assert np.abs(pixels[0] - 255).max() <= 1
    assert np.abs(pixels[1] - 118).max() <= 2
    assert pixels[2, 0] < 90
    assert pixels[2, 1:].min() > 250


@pytest.mark.parametrize("keep", [False, True])
def test_cmyk_file_with_and_without_its_profile(write_file, keep):
    picture = PIL.Image.new("CMYK", (8, 8), (0, 0, 0, 128))
    image = load_image(
        write_file(encode_with_pillow(picture, "TIFF" if keep else "JPEG", icc_profile=CMYK)), keep_profile=keep
    )
    assert abs(int(image.pixels[0, 0, 0]) - (127 if keep else 118)) <= 3
    assert image.notes == (() if keep else (NOTE,))


def cut(profile):
    return profile[: len(profile) // 2]


def garble(profile):
    return profile[:132] + bytes(len(profile) - 132)


@pytest.mark.parametrize("damage", [cut, garble, lambda _: b"no profile", lambda _: bytes(200)])
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF"])
def test_damaged_profile_costs_no_pixel_and_is_said(write_file, damage, kind):
    path = write_file(encode_with_pillow(PICTURE, kind, icc_profile=damage(WIDE_RGB)))
    image = load_image(path)
    np.testing.assert_array_equal(image.pixels, load_image(path, keep_profile=True).pixels)
    assert image.notes == (DAMAGED_PROFILE_NOTE,)


def test_damaged_chunk_of_a_png_is_said(write_file):
    row = b"\0" + PICTURE[0].tobytes()
    for body in (b"x\0\0no data of zlib", b"no name and no end"):
        image = load_image(write_file(encode_png(2, 8, row, (12, 1), chunks=[(b"iCCP", body)])))
        np.testing.assert_array_equal(image.pixels, PICTURE[:1])
        assert image.notes == (DAMAGED_PROFILE_NOTE,)


def test_profile_for_other_pixels_is_said():
    for profile, words in ((CMYK, "for CMYK"), (LINEAR_GRAY, "for gray")):
        colors = convert_to_srgb(PICTURE, profile)
        assert colors.array is PICTURE
        assert words in colors.notes[0]
    picture = PIL.Image.new("CMYK", (2, 2))
    assert convert_cmyk_picture(picture, SRGB)[0] is picture
    assert "not for CMYK" in convert_cmyk_picture(picture, SRGB)[2][0]
    floats = PICTURE.astype(np.float32)
    assert "float32" in convert_to_srgb(floats, WIDE_RGB).notes[0]


def test_name_of_a_profile_cannot_disturb_the_terminal():
    evil = make_profile(
        b"GRAY", {b"kTRC": b"curv\0\0\0\0" + (0).to_bytes(4, "big")}, name="two\nlines\x1b[31m" + "x" * 200
    )
    ImageCms.ImageCmsProfile(io.BytesIO(evil))
    (note,) = convert_to_srgb(GRAY, evil).notes
    assert note.isprintable()
    assert len(note) < 160


def test_profile_of_a_picture():
    picture = PIL.Image.new("RGB", (2, 2))
    assert get_profile(picture) is None
    picture.info["icc_profile"] = None
    assert get_profile(picture) == DAMAGED_PROFILE
    picture.info["icc_profile"] = SRGB
    assert get_profile(picture) == SRGB


def test_profile_of_a_deep_tiff_is_converted(tmp_path):
    path = tmp_path / "deep.tif"
    tifffile.imwrite(path, WIDE.astype(np.uint16) * 257, photometric="rgb", iccprofile=WIDE_RGB)
    image = load_image(path)
    assert measure_difference(image.pixels, PICTURE, 65535) <= 1.5
    assert image.notes == (NOTE,)
    np.testing.assert_array_equal(load_image(path, keep_profile=True).pixels, WIDE.astype(np.uint16) * 257)


@pytest.mark.parametrize("keep", [False, True])
def test_open_picture_is_converted_as_its_file_is(write_file, keep):
    path = write_file(encode_with_pillow(WIDE, "PNG", icc_profile=WIDE_RGB))
    image = Image.from_array(PIL.Image.open(path), keep_profile=keep)
    expected = load_image(path, keep_profile=keep)
    np.testing.assert_array_equal(image.pixels, expected.pixels)
    assert image.notes == expected.notes
