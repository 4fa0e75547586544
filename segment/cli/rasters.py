"""The command for rasters larger than memory."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import click

from segment.batch.jobs import Outcome, attempted
from segment.batch.planning import Job
from segment.cluster.connection import Cluster
from segment.config import SegmentConfig
from segment.errors import SettingsError

__all__ = ["BANDS", "RASTER_GROUPS", "raster_job"]

RASTER_GROUPS = ("Classes", "Preprocessing", "Features", "Mixture", "Space", "Clean-up")


def _band_numbers(context: click.Context, parameter: click.Parameter, value: str) -> tuple[int, ...]:  # noqa: ARG001
    """The numbers in a text such as 4,3,2."""
    try:
        numbers = tuple(int(part) for part in value.split(",")) if value else ()
    except ValueError:
        numbers = (0,)
    if any(number < 1 for number in numbers) or len(set(numbers)) < len(numbers):
        raise SettingsError(
            f"bands (--bands): numbers from 1, each once, with commas between them, such as 4,3,2; got {value!r}."
        )
    return numbers


BANDS = click.option(
    "--bands",
    callback=_band_numbers,
    default="",
    metavar="NUMBER,...",
    help="Bands to use, counted from 1. Three are red, green and blue. [default: all]",
)


def raster_job(
    job: Job,
    config: SegmentConfig,
    *,
    bands: tuple[int, ...],
    cluster: Cluster | None = None,
    tell: Callable[[str], None] = lambda _: None,
    debug: bool = False,
) -> Outcome:
    """Segment one raster. A failure is an outcome, or with `debug` an exception."""
    return attempted(job, config, partial(_segmented, bands=bands, cluster=cluster), tell, debug)


def _segmented(
    job: Job,
    config: SegmentConfig,
    tell: Callable[[str], None],
    *,
    bands: tuple[int, ...],
    cluster: Cluster | None,
) -> Outcome:
    from segment.rasters.passes import segment_raster

    (path,) = job.results(config)
    done = segment_raster(job.source, path, config, bands=bands, cluster=cluster, tell=tell)
    colours: list[Any] = [tuple(colour) for colour in done.colours.tolist()]
    return Outcome(
        job,
        (done.path,),
        tuple((row.label, c, row.share, row.mean) for row, c in zip(done.classes, colours, strict=True)),
        changed=done.changed,
        warnings=done.warnings,
        names=done.names,
        pixels=tuple(row.pixels for row in done.classes),
        choice=done.choice,
    )
