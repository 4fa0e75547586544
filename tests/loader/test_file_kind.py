"""The kind of an image file by its first bytes: whether it can be read here, and what to do if not."""

from __future__ import annotations

import io
import sys

import numpy as np
import pytest
from camera_files import encode_dng, encode_nef
from encoded_images import RGB, encode_with_pillow

from segment.core.errors import DependencyError, ImageError
from segment.loader.file_kind import describe_content, identify_file, identify_stream
from segment.loader.loader import load_image, load_stream
from segment.loader.read_options import ReadOptions

HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(40)


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (HEIC, "HEIC"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "HEIC"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1avif", "AVIF"),
        (b"\0\0\0\x18ftypavis\0\0\0\0avifmif1", "AVIF"),
        (b"\0\0\0\x18ftypcrx \0\0\0\1crx isom", "camera RAW (CR3)"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
        (b"\xffO\xffQ\0\x2f", "JPEG 2000"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
        (b"\xff\n\xfa\x7f", "JPEG XL"),
        (b"FUJIFILMCCD-RAW 0201", "camera RAW (RAF)"),
        (b"IIRO\x08\0\0\0", "camera RAW (ORF)"),
        (b"II*\0\x10\0\0\0CR\2\0", "camera RAW (CR2)"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "WebP"),
        (b"P5 9 9 255\n", "PPM"),
        (b"8BPS\0\1", "a Photoshop document (PSD)"),
        (bytes(128) + b"DICM", "DICOM"),
    ],
)
def test_first_bytes_tell_the_kind(head, name):
    assert identify_stream(io.BytesIO(head)).name == name


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP", "GIF", "BMP", "DIB", "JPEG2000"])
def test_encoded_files_are_readable(kind):
    found = identify_stream(io.BytesIO(encode_with_pillow(RGB, kind)[:512]))
    assert found.is_readable
    assert found.obstacle == found.remedy == ""


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"P1 is the first of all problems"[:2] + b"arking",
        b"BMW, Audi and other cars",
        b"%PDF-1.7",
        b"\0\0\0\x18ftypisom\0\0\2\0isomiso2avc1mp41",  # a film
        b"<svg xmlns=",
        b"label,area\n1,2\n",
    ],
)
def test_texts_and_films_are_no_images(head):
    assert identify_stream(io.BytesIO(head)) is None


def test_tiff_of_a_camera_is_told_from_others(tmp_path):
    for data, name in ((encode_dng(RGB), "camera RAW (DNG)"), (encode_nef(RGB), "camera RAW (NEF)")):
        (tmp_path / "a.tif").write_bytes(data)
        assert identify_file(tmp_path / "a.tif").name == name
        assert identify_stream(io.BytesIO(data)).name == name
    (tmp_path / "a.tif").write_bytes(encode_with_pillow(RGB, "TIFF"))
    assert identify_file(tmp_path / "a.tif").name == "TIFF"
    assert identify_file(tmp_path / "missing.tif") is None


@pytest.mark.parametrize(
    ("module", "data", "words"),
    [
        (
            "pillow_heif",
            HEIC,
            r"HEIC is read with the library pillow-heif; it is not installed\. "
            r"Run: pip install 'gmm-segment\[heif\]'\.",
        ),
        (
            "rawpy",
            encode_dng(RGB),
            r"camera RAW \(DNG\) is read with the library rawpy; it is not installed\. "
            r"Run: pip install 'gmm-segment\[raw\]'\.",
        ),
        ("rawpy", encode_nef(RGB), r"camera RAW \(NEF\) is read with .*gmm-segment\[raw\]"),
    ],
)
def test_missing_extra_is_named_with_the_command_that_installs_it(write_file, monkeypatch, module, data, words):
    monkeypatch.setitem(sys.modules, module, None)
    path = write_file(data)
    kind = identify_file(path)
    assert not kind.is_readable
    with pytest.raises(DependencyError, match=f"picture.bin: {words}"):
        load_image(path)
    with pytest.raises(DependencyError, match=f"^stdin: {words}"):
        load_stream(io.BytesIO(data), ReadOptions())


def test_known_kind_that_is_never_read_is_named_without_its_bytes(write_file):
    with pytest.raises(ImageError, match=r"; got a Photoshop document \(PSD\)\. Save it as PNG or TIFF\.$"):
        load_image(write_file(b"8BPS" + bytes(60)))


def test_name_of_a_file_does_not_matter(write_file):
    path = write_file(encode_with_pillow(RGB, "PNG"), "a.jfif")
    assert identify_file(path).name == "PNG"
    np.testing.assert_array_equal(load_image(path).pixels, RGB)


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (b"%PDF-1.7", "a PDF document. Save a page"),
        (b'<?xml version="1.0"?>\n<!-- drawn -->\n<svg xmlns="">', "SVG. Export it as PNG"),
        (b"<!DOCTYPE html><svg>", "a web page (HTML). Download the image itself"),
        (b"version https://git-lfs.github.com/spec/v1", "a pointer of Git LFS. Fetch the image: git lfs pull"),
        (b"\0\0\0\x18ftypisom\0\0\2\0isomiso2avc1mp41", "a film. Save its frames as PNG"),
        (b"RIFF\0\0\0\0AVI LIST", "a film"),
        (b"\x89HDF\r\n\x1a\n", "HDF5 or NetCDF. Save it as TIFF, or in Python give the array"),
        (b"\x93NUMPY\1\0", "an array of NumPy"),
        (b"PK\3\4" + bytes(26) + b"arr_0.npy", "an array of NumPy"),
        (b"PK\3\4" + bytes(26) + b"folder/photo.jpg", "an archive. Unpack it"),
        (bytes(344) + b"n+1\0", "NIfTI"),
        (b"\0\0\x27\n" + bytes(96), "a shapefile. Save polygons for --roi as GeoJSON"),
        (b"SQLite format 3\0", "a GeoPackage or another database of SQLite. Save polygons for --roi as GeoJSON"),
        (b"fgb\3fgb\0", "FlatGeobuf. Save polygons"),
        (b'<?xml version="1.0"?>\n<kml xmlns="">', "KML. Save polygons"),
        (b"\n\5\1\x08", "PCX. Save it as PNG"),
        (b"<!-- " * 100, "a file that begins with <!-- <!-. Convert it"),
    ],
)
def test_what_is_no_image_is_named_with_its_remedy(head, words):
    assert identify_stream(io.BytesIO(head)) is None
    assert words in ". ".join(describe_content(io.BytesIO(head)))
