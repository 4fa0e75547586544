"""``segment doctor``."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from segment.cli.command_help import StagedCommand
from segment.core.version import __version__

if TYPE_CHECKING:
    from segment.runs.installation import Finding

__all__ = ["check_installation"]


@click.command("doctor", cls=StagedCommand, short_help="Say what is installed, and what works here.")
def check_installation() -> int:
    """Say which libraries, extras and image formats work here, and how to get the others.

    Each library is loaded, and a small file of each format is read. The exit code is 1 if a library fails that every
    run needs.
    """
    # Loaded here: other commands start without it.
    from segment.runs.installation import check_extras, check_formats, check_libraries

    click.echo(f"segment {__version__}, Python {platform.python_version()}, {platform.platform()}")
    click.echo(f"{os.cpu_count()} cores")
    is_whole = _report_findings("Libraries", check_libraries())
    _report_findings("Extras", check_extras())
    _report_findings("Formats", check_formats())
    return int(not is_whole)


def _report_findings(title: str, findings: Iterable[Finding]) -> bool:
    """Print findings under a heading, and return whether all of them work."""
    click.echo(f"\n{title}:")
    is_whole = True
    for finding in findings:
        is_whole &= finding.works
        mark = "yes" if finding.works else "NO "
        click.echo(f"  {mark}  {finding.name:<22}  {finding.detail}".rstrip())
        if finding.remedy and not finding.works:
            click.echo(f"       {'':<22}  {finding.remedy}")
    return is_whole
