"""The commands of the ``segment`` program."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import click

from segment.cli.batch import batch
from segment.cli.options import (
    BANDS,
    DEBUG,
    JSON,
    OUTPUT,
    RASTER_GROUPS,
    SCHEDULER,
    START,
    StagedCommand,
    cluster_at,
    config_from,
    mention_default,
    options_of,
    setting_options,
    started,
)
from segment.cli.standard_streams import STANDARD, piped_job
from segment.cli.terminal import Status, Tally, as_document, report_outcome, say
from segment.config.config import GROUPS, SegmentConfig
from segment.core.errors import SettingsError, printable_path
from segment.core.version import __version__
from segment.runs.image_job import compare_job, run_job
from segment.runs.job import Job, plan
from segment.runs.outcome import Outcome
from segment.runs.rasters.raster_job import raster_job

__all__ = ["cli"]


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="segment")
def cli() -> None:
    """Segment images into a few meaningful areas: Gaussian mixtures, no training data."""


@cli.command(cls=StagedCommand)
@click.argument("inputs", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="INPUT...")
@setting_options
@START
@OUTPUT
@JSON
@DEBUG
def run(inputs: tuple[Path, ...], start: Path | None, output: Path, as_json: bool, debug: bool, **given: Any) -> int:
    """Segment images.

    For each INPUT two files are written: STEM_panel.png (.jpg for JPEG), the original and its segments side by
    side, and STEM_labels.png, whose pixel values are the labels: 1 is the darkest class, 0 is no label.

    With --regions the image is divided into connected regions instead, whatever their colors.

    INPUT may be -, the image that is piped in, and FOLDER may be -: one picture is piped out, the panel or what --save
    names.

    Examples: segment run landscape.jpg -k 4; segment run - -k 4 -o - < landscape.jpg > panel.png
    """
    if output == STANDARD and as_json:
        raise SettingsError("--json: stdout is one document, so no picture goes there too; got -o -. Give a folder.")
    if output == STANDARD and given["save"] is None:
        given["save"] = "panel"
    return _segment(inputs, start, output, debug=debug, as_json=as_json, **given)


@cli.command(cls=StagedCommand)
@click.argument("inputs", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="INPUT...")
@options_of(*GROUPS, leave_out=("save", "regions"))
@START
@OUTPUT
@DEBUG
def report(inputs: tuple[Path, ...], start: Path | None, output: Path, debug: bool, **given: Any) -> int:
    """Segment images and write a page about each.

    STEM_report.html opens in any browser, without a network: the original and its segments under a slider, the classes,
    histograms with the fitted densities, how the fit went, unusual pixels, settings, seconds and versions.

    Example: segment report landscape.jpg -k 4
    """
    return _segment(inputs, start, output, debug=debug, save=("report",), **given)


@cli.command(cls=StagedCommand)
@click.argument("inputs", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="INPUT...")
@options_of(
    "Classes",
    "Loading",
    "Preprocessing",
    "Features",
    "Mixture",
    "Space",
    besides=("overwrite",),
    leave_out=("regions", "coherence"),
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=Path("outputs/model.json"),
    show_default=True,
    metavar="FILE",
    help="File for the model.",
)
@DEBUG
def fit(inputs: tuple[Path, ...], output: Path, debug: bool, **given: Any) -> int:  # noqa: ARG001
    """Fit one model to all INPUT images and save it, for 'segment apply' and 'segment run --start'.

    The images count by their pixels. The model of one image is the one that 'segment run' uses.

    Example: segment fit monday.jpg tuesday.jpg -k 4 -o model.json
    """
    from segment.pipeline.shared_classes import fit_and_select
    from segment.segmenter.class_model.storage import check_model_path, save_class_model

    config = config_from(given)
    check_model_path(output, inputs, overwrite=config.overwrite)
    mention_default(given, config, None)
    with Status(len(inputs), bar=False) as status:
        on_stage = lambda source, stage: status.show(stage, Path(source))  # noqa: E731
        model, selection = fit_and_select(inputs, config, on_stage=on_stage)
    if selection.candidates:
        say(f"{selection.sentence}.")
    for note in model.training.notes:
        say(f"Warning: {note}.")
    path = save_class_model(model, output, overwrite=config.overwrite)
    click.echo(printable_path(path, limit=sys.maxsize))
    return 0


@cli.command(cls=StagedCommand)
@click.argument("model", type=click.Path(path_type=Path), metavar="MODEL")
@click.argument("inputs", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="INPUT...")
@options_of("Loading", "Preprocessing", "Space", "Clean-up", "Output")
@OUTPUT
@JSON
@DEBUG
def apply(model: Path, inputs: tuple[Path, ...], output: Path, as_json: bool, debug: bool, **given: Any) -> int:
    """Find the classes of a saved MODEL in images: the same numbers, names and colors in each.

    Preprocessing is that of the fit unless another is given. An image that the model explains badly has a warning.

    Example: segment apply model.json wednesday.jpg
    """
    from segment.segmenter.class_model.storage import load_class_model

    classes = load_class_model(model)
    config = config_from(given, **classes.settings)
    jobs = plan(inputs, output, config, also_read=(model,))
    return _work(jobs, config, partial(run_job, model=classes), debug=debug, as_json=as_json)


@cli.command(cls=StagedCommand)
@click.argument("inputs", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="INPUT...")
@options_of(*GROUPS, leave_out=("save", "labels_format", "palette", "name", "regions", "coherence"))
@OUTPUT
@DEBUG
def compare(inputs: tuple[Path, ...], output: Path, debug: bool, **given: Any) -> int:
    """Show the mixture beside k-means and hierarchical clustering.

    For each INPUT one picture is written: STEM_compared.png (.jpg for JPEG) with the original and the three
    segmentations, the same area in the same color. A table has for each method its seconds, the mean squared distance
    from the class means (inertia), the mean log-likelihood of a pixel, and the adjusted Rand index with the mixture
    (agreement). All get the same colors and the same clean-up.

    Example: segment compare landscape.jpg -k 4
    """
    config = config_from(given)
    jobs = plan(inputs, output, config, save=("compared",))
    mention_default(given, config, None)
    return _work(jobs, config, compare_job, debug=debug)


@cli.command(cls=StagedCommand)
@click.argument("inputs", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="INPUT...")
@options_of(*RASTER_GROUPS, leave_out=("max_size", "regions", "coherence"), besides=("palette", "overwrite"))
@BANDS
@SCHEDULER
@OUTPUT
@JSON
@DEBUG
def raster(
    inputs: tuple[Path, ...],
    bands: tuple[int, ...],
    scheduler: str,
    output: Path,
    as_json: bool,
    debug: bool,
    **given: Any,
) -> int:
    """Segment rasters of any size tile by tile.

    For each INPUT, a TIFF, GeoTIFF, COG or BigTIFF with any number of bands, STEM_labels.tif is written: a tiled
    GeoTIFF with a palette, overviews and the place of the input. The classes are those that 'segment run' would find if
    the whole raster were in memory. Needs rasterio: pip install rasterio.

    Example: segment raster scene.tif -k 6 --bands 4,3,2
    """
    config = config_from(given, labels_format="tif", save=("labels",))
    jobs = plan(inputs, output, config)
    mention_default(given, config, None)
    with cluster_at(scheduler) as cluster:
        return _work(jobs, config, partial(raster_job, bands=bands, cluster=cluster), debug=debug, as_json=as_json)


def _segment(
    inputs: tuple[Path, ...], start: Path | None, output: Path, *, debug: bool, as_json: bool = False, **given: Any
) -> int:
    """Segment single images; 0 if all went well, else 1."""
    model, config = started(start, given)
    if STANDARD in (*inputs, output):
        jobs = [piped_job(inputs, output, config)]
    else:
        jobs = plan(inputs, output, config, also_read=() if start is None else (start,))
    mention_default(given, config, model)
    do = partial(run_job, model=model, adapt=True)
    return _work(jobs, config, do, debug=debug, as_json=as_json)


def _work(
    jobs: list[Job], config: SegmentConfig, do: Callable[..., Outcome], *, debug: bool, as_json: bool = False
) -> int:
    """Do the jobs one after the other; 0 if all went well, else 1."""
    tally = Tally()
    outcomes = []
    with Status(len(jobs), bar=False) as status:
        for job in jobs:
            outcome = do(job, config, on_stage=partial(status.show, source=job.source), debug=debug)
            outcomes.append(outcome)
            tally.count(outcome)
            status.advance()
            report_outcome(outcome, table=True, quiet=as_json)
    if as_json:
        click.echo(as_document(outcomes, config), nl=False)
    if len(jobs) > 1:
        say(tally.sentence())
    return int(tally.failed > 0)


cli.add_command(batch)
