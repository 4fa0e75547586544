"""``segment batch``."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import click

from segment.cli.options import (
    DEBUG,
    JSON,
    OUTPUT,
    SCHEDULER,
    START,
    StagedCommand,
    cluster_at,
    mention_default,
    setting_options,
    started,
)
from segment.cli.signals import exit_code
from segment.cli.terminal import Status, Tally, as_document, report_outcome, say
from segment.config.config import SegmentConfig
from segment.core.errors import SettingsError, pluralize, printable_path
from segment.runs.batch.class_plan import ClassPlan
from segment.runs.batch.folder_run import FolderRun, FolderSettings
from segment.runs.outcome import Outcome

__all__ = ["batch"]

_LOOK = 1.0  # seconds between two looks at a folder that is watched


@click.command(cls=StagedCommand, short_help="Segment every image of a folder.")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("-r", "--recursive", is_flag=True, help="Look into the folder's folders too.")
@click.option(
    "--jobs",
    type=int,
    default=0,
    metavar=">=0",
    help="Images at a time; 0 for as many as there are cores. [default: 0]",
)
@click.option(
    "--resume", is_flag=True, help="Do only what is missing, or made of another image or with other settings."
)
@click.option("--timeout", type=float, default=0.0, metavar="SECONDS", help="Give an image up after that; 0 never.")
@click.option("--watch", is_flag=True, help="Go on with what comes into the folder, until Ctrl-C.")
@click.option(
    "--model",
    "model_option",
    default="each",
    metavar="each|shared|FILE",
    help="Classes of each image's own, one model fitted to all, or those of a saved one. [default: each]",
)
@click.option(
    "--align",
    default="none",
    metavar="none|first|FILE",
    help="Number each image's own classes like those of the first image, or of a saved model. [default: none]",
)
@SCHEDULER
@setting_options
@START
@OUTPUT
@JSON
@DEBUG
def batch(
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
    **given: Any,
) -> int:
    """Segment every image of FOLDER, keeping its structure below the folder for the results.

    An image that fails is reported and does not stop the rest. segment_manifest.csv and segment_manifest.jsonl have a
    row for each. Whatever stops the run, the same command with --resume goes on.

    Example: segment batch photographs -r -k 4 -o results
    """
    _refuse(jobs=jobs, timeout=timeout)
    classes, config = _class_plan(model_option, align, start, given)
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
    tally = Tally()
    outcomes: list[Outcome] | None = [] if as_json else None
    try:
        with cluster_at(scheduler) as cluster, FolderRun(folder, output, config, settings, cluster) as run:
            mention_default(given, config, classes.model)
            _mention_results(run)
            _tell(run, tally, outcomes)
            while watch:
                time.sleep(_LOOK)
                run.look_again()
                _tell(run, tally, outcomes)
    except KeyboardInterrupt as stop:
        total = tally.done + tally.failed
        say(f"Interrupted after {pluralize(total, 'image')}: all that is written is whole. Give --resume to go on.")
        return exit_code(stop)
    if outcomes is not None:
        click.echo(as_document(outcomes, config), nl=False)
    if len(run.jobs) > 1:
        say(tally.sentence(kept=run.n_kept))
    return int(tally.failed > 0)


def _tell(run: FolderRun, tally: Tally, outcomes: list[Outcome] | None) -> None:
    """Do what is left to do, and report it in order; for a document, collect it."""
    if not run.jobs:
        return
    with Status(len(run.jobs), bar=True) as status:
        status.show("starting")
        for outcome in run.outcomes():
            tally.count(outcome)
            status.advance()
            report_outcome(outcome, table=False, quiet=outcomes is not None)
            if outcomes is not None:
                outcomes.append(outcome)
            sys.stdout.flush()
            status.show("done", outcome.job.source)


def _mention_results(run: FolderRun) -> None:
    """Say which pictures are passed over although no manifest knows them: somebody might miss them."""
    if run.passed_over:
        first = printable_path(run.passed_over[0])
        others = f" and {len(run.passed_over) - 1} more" if len(run.passed_over) > 1 else ""
        say(f"Passed over as results of segment, by their mark: {first}{others}. 'segment run' takes them.")


def _class_plan(
    model_option: str, align: str, start: Path | None, given: dict[str, Any]
) -> tuple[ClassPlan, SegmentConfig]:
    """How images get their classes, and the settings."""
    from segment.segmenter.class_model.storage import load_class_model

    if model_option == "each":
        model, config = started(start, given)
        if align == "none":
            return ClassPlan(model=model, adapt=model is not None, files=_files(start)), config
        reference = None if align == "first" else load_class_model(align)
        n_extra = reference.n_classes if reference else _most(config)
        return (
            ClassPlan(
                model=model,
                adapt=model is not None,
                align=True,
                reference=reference,
                files=_files(start, None if align == "first" else Path(align)),
                n_extra=min(n_extra, 255 - _most(config)),
            ),
            config,
        )
    if start is not None or align != "none":
        what = "align (--align)" if align != "none" else "start (--start)"
        raise SettingsError(f"{what}: only with --model each; got --model {model_option}. Leave one out.")
    if model_option == "shared":
        return ClassPlan(shared=True), started(None, given)[1]
    model, config = started(Path(model_option), given)
    return ClassPlan(model=model, files=(Path(model_option),)), config


def _files(*paths: Path | None) -> tuple[Path, ...]:
    return tuple(path for path in paths if path is not None)


def _most(config: SegmentConfig) -> int:
    return config.k if isinstance(config.k, int) else config.k_range[1]


def _refuse(*, jobs: int, timeout: float) -> None:
    if jobs < 0:
        raise SettingsError(f"jobs (--jobs): a whole number of at least 0; got {jobs}.")
    if not 0 <= timeout < 1e6:
        raise SettingsError(f"timeout (--timeout): seconds from 0 to 1000000; got {timeout:g}.")
