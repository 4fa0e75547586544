"""Files of a result, from an image to the folder, read back by independent programs."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from threading import Barrier, get_ident
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import shapely
from PIL import Image as PilImage
from program_runs import read_rows, run_main
from pycocotools import mask as cocomask
from shapely.geometry import shape
from skimage.measure import label as connected

import segment
from segment.core.errors import ImageError
from segment.core.georeference import Georeference
from segment.output import products

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SAVED = ("geojson", "svg", "coco", "classes", "regions", "measurements")


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory, landscape: Path) -> tuple[segment.Segmentation, Path]:
    """Segment a photograph with a hole in its valid pixels, and save every table and shape of it in a folder."""
    folder = tmp_path_factory.mktemp("exports")
    with PilImage.open(landscape) as picture:
        small = picture.resize((160, 107)).convert("RGBA")
    small.paste((0, 0, 0, 0), (20, 30, 60, 50))
    small.save(folder / "photo.png")
    result = segment.segment_image(folder / "photo.png", k=3, save=SAVED)
    result.save(folder, stem="photo")
    return result, folder


@pytest.mark.parametrize(
    ("arguments", "rule"),
    [
        ({"stem": "a/b"}, "stem: what file names begin with; got 'a/b'. Give a name, and a path as the folder."),
        ({"stem": ""}, "stem: what file names begin with; got ''."),
        ({"stem": 3}, "stem: what file names begin with; got 3."),
        ({"suffix": ".JPG"}, "suffix: .png or .jpg; got '.JPG'."),
        ({"suffix": "png"}, "suffix: .png or .jpg; got 'png'."),
        ({"folder": None}, "folder: a path, or a binary file; got None."),
    ],
)
def test_what_is_no_name_of_a_file_is_refused(
    arguments: dict[str, Any], rule: str, tmp_path: Path, quadrants: np.ndarray
) -> None:
    result = segment.segment_image(quadrants, k=2, n_init=1)
    with pytest.raises(segment.SettingsError, match=f"^{re.escape(rule)}"):
        result.save(**{"folder": tmp_path, **arguments})
    assert list(tmp_path.iterdir()) == []


def test_files_are_replaced_where_asked(tmp_path: Path, quadrants: np.ndarray) -> None:
    result = segment.segment_image(quadrants, k=2, n_init=1)
    explored = segment.explore(quadrants, k_range=(2, 3), n_init=1)
    compared = segment.compare_image(quadrants, k=2, n_init=1)
    for saved in (result, explored, compared):
        paths = saved.save(tmp_path)
        with pytest.raises(segment.OutputError, match="exists already"):
            saved.save(tmp_path)
        assert saved.save(tmp_path, overwrite=True) == paths


def test_every_format_holds_the_same_labels(saved: tuple[segment.Segmentation, Path]) -> None:
    result, folder = saved
    labels = result.label_image
    assert np.unique(labels).tolist() == [0, 1, 2, 3]
    row, column = np.indices(labels.shape) + 0.5
    polygons = json.loads((folder / "photo_classes.geojson").read_text())["features"]
    annotations = json.loads((folder / "photo_coco.json").read_text())["annotations"]
    for feature, annotation in zip(polygons, annotations, strict=True):
        inside = shapely.contains_xy(shape(feature["geometry"]), column, row)
        np.testing.assert_array_equal(inside, labels == feature["id"])
        np.testing.assert_array_equal(cocomask.decode(annotation["segmentation"]), inside)
    root = ElementTree.parse(folder / "photo_classes.svg").getroot()
    assert [path.find("{*}title").text for path in root.findall("{*}path")] == ["class 1", "class 2", "class 3"]
    assert root.find("{*}title").text == "photo.png"


def test_tables_add_up_to_the_image(saved: tuple[segment.Segmentation, Path]) -> None:
    result, folder = saved
    labels = result.label_image
    classes, regions = (read_rows(folder / f"photo_{kind}.csv") for kind in ("classes", "regions"))
    for table in (classes, regions):
        assert sum(int(row["pixels"]) for row in table) == np.count_nonzero(labels)
        assert sum(float(row["share"]) for row in table) == pytest.approx(1)
    for row, known in zip(classes, result.classes, strict=True):
        own = [part for part in regions if part["label"] == row["label"]]
        pieces = connected(labels == known.label, connectivity=1).max()
        assert (int(row["pixels"]), int(row["regions"]), len(own)) == (known.pixels, pieces, pieces)
        assert sum(int(part["pixels"]) for part in own) == known.pixels
        mean = [float(row[f"mean_{name}"]) for name in ("red", "green", "blue")]
        assert mean == pytest.approx(known.mean)
        mine = labels == known.label
        posterior = result.posteriors()[..., known.label - 1][mine].mean(dtype=float)
        assert float(row["posterior"]) == pytest.approx(posterior, rel=1e-5)
        assert float(row["uncertainty"]) == pytest.approx(result.uncertainty()[mine].mean(dtype=float), rel=1e-5)
    both = json.loads((folder / "photo_measurements.json").read_text())
    assert [row["pixels"] for row in both["classes"]] == [int(row["pixels"]) for row in classes]
    assert [row["perimeter"] for row in both["regions"]] == [float(row["perimeter"]) for row in regions]
    assert both["image"] == {"file_name": "photo.png", "height": 107, "width": 160}


def test_an_image_without_pixels_has_empty_tables(tmp_path: Path) -> None:
    with np.errstate(all="raise"):
        image = segment.Image.from_array(np.zeros((3, 4, 4), np.uint8), alpha=True)
        result = segment.segment_image(image, k=2, save=SAVED)
        result.save(tmp_path)
    assert json.loads((tmp_path / "image_classes.geojson").read_text())["features"] == []
    assert json.loads((tmp_path / "image_coco.json").read_text())["annotations"] == []
    assert ElementTree.parse(tmp_path / "image_classes.svg").getroot().findall("{*}path") == []
    assert json.loads((tmp_path / "image_measurements.json").read_text())["regions"] == []


def test_a_map_is_saved_in_world_coordinates(tmp_path: Path, quadrants: np.ndarray) -> None:
    place = Georeference((2.0, 0.0, 500_000.0, 0.0, -2.0, 4_600_000.0), "EPSG:32632", 1.0)
    image = replace(segment.Image.from_array(quadrants), georeference=place)
    result = segment.segment_image(image, k=4, save=("geojson", "classes"), geojson_crs="keep")
    result.save(tmp_path)
    features = json.loads((tmp_path / "image_classes.geojson").read_text())["features"]
    areas = [shape(feature["geometry"]).area for feature in features]
    table = read_rows(tmp_path / "image_classes.csv")
    assert areas == [float(row["area_m2"]) for row in table]
    assert sorted(areas) == [4 * 40, 4 * 56, 4 * 60, 4 * 84]
    for row, feature in zip(table, features, strict=True):
        center = shape(feature["geometry"]).centroid
        assert (float(row["centroid_x"]), float(row["centroid_y"])) == pytest.approx((center.x, center.y))


def test_every_class_has_a_cutout_file(tmp_path: Path, quadrants: np.ndarray) -> None:
    result = segment.segment_image(quadrants, k=4, save="cutouts")
    paths = result.save(tmp_path, stem="a")
    assert [path.name for path in paths] == [f"a_cutout_{label}.png" for label in (1, 2, 3, 4)]
    for label, path in enumerate(paths, start=1):
        with PilImage.open(path) as picture:
            assert picture.mode == "RGBA"
            # A tiny image is enlarged, 16 times here.
            large = np.kron(result.label_image, np.ones((16, 16)))
            np.testing.assert_array_equal(np.asarray(picture)[..., 3] > 0, large == label)


def test_dropped_classes_are_in_no_polygons(tmp_path: Path, quadrants: np.ndarray) -> None:
    settings = {"k": 4, "name": "4=snow", "save": ("geojson", "svg", "coco")}
    result = segment.segment_image(quadrants, **settings, drop_class=["snow", "2", "sea"])
    assert result.warnings == (
        "there is no class sea to leave out (--drop-class); the classes are class 1, class 2, class 3, snow",
    )
    result.save(tmp_path, stem="a")
    segment.segment_image(quadrants, **settings).save(tmp_path, stem="b")
    kept, everything = (json.loads((tmp_path / f"{stem}_classes.geojson").read_text())["features"] for stem in "ab")
    assert kept == [feature for feature in everything if feature["id"] in (1, 3)]
    root = ElementTree.parse(tmp_path / "a_classes.svg").getroot()
    assert [path.find("{*}title").text for path in root.findall("{*}path")] == ["class 1", "class 3"]
    assert len(json.loads((tmp_path / "a_coco.json").read_text())["annotations"]) == 4


def test_every_class_has_a_mask_in_black_and_white(tmp_path: Path, quadrants: np.ndarray) -> None:
    image = segment.Image.from_array(quadrants, valid=np.arange(20) < np.full((12, 1), 15))
    result = segment.segment_image(image, k=4, save="masks")
    paths = result.save(tmp_path, stem="a")
    assert [path.name for path in paths] == [f"a_mask_{label}.png" for label in (1, 2, 3, 4)]
    for label, path in enumerate(paths, start=1):
        with PilImage.open(path) as picture:
            assert (picture.mode, picture.size) == ("L", (20, 12))
            np.testing.assert_array_equal(np.asarray(picture), np.where(result.label_image == label, 255, 0))


def test_the_command_writes_the_map_of_log_density(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quadrants: np.ndarray
) -> None:
    monkeypatch.chdir(tmp_path)
    PilImage.fromarray(quadrants).save("a.jpg")
    assert run_main("run", "a.jpg", "-k", "3", "--save", "anomaly,labels", "-o", "out") == 0
    assert sorted(path.name for path in Path("out").iterdir()) == ["a_anomaly.png", "a_labels.png"]
    with PilImage.open("out/a_anomaly.png") as picture:
        assert (picture.format, picture.mode) == ("PNG", "RGB")


def test_noise_has_too_many_regions_and_corners(
    tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("segment.output.measurements.MAX_REGIONS", 20)
    monkeypatch.setattr("segment.output.shapes.MAX_POINTS", 100)
    noise = rng.integers(0, 256, (20, 20)).astype(np.uint8)
    kept = {"k": 2, "spatial": "none", "clean_up": "none"}
    for roi in (None, "grid:1x2"):
        result = segment.segment_image(noise, save=("classes",), roi=roi, **kept)
        result.save(tmp_path, stem=f"noise_{roi is None}")
        too_many = r"^image: tables and numbers of at most 20 connected regions; got \d+ or more\. Raise"
        with pytest.raises(ImageError, match=too_many):
            result.region_table()
    for product in ("objects", "numbers", "outline"):
        result = segment.segment_image(noise, save=(product,), **kept)
        with pytest.raises(ImageError, match=too_many):
            result.save(tmp_path)
    for product in ("geojson", "svg"):
        result = segment.segment_image(noise, save=(product,), **kept)
        with pytest.raises(ImageError, match=r"^image: polygons of at most 133 points .* got \d{3,4}\. Raise"):
            result.save(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"noise_True_classes.csv", "noise_False_classes.csv"}


@pytest.mark.parametrize(
    ("k", "settings", "min_pixels", "n_threads"),
    [(3, {}, 0, 2), (9, {}, 0, 1), (0, {"regions": 9}, 0, 2), (3, {}, 2**18, 1), (0, {"regions": 9}, 2**18, 1)],
)
def test_products_of_many_classes_or_small_images_are_made_one_after_the_other(
    k: int,
    settings: dict[str, int],
    min_pixels: int,
    n_threads: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(products, "MIN_SHARED_PIXELS", min_pixels)
    pixels = np.repeat(np.arange(9, dtype=np.uint8) * 28, 12)[None].repeat(40, axis=0)
    if settings:
        result = segment.segment_regions(pixels, save=("panel", "labels"), **settings)
    else:
        result = segment.segment_image(pixels, save=("panel", "labels"), k=k, spatial="none")
    encode, threads = products.encode_product, set()
    both = Barrier(n_threads, timeout=60)
    monkeypatch.setattr(
        products, "encode_product", lambda *one: (both.wait(), threads.add(get_ident()), encode(*one))[-1]
    )
    assert len(result.save(tmp_path)) == 2
    assert (len(threads), get_ident() in threads) == (n_threads, n_threads == 1)
