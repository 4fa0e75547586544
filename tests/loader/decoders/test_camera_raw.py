"""Camera RAW: the pixels of the sensor, never the preview. Developing needs the extra [raw]."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from camera_files import encode_dng, encode_nef

from segment.core.errors import DependencyError, ImageError
from segment.loader.loader import load_image

# Red on the left, blue on the right; darker at the top.
_LIGHT = np.linspace(40, 240, 64)[:, None]
PICTURE = np.zeros((64, 96, 3), np.uint8)
PICTURE[:, :48, 0] = PICTURE[:, 48:, 2] = _LIGHT
PICTURE[..., 1] = _LIGHT / 2


@pytest.fixture
def rawpy():
    return pytest.importorskip("rawpy", reason="the extra [raw] is not installed")


@pytest.mark.usefixtures("rawpy")
@pytest.mark.parametrize("bit", [0, 1])
def test_sensor_is_developed_not_the_preview(write_file, bit):
    image = load_image(write_file(encode_dng(PICTURE, bit=bit)))
    assert image.pixels.shape == PICTURE.shape
    assert image.pixels.dtype == np.uint16
    assert image.white == 65535
    left, right = image.pixels[8:-8, 8:40].astype(float), image.pixels[8:-8, 56:88].astype(float)
    assert (left[..., 0] > left[..., 2]).all()
    assert (right[..., 2] > right[..., 0]).all()
    # Without automatic brightness light grows down the picture as in the scene.
    assert (np.diff(image.pixels[8:-8].reshape(6, -1).mean(axis=1)) > 0).all()
    assert len(image.notes) == 1
    assert "the camera's white balance" in image.notes[0]


@pytest.mark.usefixtures("rawpy")
def test_white_balance_of_the_camera_counts_and_a_missing_one_is_said(write_file):
    gray = np.full((64, 96, 3), 100, np.uint8)
    gray[..., 0] = 50
    gray[..., 2] = 67
    pixels = load_image(write_file(encode_dng(gray))).pixels[8:-8, 8:-8].reshape(-1, 3).mean(axis=0)
    # The camera saw a neutral color as 1/2, 1 and 2/3.
    assert np.ptp(pixels) < 0.02 * pixels.mean()
    (note,) = load_image(write_file(encode_dng(gray, balance=False))).notes
    assert "automatic white balance" in note


@pytest.mark.usefixtures("rawpy")
def test_picture_is_turned_upright(write_file):
    assert load_image(write_file(encode_dng(PICTURE, orientation=6))).pixels.shape == (96, 64, 3)


@pytest.mark.usefixtures("rawpy")
def test_too_many_pixels_are_refused_without_decoding(write_file, monkeypatch):
    path = write_file(encode_dng(PICTURE))
    assert load_image(path, max_pixels=6144).width == 96
    with pytest.raises(ImageError, match="at most 6143 pixels are read; got 96 x 64 = 6144"):
        load_image(path, max_pixels=6143)


@pytest.mark.usefixtures("rawpy")
@pytest.mark.parametrize("allow", [False, True])
def test_truncated_file_gives_one_line_and_no_preview(write_file, capfd, allow):
    data = encode_dng(PICTURE)
    with pytest.raises(ImageError, match=r"bin: the camera RAW is damaged or truncated; LibRaw says: [^\n]*$"):
        load_image(write_file(data[:-500]), allow_truncated=allow)
    captured = capfd.readouterr()
    assert captured.out + captured.err == ""


@pytest.mark.usefixtures("rawpy")
def test_unknown_camera_gives_one_line(write_file):
    with pytest.raises(ImageError, match=r"LibRaw [\d.]+ does not know this camera .*convert it to TIFF\.$"):
        load_image(write_file(b"FUJIFILMCCD-RAW 0201" + bytes(500)))


def test_library_that_cannot_be_imported_is_named(write_file, monkeypatch):
    monkeypatch.setattr("segment.loader.file_kind.find_spec", lambda _: True)
    monkeypatch.setitem(sys.modules, "rawpy", None)
    for data in (encode_dng(PICTURE), encode_nef(PICTURE)):
        with pytest.raises(DependencyError, match=r"camera RAW is read with .*rawpy.*gmm-segment\[raw\]"):
            load_image(write_file(data))
