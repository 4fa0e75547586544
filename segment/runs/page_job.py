"""The work on one image file of which every page is segmented."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

from segment.config.config import SegmentConfig
from segment.core.errors import printable_path
from segment.core.stages import Stage
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
            choice = selection.sentence if selection is not None and selection.candidates else ""
            notes = () if model is not None else result.class_model.training.notes
    except BaseException:
        for path in (path for outcome in outcomes for path in outcome.paths):
            path.unlink(missing_ok=True)
        raise
    # What was noted of the pages as they were fitted is noted of them again as they are labeled.
    of_all = tuple(note for note in notes if not note.startswith(f"{printable_path(job.source)}: "))
    combined = _combine_outcomes(outcomes)
    # A class may well be missing on a page, and one of a saved model on all.
    empty = () if model is not None else _warn_of_empty_classes(combined.pixels)
    return replace(combined, choice=choice, warnings=of_all + _combine_warnings(outcomes) + empty)


def _combine_outcomes(outcomes: Sequence[Outcome]) -> Outcome:
    """Combine the outcomes of pages that share their classes, by their areas."""
    first = outcomes[0]
    tables = [
        [(pixels or 0, row[3]) for pixels, row in zip(outcome.pixels, outcome.rows, strict=True)]
        for outcome in outcomes
    ]
    areas = [sum(pixels or 0 for pixels in outcome.pixels) for outcome in outcomes]
    combined = [_combine_rows(rows) for rows in zip(*tables, strict=True)]
    total = max(sum(areas), 1)
    # The background does not count.
    counted = [
        pixels for (_, _, share, _), (pixels, _) in zip(first.rows, combined, strict=True) if not math.isnan(share)
    ]
    rows = [
        (label, color, math.nan if math.isnan(share) else pixels / max(sum(counted), 1), mean)
        for (label, color, share, _), (pixels, mean) in zip(first.rows, combined, strict=True)
    ]
    drifts = [outcome.drift for outcome in outcomes if outcome.drift is not None]
    uncertainties = [outcome.uncertainty for outcome in outcomes if outcome.uncertainty is not None]
    return replace(
        first,
        paths=tuple(path for outcome in outcomes for path in outcome.paths),
        rows=tuple(rows),
        pixels=tuple(pixels for pixels, _ in combined),
        expected=_combine_expected(outcomes),
        areas=tuple(map(sum, zip(*(outcome.areas for outcome in outcomes), strict=True))),
        interest=_combine_interest(outcomes),
        groups=_combine_groups(first, [pixels for pixels, _ in combined]),
        shares=tuple(row for outcome in outcomes for row in outcome.shares),
        changed=sum(area * outcome.changed for area, outcome in zip(areas, outcomes, strict=True)) / total,
        drift=max(drifts, default=None),
        uncertainty=sum(uncertainties) / len(uncertainties) if uncertainties else None,
    )


def _combine_rows(rows: Sequence[tuple[int, tuple[float, ...]]]) -> tuple[int, tuple[float, ...]]:
    """Add the areas of a class, and weight its means by them."""
    total = sum(pixels for pixels, _ in rows)
    # A page without the class has no mean of it.
    weighted = [[pixels / total * value for value in mean] for pixels, mean in rows if pixels]
    return total, tuple(map(sum, zip(*weighted, strict=True)))


def _combine_expected(outcomes: Sequence[Outcome]) -> tuple[tuple[float, float], ...]:
    """Weight the expected shares of pages, and their deviations, by the pixels that count.

    The pages have the same classes, so that what is wrong with the shares of one is wrong with those of the others.
    """
    parts = [
        (sum(pixels or 0 for pixels, row in zip(each.pixels, each.rows, strict=True) if not math.isnan(row[2])), each)
        for each in outcomes
    ]
    parts = [(n_pixels, each) for n_pixels, each in parts if n_pixels]
    if not parts or not all(each.expected for _, each in parts):
        return ()
    weights = [n_pixels / sum(n_pixels for n_pixels, _ in parts) for n_pixels, _ in parts]
    columns = zip(*(each.expected for _, each in parts), strict=True)
    return tuple(
        (
            sum(weight * share for weight, (share, _) in zip(weights, column, strict=True)),
            sum(weight * deviation for weight, (_, deviation) in zip(weights, column, strict=True)),
        )
        for column in columns
    )


def _combine_interest(
    outcomes: Sequence[Outcome],
) -> tuple[tuple[str, int, int, float, tuple[float, ...], float | None], ...]:
    """Combine the class tables of the regions of interest, which are the same on all pages."""
    places: dict[tuple[str, int], list[tuple[int, tuple[float, ...], float | None]]] = {}
    totals: dict[str, int] = {}
    uncounted = {label for label, _, share, _ in outcomes[0].rows if math.isnan(share)}
    for roi, label, pixels, _, mean, area in (row for outcome in outcomes for row in outcome.interest):
        places.setdefault((roi, label), []).append((pixels, mean, area))
        totals[roi] = totals.get(roi, 0) + (0 if label in uncounted else pixels)
    rows = []
    for (roi, label), parts in places.items():
        pixels, mean = _combine_rows([(pixels, mean) for pixels, mean, _ in parts])
        areas = [area for *_, area in parts if area is not None]
        share = math.nan if label in uncounted else pixels / max(totals[roi], 1)
        rows.append((roi, label, pixels, share, mean, sum(areas) if areas else None))
    return tuple(rows)


def _combine_groups(first: Outcome, pixels: Sequence[int]) -> tuple[tuple[str, str, float], ...]:
    """Find the share of each class of a group from the areas on all pages."""
    areas = dict(zip(first.names, pixels, strict=True))
    members = [(group, name) for group, name, _ in first.groups]
    totals = {group: sum(areas[name] for other, name in members if other == group) for group, _ in members}
    return tuple((group, name, areas[name] / max(totals[group], 1)) for group, name in members)


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


def _warn_of_empty_classes(pixels: Sequence[int | None]) -> tuple[str, ...]:
    """Say which classes have pixels on no page, where others have some."""
    empty = [str(label) for label, n_pixels in enumerate(pixels, start=1) if not n_pixels]
    if not empty or len(empty) == len(pixels):
        return ()
    words = f"class {empty[0]} is" if len(empty) == 1 else f"classes {', '.join(empty)} are"
    return (f"{words} empty on all pages. Use fewer classes",)


def _format_numbers(numbers: Sequence[int]) -> str:
    """Write the numbers of pages, of which the first ones are named."""
    named = ", ".join(map(str, numbers[:MAX_NUMBERS]))
    others = f" and {len(numbers) - MAX_NUMBERS} more" if len(numbers) > MAX_NUMBERS else ""
    return f"page {named}{others}"
