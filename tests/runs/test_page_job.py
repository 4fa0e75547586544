"""The results of every page of a file."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import tifffile

from segment.config.config import SegmentConfig
from segment.runs.image_job import run_job, segment_job
from segment.runs.job import plan_jobs

CONFIG = SegmentConfig(k=2, page="all", save=("labels",), roi="grid:1x2")


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    """Of two planes: 600 pixels of 50, and 150 of 50 beside 450 of 150."""
    planes = np.full((2, 20, 30), 50, np.uint8)
    planes[1, 5:] = 150
    tifffile.imwrite(tmp_path / "s.tif", planes, photometric="minisblack")
    return tmp_path / "s.tif"


def test_each_page_has_its_files_and_all_have_one_table(stack: Path, tmp_path: Path) -> None:
    (job,) = plan_jobs([stack], tmp_path / "out", CONFIG)
    outcome = run_job(job, CONFIG, segment_job)
    assert outcome.error == ""
    assert [path.name for path in outcome.paths] == ["s_page0001_labels.png", "s_page0002_labels.png"]
    assert list(outcome.paths) == job.list_results(CONFIG) == sorted((tmp_path / "out").iterdir())
    assert [(row.label, row.share, row.mean) for row in outcome.classes] == [(1, 0.625, (50,)), (2, 0.375, (150,))]
    assert [row.pixels for row in outcome.classes] == [750, 450]
    assert [row.expected_share for row in outcome.classes] == pytest.approx([0.625, 0.375], abs=0.02)
    assert [(item.roi, item.row.label, item.row.pixels, item.row.share) for item in outcome.interest] == [
        ("r1c1", 1, 375, 0.625),
        ("r1c1", 2, 225, 0.375),
        ("r1c2", 1, 375, 0.625),
        ("r1c2", 2, 225, 0.375),
    ]


def test_a_class_that_is_on_no_page_is_told(stack: Path, tmp_path: Path) -> None:
    planes = tifffile.imread(stack)
    planes[0, 9:11, 9:11] = 250  # a spot that clean-up takes
    tifffile.imwrite(stack, planes, photometric="minisblack")
    config = SegmentConfig(k=3, page="all", save=("labels",), min_region="10px")
    (job,) = plan_jobs([stack], tmp_path / "out", config)
    outcome = run_job(job, config, segment_job)
    assert [row.pixels for row in outcome.classes] == [750, 450, 0]
    assert "class 3 is empty on all pages. Use fewer classes" in outcome.warnings


@pytest.mark.parametrize(
    ("dtype", "warning"),
    [
        ("uint16", "16-bit values, none above 4095, are read as 12-bit: white is 4095, no value is changed"),
        ("float32", "its values are read on the model's scale, 2000 to 2520"),
    ],
)
def test_what_is_said_of_the_values_of_all_pages_is_said_once(
    dtype: str, warning: str, tmp_path: Path, rng: np.random.Generator
) -> None:
    """Each page has other least and greatest values."""
    planes = 10 * np.arange(3)[:, None, None] + np.linspace(2000, 2500, 600).reshape(20, 30)
    tifffile.imwrite(tmp_path / "deep.tif", planes.astype(dtype), photometric="minisblack")
    config = SegmentConfig(k=2, page="all", save=("labels",))
    (job,) = plan_jobs([tmp_path / "deep.tif"], tmp_path / "out", config)
    assert run_job(job, config, segment_job).warnings == (warning,)


def test_a_page_that_fails_leaves_no_files(stack: Path, tmp_path: Path) -> None:
    (job,) = plan_jobs([stack], tmp_path / "out", CONFIG)
    (tmp_path / "out" / "s_page0002_labels.png").mkdir(parents=True)
    outcome = run_job(job, SegmentConfig(k=2, page="all", save=("labels",), overwrite=True), segment_job)
    assert "s_page0002_labels.png: is a folder" in outcome.error
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["s_page0002_labels.png"]


def test_a_background_counts_on_no_page_and_rows_name_their_page(stack: Path, tmp_path: Path) -> None:
    config = replace(CONFIG, background="1")
    (job,) = plan_jobs([stack], tmp_path / "out", config)
    outcome = run_job(job, config, partial(segment_job, with_shares=True))
    assert [f"{row.share:.3f}" for row in outcome.classes] == ["nan", "1.000"]
    assert [f"{item.row.share:.3f}" for item in outcome.interest] == ["nan", "1.000"] * 2
    assert [(row.page, row.roi, row.label) for row in outcome.shares] == [
        (page, roi, label) for page in (1, 2) for roi in ("r1c1", "r1c2") for label in (1, 2)
    ]


def test_errors_name_the_page(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "s.tif") as file:
        for width in (30, 30, 40):
            file.write(np.arange(20 * width, dtype=np.uint16).reshape(20, width), metadata=None)
        file.write(np.zeros((20, 30, 3), np.uint8), photometric="rgb", metadata=None)
    path = tmp_path / "s.tif"

    def find_error(**settings: object) -> str:
        (job,) = plan_jobs([path], tmp_path / "out", CONFIG)
        return run_job(job, SegmentConfig(k=2, page="all", save=("labels",), **settings), segment_job).error

    np.save(tmp_path / "mask.npy", np.ones((20, 30)))
    assert find_error(mask=str(tmp_path / "mask.npy")).startswith(
        f"{path}, page 3: {tmp_path / 'mask.npy'}: a mask has "
    )
    assert find_error(bands=(2,)).startswith(f"{path}, page 1: bands (--bands): each of the bands 1 to 1 at most once")
    assert find_error().startswith(f"{path}, page 4: images of one model have the same features, ")


def test_the_only_page_of_a_file_has_no_number(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "s.tif", np.zeros((20, 30), np.uint8))
    (job,) = plan_jobs([tmp_path / "s.tif"], tmp_path / "out", CONFIG)
    error = run_job(job, SegmentConfig(k=2, page="all", save=("labels",), bands=(2,)), segment_job).error
    assert error.startswith(f"{tmp_path / 's.tif'}: bands (--bands)")


def test_gray_and_color_pages_have_one_table_in_grayscale(tmp_path: Path) -> None:
    light = np.zeros((20, 30), np.uint8)
    light[:, 15:] = 200
    with tifffile.TiffWriter(tmp_path / "s.tif") as file:
        file.write(light, metadata=None)
        file.write(np.dstack([light, light // 2, light]), photometric="rgb", metadata=None)
    config = SegmentConfig(k=2, page="all", save=("labels",), greyscale=True, n_init=1)
    (job,) = plan_jobs([tmp_path / "s.tif"], tmp_path / "out", config)
    outcome = run_job(job, config, segment_job)
    assert outcome.error == ""
    assert [row.pixels for row in outcome.classes] == [600, 600]
    assert outcome.classes[1].mean == (200, 150, 200)
