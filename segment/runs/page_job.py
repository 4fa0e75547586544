"""The work on one image file of which every page is segmented."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

from segment.config.config import SegmentConfig
from segment.core.errors import printable_path
from segment.core.stages import Stage
from segment.pipeline.class_table import ClassRow, sum_rows
from segment.pipeline.interest_table import InterestRow
from segment.pipeline.page_pipeline import iterate_pages
from segment.runs.job import Job
from segment.runs.outcome import Outcome
from segment.runs.result_outcome import describe_result
from segment.segmenter.class_model.class_model import ClassModel

__all__ = ["segment_job_pages"]

MAX_NUMBERS = 3  # of pages that a warning names


def segment_job_pages(
    job: Job,
    config: SegmentConfig,
    on_stage: Callable[[str], None],
    model: ClassModel | None,
    *,
    with_shares: bool,
) -> Outcome:
    """Segment every page of a file and write the results of each as it is done, so that one page is in memory.

    Parameters
    ----------
    job : Job
        The file.
    config : SegmentConfig
        All settings.
    on_stage : callable
        Called with the text of each stage when it begins.
    model : ClassModel or None
        The classes; None where they are fitted to all pages.
    with_shares : bool
        Whether the rows of a table of shares are collected; the page stands before the name of the region of interest.

    Returns
    -------
    Outcome
        The files of all pages, and one class table for all. If a page fails, no files are left.
    """
    outcomes: list[Outcome] = []
    choice, notes = "", tuple[str, ...]()
    pages = iterate_pages(job.source, config, model=model, on_stage=on_stage)
    try:
        for number, (selection, result) in enumerate(pages, start=1):
            on_stage(Stage.WRITE)
            paths = result.save(job.folder, stem=job.name_page(number), suffix=job.picture_suffix)
            outcome = describe_result(job, result, paths, model, with_shares=with_shares)
            shares = tuple(row._replace(page=number) for row in outcome.shares)
            outcomes.append(replace(outcome, shares=shares))
            choice = selection.sentence if selection is not None else ""
            notes = () if model is not None else result.class_model.training.notes
    except BaseException:
        for path in (path for outcome in outcomes for path in outcome.paths):
            path.unlink(missing_ok=True)
        raise
    # Notes on single pages come again when the pages are labeled; only those on all pages are kept here.
    file = printable_path(job.source)
    of_all = tuple(note for note in notes if not note.startswith((f"{file}: ", f"{file}, page ")))
    combined = _combine_outcomes(outcomes)
    # A class may well be missing on a page, and one of a saved model on all.
    empty = () if model is not None else _warn_of_empty_classes(combined.classes)
    return replace(combined, choice=choice, warnings=of_all + _combine_warnings(outcomes) + empty)


def _combine_outcomes(outcomes: Sequence[Outcome]) -> Outcome:
    """Combine the outcomes of pages that share their classes, by their areas."""
    areas = [sum(row.pixels for row in outcome.classes) for outcome in outcomes]
    drifts = [outcome.drift for outcome in outcomes if outcome.drift is not None]
    uncertainties = [outcome.uncertainty for outcome in outcomes if outcome.uncertainty is not None]
    return replace(
        outcomes[0],
        paths=tuple(path for outcome in outcomes for path in outcome.paths),
        classes=_combine_classes(outcomes),
        interest=_combine_interest(outcomes),
        shares=tuple(row for outcome in outcomes for row in outcome.shares),
        changed=sum(area * outcome.changed for area, outcome in zip(areas, outcomes, strict=True)) / max(sum(areas), 1),
        drift=max(drifts, default=None),
        uncertainty=sum(uncertainties) / len(uncertainties) if uncertainties else None,
    )


def _combine_classes(outcomes: Sequence[Outcome]) -> tuple[ClassRow, ...]:
    """Combine the class tables."""
    rows = [sum_rows(rows) for rows in zip(*(outcome.classes for outcome in outcomes), strict=True)]
    # The background does not count.
    total = max(sum(row.pixels for row in rows if not math.isnan(row.share)), 1)
    in_groups: dict[str, int] = {}
    for row in rows:
        in_groups[row.group] = in_groups.get(row.group, 0) + row.pixels
    return tuple(
        replace(
            row,
            share=math.nan if math.isnan(row.share) else row.pixels / total,
            group_share=row.pixels / max(in_groups[row.group], 1) if row.group else math.nan,
            expected_share=share,
            expected_share_sd=deviation,
        )
        for row, (share, deviation) in zip(rows, _combine_expected(outcomes), strict=True)
    )


def _combine_expected(outcomes: Sequence[Outcome]) -> list[tuple[float, float]]:
    """Weight the expected shares of pages, and their deviations, by the pixels that count; NaN if some are not known.

    The pages have the same classes, so that what is wrong with the shares of one is wrong with those of the others.
    """
    unknown = [(math.nan, math.nan)] * len(outcomes[0].classes)
    parts = [
        (sum(row.pixels for row in outcome.classes if not math.isnan(row.share)), outcome.classes)
        for outcome in outcomes
    ]
    parts = [(n_pixels, rows) for n_pixels, rows in parts if n_pixels]
    if not parts or any(all(math.isnan(row.expected_share) for row in rows) for _, rows in parts):
        return unknown
    weights = [n_pixels / sum(n_pixels for n_pixels, _ in parts) for n_pixels, _ in parts]
    return [
        (
            sum(weight * row.expected_share for weight, row in zip(weights, column, strict=True)),
            sum(weight * row.expected_share_sd for weight, row in zip(weights, column, strict=True)),
        )
        for column in zip(*(rows for _, rows in parts), strict=True)
    ]


def _combine_interest(outcomes: Sequence[Outcome]) -> tuple[InterestRow, ...]:
    """Combine the class tables of the regions of interest, which are the same on all pages."""
    places: dict[tuple[str, int], list[ClassRow]] = {}
    for item in (item for outcome in outcomes for item in outcome.interest):
        places.setdefault((item.roi, item.row.label), []).append(item.row)
    items = [(roi, sum_rows(rows)) for (roi, _), rows in places.items()]
    uncounted = {row.label for row in outcomes[0].classes if math.isnan(row.share)}
    totals: dict[str, int] = {}
    for roi, row in items:
        totals[roi] = totals.get(roi, 0) + (0 if row.label in uncounted else row.pixels)
    return tuple(
        InterestRow(roi, replace(row, share=math.nan if row.label in uncounted else row.pixels / max(totals[roi], 1)))
        for roi, row in items
    )


def _combine_warnings(outcomes: Sequence[Outcome]) -> tuple[str, ...]:
    """Say each warning once, with the pages that it is about unless these are all."""
    pages: dict[str, list[int]] = {}
    for number, outcome in enumerate(outcomes, start=1):
        for warning in outcome.warnings:
            pages.setdefault(warning, []).append(number)
    return tuple(
        warning if len(numbers) == len(outcomes) else f"{warning} ({_format_numbers(numbers)})"
        for warning, numbers in pages.items()
    )


def _warn_of_empty_classes(rows: Sequence[ClassRow]) -> tuple[str, ...]:
    """Say which classes have pixels on no page, where others have some."""
    empty = [str(row.label) for row in rows if not row.pixels]
    if not empty or len(empty) == len(rows):
        return ()
    words = f"class {empty[0]} is" if len(empty) == 1 else f"classes {', '.join(empty)} are"
    return (f"{words} empty on all pages. Use fewer classes",)


def _format_numbers(numbers: Sequence[int]) -> str:
    """Write the numbers of pages, of which the first ones are named."""
    named = ", ".join(map(str, numbers[:MAX_NUMBERS]))
    others = f" and {len(numbers) - MAX_NUMBERS} more" if len(numbers) > MAX_NUMBERS else ""
    return f"page {named}{others}"
