"""Do the jobs of a command one after the other, and report what becomes of each."""

from __future__ import annotations

from functools import partial

import click

from segment.cli.run_document import format_document
from segment.cli.terminal import Status, Tally, explain_likelihoods, print_message, report_outcome
from segment.config.config import SegmentConfig
from segment.runs.image_job import Work, run_job
from segment.runs.job import Job

__all__ = ["run_jobs"]


def run_jobs(
    jobs: list[Job], config: SegmentConfig, work: Work, *, debug: bool, as_json: bool = False, note: str = ""
) -> int:
    """Do the jobs one after the other, and report each.

    Parameters
    ----------
    jobs : list of Job
        The images.
    config : SegmentConfig
        The settings of all.
    work : callable
        Does one job; see :func:`segment.runs.image_job.run_job`.
    debug : bool
        Whether a failure is raised.
    as_json : bool
        Whether one JSON document is printed in place of tables.
    note : str
        As for :class:`segment.cli.terminal.Status`.

    Returns
    -------
    int
        The exit code: 0 if all succeeded, else 1.
    """
    tally = Tally()
    outcomes = []
    with Status(len(jobs), bar=False, note=note) as status:
        for job in jobs:
            outcome = run_job(job, config, work, on_stage=partial(status.show, source=job.source), debug=debug)
            outcomes.append(outcome)
            tally.count(outcome)
            status.advance()
            report_outcome(outcome, table=True, quiet=as_json)
    if as_json:
        click.echo(format_document(outcomes, config), nl=False)
    elif footnote := explain_likelihoods(outcomes):
        click.echo(footnote)
    if len(jobs) > 1:
        print_message(tally.format())
    return int(tally.failed > 0)
