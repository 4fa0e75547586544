"""The work on one image; its failure is an outcome."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image as PilImage

from segment.config.config import SegmentConfig
from segment.core.errors import ImageError, OutputError
from segment.loader.loader import LoadedFile, load_image
from segment.pipeline.pipeline import segment_image
from segment.runs.image_job import compare_job, run_job, segment_job
from segment.runs.job import Job, plan_jobs

CONFIG = SegmentConfig(k=2)


@pytest.fixture
def picture(tmp_path: Path, quadrants: np.ndarray) -> Path:
    path = tmp_path / "a.png"
    PilImage.fromarray(quadrants).save(path)
    return path


def test_a_job_writes_its_results(tmp_path: Path, picture: Path) -> None:
    stages: list[str] = []
    (job,) = plan_jobs([picture], tmp_path / "out", SegmentConfig(k=4))
    outcome = run_job(job, SegmentConfig(k=4), segment_job, on_stage=stages.append)
    assert (outcome.error, outcome.warnings, outcome.changed) == ("", (), 0.0)
    assert list(outcome.paths) == job.list_results(CONFIG)
    assert all(path.is_file() for path in outcome.paths)
    assert stages[0] == "reading"
    assert stages[-1] == "writing"
    # areas of the quadrants from the darkest: 5 x 8, 7 x 8, 5 x 12 and 7 x 12 of 240 pixels
    assert [(row.label, round(row.share * 240), row.mean) for row in outcome.classes] == [
        (1, 40, (20, 30, 90)),
        (2, 56, (60, 110, 40)),
        (3, 60, (90, 140, 200)),
        (4, 84, (230, 220, 190)),
    ]


def test_a_file_that_was_loaded_before_is_a_file_with_its_seconds(picture: Path) -> None:
    image, begin = load_image(picture), time.perf_counter() - 100
    result = segment_image(LoadedFile(str(picture), image, begin), k=4)
    expected = segment_image(picture, k=4)
    np.testing.assert_array_equal(result.label_image, expected.label_image)
    assert result.image is image
    assert (result.provenance.source, result.provenance.command) == (
        expected.provenance.source,
        expected.provenance.command,
    )
    (stage, seconds), *others = result.provenance.seconds
    assert stage == "reading"
    assert seconds >= 100
    assert max(seconds for _, seconds in others) < 100


def test_a_failure_is_an_outcome_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_bytes(b"no image at all")
    outcome = run_job(Job(tmp_path / "bad.png", tmp_path / "out", "bad"), CONFIG, segment_job)
    assert outcome.error.startswith(f"{tmp_path}/bad.png: an image is JPEG, PNG,")
    assert (outcome.paths, outcome.classes) == ((), ())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.png"]
    with pytest.raises(ImageError):
        run_job(Job(tmp_path / "bad.png", tmp_path / "out", "bad"), CONFIG, segment_job, debug=True)


def test_a_failure_names_the_image(tmp_path: Path) -> None:
    bands = np.arange(480, dtype=np.uint16).reshape(10, 12, 4)
    tifffile.imwrite(tmp_path / "b.tif", bands, photometric="minisblack", planarconfig="contig")
    for settings in ({"features": "lab"}, {"coherence": "region"}, {"min_region": "5mm2"}, {"bands": "7"}):
        job = Job(tmp_path / "b.tif", tmp_path / "out", "b")
        error = run_job(job, SegmentConfig(k=2, **settings), segment_job).error
        assert error.count(f"{tmp_path}/b.tif: ") == 1
        assert error.startswith(str(tmp_path))


def test_a_failure_names_the_image_once(tmp_path: Path, picture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The image in memory knows the name of its file, and not its folder.
    monkeypatch.setattr("segment.output.shapes.MAX_POINTS", -100)
    config = SegmentConfig(k=4, save=("geojson",))
    (job,) = plan_jobs([picture], tmp_path / "out", config)
    outcome = run_job(job, config, segment_job)
    assert outcome.error.startswith(f"{picture}: polygons of at most")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ZeroDivisionError("two\nlines"), "ZeroDivisionError: two lines. This is a fault of segment; --debug shows"),
        (MemoryError(), "not enough memory. Give --max-size to segment a smaller copy."),
    ],
)
def test_an_unexpected_failure_is_an_outcome_too(
    tmp_path: Path, picture: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, words: str
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr("segment.segmenter.class_fitting.fit_mixture", broken)
    job = Job(picture, tmp_path / "out", "a")
    assert run_job(job, CONFIG, segment_job).error.startswith(f"{picture}: {words}")
    assert not (tmp_path / "out").exists()
    with pytest.raises(type(error)):
        run_job(job, CONFIG, segment_job, debug=True)


def test_an_interruption_is_no_outcome(tmp_path: Path, picture: Path) -> None:
    def interrupt(_: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_job(Job(picture, tmp_path / "out", "a"), CONFIG, segment_job, on_stage=interrupt)
    assert not (tmp_path / "out").exists()


def test_existing_results_are_refused_before_the_work(tmp_path: Path, picture: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a_labels.png").write_bytes(b"x")
    stages: list[str] = []
    outcome = run_job(Job(picture, tmp_path / "out", "a"), CONFIG, segment_job, on_stage=stages.append)
    assert outcome.error.startswith(f"{tmp_path}/out/a_labels.png: exists already.")
    assert stages == []
    assert (tmp_path / "out" / "a_labels.png").read_bytes() == b"x"


def test_a_comparison_writes_a_picture_and_its_table(tmp_path: Path, picture: Path) -> None:
    (job,) = plan_jobs([picture], tmp_path / "out", CONFIG, save=("compared",))
    outcome = run_job(job, SegmentConfig(k=2, n_init=1), compare_job)
    assert list(outcome.paths) == job.list_results(CONFIG)
    assert len(outcome.methods) == 3
    assert "Gaussian mixture" in [method.name for method in outcome.methods]


def test_regions_are_counted(tmp_path: Path, picture: Path) -> None:
    outcome = run_job(Job(picture, tmp_path / "out", "a"), SegmentConfig(regions=4), segment_job)
    assert (outcome.error, outcome.classes) == ("", ())
    assert outcome.n_regions == 4


def test_a_full_disk_stops_further_images(tmp_path: Path) -> None:
    def fail(*_: Any) -> Any:
        raise OutputError("out: the results cannot be written") from OSError(28, "No space left on device")

    job = Job(tmp_path / "a.png", tmp_path / "out", "a")
    outcome = run_job(job, CONFIG, fail)
    assert outcome.is_stuck
    assert outcome.error == f"{tmp_path}/a.png: has no results; out: the results cannot be written"


def test_numpy_is_loaded_while_the_file_is_decoded(tmp_path: Path, picture: Path) -> None:
    # To load it before takes as long as to decode a photograph.
    code = """
import sys
from pathlib import Path
from segment.config.config import SegmentConfig
from segment.pipeline import file_loading
from segment.runs import image_job
from segment.runs.job import plan_jobs

file_loading.load_path = lambda *_, **__: sys.exit("numpy" in sys.modules)
image_job._load_libraries = lambda _: None
config = SegmentConfig(k=2)
(job,) = plan_jobs([Path(sys.argv[1])], Path(sys.argv[2]), config)
image_job.run_job(job, config, image_job.segment_job)
sys.exit("not reached")
"""
    subprocess.run([sys.executable, "-c", code, str(picture), str(tmp_path / "out")], check=True)
