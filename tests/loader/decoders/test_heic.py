"""HEIC: the picture at its depth, upright, in sRGB; damaged files give one line. Needs the extra [heif]."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from box_files import SMOOTH, encode_heic, make_exif, measure_difference, turn
from color_profiles import WIDE_RGB, convert_from_srgb

from segment.core.errors import DependencyError, ImageError
from segment.loader.decoders.declared_colors import make_declared_profile
from segment.loader.loader import load_image


def test_picture_is_read(write_file):
    image = load_image(write_file(encode_heic(SMOOTH)))
    assert image.pixels.dtype == np.uint8
    assert measure_difference(image, SMOOTH) < 3
    assert image.notes == ()


def test_10_bits_are_kept(write_file):
    library = pytest.importorskip("pillow_heif", reason="the extra [heif] is not installed")
    deep = SMOOTH.astype(np.uint16) * 257
    file = library.from_bytes(mode="RGB;16", size=(60, 40), data=deep.tobytes())
    image = load_image(write_file(encode_heic(file, lossless=True)))
    assert image.pixels.dtype == np.uint16
    assert image.white == 1023
    assert measure_difference(image, SMOOTH) < 3


@pytest.mark.parametrize("orientation", range(1, 9))
def test_picture_is_turned_upright(write_file, orientation):
    exif = make_exif(orientation)
    # pillow-heif writes how the file is to be turned where EXIF data are bytes.
    image = load_image(write_file(encode_heic(SMOOTH, exif=exif.tobytes())))
    assert measure_difference(image, turn(SMOOTH, orientation)) < 3
    assert image.notes == ()


def test_orientation_that_only_exif_data_say_counts_and_is_said(write_file):
    data = bytearray(encode_heic(SMOOTH, exif=make_exif(6).tobytes()))
    # Make another property of the turn, and let none be essential: those that are not known are ignored then.
    at = data.index(b"irot")
    data[at : at + 4] = b"none"
    entry = data.index(b"ipma") + 15
    for i in range(entry, entry + data[entry - 1]):
        data[i] &= 0x7F
    image = load_image(write_file(bytes(data)))
    assert measure_difference(image, turn(SMOOTH, 6)) < 3
    assert "EXIF" in image.notes[0]


def test_transparent_pixels_are_not_valid(write_file):
    alpha = np.where(np.arange(60) < 30, 0, 255).astype(np.uint8)
    pixels = np.dstack([SMOOTH, np.broadcast_to(alpha, (40, 60))])
    image = load_image(write_file(encode_heic(pixels)))
    assert image.pixels.shape == SMOOTH.shape
    np.testing.assert_array_equal(image.valid[:, [0, 20, 40, 59]], [[False, False, True, True]] * 40)


def test_profile_is_converted(write_file):
    path = write_file(encode_heic(convert_from_srgb(SMOOTH, WIDE_RGB), icc_profile=WIDE_RGB, icc_profile_type="prof"))
    image = load_image(path)
    assert "Scanner 7" in image.notes[0]
    assert measure_difference(image, SMOOTH) < measure_difference(load_image(path, keep_profile=True), SMOOTH)


def test_colors_declared_by_numbers_are_converted(write_file):
    stored = convert_from_srgb(SMOOTH, make_declared_profile(12, 13))
    image = load_image(write_file(encode_heic(stored, color_primaries=12, transfer_characteristics=13)))
    assert '"Display P3"' in image.notes[0]
    assert measure_difference(image, SMOOTH) < 3 < np.abs(stored.astype(int) - SMOOTH).mean()


def test_zeros_in_place_of_the_picture_are_refused(write_file):
    noise = np.random.default_rng(0).integers(0, 255, (40, 60, 3)).astype(np.uint8)
    data = encode_heic(noise)
    with pytest.raises(ImageError, match="the HEIC file is damaged; zeros stand in place of a part of the picture"):
        load_image(write_file(data[: len(data) // 2] + bytes(len(data) - len(data) // 2)))
    assert load_image(write_file(data)).width == 60


def test_too_many_pixels_are_refused_without_decoding(write_file):
    path = write_file(encode_heic(SMOOTH))
    assert load_image(path, max_pixels=2400).width == 60
    with pytest.raises(ImageError, match="got 60 x 40 = 2400"):
        load_image(path, max_pixels=2399)


@pytest.mark.parametrize("allow", [False, True])
def test_truncated_and_damaged_files_give_one_line(write_file, allow):
    data = encode_heic(SMOOTH)
    for size in (60, len(data) // 2, len(data) - 1):
        with pytest.raises(ImageError, match=rf"the HEIC file is truncated; {size} of \d+ bytes are there\. Fetch it"):
            load_image(write_file(data[:size]), allow_truncated=allow)
    bad = data[:60] + bytes(100) + data[160:]
    with pytest.raises(ImageError, match=r"bin: the .* damaged[^\n]*$"):
        load_image(write_file(bad), allow_truncated=allow)


def test_library_that_cannot_be_imported_is_named(write_file, monkeypatch):
    data = encode_heic(SMOOTH)
    monkeypatch.setattr("segment.loader.file_kind.find_spec", lambda _: True)
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(DependencyError, match=r"HEIC is read with .*pillow-heif.*gmm-segment\[heif\]"):
        load_image(write_file(data))
