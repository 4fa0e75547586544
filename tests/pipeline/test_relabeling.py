"""Classes of label images are merged, named, ordered and recolored, and read back with other readers."""

from __future__ import annotations

import json
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image as PilImage
from program_runs import read_rows

import segment
from segment.output import shapes

LABELS = np.repeat([[1, 2, 3, 0]], [6, 3, 2, 1], axis=1).astype(np.uint8).repeat(4, axis=0)
PIXELS = np.array([[0, 0, 0], [200, 30, 30], [40, 160, 40], [60, 90, 220]], np.uint8)[LABELS]


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    """The labels of three classes, of which one has a name, in a file."""
    config = {"spatial": "none", "save": "labels", "smooth_radius": 0, "min_region": 0, "max_hole": 0}
    image = segment.Image.from_array(PIXELS)
    result = segment.segment_image(image, k=4, name="4=leaf", **config)
    result.save(tmp_path, stem="a")
    return tmp_path / "a_labels.png"


def test_classes_of_a_file_keep_their_names_and_colors(stored: Path, tmp_path: Path) -> None:
    with PilImage.open(stored) as picture:
        palette = np.array(picture.getpalette(), np.uint8).reshape(-1, 3)
        before = np.asarray(picture)
    result = segment.relabel_classes(stored, merge="dark=1,2", name="3=flower", palette="leaf=#0a0b0c", save="labels")
    assert result.names == ("dark", "flower", "leaf")
    (path,) = result.save(tmp_path, stem="b")
    with PilImage.open(path) as picture:
        assert json.loads(picture.info["Description"]) == {"classes": ["dark", "flower", "leaf"]}
        np.testing.assert_array_equal(np.asarray(picture), np.array([0, 1, 1, 2, 3])[before])
        colors = np.array(picture.getpalette(), np.uint8).reshape(-1, 3)[1:4]
    assert colors.tolist() == [palette[1].tolist(), palette[3].tolist(), [10, 11, 12]]


@pytest.mark.parametrize("kind", ["tif", "npz"])
def test_other_formats_hold_the_names_too(kind: str, tmp_path: Path) -> None:
    image = segment.Image.from_array(PIXELS)
    result = segment.segment_image(image, k=4, name="2=sea", spatial="none", save="labels", labels_format=kind)
    (path,) = result.save(tmp_path, stem="a")
    again = segment.relabel_classes(path)
    assert again.names == ("class 1", "sea", "class 3", "class 4")
    np.testing.assert_array_equal(again.label_image, result.label_image)


def test_products_need_the_image_where_they_show_it(tmp_path: Path) -> None:
    PilImage.fromarray(PIXELS).save(tmp_path / "a.png")
    settings = {"order": "lightness", "name": "sea=bluest,leaf=greenest", "save": "classes,cutouts,coco"}
    result = segment.relabel_classes(LABELS, tmp_path / "a.png", background="sea", **settings)
    paths = result.save(tmp_path / "out", stem="a")
    rows = {row["name"]: row for row in read_rows(next(path for path in paths if path.name == "a_classes.csv"))}
    assert (rows["leaf"]["pixels"], rows["sea"]["pixels"], rows["sea"]["share"]) == ("12", "8", "")
    assert float(rows["leaf"]["share"]) == 12 / 36
    assert float(rows["sea"]["mean_blue"]) == 220
    for changed, message in (
        ({"save": "classes"}, "give --image FILE"),
        ({"order": "hue"}, "Give --image FILE"),
        ({"name": "sea=bluest"}, "Give --image FILE"),
        ({"save": "posterior"}, "use segment run"),
        ({"name": "5=sea"}, "classes are 1 to 3"),
        ({"k": 5}, "not used by relabel_classes"),
    ):
        with pytest.raises(segment.SettingsError, match=message):
            segment.relabel_classes(LABELS, **changed)


def test_what_is_no_label_image_is_refused(tmp_path: Path) -> None:
    PilImage.fromarray(PIXELS).save(tmp_path / "photo.png")
    (tmp_path / "torn.tif").write_bytes(b"II*\0")
    (tmp_path / "a.npz").write_bytes(b"PK")
    for name in ("photo.png", "torn.tif", "a.npz", "absent.png", "a.jpg"):
        with pytest.raises(segment.ImageError, match=name):
            segment.relabel_classes(tmp_path / name)
    with pytest.raises(segment.ImageError, match="of the size of the labels"):
        segment.relabel_classes(LABELS, PIXELS[:2])
    with pytest.raises(segment.ImageError, match="whole numbers from 0 to 255"):
        segment.relabel_classes(LABELS - 0.5)


def test_labels_without_classes_stay(tmp_path: Path) -> None:
    result = segment.relabel_classes(np.zeros((2, 3), np.uint8), save="labels,geojson")
    assert result.classes == ()
    assert len(result.save(tmp_path, stem="a")) == 2


def test_the_grays_of_a_picture_are_told(stored: Path) -> None:
    (words,) = segment.relabel_classes(np.array([[0, 255]], np.uint8)).warnings
    assert words.startswith("the labels go up to 255, as the grays of a photograph or a mask do.")
    assert segment.relabel_classes(stored).warnings == ()


def test_a_result_equals_its_pickled_copy_and_that_of_a_list() -> None:
    result = segment.relabel_classes([[1, 1, 2]], background="1")
    assert (
        pickle.loads(pickle.dumps(result)) == result == segment.relabel_classes(np.array([[1, 1, 2]]), background="1")
    )


def test_outlines_are_traced_once_where_two_files_ask_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    result = segment.relabel_classes([[1, 1, 2], [2, 2, 3]])
    is_first, traced = threading.Event(), []

    def trace(labels: np.ndarray) -> object:
        traced.append(labels)
        is_first.wait(0.05)  # the second thread asks meanwhile
        is_first.set()
        return labels

    monkeypatch.setattr(shapes, "trace_classes", trace)
    with ThreadPoolExecutor(2) as pool:
        one, other = (pool.submit(result.shapes) for _ in range(2))
    assert one.result() is other.result()
    assert len(traced) == 1


def test_a_background_in_a_group_and_the_page_of_the_image_are_told(tmp_path: Path) -> None:
    pages = [PilImage.fromarray(np.full((1, 3), value, np.uint8)) for value in (10, 200)]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    settings = {"name": "2=sky", "background": "sky", "group": "land=1,2"}
    result = segment.relabel_classes([[1, 1, 2]], tmp_path / "a.tif", **settings)
    page, group = result.warnings
    assert page.startswith("page 1 of 2 is used")
    assert group == "class 2 is the background, so land (--group) is without it"


@pytest.mark.parametrize("settings", [{}, {"spatial": "none"}, {"reject": 0.02}])
def test_classes_merged_in_a_run_are_those_merged_afterwards(settings: dict[str, Any], tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    scene = np.kron(rng.integers(0, 5, (8, 8)), np.ones((12, 12), int))
    pixels = np.clip(np.linspace(40, 215, 5)[scene] + rng.normal(0, 30, scene.shape), 0, 255).astype(np.uint8)
    settings = {"k": 5, "save": "labels", "palette": "viridis", **settings}
    plain = segment.segment_image(pixels, **settings)
    (path,) = plain.save(tmp_path, stem="plain")
    merge = {"merge": "land=1,3,5", "name": "2=sea"}
    merged = segment.segment_image(pixels, **settings, **merge)
    again = segment.relabel_classes(path, palette="viridis", **merge)
    (one,), (other,) = merged.save(tmp_path, stem="merged"), again.save(tmp_path, stem="again")
    assert one.read_bytes() == other.read_bytes()
    assert [(row.name, row.pixels) for row in merged.classes] == [(row.name, row.pixels) for row in again.classes]
    np.testing.assert_allclose(merged.posteriors()[..., 0], plain.posteriors()[..., [0, 2, 4]].sum(axis=2), atol=1e-6)
    # A saved model has the merge in it.
    model = segment.ClassModel.from_json(merged.class_model.to_json())
    kept = {name: value for name, value in settings.items() if name not in ("k", "palette", "save")}
    np.testing.assert_array_equal(segment.apply_classes(model, pixels, **kept).label_image, merged.label_image)


@pytest.mark.parametrize("kind", ["png", "tif", "npz"])
def test_the_image_is_read_as_it_was_for_the_labels(kind: str, tmp_path: Path) -> None:
    stack = np.stack([PIXELS[..., 1], PIXELS[..., 0], PIXELS[..., 2]]).repeat(3, axis=1).repeat(3, axis=2)
    tifffile.imwrite(tmp_path / "a.tif", stack, photometric="minisblack")
    reading = {"page": 3, "crop": "3,2,30,11", "pixel_size": "2mm"}
    result = segment.segment_image(tmp_path / "a.tif", k=3, save="labels", labels_format=kind, **reading)
    (path,) = result.save(tmp_path, stem="a")
    again = segment.relabel_classes(path, tmp_path / "a.tif", merge="1,2")
    np.testing.assert_array_equal(again.image.pixels, result.image.pixels)
    assert [row.area for row in again.classes] == [sum(row.area for row in result.classes[:2]), result.classes[2].area]
    (path,) = again.save(tmp_path, stem="b")
    twice = segment.relabel_classes(path, tmp_path / "a.tif")
    np.testing.assert_array_equal(twice.image.pixels, result.image.pixels)
    # The part that was segmented will do, and settings that are given count.
    part = segment.relabel_classes(path, segment.Image.from_array(result.image.pixels))
    np.testing.assert_array_equal(part.image.pixels, result.image.pixels)
    other = segment.relabel_classes(path, tmp_path / "a.tif", page=2, crop="0,0,27,9")
    np.testing.assert_array_equal(other.image.pixels, stack[1, :9, :27])
    with pytest.raises(segment.ImageError, match="of the size of the labels, 27 x 9; got 4 x 4"):
        segment.relabel_classes(path, tmp_path / "a.tif", crop="0,0,4,4")
    with pytest.raises(segment.SettingsError, match=r"^crop \(--crop\): is about the image; got labels alone"):
        segment.relabel_classes(path, crop="0,0,4,4")
