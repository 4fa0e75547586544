"""``segment relabel``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from segment.cli.command_help import StagedCommand
from segment.cli.job_runs import run_jobs
from segment.cli.options import DEBUG, JSON, OUTPUT, add_setting_options, make_config
from segment.cli.parameter_types import NamedPath
from segment.core.class_names import MAX_CLASSES
from segment.core.errors import SettingsError
from segment.runs.image_job import relabel_job
from segment.runs.job import plan_relabel_jobs

__all__ = ["relabel_labels"]


@click.command(
    "relabel",
    cls=StagedCommand,
    short_help="Merge, name, order and recolor the classes of label images.",
    examples=(
        "segment relabel outputs/landscape_labels.png --merge land=1,2 --name 3=snow",
        "segment relabel outputs/landscape_labels.png --image landscape.jpg",
    ),
    usual=("image", "merge", "order"),
)
@click.argument("results", nargs=-1, required=True, type=NamedPath(path_type=Path), metavar="RESULT...")
@add_setting_options("relabel")
@click.option(
    "--image",
    type=NamedPath(path_type=Path),
    default=None,
    metavar="FILE",
    help="The image that was segmented, for pictures, tables and orders that need its colors.",
)
@OUTPUT
@JSON
@DEBUG
def relabel_labels(
    results: tuple[Path, ...], image: Path | None, output: Path, as_json: bool, debug: bool, **options: Any
) -> int:
    """Merge, name, order and recolor the classes of label images, without a fit.

    RESULT is what --save labels wrote: STEM_labels.png, .tif or .npz. The numbers are those in it, with --order those
    in the new order; classes keep their colors, which an NPZ does not have, unless --palette gives others.
    STEM_relabeled_labels.png is written, and what --save names. --image is read with the --page, --crop and --bands of
    RESULT, unless others are given.
    """
    if image is not None and len(results) > 1:
        raise SettingsError(f"image (--image): with one RESULT; got {len(results)}. Relabel them one by one.")
    save = ("labels",) if image is None else ("panel", "labels")
    # How many classes there are is known when a file is read.
    config = make_config("relabel", options, k=MAX_CLASSES, save=save)
    jobs = plan_relabel_jobs(results, output, config, image)
    return run_jobs(jobs, config, relabel_job, debug=debug, as_json=as_json)
