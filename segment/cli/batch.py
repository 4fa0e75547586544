"""``segment batch``."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from segment.cli.command_help import StagedCommand
from segment.cli.options import (
    DEBUG,
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
from segment.cli.parameter_types import NamedPath, NumberOrWord
from segment.cli.run_document import format_document
from segment.cli.signals import get_exit_code
from segment.cli.standard_streams import discard_stdout, replace_closed_streams
from segment.cli.terminal import Status, Tally, print_message, report_outcome
from segment.config.config import SegmentConfig
from segment.core.errors import SettingsError, pluralize, printable_path

# The command loads what a folder needs; other commands start without it.
if TYPE_CHECKING:
    from segment.runs.batch.class_plan import ClassPlan
    from segment.runs.batch.folder_run import FolderRun
    from segment.runs.outcome import Outcome

__all__ = ["segment_folder"]

WATCH_INTERVAL = 1.0  # seconds between two looks at a folder that is watched


@click.command(
    "batch",
    cls=StagedCommand,
    short_help="Segment every image of a folder.",
    examples=(
        "segment batch photographs -r -k 4 -o results",
        "segment batch photographs -r -k 4 -o results --resume",
        "segment batch photographs -k 4 --model shared -o same_classes",
    ),
)
@click.argument("folder", type=NamedPath(path_type=Path))
@click.option("-r", "--recursive", is_flag=True, help="Look into subfolders too.")
@click.option(
    "--jobs",
    type=NumberOrWord(int),
    default=0,
    metavar=">=0",
    help="Images at a time; 0 for as many as there are cores. [default: 0]",
)
@click.option(
    "--resume", is_flag=True, help="Do only what is missing, or was made from another image or with other settings."
)
@click.option(
    "--timeout", type=NumberOrWord(float), default=0.0, metavar="SECONDS", help="Stop an image after that; 0 never."
)
@click.option("--watch", is_flag=True, help="Go on with what comes into the folder, until Ctrl-C.")
@click.option(
    "--model",
    "model_option",
    default="each",
    metavar="each|shared|FILE",
    help="Which classes: each image's own, those of one model of all images, or of a saved model. [default: each]",
)
@click.option(
    "--align",
    default="none",
    metavar="none|first|FILE",
    help="Number each image's own classes like those of the first image, or of a saved model. [default: none]",
)
@SCHEDULER
@add_setting_options("batch")
@START_MODEL
@OUTPUT
@JSON
@DEBUG
def segment_folder(
    folder: Path,
    recursive: bool,
    jobs: int,
    resume: bool,
    timeout: float,
    watch: bool,
    model_option: str,
    align: str,
    scheduler: str,
    start: Path | None,
    output: Path,
    as_json: bool,
    debug: bool,
    **options: Any,
) -> int:
    """Segment every image of FOLDER, keeping its structure below the folder for the results.

    An image that fails is reported and does not stop the rest. segment_manifest.csv and segment_manifest.jsonl have a
    row for each, segment_shares.csv one for each of its classes; --save report adds segment_index.html, a page of all.
    Whatever stops the run, the same command with --resume goes on.
    """
    from segment.runs.batch.folder_run import FolderRun, FolderSettings

    replace_closed_streams()
    _check_numbers(jobs=jobs, timeout=timeout)
    classes, config = _plan_classes(model_option, align, start, options)
    # New images would change the model and with it all results.
    if watch and classes.shared:
        raise SettingsError("watch (--watch): not with --model shared, which needs all images at once. Give a FILE.")
    settings = FolderSettings(
        recursive=recursive,
        n_workers=jobs,
        timeout=timeout,
        resume=resume,
        watch=watch,
        classes=classes,
        debug=debug,
    )
    # A document is printed at the end; without it each image is reported when it is done.
    tally = Tally()
    outcomes: list[Outcome] | None = [] if as_json else None
    try:
        with connect_cluster(scheduler) as cluster, FolderRun(folder, output, config, settings, cluster) as run:
            if note := describe_default_k(options, config, classes.model):
                print_message(note)
            _report_skipped_results(run)
            _run_pending(run, tally, outcomes)
            # Until Ctrl-C.
            while watch:
                time.sleep(WATCH_INTERVAL)
                run.look_again()
                _run_pending(run, tally, outcomes)
    except KeyboardInterrupt as stop:
        total = tally.done + tally.failed
        print_message(
            f"Interrupted after {pluralize(total, 'image')}: every file that is written is complete. "
            "Give --resume to go on."
        )
        return get_exit_code(stop)
    if outcomes is not None:
        click.echo(format_document(outcomes, config), nl=False)
    elif run.index:
        click.echo(printable_path(output / run.index.name, limit=sys.maxsize))
    _report_end(run, tally)
    return int(tally.failed > 0)


def _report_end(run: FolderRun, tally: Tally) -> None:
    """Print how many images were done, and which kinds are not read with what is installed."""
    from segment.runs.batch.folder_search import describe_unread_images

    if len(run.jobs) > 1:
        print_message(tally.format(kept=run.n_kept))
    for line in describe_unread_images(run.unread):
        print_message(line)


def _run_pending(run: FolderRun, tally: Tally, outcomes: list[Outcome] | None) -> None:
    """Do the images that are left and report them in order; for a document, collect their outcomes."""
    if not run.jobs:
        return
    with Status(len(run.jobs), bar=True) as status:
        status.show("starting")
        choice = obstacle = ""
        for outcome in run.iterate_outcomes():
            if run.obstacle and not obstacle:
                obstacle = run.obstacle
                status.clear()
                print_message(f"Warning: {obstacle}")
            # A model for all images is fitted before the first one.
            if run.choice and not choice:
                choice = run.choice
                status.clear()
                print_message(f"All images: {choice}.")
            tally.count(outcome)
            status.advance()
            try:
                report_outcome(outcome, table=False, quiet=outcomes is not None)
                # A reader of the pipe sees each image when it is done.
                sys.stdout.flush()
            except BrokenPipeError:
                discard_stdout()
            if outcomes is not None:
                outcomes.append(outcome)
            status.show("done", outcome.job.source)


def _report_skipped_results(run: FolderRun) -> None:
    """Print which pictures are skipped as results although no manifest knows them: somebody might miss them."""
    if run.passed_over:
        first = printable_path(run.passed_over[0])
        others = f" and {len(run.passed_over) - 1} more" if len(run.passed_over) > 1 else ""
        print_message(f"Passed over as results of segment, by their mark: {first}{others}. 'segment run' takes them.")


def _plan_classes(
    model_option: str, align: str, start: Path | None, options: Options
) -> tuple[ClassPlan, SegmentConfig]:
    """Plan how images get their classes, and make the configuration."""
    from segment.runs.batch.class_plan import ClassPlan
    from segment.segmenter.class_model.storage import load_class_model

    if model_option == "each":
        return _plan_own_classes(align, start, options)
    # Shared classes have one numbering already.
    if start is not None or align != "none":
        what = "align (--align)" if align != "none" else "start (--start)"
        raise SettingsError(f"{what}: only with --model each; got --model {model_option}. Leave one out.")
    if model_option == "shared":
        config = make_config("batch --model shared", options)
        _refuse_all_pages(config, "--model shared")
        return ClassPlan(shared=True), config
    model = load_class_model(model_option)
    config = make_config("batch --model FILE", options, **model.settings)
    return ClassPlan(model=model, files=(Path(model_option),)), config


def _plan_own_classes(align: str, start: Path | None, options: Options) -> tuple[ClassPlan, SegmentConfig]:
    """Plan classes of each image's own, which may be numbered like those of the first image or of a saved model."""
    from segment.runs.batch.class_plan import ClassPlan
    from segment.segmenter.class_model.storage import load_class_model

    model, config = load_start("batch", start, options)
    starts = () if start is None else (start,)
    if align == "none":
        return ClassPlan(model=model, adapt=model is not None, files=starts), config
    _refuse_all_pages(config, f"--align {align}")
    if config.regions != 0:
        raise SettingsError(f"align (--align): only with classes; got --regions {config.regions}. Leave one out.")
    reference = None if align == "first" else load_class_model(align)
    # An image may have all of its own classes and all of the reference's; labels are 8-bit numbers.
    n_extra = min(reference.n_classes if reference else config.max_classes, 255 - config.max_classes)
    plan = ClassPlan(
        model=model,
        adapt=model is not None,
        align=True,
        reference=reference,
        files=starts if align == "first" else (*starts, Path(align)),
        n_extra=n_extra,
    )
    return plan, config


def _refuse_all_pages(config: SegmentConfig, option: str) -> None:
    """Refuse to segment all pages of each file with classes that the files share."""
    if config.page == "all":
        raise SettingsError(
            f"page (--page): one page of each file with {option}; got all. Fit a model to all pages (segment fit "
            "--page all), and give it with --model."
        )


def _check_numbers(*, jobs: int, timeout: float) -> None:
    """Refuse numbers out of their range."""
    if jobs < 0:
        raise SettingsError(f"jobs (--jobs): a whole number of at least 0; got {jobs}.")
    if not 0 <= timeout < 1e6:
        raise SettingsError(f"timeout (--timeout): seconds from 0 to 1000000; got {timeout:g}.")
