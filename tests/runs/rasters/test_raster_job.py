"""A raster as a job of the program."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from raster_files import read, write

from segment.config.config import SegmentConfig
from segment.core.errors import ImageError
from segment.core.stages import Stage
from segment.runs.image_job import run_job
from segment.runs.job import plan_jobs
from segment.runs.rasters.raster_job import join_stems, plan_raster_jobs, segment_raster_job
from segment.runs.rasters.raster_run import RasterStage

CONFIG = SegmentConfig(k=2, n_init=1, spatial="none", labels_format="tif", save=("labels",))


def test_the_outcome_has_file_and_table(tmp_path: Path) -> None:
    gray = np.repeat([[20, 200]], [30, 10], axis=1).repeat(20, axis=0).astype(np.uint8)
    (job,) = plan_jobs([write(tmp_path / "a.tif", gray)], tmp_path / "out", CONFIG)
    stages: list[str] = []
    outcome = run_job(job, CONFIG, segment_raster_job, on_stage=stages.append)
    assert outcome.error == ""
    assert outcome.paths == (tmp_path / "out" / "a_labels.tif",)
    assert [(row.label, row.share, row.mean) for row in outcome.classes] == [(1, 0.75, (20.0,)), (2, 0.25, (200.0,))]
    assert [(row.pixels, row.name) for row in outcome.classes] == [(600, "class 1"), (200, "class 2")]
    np.testing.assert_array_equal(read(outcome.paths[0]), 1 + (gray > 100))
    assert stages[0] == RasterStage.READ
    assert f"{RasterStage.LABEL}, tile 1 of 1" in stages
    # Of a system without a limit of threads there is nothing to say.
    assert not any("one thread" in warning for warning in outcome.warnings)
    assert stages[-2:] == [f"{RasterStage.LABEL}, tile 1 of 1", Stage.WRITE]


def test_a_failure_is_an_outcome(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(b"no TIFF")
    (job,) = plan_jobs([tmp_path / "a.tif"], tmp_path / "out", CONFIG)
    assert "a raster is a TIFF" in run_job(job, CONFIG, segment_raster_job).error
    with pytest.raises(ImageError):
        run_job(job, CONFIG, segment_raster_job, debug=True)


def test_errors_name_the_raster_as_it_was_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.tif").write_bytes(b"no TIFF")
    (job,) = plan_jobs([Path("a.tif")], Path("out"), CONFIG)
    assert run_job(job, CONFIG, segment_raster_job).error.startswith("a.tif: a raster is a TIFF")


def test_one_thread_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("raster_pipeline", "tiles"):
        monkeypatch.setattr(f"segment.runs.rasters.{module}.can_start_threads", lambda _: False)
    gray = np.repeat([[20, 200]], [30, 10], axis=1).repeat(20, axis=0).astype(np.uint8)
    (job,) = plan_jobs([write(tmp_path / "a.tif", gray)], tmp_path / "out", CONFIG)
    assert "one thread does the work, which takes longer" in run_job(job, CONFIG, segment_raster_job).warnings[0]


def test_files_of_one_band_are_one_raster_and_others_are_their_own(tmp_path: Path) -> None:
    gray = np.zeros((8, 8), np.uint8)
    singles = [write(tmp_path / f"S2_B0{number}.tif", gray) for number in (4, 3)]
    colors = [write(tmp_path / f"{name}.tif", np.dstack([gray] * 3)) for name in "ab"]
    (job,) = plan_raster_jobs(singles, tmp_path / "out", CONFIG)
    assert (job.source, job.more_bands) == (singles[0], (singles[1],))
    assert job.list_results(CONFIG) == [tmp_path / "out" / "S2_B04_B03_labels.tif"]
    for inputs in (colors, [singles[0], colors[0]], [singles[0], tmp_path / "missing.tif"], singles[:1]):
        jobs = plan_raster_jobs(inputs, tmp_path / "out", CONFIG)
        assert [(job.source, job.more_bands) for job in jobs] == [(path, ()) for path in inputs]


def test_long_names_are_cut() -> None:
    assert join_stems(["a" * 50, "b" * 50]) == f"{'a' * 50}_to_{'b' * 50}"
    assert join_stems(["T32_B02_10m", "T32_B03_10m"]) == "T32_B02_10m_B03_10m"
