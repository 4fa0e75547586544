"""What a raster is saved as beside its labels is what an image of the same pixels is saved as."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PilImage
from program_runs import read_rows
from raster_files import write
from shapely.geometry import shape

import segment
from segment import SegmentConfig
from segment.core.errors import SettingsError
from segment.runs.image_job import run_job
from segment.runs.job import Job
from segment.runs.rasters import raster_products
from segment.runs.rasters.raster_job import segment_raster_job

SAVED = ("panel", "labels", "geojson", "svg", "coco", "classes", "regions", "measurements", "model")


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    pixels = np.zeros((40, 60, 3), np.uint8)
    pixels[:20], pixels[20:, :30], pixels[20:, 30:] = (20, 30, 90), (90, 140, 60), (230, 220, 190)
    return write(tmp_path / "scene.tif", pixels)


def test_products_are_those_of_an_image(scene: Path, tmp_path: Path) -> None:
    config = SegmentConfig(k=3, save=SAVED, labels_format="tif", drop_class=("1",))
    outcome = run_job(Job(scene, tmp_path / "raster", "scene"), config, segment_raster_job, debug=True)
    result = segment.segment_image(scene, config)
    result.save(tmp_path / "image", stem="scene")
    assert {path.name for path in outcome.paths} == {path.name for path in (tmp_path / "image").iterdir()}
    for name in ("classes.csv", "regions.csv"):
        mine, theirs = (read_rows(tmp_path / kind / f"scene_{name}") for kind in ("raster", "image"))
        unknown = dict.fromkeys(("posterior", "uncertainty", "expected_share", "expected_share_sd"), "")
        assert [row | unknown for row in mine] == [row | unknown for row in theirs]
    for name in ("classes.geojson", "classes.svg", "coco.json"):
        assert (tmp_path / "raster" / f"scene_{name}").read_text() == (tmp_path / "image" / f"scene_{name}").read_text()
    features = json.loads((tmp_path / "raster" / "scene_classes.geojson").read_text())["features"]
    assert [shape(feature["geometry"]).is_valid for feature in features] == [True, True]
    assert features[0]["properties"]["area_m2"] == 20 * 30 * 100
    with (
        PilImage.open(tmp_path / "raster" / "scene_panel.png") as panel,
        PilImage.open(tmp_path / "image" / "scene_panel.png") as other,
    ):
        np.testing.assert_array_equal(np.asarray(panel), np.asarray(other))
    model = segment.load_class_model(tmp_path / "raster" / "scene_model.json")
    labels = segment.apply_classes(model, scene).label_image
    np.testing.assert_array_equal(labels, result.label_image)


@pytest.mark.parametrize("roi", ["", "grid:1x2"])
def test_shares_in_tables_leave_out_the_background_and_have_those_in_groups(
    scene: Path, tmp_path: Path, roi: str
) -> None:
    config = SegmentConfig(
        k=3, roi=roi, background="1", group=("land=2,3",), save=("labels", "classes", "regions"), labels_format="tif"
    )
    run_job(Job(scene, tmp_path / "raster", "scene"), config, segment_raster_job, debug=True)
    segment.segment_image(scene, config).save(tmp_path / "image", stem="scene")
    for name in ("classes.csv", "regions.csv"):
        mine, theirs = (read_rows(tmp_path / kind / f"scene_{name}") for kind in ("raster", "image"))
        for key in ("share", "group", "group_share"):
            assert [row[key] for row in mine] == [row[key] for row in theirs], (name, key)
    # The upper half is the background, each half of the lower one a class.
    shares = [row["share"] for row in read_rows(tmp_path / "raster" / "scene_classes.csv")]
    assert shares == (["", "1.0", "0.0", "", "0.0", "1.0"] if roi else ["", "0.5", "0.5"])


def test_numbers_that_merged_classes_had_are_told(scene: Path, tmp_path: Path) -> None:
    config = SegmentConfig(k=3, merge=("1,2",), save=("labels", "classes"), labels_format="tif")
    outcome = run_job(Job(scene, tmp_path, "scene"), config, segment_raster_job, debug=True)
    assert outcome.old_numbers == ("1+2", "3")
    assert [row["merged_from"] for row in read_rows(tmp_path / "scene_classes.csv")] == ["1+2", "3"]


def test_rasters_too_large_for_memory_are_refused_before_any_work(
    scene: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(raster_products, "MAX_PIXELS", 2000)
    job = Job(scene, tmp_path / "out", "scene")
    config = SegmentConfig(k=3, save=("labels", "classes"), labels_format="tif")
    with pytest.raises(SettingsError, match=r"classes of at most 2000 pixels.*got 2400\. Leave it out, or take a part"):
        run_job(job, config, segment_raster_job, debug=True)
    assert not (tmp_path / "out").exists()
    cropped = SegmentConfig(k=3, save=("labels", "classes"), labels_format="tif", crop="0,0,50,40")
    assert len(run_job(job, cropped, segment_raster_job, debug=True).paths) == 2
    small = SegmentConfig(k=3, save=("labels", "panel", "model"), labels_format="tif", overwrite=True)
    assert len(run_job(job, small, segment_raster_job, debug=True).paths) == 3


def test_polygons_of_a_large_raster_need_its_labels_alone(
    scene: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = SegmentConfig(k=3, save=("labels", "geojson", "svg", "coco"), labels_format="tif")
    run_job(Job(scene, tmp_path / "whole", "scene"), config, segment_raster_job, debug=True)
    monkeypatch.setattr(raster_products, "MAX_PIXELS", 2000)
    run_job(Job(scene, tmp_path / "out", "scene"), config, segment_raster_job, debug=True)
    for name in ("scene_classes.geojson", "scene_classes.svg", "scene_coco.json"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    monkeypatch.setattr(raster_products, "MAX_LABELED_PIXELS", 2000)
    with pytest.raises(SettingsError, match=r"geojson, svg, coco of at most 2000 pixels.*got 2400\. Leave it out"):
        run_job(Job(scene, tmp_path / "no", "scene"), config, segment_raster_job, debug=True)
