"""The command for rasters larger than memory."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from segment.config.config import SegmentConfig
from segment.runs.image_job import attempted
from segment.runs.job import Job
from segment.runs.outcome import Outcome
from segment.runs.workers.dask_client import Cluster

__all__ = ["raster_job"]


def raster_job(
    job: Job,
    config: SegmentConfig,
    *,
    bands: tuple[int, ...],
    cluster: Cluster | None = None,
    on_stage: Callable[[str], None] = lambda _: None,
    debug: bool = False,
) -> Outcome:
    """Segment one raster. A failure is an outcome, or with `debug` an exception."""
    return attempted(job, config, partial(_segmented, bands=bands, cluster=cluster), on_stage, debug)


def _segmented(
    job: Job,
    config: SegmentConfig,
    on_stage: Callable[[str], None],
    *,
    bands: tuple[int, ...],
    cluster: Cluster | None,
) -> Outcome:
    from segment.runs.rasters.raster_pipeline import segment_raster

    (path,) = job.results(config)
    done = segment_raster(job.source, path, config, bands=bands, cluster=cluster, on_stage=on_stage)
    colors: list[Any] = [tuple(color) for color in done.colors.tolist()]
    return Outcome(
        job,
        (done.path,),
        tuple((row.label, c, row.share, row.mean) for row, c in zip(done.classes, colors, strict=True)),
        changed=done.changed,
        warnings=done.warnings,
        names=done.names,
        pixels=tuple(row.pixels for row in done.classes),
        choice=done.choice,
    )
