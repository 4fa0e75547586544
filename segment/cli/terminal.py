"""What a person sees: progress and warnings on stderr, files and tables on stdout."""

from __future__ import annotations

import math
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import click

from segment.config.config import SegmentConfig
from segment.core.errors import pluralize, printable_path
from segment.core.version import __version__
from segment.output.tables import format_number, to_json
from segment.runs.outcome import Outcome

__all__ = ["Status", "Tally", "as_document", "report_outcome", "say"]

_BAR = 24  # characters


class Status:
    """A line on the terminal that says what is being done and disappears. Silent where stderr is no terminal."""

    def __init__(self, total: int, *, bar: bool) -> None:
        self._total = total
        self._done = 0
        self._bar = bar
        self._visible = sys.stderr is not None and sys.stderr.isatty()

    def __enter__(self) -> Status:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.clear()

    def show(self, stage: str, source: Path | None = None) -> None:
        """Say at which stage the run is, or one of its images."""
        if not self._visible:
            return
        words = f"{printable_path(source.name)}: {stage}" if source else stage
        if self._bar:
            filled = _BAR * self._done // self._total
            words = f"[{'#' * filled}{'.' * (_BAR - filled)}] {self._done}/{self._total}  {words}"
        width = shutil.get_terminal_size().columns
        click.echo("\r\x1b[K" + words[: width - 1], err=True, nl=False)

    def advance(self) -> None:
        """One image is done."""
        self._done += 1
        self.clear()

    def clear(self) -> None:
        if self._visible:
            click.echo("\r\x1b[K", err=True, nl=False)


def say(words: str) -> None:
    """A line on stderr."""
    click.echo(words, err=True)


def report_outcome(outcome: Outcome, *, table: bool, quiet: bool = False) -> None:
    """Warnings and errors on stderr; on stdout, unless `quiet`, files written and the table of classes or methods."""
    if outcome.choice:
        say(f"{printable_path(outcome.job.source)}: {outcome.choice}.")
    for warning in outcome.warnings:
        say(f"Warning: {printable_path(outcome.job.source)}: {warning}.")
    if outcome.error:
        say(f"Error: {outcome.error}")
    if quiet:
        return
    for path in outcome.paths:
        click.echo(printable_path(path, limit=sys.maxsize))
    if table and outcome.methods:
        click.echo(_methods(outcome))
    elif table and outcome.n_regions:
        click.echo(f"  {outcome.n_regions} region{'s' if outcome.n_regions > 1 else ''}")
    elif table and outcome.paths:
        click.echo(_table(outcome))


@dataclass
class Tally:
    """How many images went well and how many did not."""

    done: int = 0
    failed: int = 0
    warned: int = 0

    def count(self, outcome: Outcome) -> None:
        """One image more."""
        self.done += not outcome.error
        self.failed += bool(outcome.error)
        self.warned += bool(outcome.warnings)

    def sentence(self, *, kept: int = 0) -> str:
        """The tally in one line; `kept` images were done by an earlier run."""
        words = f"{self.done} of {pluralize(self.done + self.failed + kept, 'image')} segmented"
        if kept:
            words += f", {kept} kept from before"
        if self.warned:
            words += f", {self.warned} with a warning"
        if self.failed:
            words += f", {self.failed} failed"
        return words + "."


def as_document(outcomes: Sequence[Outcome], config: SegmentConfig) -> str:
    """The whole run as one JSON document, for scripts."""
    images = [
        {
            "input": str(outcome.job.source),
            "outputs": [str(path) for path in outcome.paths],
            "k": len(outcome.rows),
            "classes": _classes(outcome),
            "changed": outcome.changed,
            "choice": outcome.choice,
            "warnings": outcome.warnings,
            "error": outcome.error,
            "seconds": round(outcome.seconds, 3),
        }
        for outcome in outcomes
    ]
    return to_json({"version": __version__, "settings": asdict(config), "images": images})


def _classes(outcome: Outcome) -> list[dict[str, Any]]:
    return [
        {"label": label, "name": name, "colour": _hex(color), "pixels": pixels, "share": share, "mean": mean}
        for (label, color, share, mean), name, pixels in zip(outcome.rows, outcome.names, outcome.pixels, strict=True)
    ]


def _table(outcome: Outcome) -> str:
    lines = ["  class  color      share  mean color"]
    named = any(name != f"class {label}" for label, name in enumerate(outcome.names, start=1))
    for label, color, share, mean in outcome.rows:
        name = f"  {outcome.names[label - 1]}" if named else ""
        swatch = click.style("   ", bg=color) if sys.stdout is not None and sys.stdout.isatty() else ""
        lines.append(f"  {label:>5}  {_hex(color)}{swatch} {100 * share:>7.2f} %  {_mean(mean)}{name}")
    lines.append(f"  clean-up changed {100 * outcome.changed:.2f} % of the pixels")
    return "\n".join(lines)


def _methods(outcome: Outcome) -> str:
    lines = ["  method               seconds    inertia  log-likelihood  agreement"]
    for name, seconds, inertia, likelihood, agreement in outcome.methods:
        about = (f"{inertia:.5g}", f"{likelihood:.4f}", f"{agreement:.3f}")
        told = about if math.isfinite(inertia) else ("-", "-", "-")  # without a valid pixel
        lines.append(f"  {name:<19}  {seconds:>7.2f}  {told[0]:>9}  {told[1]:>14}  {told[2]:>9}")
    return "\n".join(lines)


def _hex(color: Sequence[float]) -> str:
    return "#" + "".join(f"{round(part):02x}" for part in color)


def _mean(mean: tuple[float, ...]) -> str:
    """The mean of each channel in the image's own values."""
    return " ".join(map(format_number, mean)) or "-"
