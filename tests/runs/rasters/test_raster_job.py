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
from segment.runs.rasters.raster_job import segment_raster_job
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
