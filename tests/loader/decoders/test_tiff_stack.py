"""Stacks of a microscope: channels are bands, depths and times are pages."""

from __future__ import annotations

import io

import numpy as np
import pytest
import tifffile

from segment.core.errors import ImageError, SettingsError
from segment.loader.decoders.frame_count import list_tiff_pages
from segment.loader.decoders.tiff import decode_tiff
from segment.loader.decoders.tiff_stack import may_be_stack
from segment.loader.loader import load_image
from segment.loader.read_options import ReadOptions

SHAPES = {"T": 2, "Z": 3, "C": 2, "Y": 30, "X": 40, "S": 3}


def make_stack(axes: str, dtype: type = np.uint16) -> np.ndarray:
    """Make a stack in which every plane and channel has values of its own."""
    shape = [SHAPES[axis] for axis in axes]
    return (np.arange(np.prod(shape)) % 60_013).reshape(shape).astype(dtype)


@pytest.mark.parametrize("kind", ["ome", "imagej", "tifffile"])
@pytest.mark.parametrize("axes", ["CYX", "ZYX", "TYX", "ZCYX", "TZCYX"])
def test_channels_are_bands_and_the_other_axes_are_pages(tmp_path, axes, kind):
    stack = make_stack(axes)
    name = "a.ome.tif" if kind == "ome" else "a.tif"
    tifffile.imwrite(tmp_path / name, stack, imagej=kind == "imagej", photometric="minisblack", metadata={"axes": axes})
    planes = stack if "C" in axes else stack[..., None, :, :]
    planes = planes.reshape(-1, *planes.shape[-3:])
    for number, plane in enumerate(planes, start=1):
        image = load_image(tmp_path / name, page=number)
        np.testing.assert_array_equal(image.pixels, plane[0] if len(plane) == 1 else np.moveaxis(plane, 0, -1))
        assert any("2 channels" in note for note in image.notes) == ("C" in axes)
        assert any(f"page {number} of {len(planes)} " in note for note in image.notes) == (len(planes) > 1)
    with pytest.raises(SettingsError, match=f"1 to {len(planes)}"):
        load_image(tmp_path / name, page=len(planes) + 1)


def test_note_says_where_the_plane_lies(tmp_path):
    tifffile.imwrite(tmp_path / "a.ome.tif", make_stack("TZCYX"), metadata={"axes": "TZCYX"}, photometric="minisblack")
    notes = load_image(tmp_path / "a.ome.tif", page=6).notes
    assert notes[0] == "page 6 of 6 (time 2 of 2, depth 3 of 3) is used; --page takes another"


def test_order_of_the_axes_is_that_of_the_file(tmp_path):
    stack = make_stack("CZYX")
    tifffile.imwrite(tmp_path / "a.ome.tif", stack, metadata={"axes": "CZYX"}, photometric="minisblack")
    np.testing.assert_array_equal(load_image(tmp_path / "a.ome.tif", page=2).pixels, np.moveaxis(stack[:, 1], 0, -1))


@pytest.mark.parametrize("bands", [(2, 1), (1,), (2,)])
def test_channels_are_selected(tmp_path, bands):
    stack = make_stack("CYX")
    tifffile.imwrite(tmp_path / "a.ome.tif", stack, metadata={"axes": "CYX"}, photometric="minisblack")
    expected = np.moveaxis(stack[[band - 1 for band in bands]], 0, -1)
    image = load_image(tmp_path / "a.ome.tif", bands=bands)
    np.testing.assert_array_equal(image.pixels, expected if len(bands) > 1 else expected[..., 0])
    with pytest.raises(SettingsError, match="1 to 2"):
        load_image(tmp_path / "a.ome.tif", bands=(3,))


def test_times_of_color_pictures_stay_in_color(tmp_path):
    stack = make_stack("TYXS", np.uint8)
    tifffile.imwrite(tmp_path / "a.ome.tif", stack, metadata={"axes": "TYXS"}, photometric="rgb")
    np.testing.assert_array_equal(load_image(tmp_path / "a.ome.tif", page=2).pixels, stack[1])


def test_single_page_of_a_microscope_is_an_ordinary_image(tmp_path):
    picture = make_stack("YX", np.uint8)
    tifffile.imwrite(tmp_path / "a.ome.tif", picture, photometric="minisblack")
    image = load_image(tmp_path / "a.ome.tif")
    np.testing.assert_array_equal(image.pixels, picture)
    assert image.notes == ()


def encode_pages_behind_the_first(stack: np.ndarray) -> bytes:
    """Encode a stack as ImageJ encodes a large one: one page, and the pixels of all planes one after the other."""
    stream = io.BytesIO()
    description = f"ImageJ=1.54f\nimages={len(stack)}\nchannels={len(stack)}\nhyperstack=true\n"
    tifffile.imwrite(stream, stack[0], photometric="minisblack", description=description, metadata=None)
    data = stream.getvalue()
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page = file.pages[0]
        end = page.dataoffsets[0] + page.nbytes
    assert end == len(data)  # else the planes would not follow each other
    return data + stack[1:].tobytes()


def test_planes_without_pages_of_their_own_are_found(tmp_path):
    stack = make_stack("CYX")
    data = encode_pages_behind_the_first(stack)
    assert len(list_tiff_pages(io.BytesIO(data))) == 1
    (tmp_path / "a.tif").write_bytes(data)
    np.testing.assert_array_equal(load_image(tmp_path / "a.tif").pixels, np.moveaxis(stack, 0, -1))
    (tmp_path / "a.tif").write_bytes(data[:-400])
    with pytest.raises(ImageError, match="truncated"):
        load_image(tmp_path / "a.tif")
    np.testing.assert_array_equal(load_image(tmp_path / "a.tif", allow_truncated=True).pixels, stack[0])


def test_stored_values_of_channels_with_white_as_zero_are_kept(tmp_path):
    stack = np.arange(24, dtype=np.uint8).reshape(3, 2, 4)
    tifffile.imwrite(tmp_path / "a.ome.tif", stack, metadata={"axes": "CYX"}, photometric="miniswhite")
    image = load_image(tmp_path / "a.ome.tif", bands=(3, 1))
    assert image.stored.tolist() == stack[[2, 0]].transpose(1, 2, 0).tolist()
    assert image.select_bands((2,)).stored.tolist() == stack[0].tolist()


def test_other_files_that_the_metadata_name_are_not_read(tmp_path):
    stack = make_stack("CYX")
    tifffile.imwrite(tmp_path / "a.ome.tif", stack[:1], metadata={"axes": "CYX"}, photometric="minisblack")
    data = (tmp_path / "a.ome.tif").read_bytes()
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        xml = file.ome_metadata
    assert xml is not None
    changed = xml.replace('SizeC="1"', 'SizeC="2"')
    assert len(changed) == len(xml)
    (tmp_path / "a.ome.tif").write_bytes(data.replace(xml.encode(), changed.encode()))
    with pytest.raises(ImageError, match="lies in another file or is missing"):
        load_image(tmp_path / "a.ome.tif")


def test_stack_is_told_by_its_description(tmp_path):
    for metadata, expected in (({"axes": "ZYX"}, True), (None, False)):
        tifffile.imwrite(tmp_path / "a.tif", make_stack("ZYX"), photometric="minisblack", metadata=metadata)
        with (tmp_path / "a.tif").open("rb") as stream:
            assert may_be_stack(list_tiff_pages(stream)) == expected
            assert decode_tiff(stream, ReadOptions(page=3)).pixels[0, 0] == 2400


def test_pages_written_one_by_one_are_no_stack(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for _ in range(3):
            writer.write(np.zeros((5, 7, 3), np.uint8), photometric="rgb", contiguous=False)
    with (tmp_path / "a.tif").open("rb") as stream:
        assert not may_be_stack(list_tiff_pages(stream))
