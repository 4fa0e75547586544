"""The option for a cluster, and the connection to it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import click

from segment.cli.terminal import say
from segment.cluster.connection import Cluster

__all__ = ["SCHEDULER", "cluster_at"]

SCHEDULER = click.option(
    "--scheduler",
    default="",
    metavar="tcp://HOST:PORT",
    help="Work on the Dask cluster of this scheduler. Its workers must see the same files under the same paths. Needs "
    "Dask: pip install distributed.",
)


@contextlib.contextmanager
def cluster_at(scheduler: str) -> Iterator[Cluster | None]:
    """The cluster of a scheduler, of which warnings are told; None where there is none."""
    if not scheduler:
        yield None
        return
    with Cluster(scheduler) as cluster:
        for note in cluster.notes:
            say(f"Warning: {note}.")
        yield cluster
