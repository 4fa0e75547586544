"""The pixels of rasters that count: the same as in images, whatever the tiles."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image as PilImage

import segment
from segment.core.errors import ImageError

files = pytest.importorskip("raster_files")

HEIGHT, WIDTH = 50, 70


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator) -> np.ndarray:
    """Four noisy areas beside a collar of zeros, as a.tif, with a mask and regions of interest in files."""
    monkeypatch.chdir(tmp_path)
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    kinds = 2 * (rows >= 25) + (columns >= 45)
    means = np.array([[40, 60, 90], [90, 160, 60], [200, 90, 60], [220, 220, 210]])
    pixels = np.clip(means[kinds] + rng.normal(0, 5, (HEIGHT, WIDTH, 3)), 1, 255).astype(np.uint8)
    pixels[:, :20] = 0
    files.write(tmp_path / "a.tif", pixels)
    labels = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    labels[5:25, 25:60], labels[25:45, 25:60] = 7, 20
    files.write(tmp_path / "labels.tif", labels)
    files.write(tmp_path / "mask.tif", (labels > 0).astype(np.float32))
    np.save("labels.npy", labels)
    rings = [[[25, top], [60, top], [60, top + 20], [25, top + 20], [25, top]] for top in (5, 25)]
    features = [
        {
            "type": "Feature",
            "properties": {"name": name},
            "geometry": {
                "type": "Polygon",
                "coordinates": [[[500_000 + 10 * x, 5_000_000 - 10 * y] for x, y in ring]],
            },
        }
        for name, ring in zip(("north", "south"), rings, strict=True)
    ]
    Path("plots.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": features}), encoding="utf-8")
    far = json.loads(json.dumps(features[0]).replace("500", "700").replace("north", "far"))
    collection = {"type": "FeatureCollection", "features": [features[0], far, features[1]]}
    Path("more_plots.geojson").write_text(json.dumps(collection), encoding="utf-8")
    return pixels


SELECTIONS: dict[str, dict[str, Any]] = {
    "nodata": {"nodata": 0},
    "mask": {"mask": "mask.tif"},
    "label raster": {"roi": "labels.tif"},
    "label array": {"roi": "labels.npy"},
    "polygons": {"roi": "plots.geojson"},
    "polygons of which one lies elsewhere": {"roi": "more_plots.geojson"},
    "grid": {"roi": "grid:3x2", "nodata": 0},
    "grid beside a mask": {"roi": "grid:1x7", "mask": "mask.tif"},
    "circle": {"roi": "circle:45,25,22.5"},
    "crop": {"crop": (20, 0, 70, 50)},
    "crop of a mask": {"crop": (30, 3, 65, 40), "mask": "mask.tif", "roi": "grid:2x2"},
    "crop of polygons": {"crop": (30, 3, 65, 40), "roi": "plots.geojson"},
}


@pytest.mark.parametrize("settings", SELECTIONS.values(), ids=SELECTIONS)
def test_tiles_have_the_labels_and_tables_of_the_image(scene: np.ndarray, settings: dict[str, Any]) -> None:
    image = segment.segment_image("a.tif", k=4, n_init=10, **settings)
    raster = segment.segment_raster("a.tif", "out.tif", k=4, n_init=10, tile=16, **settings)
    assert np.array_equal(files.read(Path("out.tif")), image.label_image)
    assert raster.transform == image.image.georeference.transform
    assert raster.warnings == image.warnings
    rows = [(item.roi, item.row.label, item.row.pixels) for item in raster.interest]
    if image.image.interest is None:
        assert rows == []
        return
    table = image.class_table()
    assert rows == list(zip(table["roi"], table["label"], table["pixels"], strict=True))
    means = [item.row.mean[0] if item.row.mean else np.nan for item in raster.interest]
    np.testing.assert_allclose(means, table["mean_red"])


def test_polygons_are_measured_on_each_tile_of_a_scene_on_which_they_lie(scene: np.ndarray) -> None:
    model = segment.fit_classes(["a.tif"], k=4, n_init=10)
    place = files.PLACE["transform"]
    parts: dict[str, int] = {}
    for top in (0, 25):
        tile = files.write(Path("tile.tif"), scene[top : top + 25], transform=place @ place.translation(0, top))
        result = segment.apply_classes(model, tile, roi="more_plots.geojson")
        table = result.class_table()
        for name, pixels in zip(table["roi"], table["pixels"], strict=True):
            parts[name] = parts.get(name, 0) + int(pixels)
        elsewhere = "far, south" if top == 0 else "north, far"
        assert f"regions of interest have no pixel on the image and are left out: {elsewhere}" in result.warnings
    assert parts == {"north": 700, "south": 700}


def test_colors_alone_have_no_part_either(scene: np.ndarray) -> None:
    segment.segment_raster("a.tif", "out.tif", k=4, n_init=10, spatial="none", tile=16, mask="mask.tif")
    assert np.array_equal(files.read(Path("out.tif")) > 0, np.load("labels.npy") > 0)


@pytest.mark.parametrize("spatial", ["field", "none"])
def test_a_collar_has_a_hint(scene: np.ndarray, spatial: str) -> None:
    result = segment.segment_raster("a.tif", "out.tif", k=4, n_init=2, spatial=spatial)
    assert result.warnings[0].startswith("one color, 0, fills 29 % of the image and lies at its border")


@pytest.mark.parametrize("nodata", ["", "65535", "-9999", "7"])
@pytest.mark.parametrize("fill", [65535, -9999])
def test_tiles_are_told_of_fill_values_as_the_image_is(tmp_path: Path, fill: int, nodata: str) -> None:
    pixels = np.random.default_rng(0).uniform(300, 3000, (40, 60)).astype(np.uint16 if fill > 0 else np.float32)
    pixels[:, :9] = fill
    path = files.write(tmp_path / "scene.tif", pixels)
    image = segment.segment_image(path, k=2, n_init=1, nodata=nodata)
    raster = segment.segment_raster(path, tmp_path / "out.tif", k=2, n_init=1, tile=16, nodata=nodata)
    assert raster.warnings == image.warnings
    # Who names the value is not told of it; who names none, is told once.
    assert sum(str(fill) in warning for warning in image.warnings) == (str(fill) != nodata)


def test_the_circle_of_a_picture_is_found(tmp_path: Path, rng: np.random.Generator) -> None:
    rows, columns = np.mgrid[:60, :60]
    inside = np.hypot(rows - 29.5, columns - 29.5) < 25
    pixels = np.where(inside, np.where(rows < 30, 190, 80) + rng.normal(0, 4, (60, 60)), 3).astype(np.uint8)
    path = files.write(tmp_path / "sky.tif", pixels)
    result = segment.segment_raster(path, tmp_path / "out.tif", k=2, n_init=2, roi="circle")
    assert np.mean((files.read(tmp_path / "out.tif") > 0) == inside) > 0.98
    assert [item.roi for item in result.interest] == ["circle", "circle"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"mask": "small.tif"}, "small.tif: a mask has the size of its image, 70 x 50 pixels; got 4 x 3"),
        ({"mask": "small.npy"}, "small.npy: a mask has the size of its image, 70 x 50 pixels; got 4 x 3"),
        ({"mask": "empty.tif"}, "empty.tif: a mask has pixels that are not zero; got none"),
        ({"mask": "nothing.tif"}, "nothing.tif: the file cannot be opened"),
        ({"roi": "empty.tif"}, "labels that are not 0; got none"),
        ({"roi": "a.tif"}, "one number for each pixel; got 3 channels"),
        ({"roi": "far.geojson"}, "region of interest '1': lies on the image; got no pixel there"),
        ({"roi": "grid:51x1"}, "a grid of at most 50 x 70 cells"),
        ({"roi": "circle:-9,-9,3"}, "region of interest 'circle': lies on the image"),
        ({"crop": (0, 0, 71, 50)}, "crop .* within 0,0,70,50; got 0,0,71,50"),
        ({"nodata": (1, 2)}, "one number, or one for each of the 3 channels; got 2"),
        ({"nodata": 0, "crop": (0, 0, 20, 50)}, "some pixel counts; got none"),
    ],
)
def test_what_does_not_fit_is_refused(scene: np.ndarray, settings: dict[str, Any], message: str) -> None:
    files.write(Path("small.tif"), np.ones((3, 4), np.uint8))
    np.save("small.npy", np.ones((3, 4), np.uint8))
    files.write(Path("empty.tif"), np.zeros((HEIGHT, WIDTH), np.uint8))
    ring = [[0, 0], [10, 0], [10, 10], [0, 0]]
    Path("far.geojson").write_text(
        json.dumps({"type": "Polygon", "coordinates": [[[x - 5000, y - 5000] for x, y in ring]]}), encoding="utf-8"
    )
    with pytest.raises(ImageError, match=message) as error:
        segment.segment_raster("a.tif", "out.tif", k=2, n_init=2, **settings)
    assert "\n" not in str(error.value)
    assert not Path("out.tif").exists()


@pytest.mark.parametrize("nodata", [None, 5, 7])
def test_no_data_of_a_palette_is_the_same_in_images_and_rasters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator, nodata: int | None
) -> None:
    monkeypatch.chdir(tmp_path)
    colors = rng.integers(60, 250, (3, 256)) * 257
    colors[:, 7] = 0
    stored = rng.integers(6, 251, (40, 64)).astype(np.uint8)
    stored[:, :12] = 5
    tifffile.imwrite("a.tif", stored, photometric="palette", colormap=colors.astype(np.uint16))
    given = {} if nodata is None else {"nodata": nodata}
    image = segment.segment_image("a.tif", k=2, **given)
    result = segment.segment_raster("a.tif", "b.tif", k=2, **given)
    assert (tifffile.imread("b.tif") > 0).tolist() == (stored != nodata).tolist() == image.image.valid.tolist()
    hints = [[note for note in each.warnings if "give --nodata 5," in note] for each in (image, result)]
    assert hints[0] == hints[1]
    assert bool(hints[0]) == (nodata != 5)


@pytest.mark.parametrize("kind", ["booleans", "palette", "-9999 outside", "-3.4e38 outside"])
def test_masks_mean_the_same_for_images_and_rasters(scene: np.ndarray, kind: str) -> None:
    counts = np.zeros(scene.shape[:2], dtype=bool)
    counts[10:30, 20:50] = True
    if kind == "booleans":  # tifffile writes them with white as 0
        tifffile.imwrite("m.tif", counts)
    elif kind == "palette":
        colors = np.full((3, 256), 257 * 99, np.uint16)
        tifffile.imwrite("m.tif", counts.astype(np.uint8), photometric="palette", colormap=colors)
    else:
        tifffile.imwrite("m.tif", np.where(counts, 1, float(kind.split(maxsplit=1)[0])).astype(np.float32))
    in_memory = segment.segment_image("a.tif", k=2, mask="m.tif")
    assert np.array_equal(in_memory.label_image > 0, counts)
    found = segment.segment_raster("a.tif", "out.tif", k=2, mask="m.tif")
    np.testing.assert_array_equal(files.read(found.path), in_memory.label_image)


@pytest.mark.parametrize("kind", ["soft", "full", "hard"])
def test_masks_that_count_more_than_may_be_meant_are_told(scene: np.ndarray, kind: str) -> None:
    rows, columns = np.mgrid[: scene.shape[0], : scene.shape[1]]
    soft = np.clip(3700 - 180 * np.hypot(rows - 20, columns - 30), 0, 255)
    values = {"soft": soft, "full": 7 + columns % 2, "hard": (soft > 128) * 255}[kind]
    tifffile.imwrite("m.tif", values.astype(np.uint8))
    in_memory = segment.segment_image("a.tif", k=2, mask="m.tif")
    found = segment.segment_raster("a.tif", "out.tif", k=2, mask="m.tif")
    for warnings in (found.warnings, in_memory.warnings):
        told = [warning for warning in warnings if "m.tif" in warning]
        words = {"soft": "save it with 0 and 1", "full": "leaves out no pixel", "hard": ""}[kind]
        assert len(told) == (kind != "hard")
        assert all(words in warning for warning in told)


@pytest.mark.parametrize("setting", ["mask", "roi"])
def test_further_pages_and_another_place_of_a_mask_are_told(scene: np.ndarray, setting: str) -> None:
    counts = np.ones(scene.shape[:2], np.uint8)
    tifffile.imwrite("pages.tif", np.stack([counts, counts]), photometric="minisblack")
    there = {**files.PLACE, "transform": files.rasterio.Affine(10, 0, 500_100, 0, -10, 5_000_000)}
    files.write(Path("there.tif"), counts, **there)
    files.write(Path("here.tif"), counts)
    elsewhere = "there.tif lies at another place on the earth than the image; its pixels are taken one by one"
    for name, told in (("pages.tif", "page 1 of 2 of pages.tif is used"), ("there.tif", elsewhere), ("here.tif", "")):
        settings = {setting: name}
        found = segment.segment_raster("a.tif", "out.tif", k=2, overwrite=True, **settings)
        in_memory = segment.segment_image("a.tif", k=2, **settings)
        for warnings in (found.warnings, in_memory.warnings):
            assert [warning for warning in warnings if name in warning] == [told] * bool(told)


@pytest.mark.parametrize(
    ("setting", "kind"), [("mask", "png"), ("mask", "tif"), ("roi", "png"), ("roi", "npy"), ("roi", "tif")]
)
def test_a_mask_that_has_changed_is_read_again(scene: np.ndarray, setting: str, kind: str) -> None:
    for n_rows in (30, 20):
        counted = np.zeros((HEIGHT, WIDTH), np.uint8)
        counted[:n_rows] = 1
        np.save("b.npy", counted)
        PilImage.fromarray(counted).save("b.png")
        files.write(Path("b.tif"), counted)
        found = segment.segment_raster(
            "a.tif", "out.tif", k=2, overwrite=True, spatial="none", **{setting: f"b.{kind}"}
        )
        assert sum(row.pixels for row in found.classes) == n_rows * WIDTH
