"""TIFF that Pillow would cut: depths, floats, signed numbers, alpha and nodata."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from encoded_images import ALPHA, GRAY, RGB, RGB16, assert_same_picture, compute_relative_values
from PIL import Image as PilImage

from segment.core.errors import ImageError, SettingsError
from segment.loader.loader import load_image


@pytest.mark.parametrize("bits", [2, 3, 4, 5, 6, 7, 10, 12, 14])
def test_odd_depths_keep_their_scale(tmp_path, bits):
    values = np.arange(2**bits, dtype=np.uint8 if bits < 8 else np.uint16).reshape(2, -1)
    try:
        tifffile.imwrite(tmp_path / "b.tif", values, bitspersample=bits, photometric="minisblack")
    except NotImplementedError:
        pytest.skip("this imagecodecs reads packed integers but does not write them")
    np.testing.assert_allclose(
        compute_relative_values(load_image(tmp_path / "b.tif")), values / (2**bits - 1), atol=0.003
    )


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("gray", [True, False], ids=["gray", "rgb"])
def test_floats_become_float32(tmp_path, dtype, gray):
    array = ((GRAY if gray else RGB) / 255).astype(dtype)
    tifffile.imwrite(tmp_path / "f.tif", array, photometric="minisblack" if gray else "rgb")
    image = load_image(tmp_path / "f.tif")
    assert image.pixels.dtype == np.float32
    assert_same_picture(image, GRAY if gray else RGB)


def test_nan_is_not_valid(tmp_path):
    array = np.array([[0.5, np.nan, 1.0]], dtype=np.float32)
    tifffile.imwrite(tmp_path / "n.tif", array)
    assert load_image(tmp_path / "n.tif").valid.tolist() == [[True, False, True]]
    tifffile.imwrite(tmp_path / "n.tif", np.full((2, 2), np.nan, np.float32))
    assert not load_image(tmp_path / "n.tif").valid.any()


@pytest.mark.parametrize("dtype", ["i1", "i2", "i4", "u4"])
def test_wide_and_signed_numbers_are_not_clipped(tmp_path, dtype):
    array = np.array([[-100, 0, 100]]) if dtype[0] == "i" else np.array([[0, 10**6, 2 * 10**6]])
    tifffile.imwrite(tmp_path / "i.tif", array.astype(dtype), photometric="minisblack")
    np.testing.assert_allclose(compute_relative_values(load_image(tmp_path / "i.tif")), [[0, 0.5, 1]])


@pytest.mark.parametrize("full", [255, 65535, 1.0])
@pytest.mark.parametrize("kind", ["unassalpha", "assocalpha", "unspecified"])
def test_alpha_of_every_kind(tmp_path, full, kind):
    dtype = {255: np.uint8, 65535: np.uint16, 1.0: np.float32}[full]
    alpha = (ALPHA / 255)[..., None]
    colors = RGB / 255 * (alpha if kind == "assocalpha" else 1)
    array = np.dstack([colors, alpha]) * full
    array = array.astype(dtype) if full == 1 else np.rint(array).astype(dtype)
    tifffile.imwrite(tmp_path / "a.tif", array, photometric="rgb", extrasamples=[kind])
    image = load_image(tmp_path / "a.tif")
    if kind == "unspecified":
        assert image.valid.all()
        np.testing.assert_array_equal(image.pixels, array)
        return
    np.testing.assert_array_equal(image.valid, ALPHA > 127)
    assert_same_picture(image, RGB, 0.01)


@pytest.mark.parametrize("dtype", ["u1", "u2", "f4"])
def test_nodata_is_not_valid(tmp_path, dtype):
    array = np.array([[7, 8, 9]], dtype=dtype)
    tifffile.imwrite(tmp_path / "n.tif", array, extratags=[(42113, "s", 0, "8", True)])
    assert load_image(tmp_path / "n.tif").valid.tolist() == [[True, False, True]]


@pytest.mark.parametrize(
    ("array", "options", "words"),
    [
        (RGB16, {"photometric": "cielab"}, "CIELAB"),
        (GRAY.astype(np.complex64), {}, "complex"),
    ],
)
def test_unreadable_kinds_are_refused_with_their_names(tmp_path, array, options, words):
    tifffile.imwrite(tmp_path / "x.tif", array, **options)
    with pytest.raises(ImageError, match=words):
        load_image(tmp_path / "x.tif")


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("layout", ["contig", "separate"])
@pytest.mark.parametrize("n", [2, 5, 7])
def test_samples_that_are_not_alpha_are_bands(tmp_path, n, layout, dtype):
    array = np.arange(30 * 40 * n).reshape(30, 40, n) % 251
    array = (array / 255 if dtype == np.float32 else array).astype(dtype)
    data = np.moveaxis(array, 2, 0) if layout == "separate" else array
    how = {"photometric": "minisblack", "planarconfig": layout, "extrasamples": [0] * (n - 1)}
    tifffile.imwrite(tmp_path / "b.tif", data, metadata=None, **how)
    image = load_image(tmp_path / "b.tif")
    np.testing.assert_array_equal(image.pixels, array)
    assert any(f"{n} bands" in note for note in image.notes)
    chosen = load_image(tmp_path / "b.tif", bands=(n, 1))
    np.testing.assert_array_equal(chosen.pixels, array[..., [n - 1, 0]])
    assert load_image(tmp_path / "b.tif", bands=(2,)).is_gray
    with pytest.raises(SettingsError, match=rf"b\.tif: bands .*: each of the bands 1 to {n} at most once; got {n + 1}"):
        load_image(tmp_path / "b.tif", bands=(1, n + 1))


def test_alpha_after_other_bands_is_alpha(tmp_path):
    array = np.dstack([RGB, RGB[..., :1], ALPHA])
    tifffile.imwrite(tmp_path / "a.tif", array, photometric="rgb", extrasamples=[0, 2])
    image = load_image(tmp_path / "a.tif")
    assert image.n_bands == 4
    np.testing.assert_array_equal(image.valid, ALPHA > 127)
    np.testing.assert_array_equal(load_image(tmp_path / "a.tif", bands=(4,)).valid, ALPHA > 127)


def test_bands_of_a_palette_are_its_colors(tmp_path):
    palette = np.zeros((3, 256), np.uint16)
    palette[0] = np.arange(256) * 256
    tifffile.imwrite(tmp_path / "p.tif", GRAY, photometric="palette", colormap=palette)
    np.testing.assert_array_equal(load_image(tmp_path / "p.tif", bands=(1,)).pixels[..., 0], GRAY)


@pytest.mark.parametrize("item", ["Palette", "Gray"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_palette_that_gdal_declares_for_a_gray_file_counts(tmp_path, item, dtype):
    # As rasterio's write_colormap writes it, and `segment raster` reads it.
    colors = np.zeros((3, 2 ** (8 * np.dtype(dtype).itemsize)), np.uint16)
    colors[:, :3] = 257 * np.array([[0, 200, 0], [90, 0, 0], [0, 0, 255]])
    metadata = f'<GDALMetadata><Item name="COLORINTERP" sample="0" role="colorinterp">{item}</Item></GDALMetadata>'
    tags = [(320, "H", colors.size, colors.ravel(), True), (42112, "s", 0, metadata, True)]
    stored = np.array([[0, 1, 2]], dtype).repeat(4, axis=0)
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="minisblack", extratags=tags)
    image = load_image(tmp_path / "a.tif")
    if item == "Gray":
        np.testing.assert_array_equal(image.pixels, stored)
        return
    assert image.pixels[0].tolist() == [[0, 90, 0], [200, 0, 0], [0, 0, 255]]
    np.testing.assert_array_equal(image.stored, stored)


def test_bands_of_more_bytes_than_allowed_are_refused(tmp_path):
    tifffile.imwrite(tmp_path / "b.tif", np.zeros((10, 10, 40), np.uint8), planarconfig="contig", metadata=None)
    with pytest.raises(ImageError, match="at most 3200 bytes; got 40 bands, 4000 bytes"):
        load_image(tmp_path / "b.tif", max_pixels=100)


@pytest.mark.parametrize("nodata", [0, 2])
@pytest.mark.parametrize("photometric", ["palette", "miniswhite"])
def test_nodata_is_a_stored_value_not_a_color(tmp_path, photometric, nodata):
    stored = np.array([[0, 1, 2, 3]], np.uint8).repeat(4, axis=0)
    colors = np.zeros((3, 256), np.uint16)
    colors[:, :4] = 257 * np.array([9, 0, 7, 2])  # black is index 1, and gray 2 is index 3
    more = {"colormap": colors} if photometric == "palette" else {}
    tag = (42113, "s", 0, str(nodata), True)
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric=photometric, extratags=[tag], **more)
    image = load_image(tmp_path / "a.tif")
    assert image.valid.tolist() == (stored != nodata).tolist()


@pytest.mark.parametrize("compression", [None, "group4", "tiff_adobe_deflate"])
def test_nodata_of_single_bits_is_a_stored_value(tmp_path, compression):
    picture = PilImage.fromarray(np.array([[True, False, True, False]] * 4))
    picture.save(tmp_path / "a.tif", compression=compression, tiffinfo={42113: "1"})
    assert load_image(tmp_path / "a.tif").valid[0].tolist() == [False, True, False, True]


@pytest.mark.parametrize("bands", [(), (1,)])  # these are read with Pillow and with tifffile
@pytest.mark.parametrize("kind", ["palette", "miniswhite", "bits", "bits, miniswhite", "16 bits, miniswhite"])
def test_the_stored_values_are_kept_upright_where_the_pixels_have_others(tmp_path, kind, bands):
    stored = np.array([[0, 1, 1], [1, 0, 3]], np.uint8)
    stored = stored.astype(bool) if "bits" in kind else stored
    stored = stored.astype(np.uint16) if "16" in kind else stored
    more = {"colormap": np.full((3, 256), 257, np.uint16)} if kind == "palette" else {}
    kind = kind.split(", ")[-1].replace("bits", "minisblack")
    tag = (274, "H", 1, 6, True)  # turned by 90 degrees to the right
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric=kind, extratags=[tag], **more)
    image = load_image(tmp_path / "a.tif", bands=bands)
    assert image.stored.tolist() == np.rot90(stored, -1).astype(int).tolist()
    assert image.pixels.shape[:2] == image.stored.shape


def test_no_values_are_kept_where_they_are_those_of_the_pixels(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", GRAY, photometric="minisblack")
    assert load_image(tmp_path / "a.tif").stored is None
