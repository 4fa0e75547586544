"""A run as one JSON document, for scripts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from segment.config.config import SegmentConfig
from segment.core.hex_colors import format_hex_color
from segment.core.version import __version__
from segment.output.tables import drop_nan, to_json
from segment.runs.outcome import Outcome

__all__ = ["format_document"]


def format_document(outcomes: Sequence[Outcome], config: SegmentConfig) -> str:
    """Write a run as one JSON document, for scripts.

    Parameters
    ----------
    outcomes : sequence of Outcome
        One for each image.
    config : SegmentConfig
    """
    images = [
        {
            "input": str(outcome.job.source),
            "outputs": [str(path) for path in outcome.paths],
            "k": len(outcome.classes),
            "classes": _list_classes(outcome),
            **({"groups": groups} if (groups := _list_groups(outcome)) else {}),
            **({"interest": outcome.list_interest()} if outcome.interest else {}),
            "changed": drop_nan(outcome.changed),
            "choice": outcome.choice,
            "warnings": outcome.warnings,
            "error": outcome.error,
            "seconds": round(outcome.seconds, 3),
        }
        for outcome in outcomes
    ]
    return to_json({"version": __version__, "settings": asdict(config), "images": images})


def _list_classes(outcome: Outcome) -> list[dict[str, Any]]:
    """List the classes of an image for the document."""
    return [
        {
            "label": row.label,
            "name": row.name,
            "colour": format_hex_color(color),
            "pixels": None if row.label in outcome.absent else row.pixels,
            "share": drop_nan(row.share),
            "mean": row.mean,
            "expected_share": drop_nan(row.expected_share),
            "expected_share_sd": drop_nan(row.expected_share_sd),
            **({} if row.area is None else {"area": row.area, "unit": row.unit}),
        }
        for row, color in zip(outcome.classes, outcome.colors, strict=True)
    ]


def _list_groups(outcome: Outcome) -> list[dict[str, Any]]:
    """List the classes of each group for the document."""
    return [{"group": row.group, "name": row.name, "share": row.group_share} for row in outcome.classes if row.group]
