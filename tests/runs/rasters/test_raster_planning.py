"""Which files are rasters of their own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from raster_files import write

from segment import SegmentConfig
from segment.runs.rasters.raster_planning import join_stems, plan_raster_jobs

CONFIG = SegmentConfig(labels_format="tif", save=("labels",))


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
