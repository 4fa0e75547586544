"""Label images: every reader finds exactly the labels that were written."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image as PilImage

from segment import load_image, segment_image
from segment.core.georeference import Georeference
from segment.output.label_formats import encode_label_npz, encode_label_png, encode_label_tiff, encode_share_png
from segment.output.palette import pick_class_colors

LABELS = np.array([[0, 1, 1, 2], [3, 3, 1, 0]], dtype=np.uint8)
COLORS = np.array([[10, 20, 30], [200, 100, 0], [0, 0, 255]], dtype=np.uint8)
NO_COLORS = np.zeros((0, 3), np.uint8)


def test_label_png_holds_the_labels_for_every_reader() -> None:
    data = encode_label_png(LABELS, COLORS)
    by_pillow = PilImage.open(io.BytesIO(data))
    assert (by_pillow.format, by_pillow.mode, by_pillow.size) == ("PNG", "P", (4, 2))
    assert np.asarray(by_pillow).tolist() == [[0, 1, 1, 2], [3, 3, 1, 0]]
    assert data[24:26] == bytes([8, 3])  # 8 bits, palette: other depths are not read as labels by all
    by_opencv = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert by_opencv[..., 2::-1].tolist() == np.asarray(by_pillow.convert("RGB")).tolist()


def test_a_viewer_shows_the_class_colors_and_transparent_unlabeled_pixels() -> None:
    seen = np.asarray(PilImage.open(io.BytesIO(encode_label_png(LABELS, COLORS))).convert("RGBA"))
    red, amber, blue = (10, 20, 30, 255), (200, 100, 0, 255), (0, 0, 255, 255)
    assert [tuple(pixel) for pixel in seen[0, 1:].tolist()] == [red, red, amber]
    assert [tuple(pixel) for pixel in seen[1, :3].tolist()] == [blue, blue, red]
    assert seen[..., 3].tolist() == [[0, 255, 255, 255], [255, 255, 255, 0]]


def test_labels_everywhere_need_no_transparency() -> None:
    assert "transparency" not in PilImage.open(io.BytesIO(encode_label_png(LABELS[:, 1:3], COLORS))).info


@given(hnp.arrays(np.int64, hnp.array_shapes(min_dims=2, max_dims=2, max_side=20), elements=st.integers(0, 255)))
def test_any_labels_survive(labels: np.ndarray) -> None:
    data = encode_label_png(labels, pick_class_colors(255))
    image = PilImage.open(io.BytesIO(data))
    np.testing.assert_array_equal(np.asarray(image), labels)
    shown = np.asarray(image.convert("RGBA"))
    np.testing.assert_array_equal(shown[..., :3][labels > 0], pick_class_colors(255)[labels[labels > 0] - 1])
    np.testing.assert_array_equal(shown[..., 3] == 0, labels == 0)


def test_an_image_without_classes_is_transparent() -> None:
    image = PilImage.open(io.BytesIO(encode_label_png(np.zeros((2, 3), np.uint8), np.zeros((0, 3), np.uint8))))
    assert np.asarray(image).tolist() == [[0, 0, 0], [0, 0, 0]]
    assert not np.asarray(image.convert("RGBA"))[..., 3].any()


def test_labels_in_another_memory_order_give_the_same_bytes() -> None:
    assert encode_label_png(np.asfortranarray(LABELS), COLORS) == encode_label_png(LABELS, COLORS)
    assert encode_label_png(LABELS[::-1][::-1], COLORS) == encode_label_png(LABELS, COLORS)


any_labels = hnp.arrays(np.int64, hnp.array_shapes(min_dims=2, max_dims=2, max_side=20), elements=st.integers(0, 65535))


@given(any_labels)
def test_more_labels_than_255_survive_in_16_bits(labels: np.ndarray) -> None:
    png = PilImage.open(io.BytesIO(encode_label_png(labels, NO_COLORS)))
    np.testing.assert_array_equal(np.asarray(png), labels)
    assert (png.mode == "I;16") == (labels.max() > 255)
    tiff = encode_label_tiff(labels, NO_COLORS)
    for read in (tifffile.imread(io.BytesIO(tiff)), np.asarray(PilImage.open(io.BytesIO(tiff)))):
        np.testing.assert_array_equal(read, labels)
    with np.load(io.BytesIO(encode_label_npz(labels, iter(()), 0))) as archive:
        np.testing.assert_array_equal(archive["labels"], labels)
        assert archive["posteriors"].shape == (*labels.shape, 0)


def test_a_tiff_has_the_class_colors_and_a_nodata_value() -> None:
    data = encode_label_tiff(LABELS, COLORS)
    seen = np.asarray(PilImage.open(io.BytesIO(data)).convert("RGB"))
    np.testing.assert_array_equal(seen[LABELS > 0], COLORS[LABELS[LABELS > 0] - 1])
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        assert file.pages[0].tags[42113].value == "0"
        assert not file.pages[0].is_geotiff


def test_an_npz_holds_the_posteriors_as_they_are(rng: np.random.Generator) -> None:
    posteriors = rng.random((5, 7, 3)).astype(np.float32)
    data = encode_label_npz(np.ones((5, 7), np.uint8), np.moveaxis(posteriors, 2, 0), 3)
    with np.load(io.BytesIO(data), allow_pickle=False) as archive:
        assert sorted(archive.files) == ["labels", "posteriors"]
        np.testing.assert_array_equal(archive["posteriors"], posteriors)
    assert data == encode_label_npz(np.ones((5, 7), np.uint8), np.moveaxis(posteriors, 2, 0), 3)


@pytest.mark.parametrize(("labels_format", "suffix"), [("png", ".png"), ("tif", ".tif"), ("npz", ".npz")])
def test_the_setting_chooses_the_format(labels_format: str, suffix: str, tmp_path: Path, quadrants: np.ndarray) -> None:
    result = segment_image(quadrants, k=4, save="labels", labels_format=labels_format)
    (path,) = result.save(tmp_path, stem="a")
    assert path.name == f"a_labels{suffix}"
    if suffix == ".npz":
        with np.load(path) as archive:
            read = archive["labels"]
            np.testing.assert_array_equal(archive["posteriors"], result.posteriors())
    else:
        read = np.asarray(PilImage.open(path))
    np.testing.assert_array_equal(read, result.label_image)


TRANSFORMS = {
    "north up": (10.0, 0.0, 500000.0, 0.0, -10.0, 4649000.0),
    "rotated": (8.0, 6.0, 500000.0, 6.0, -8.0, 4649000.0),
}
OWN_SYSTEM = "+proj=laea +lat_0=41 +lon_0=2 +x_0=100 +y_0=200 +ellps=GRS80 +units=m +no_defs"


@pytest.mark.parametrize("crs", ["EPSG:32631", "EPSG:4326", OWN_SYSTEM])
@pytest.mark.parametrize("transform", TRANSFORMS.values(), ids=TRANSFORMS)
def test_a_geotiff_keeps_the_georeference(
    transform: tuple[float, ...], crs: str, tmp_path: Path, quadrants: np.ndarray
) -> None:
    rasterio = pytest.importorskip("rasterio", reason="rasterio, the independent reader, is not installed")
    path = tmp_path / "map.tif"
    profile = {"driver": "GTiff", "width": 20, "height": 12, "count": 3, "dtype": "uint8"}
    with rasterio.open(path, "w", crs=crs, transform=rasterio.Affine(*transform), **profile) as raster:
        raster.write(np.moveaxis(quadrants, 2, 0))
    result = segment_image(load_image(path), k=4, save="labels", labels_format="tif")
    (written,) = result.save(tmp_path, stem="map")
    with rasterio.open(path) as source, rasterio.open(written) as raster:
        np.testing.assert_array_equal(raster.read(1), result.label_image)
        assert raster.crs == source.crs
        np.testing.assert_allclose(tuple(raster.transform), tuple(source.transform), rtol=1e-12)
        assert raster.nodata == 0
        assert raster.colormap(1)[1][:3] == tuple(result.colors[0])


def test_a_transform_without_a_coordinate_system_is_kept() -> None:
    rasterio = pytest.importorskip("rasterio", reason="rasterio, the independent reader, is not installed")
    data = encode_label_tiff(LABELS, COLORS, Georeference((2.0, 0.0, 5.0, 0.0, -2.0, 9.0)))
    with rasterio.MemoryFile(data) as memory, memory.open() as raster:
        assert tuple(raster.transform)[:6] == (2.0, 0.0, 5.0, 0.0, -2.0, 9.0)
        assert raster.crs is None


def test_shares_are_stored_in_16_bits() -> None:
    shares = np.array([[0.0, 0.5, 1.0], [-0.1, 1.2, 0.25]])
    image = PilImage.open(io.BytesIO(encode_share_png(shares)))
    assert image.mode == "I;16"
    assert np.asarray(image).tolist() == [[0, 32768, 65535], [0, 65535, 16384]]
