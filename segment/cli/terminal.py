"""What a person sees: progress and warnings on stderr, files and tables on stdout."""

from __future__ import annotations

import math
import shutil
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import click

from segment.core.class_names import make_default_names
from segment.core.errors import pluralize, printable_path
from segment.core.hex_colors import format_hex_color
from segment.core.stages import Stage
from segment.output.tables import format_area, format_expected_share, format_number, format_share
from segment.runs.outcome import Outcome

if TYPE_CHECKING:
    from segment.pipeline.class_table import ClassRow
    from segment.pipeline.interest_table import InterestRow

__all__ = ["Status", "Tally", "explain_likelihoods", "print_message", "report_outcome"]

BAR_WIDTH = 24  # characters
MAX_INTEREST_ROWS = 100  # of regions of interest; the cells of a fine grid are thousands
_CLEAR_LINE = "\r\x1b[K"


class Status:
    """A line on the terminal that shows the current stage and disappears. Nothing is shown where stderr is a file.

    Parameters
    ----------
    total : int
        Number of images.
    bar : bool
        Whether to show how many of them are done, and the time left.
    note : str
        A line that is printed once, as soon as an image has been read; empty for none.
    """

    def __init__(self, total: int, *, bar: bool, note: str = "") -> None:
        self._total = total
        self._done = 0
        self._bar = bar
        self._note = note
        self._begin = time.monotonic()
        self._visible = sys.stderr is not None and sys.stderr.isatty()

    def __enter__(self) -> Status:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.clear()

    def show(self, stage: str, source: Path | None = None) -> None:
        """Show the stage of the run, or of one of its images.

        Parameters
        ----------
        stage : str
        source : Path, optional
            The image.
        """
        # Not before the first error: what cannot be read has no classes.
        if self._note and stage != Stage.READ:
            self.clear()
            print_message(self._note)
            self._note = ""
        if not self._visible:
            return
        text = f"{printable_path(source.name)}: {stage}" if source else stage
        if self._bar:
            filled = BAR_WIDTH * self._done // self._total
            bar = "#" * filled + "." * (BAR_WIDTH - filled)
            text = f"[{bar}] {self._done}/{self._total}  {self._format_time_left()}{text}"
        # A line that wraps could not be removed.
        width = shutil.get_terminal_size().columns
        click.echo(_CLEAR_LINE + text[: width - 1], err=True, nl=False)

    def advance(self) -> None:
        """Count one image more as done."""
        self._done += 1
        self.clear()

    def clear(self) -> None:
        """Remove the line from the terminal."""
        if self._visible:
            click.echo(_CLEAR_LINE, err=True, nl=False)

    def _format_time_left(self) -> str:
        """Write the time left, by the mean time of the images so far; nothing before the first and after the last."""
        # The mean of all images is steady where images are done several at a time.
        if not 0 < self._done < self._total:
            return ""
        seconds = round((time.monotonic() - self._begin) * (self._total - self._done) / self._done)
        return f"{timedelta(seconds=seconds)} left  "


def print_message(text: str) -> None:
    """Print a line on stderr."""
    click.echo(text, err=True)


def report_outcome(outcome: Outcome, *, table: bool, quiet: bool = False) -> None:
    """Print what became of an image: warnings and errors on stderr, files and tables on stdout.

    Parameters
    ----------
    outcome : Outcome
    table : bool
        Whether to print the table of classes or methods.
    quiet : bool
        Print nothing on stdout.
    """
    if outcome.choice:
        print_message(f"{printable_path(outcome.job.source)}: {outcome.choice}.")
    for warning in outcome.warnings:
        print_message(f"Warning: {printable_path(outcome.job.source)}: {warning}.")
    if outcome.error:
        print_message(f"Error: {outcome.error}")
    if quiet:
        return
    # Scripts read these lines: paths are never shortened.
    for path in outcome.paths:
        click.echo(printable_path(path, limit=sys.maxsize))
    if table and outcome.methods:
        click.echo(_format_methods(outcome))
    elif table and outcome.tried:
        click.echo(_format_tries(outcome))
    elif table and outcome.n_regions:
        click.echo(f"  {pluralize(outcome.n_regions, 'region')}")
    elif table and outcome.paths and outcome.classes:
        click.echo(_format_table(outcome))


def explain_likelihoods(outcomes: Sequence[Outcome]) -> str:
    """Explain, below the tables of methods, a mixture whose log-likelihood is lower than that of another method.

    Parameters
    ----------
    outcomes : sequence of Outcome

    Returns
    -------
    str
        Two lines; empty where no image needs them.

    Examples
    --------
    >>> explain_likelihoods([])
    ''
    """
    tables = [[round(row.log_likelihood, 4) for row in outcome.methods] for outcome in outcomes]
    if not any(mixture < max(others) for *others, mixture in filter(None, tables)):
        return ""
    return (
        "  the mixture's log-likelihood is lower as --shrinkage pulls its covariances together and its fit counts "
        "neighbors;\n  those of the others' Gaussians are free: --shrinkage 0 --spatial none compares alike"
    )


@dataclass
class Tally:
    """Numbers of images: segmented, failed, and with a warning."""

    done: int = 0
    failed: int = 0
    warned: int = 0

    def count(self, outcome: Outcome) -> None:
        """Count one image more."""
        self.done += not outcome.error
        self.failed += bool(outcome.error)
        self.warned += bool(outcome.warnings)

    def format(self, *, kept: int = 0) -> str:
        """Write the tally in one line.

        Parameters
        ----------
        kept : int
            Number of images that an earlier run has done.

        Examples
        --------
        >>> Tally(done=2, failed=1).format(kept=4)
        '2 of 7 images segmented, 4 kept from before, 1 failed.'
        """
        text = f"{self.done} of {pluralize(self.done + self.failed + kept, 'image')} segmented"
        if kept:
            text += f", {kept} kept from before"
        if self.warned:
            text += f", {self.warned} with a warning"
        if self.failed:
            text += f", {self.failed} failed"
        return text + "."


def _format_area(row: ClassRow) -> str:
    """Write an area in a column of the table; nothing where it is not known."""
    return "" if row.area is None else f"  {format_area(row.area):>11} {row.unit}"


def _format_area_heading(rows: Iterable[ClassRow]) -> str:
    """Write the heading of the column of areas; nothing where none is known."""
    return next((f"{'area':>{14 + len(row.unit)}}" for row in rows if row.area is not None), "")


def _format_table(outcome: Outcome) -> str:
    """Write the table of classes; names are shown where one was given."""
    classes = outcome.classes
    has_expected = any(not math.isnan(row.expected_share) for row in classes)
    heading = f"{'expected':>20}" if has_expected else ""
    heading += _format_area_heading(classes)
    # Only a terminal shows the color itself.
    is_terminal = sys.stdout is not None and sys.stdout.isatty()
    lines = [f"  class  color   {'   ' if is_terminal else ''}   share{heading}  mean color"]
    width = max((len(_format_mean(row.mean)) for row in classes), default=0)
    # The default names would repeat the number.
    is_named = tuple(row.name for row in classes) != make_default_names(len(classes))
    for row, color in zip(classes, outcome.colors, strict=True):
        name = f"  {row.name}" if is_named else ""
        swatch = click.style("   ", bg=color) if is_terminal else ""
        expected = f"  {format_expected_share(row.expected_share, row.expected_share_sd):>18}" if has_expected else ""
        line = f"  {row.label:>5}  {format_hex_color(color)}{swatch} {format_share(row.share):>9}{expected}"
        lines.append(f"{line}{_format_area(row)}  {_format_mean(row.mean):<{width}}{name}".rstrip())
    if outcome.interest:
        lines += _format_interest(outcome.interest, is_named)
    if outcome.old_numbers:
        pairs = (f"{label} is {old}" for label, old in enumerate(outcome.old_numbers, start=1))
        lines.append(f"  numbers without --merge: {', '.join(pairs)}")
    for group in dict.fromkeys(row.group for row in classes if row.group):
        shares = [f"{row.name} {format_share(row.group_share)}" for row in classes if row.group == group]
        lines.append(f"  {group}: {', '.join(shares)}")
    if not math.isnan(outcome.changed):
        lines.append(f"  clean-up changed {100 * outcome.changed:.2f} % of the pixels")
    return "\n".join(lines)


def _format_interest(interest: Sequence[InterestRow], is_named: bool) -> list[str]:
    """Write the lines of the classes in each region of interest."""
    width = max(18, *(len(item.roi) for item in interest))
    heading = _format_area_heading(item.row for item in interest)
    lines = [f"  {'region of interest':<{width}}  class     share      pixels{heading}"]
    for item in interest[:MAX_INTEREST_ROWS]:
        row = item.row
        name = f"  {row.name}" if is_named else ""
        line = f"  {item.roi:<{width}}  {row.label:>5}  {format_share(row.share):>8}  {row.pixels:>10}"
        lines.append(line + _format_area(row) + name)
    n_others = len(interest) - MAX_INTEREST_ROWS
    return lines + (
        [f"  and {pluralize(n_others, 'row')} more: --save classes or --json has all"] if n_others > 0 else []
    )


def _format_methods(outcome: Outcome) -> str:
    """Write the table of the methods that are compared."""
    lines = ["  method               seconds    inertia  log-likelihood  agreement"]
    for row in outcome.methods:
        values = (f"{row.inertia:.5g}", f"{row.log_likelihood:.4f}", f"{row.agreement:.3f}")
        # An image without a valid pixel has no such values.
        shown = values if math.isfinite(row.inertia) else ("-", "-", "-")
        lines.append(f"  {row.name:<19}  {row.seconds:>7.2f}  {shown[0]:>9}  {shown[1]:>14}  {shown[2]:>9}")
    return "\n".join(lines)


def _format_tries(outcome: Outcome) -> str:
    """Write the table of the numbers of classes that were explored."""
    lines = ["  classes   criterion  shares"]
    for row in outcome.tried:
        shown = f"{row.criterion:.6g}" if math.isfinite(row.criterion) else "-"
        lines.append(f"  {row.k:>7}  {shown:>10}  {' '.join(map(format_share, row.shares))}")
    return "\n".join(lines)


def _format_mean(mean: tuple[float, ...]) -> str:
    """Write the mean of each channel in the image's own values."""
    return " ".join(map(format_number, mean)) or "-"
