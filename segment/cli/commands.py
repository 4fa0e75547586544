"""The commands of the ``segment`` program."""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import click

from segment.cli.batch import segment_folder
from segment.cli.command_help import StagedCommand, SuggestingGroup, print_version
from segment.cli.doctor import check_installation
from segment.cli.job_runs import run_jobs
from segment.cli.options import (
    DEBUG,
    INPUTS,
    JSON,
    OUTPUT,
    SCHEDULER,
    START_MODEL,
    Options,
    add_setting_options,
    connect_cluster,
    describe_default_k,
    load_start,
    make_config,
)
from segment.cli.parameter_types import NamedPath
from segment.cli.relabel import relabel_labels
from segment.cli.serve import serve
from segment.cli.standard_streams import STANDARD, plan_piped_job
from segment.cli.terminal import Status, print_message
from segment.config.config import SegmentConfig
from segment.core.atomic_files import refuse_existing
from segment.core.errors import SettingsError, printable_path
from segment.runs.class_source import ClassSource
from segment.runs.config_files import write_config_file
from segment.runs.image_job import compare_job, explore_job, segment_job
from segment.runs.job import plan_jobs
from segment.runs.selection_files import list_selection_paths

__all__ = ["cli"]


@click.group(
    cls=SuggestingGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    examples=(
        "segment run landscape.jpg -k 4",
        "segment batch photographs -r -k 4 -o results",
        "segment doctor",
    ),
    epilog="segment COMMAND --help shows the usual options of a command, segment COMMAND --help-all every one.",
)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=print_version, help="Show versions, and end."
)
def cli() -> None:
    """Segment images into a few meaningful areas: Gaussian mixtures, no training data."""


@cli.command(
    cls=StagedCommand,
    examples=(
        "segment run landscape.jpg -k 4",
        "segment run a.jpg b.tif -k auto --save panel,labels,classes -o results",
        "segment run landscape.jpg -k 4 --name 4=sky --save cutouts",
        "segment run - -k 4 -o - < in.jpg > panel.png",
    ),
)
@INPUTS
@add_setting_options("run")
@START_MODEL
@OUTPUT
@JSON
@DEBUG
def run(inputs: tuple[Path, ...], start: Path | None, output: Path, as_json: bool, debug: bool, **options: Any) -> int:
    """Segment images.

    For each INPUT two files are written: STEM_panel.png (.jpg for JPEG), the original and its segments side by
    side, and STEM_labels.png, whose pixel values are the labels: 1 is the darkest class, 0 is no label.

    With --regions the image is divided into connected regions instead, whatever their colors.

    INPUT may be -, the image that is piped in, and FOLDER may be -: one picture is piped out, the panel or what --save
    names.
    """
    if output == STANDARD and as_json:
        raise SettingsError("--json: stdout is one document, so no picture goes there too; got -o -. Give a folder.")
    # Only one file fits into a pipe.
    if output == STANDARD and not options["save"]:
        options["save"] = ("panel",)
    return _segment_images("run", inputs, start, output, options, debug=debug, as_json=as_json)


cli.add_command(segment_folder)
cli.add_command(relabel_labels)


@cli.command(
    cls=StagedCommand,
    examples=("segment report landscape.jpg -k 4",),
)
@INPUTS
@add_setting_options("report")
@START_MODEL
@OUTPUT
@DEBUG
def report(inputs: tuple[Path, ...], start: Path | None, output: Path, debug: bool, **options: Any) -> int:
    """Segment images and write a page about each.

    STEM_report.html opens in any browser, without a network: the original and its segments under a slider, the classes,
    histograms with the fitted densities, how the fit went, unusual pixels, settings, seconds and versions.
    """
    return _segment_images("report", inputs, start, output, options, debug=debug)


@cli.command(
    cls=StagedCommand,
    short_help="Fit one model to images and save it.",
    examples=("segment fit a.jpg b.tif -k 4 -o model.json",),
)
@INPUTS
@add_setting_options("fit")
@click.option(
    "-o",
    "--output",
    type=NamedPath(path_type=Path),
    default=Path("outputs/model.json"),
    show_default=True,
    metavar="FILE",
    help="File for the model.",
)
@DEBUG
def fit(inputs: tuple[Path, ...], output: Path, debug: bool, **options: Any) -> int:  # noqa: ARG001
    """Fit one model to all INPUT images and save it, for 'segment apply' and 'segment run --start'.

    The images count by their pixels. The model of one image is the one that 'segment run' uses.
    """
    from segment.pipeline.shared_classes import fit_and_select
    from segment.segmenter.class_model.storage import check_model_path, save_class_model

    config = make_config("fit", options)
    # Before the fit, which may take long: the file must not exist, nor be an image.
    check_model_path(output, inputs, overwrite=config.overwrite)
    if "config" in config.save and not config.overwrite:
        refuse_existing(output.parent / f"{output.stem}_config.toml")
    with Status(len(inputs), bar=False, note=describe_default_k(options, config, None)) as status:
        model, selection = fit_and_select(
            inputs,
            replace(config, save=SegmentConfig.save),
            on_stage=lambda source, stage: status.show(stage, Path(source)),
        )
    if selection.candidates:
        print_message(f"{selection.sentence}.")
    for note in model.training.notes:
        print_message(f"Warning: {note}.")
    path = save_class_model(model, output, overwrite=config.overwrite)
    for written in (path, *write_config_file(config, output.parent, output.stem)):
        click.echo(printable_path(written, limit=sys.maxsize))
    return 0


@cli.command(
    cls=StagedCommand,
    short_help="Find the classes of a saved model in images.",
    examples=("segment apply model.json landscape.jpg",),
)
@click.argument("model", type=NamedPath(path_type=Path), metavar="MODEL")
@INPUTS
@add_setting_options("apply")
@OUTPUT
@JSON
@DEBUG
def apply(model: Path, inputs: tuple[Path, ...], output: Path, as_json: bool, debug: bool, **options: Any) -> int:
    """Find the classes of a saved MODEL in images: the same numbers, names and colors in each.

    Preprocessing is that of the fit unless another is given. An image that the model explains badly has a warning.
    """
    from segment.segmenter.class_model.storage import load_class_model

    found = load_class_model(model)
    # The model's own settings are the defaults.
    config = make_config("apply", options, **found.settings)
    jobs = plan_jobs(inputs, output, config, also_read=(model, *list_selection_paths(config)))
    return run_jobs(jobs, config, partial(segment_job, classes=ClassSource(found)), debug=debug, as_json=as_json)


@cli.command(
    cls=StagedCommand,
    examples=("segment compare landscape.jpg -k 4",),
)
@INPUTS
@add_setting_options("compare")
@OUTPUT
@DEBUG
def compare(inputs: tuple[Path, ...], output: Path, debug: bool, **options: Any) -> int:
    """Show the mixture beside k-means and hierarchical clustering.

    For each INPUT one picture is written: STEM_compared.png (.jpg for JPEG) with the original and the three
    segmentations, the same area in the same color. A table has for each method its seconds, the mean squared distance
    from the class means (inertia), the mean log-likelihood of a pixel, and the adjusted Rand index with the mixture
    (agreement). All get the same colors and the same clean-up.
    """
    config = make_config("compare", options)
    save = ("compared", "config") if "config" in config.save else ("compared",)
    jobs = plan_jobs(inputs, output, config, also_read=list_selection_paths(config), save=save)
    return run_jobs(jobs, config, compare_job, debug=debug, note=describe_default_k(options, config, None))


@cli.command(
    cls=StagedCommand,
    examples=("segment explore landscape.jpg -k 2..8",),
    usual=("span",),
)
@INPUTS
@click.option("-k", "span", default="2..8", show_default=True, metavar="LOW..HIGH", help="Numbers of classes to try.")
@add_setting_options("explore", leave_out=("k", "k_range"))
@OUTPUT
@DEBUG
def explore(inputs: tuple[Path, ...], span: str, output: Path, debug: bool, **options: Any) -> int:
    """Show several numbers of classes side by side, to choose from.

    For each INPUT one picture is written: STEM_explored.png (.jpg for JPEG) with the original, the segments of each
    number of classes above their shares, and the criterion by which -k auto would choose. A table has the same numbers.
    """
    try:
        config = make_config("explore", options, k_range=span)
    except SettingsError as error:
        # The option of the command is -k.
        raise SettingsError(str(error).replace("k_range (--k-range)", "k (-k)")) from None
    jobs = plan_jobs(inputs, output, config, also_read=list_selection_paths(config), save=("explored",))
    return run_jobs(jobs, config, explore_job, debug=debug)


@cli.command(
    "raster",
    cls=StagedCommand,
    examples=(
        "segment raster b.tif -k 4",
        "segment raster b.tif -k 4 --bands 3,2 --nodata 0 -o maps",
        "segment raster b.tif --model model.json",
    ),
    usual=("model", "k", "merge", "name", "bands", "nodata"),
)
@INPUTS
@click.option(
    "--model",
    type=NamedPath(path_type=Path),
    metavar="FILE",
    help="Find the classes of this saved model, as 'segment apply' does.",
)
@add_setting_options("raster")
@click.option(
    "--allow-vrt-sources",
    is_flag=True,
    help="Let a VRT take its pixels from files outside its own folder.",
)
@SCHEDULER
@OUTPUT
@JSON
@DEBUG
def segment_rasters(
    inputs: tuple[Path, ...],
    model: Path | None,
    allow_vrt_sources: bool,
    scheduler: str,
    output: Path,
    as_json: bool,
    debug: bool,
    **options: Any,
) -> int:
    """Segment rasters of any size tile by tile.

    For each INPUT, a TIFF, GeoTIFF, COG, BigTIFF, JPEG 2000, ENVI, HFA or VRT with any number of bands, STEM_labels.tif
    is written: a tiled GeoTIFF with a palette, overviews and the place of the input. Several files of one band each are
    the bands of one raster. No file is opened but those that are named, and what a VRT takes from its own folder. The
    classes are those that 'segment run' would find if the whole raster were in memory. Needs an extra:
    pip install 'gmm-segment[geo]'.
    """
    from segment.runs.rasters.raster_job import plan_raster_jobs, segment_raster_job
    from segment.segmenter.class_model.storage import load_class_model

    found = None if model is None else load_class_model(model)
    if found is None:
        config = make_config("raster", options)
    else:
        config = make_config("raster --model FILE", options, **found.settings)
    also_read = [*list_selection_paths(config), *filter(None, [model])]
    jobs = plan_raster_jobs(inputs, output, config, also_read)
    note = describe_default_k(options, config, found)
    with connect_cluster(scheduler) as cluster:
        work = partial(segment_raster_job, model=found, allow_vrt_sources=allow_vrt_sources, cluster=cluster)
        return run_jobs(jobs, config, work, debug=debug, as_json=as_json, note=note)


def _segment_images(
    entry_point: str,
    inputs: tuple[Path, ...],
    start: Path | None,
    output: Path,
    options: Options,
    *,
    debug: bool,
    as_json: bool = False,
) -> int:
    """Segment single images, or one of a pipe; the exit code is 0 if all succeeded, else 1."""
    # All files are planned before the first image is read, so that wrong usage costs nothing.
    model, config = load_start(entry_point, start, options)
    if STANDARD in (*inputs, output):
        jobs = [plan_piped_job(inputs, output, config)]
    else:
        also_read = (*(() if start is None else (start,)), *list_selection_paths(config))
        jobs = plan_jobs(inputs, output, config, also_read=also_read)
    note = describe_default_k(options, config, model)
    work = partial(segment_job, classes=ClassSource(model, adapt=True))
    return run_jobs(jobs, config, work, debug=debug, as_json=as_json, note=note)


cli.add_command(check_installation)
cli.add_command(serve)
