"""Masks and regions of interest in files: pictures, arrays, GeoJSON, and folders with one for each image."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image as PilImage

from segment.core.errors import ImageError
from segment.loader.mask_files import LabelFile, PolygonFile, find_stem_file, read_interest, read_mask

MANY = 10**6
SQUARE = [[[0, 0], [4, 0], [4, 4], [0, 0]]]


@pytest.fixture
def mask() -> np.ndarray:
    mask = np.zeros((6, 8), dtype=np.uint8)
    mask[2:5, 1:4] = 1
    return mask


def save(mask: np.ndarray, path: Path) -> Path:
    """Save a mask in the way that the name of the file says."""
    if path.suffix == ".npy":
        np.save(path, mask)
    elif path.suffix == ".npz":
        np.savez(path, labels=mask)
    elif path.stem == "rgba":
        PilImage.fromarray(np.dstack([mask * 255] * 3 + [np.full_like(mask, 255)])).save(path)
    elif path.stem == "transparent":
        PilImage.fromarray(np.dstack([np.full_like(mask, 255)] * 3 + [mask * 255])).save(path)
    elif path.stem == "bits":
        PilImage.fromarray(mask.astype(bool)).save(path)
    elif path.stem == "deep":
        PilImage.fromarray(mask.astype(np.uint16) * 300).save(path)
    elif path.stem == "palette":
        picture = PilImage.fromarray(mask)
        picture.putpalette([0, 0, 0, 200, 10, 10])
        picture.save(path)
    else:
        PilImage.fromarray(mask).save(path)
    return path


@pytest.mark.parametrize(
    "name",
    [
        *("gray.png", "gray.tif", "gray.bmp", "bits.png", "deep.png", "deep.tif", "rgba.png", "transparent.png"),
        *("palette.png", "a.npy", "a.npz"),
    ],
)
def test_what_is_not_zero_counts(mask: np.ndarray, tmp_path: Path, name: str) -> None:
    file = read_mask(str(save(mask, tmp_path / name)), max_pixels=MANY)
    assert np.array_equal(file.counts, mask > 0)


def test_the_small_values_of_a_jpeg_do_not_count(tmp_path: Path) -> None:
    mask = np.zeros((40, 40), dtype=np.uint8)
    mask[:, 20:] = 255
    mask[10:14, 3:9] = 255
    PilImage.fromarray(mask).save(tmp_path / "m.jpg", quality=60)
    assert (np.asarray(PilImage.open(tmp_path / "m.jpg"))[mask == 0] > 0).any()
    assert np.array_equal(read_mask(str(tmp_path / "m.jpg"), max_pixels=MANY).counts, mask > 0)


@pytest.mark.parametrize("name", ["gray.png", "deep.png", "deep.tif", "palette.png", "a.npy", "a.npz"])
def test_labels_are_regions(mask: np.ndarray, tmp_path: Path, name: str) -> None:
    file = read_interest(str(save(mask, tmp_path / name)), max_pixels=MANY)
    assert isinstance(file, LabelFile)
    assert file.interest.names == (("300",) if "deep" in name else ("1",))
    assert np.array_equal(file.interest.label_image, mask)


def test_colors_are_no_labels(tmp_path: Path, quadrants: np.ndarray) -> None:
    PilImage.fromarray(quadrants).save(tmp_path / "a.png")
    with pytest.raises(ImageError, match="a label image has one number for each pixel; got 3 channels"):
        read_interest(str(tmp_path / "a.png"), max_pixels=MANY)


def geojson(tmp_path: Path, *features: dict[str, Any], **members: Any) -> str:
    path = tmp_path / "a.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features, **members}), encoding="utf-8")
    return str(path)


def feature(kind: str, coordinates: Any, **properties: Any) -> dict[str, Any]:
    return {
        "type": "Feature",
        "properties": properties,
        "geometry": {"type": kind, "coordinates": coordinates},
    }


def test_polygons_have_names_and_a_system(tmp_path: Path) -> None:
    path = geojson(
        tmp_path,
        feature("Polygon", SQUARE, Name="plot"),
        feature("MultiPolygon", [SQUARE, SQUARE], name="plot"),
        feature("Polygon", SQUARE, id=7),
        feature("Polygon", SQUARE),
        crs={"type": "name", "properties": {"name": "EPSG:32632"}},
    )
    file = read_interest(path, max_pixels=MANY)
    assert isinstance(file, PolygonFile)
    assert file.names == ("plot", "plot (2)", "7", "4")
    assert [len(rings) for rings in file.regions] == [1, 2, 1, 1]
    assert file.crs == "EPSG:32632"
    assert not file.is_in_pixels


def test_a_single_geometry_is_a_region(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    text = json.dumps({"type": "Polygon", "coordinates": SQUARE})
    path.write_text("\ufeff  " + text, encoding="utf-8")
    file = read_interest(str(path), max_pixels=MANY)
    assert isinstance(file, PolygonFile)
    assert file.names == ("1",)


@pytest.mark.parametrize(
    ("features", "message"),
    [
        ([], "1 to 65535 polygons; got 0"),
        ([feature("Point", [0, 0])], "regions of interest are polygons; got a Point"),
        ([feature("Polygon", [[[0, 0], [1, 1]]])], "at least three points"),
        ([feature("Polygon", [])], "a polygon has rings; got none"),
        ([feature("Polygon", 5)], "the GeoJSON is damaged"),
        ([{"type": "Feature"}], "1 to 65535 polygons; got 0"),
    ],
)
def test_wrong_geojson_is_refused(tmp_path: Path, features: list[dict[str, Any]], message: str) -> None:
    path = geojson(tmp_path, *features)
    with pytest.raises(ImageError, match=message) as error:
        read_interest(path, max_pixels=MANY)
    assert str(error.value).startswith(path)


@pytest.mark.parametrize("content", [b"{", b"{}", b'{"type":"FeatureCollection"}', b"\x93NUMPY", b"PK\x03\x04", b"x"])
def test_damaged_files_are_refused_by_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(content)
    with pytest.raises(ImageError) as error:
        read_interest(str(path), max_pixels=MANY)
    assert str(error.value).startswith(str(path))


def test_a_folder_has_a_mask_for_each_stem(tmp_path: Path) -> None:
    for name in ("sea.png", "june/sea.tif", "two.png", "two.tif", ".hidden.png"):
        (tmp_path / "masks" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "masks" / name).touch()
    masks = str(tmp_path / "masks")
    assert find_stem_file(masks, "photographs/sea.jpg") == str(tmp_path / "masks/sea.png")
    # The same structure below the folders of photographs and of masks.
    assert find_stem_file(masks, "photographs/june/sea.jpg") == str(tmp_path / "masks/june/sea.tif")
    assert find_stem_file(str(tmp_path / "masks/sea.png"), "other.jpg") == str(tmp_path / "masks/sea.png")
    with pytest.raises(ImageError, match=r"one for each image; got none named lake\. Add it there"):
        find_stem_file(masks, "lake.jpg")
    with pytest.raises(ImageError, match=r"one file for each image; got two\.png, two\.tif"):
        find_stem_file(masks, "two.jpg")
    with pytest.raises(ImageError, match="needs the name of an image; got none"):
        find_stem_file(masks, "")


def test_a_mask_that_comes_later_is_found(tmp_path: Path) -> None:
    with pytest.raises(ImageError):
        find_stem_file(str(tmp_path), "sea.jpg")
    (tmp_path / "sea.png").touch()
    assert find_stem_file(str(tmp_path), "sea.jpg") == str(tmp_path / "sea.png")


def test_a_mask_of_no_data_is_told_so(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "mask.tif", np.full((9, 9), 1e200))
    with pytest.raises(ImageError, match=r"mask\.tif: .* none that hold data: 100 % .* beyond 9\.9e\+36, which stand"):
        read_mask(str(tmp_path / "mask.tif"), max_pixels=100)
