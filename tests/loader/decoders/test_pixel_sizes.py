"""The size of a pixel in files of microscopes and scanners."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import tifffile

from segment.core.errors import ImageError
from segment.core.pixel_grid import NO_SIZE, PixelSize
from segment.loader.decoders.frame_count import TiffPage
from segment.loader.decoders.pixel_sizes import read_microscope_size
from segment.loader.loader import load_image

GRAY = np.arange(48, dtype=np.uint16).reshape(2, 4, 6) * 100


def approximate(size: PixelSize) -> tuple[float, float, str]:
    """Round away what fractions of integers lose."""
    return (round(size.width * 1e9, 3), round(size.height * 1e9, 3), size.unit)


def test_ome_with_units(tmp_path: Path) -> None:
    about = {"PhysicalSizeX": 0.65, "PhysicalSizeXUnit": "\u00b5m", "PhysicalSizeY": 700, "PhysicalSizeYUnit": "nm"}
    tifffile.imwrite(tmp_path / "a.ome.tif", GRAY, metadata={"axes": "CYX", **about})
    image = load_image(tmp_path / "a.ome.tif")
    assert approximate(image.pixel_size) == (650.0, 700.0, "um")
    assert image.n_bands == 2


def test_imagej_with_a_unit_and_bigtiff(tmp_path: Path) -> None:
    options = {"imagej": True, "resolution": (4.0, 5.0)}
    tifffile.imwrite(tmp_path / "a.tif", GRAY, metadata={"axes": "CYX", "unit": "um"}, **options)
    assert approximate(load_image(tmp_path / "a.tif").pixel_size) == (250.0, 200.0, "um")
    tifffile.imwrite(tmp_path / "b.tif", GRAY, metadata={"axes": "CYX", "unit": "pixel"}, **options)
    assert load_image(tmp_path / "b.tif").pixel_size == NO_SIZE
    description = "ImageJ=1.54f\nimages=1\nunit=mm\n"
    big = {"bigtiff": True, "description": description, "metadata": None, "resolution": (4.0, 5.0)}
    tifffile.imwrite(tmp_path / "c.tif", GRAY[0], **big)
    assert approximate(load_image(tmp_path / "c.tif").pixel_size) == (250_000.0, 200_000.0, "mm")


@pytest.mark.parametrize("side", ["0", "-1", "1e30", "nan", "inf", "word"])
def test_a_size_that_no_pixel_has_is_not_used_and_told(side: str) -> None:
    text = f'<OME><Image><Pixels SizeX="3" PhysicalSizeX="{side}" PhysicalSizeY="{side}"></Pixels></Image></OME>'
    size, (note,) = read_microscope_size(TiffPage(0, 0, (4, 3), text.encode()))
    assert size == NO_SIZE
    assert "--pixel-size" in note


@pytest.mark.parametrize(("unit", "width"), [("&#197;", 0.25), ("\u212b", 0.25), ("pm", 0.0025)])
def test_lengths_of_atoms_are_given_in_nanometers(unit: str, width: float) -> None:
    sides = f'PhysicalSizeX="2.5" PhysicalSizeXUnit="{unit}" PhysicalSizeY="4" PhysicalSizeYUnit="nm"'
    size, notes = read_microscope_size(TiffPage(0, 0, (4, 3), f"<OME><Pixels {sides}/></OME>".encode()))
    assert (size.width * 1e9, size.height * 1e9) == (pytest.approx(width), pytest.approx(4))
    assert (size.unit, notes) == ("nm", ())


@pytest.mark.parametrize("unit", ["pixel", "reference frame"])
def test_units_that_are_no_lengths(unit: str) -> None:
    text = f'<OME><Pixels PhysicalSizeX="1" PhysicalSizeXUnit="{unit}" PhysicalSizeY="1"/></OME>'
    assert read_microscope_size(TiffPage(0, 0, (4, 3), text.encode())) == (NO_SIZE, ())


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif"])
def test_resolution_counts_only_when_asked(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    PIL.Image.fromarray(np.zeros((4, 6, 3), np.uint8)).save(path, dpi=(254, 127))
    assert load_image(path).pixel_size == NO_SIZE
    size = load_image(path, dpi=True).pixel_size
    assert (size.width, size.height, size.unit) == (pytest.approx(1e-4, 1e-3), pytest.approx(2e-4, 1e-3), "mm")


def test_no_resolution_is_told_with_the_path(tmp_path: Path) -> None:
    for name in ("a.png", "a.jpg", "a.bmp"):
        path = tmp_path / name
        PIL.Image.fromarray(np.zeros((4, 6), np.uint8)).save(path)
        if name != "a.bmp":
            with pytest.raises(ImageError, match=r"a\.\w+: pixel_size \(--pixel-size\): dpi where .* got none"):
                load_image(path, dpi=True)


def test_a_picture_that_is_turned_has_its_sides_exchanged(tmp_path: Path) -> None:
    exif = PIL.Image.Exif()
    exif[274] = 6
    PIL.Image.fromarray(np.zeros((4, 6), np.uint8)).save(tmp_path / "a.jpg", dpi=(254, 127), exif=exif)
    size = load_image(tmp_path / "a.jpg", dpi=True).pixel_size
    assert (size.width, size.height) == (pytest.approx(2e-4, 1e-3), pytest.approx(1e-4, 1e-3))
