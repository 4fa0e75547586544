"""What is reported of a segmentation whose files have been written."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from segment.runs.job import Job
from segment.runs.outcome import Outcome

if TYPE_CHECKING:
    from pathlib import Path

    from segment.pipeline.class_table import ClassRow
    from segment.pipeline.region_pipeline import RegionSegmentation
    from segment.pipeline.relabeling import RelabeledImage
    from segment.pipeline.result import Segmentation
    from segment.segmenter.class_model.class_model import ClassModel

__all__ = ["describe_choice", "describe_result", "list_expected_shares", "warn_of_lost_georeference"]


def describe_result(
    job: Job, result: Segmentation, paths: Sequence[Path], shared: ClassModel | None, *, with_shares: bool
) -> Outcome:
    """Describe a segmentation that has been saved.

    Parameters
    ----------
    job : Job
        The image.
    result : Segmentation
    paths : sequence of Path
        Its files.
    shared : ClassModel or None
        Classes that several images share; None where the image has classes of its own.
    with_shares : bool
        Whether the rows of a table of shares are collected.

    Returns
    -------
    Outcome
    """
    colors = [(red, green, blue) for red, green, blue in result.colors.tolist()]
    rows = tuple((row.label, c, row.share, row.mean) for row, c in zip(result.classes, colors, strict=True))
    return Outcome(
        job,
        tuple(paths),
        rows,
        changed=result.changed,
        warnings=result.warnings + warn_of_lost_georeference(result),
        names=result.names,
        pixels=tuple(_skip_absent(result, row, None, row.pixels) for row in result.classes),
        # Of a class without counterpart nothing is known, which is not 0.
        areas=tuple(_skip_absent(result, row, math.nan, row.area) for row in result.classes if row.area is not None),
        area_unit=next((row.unit for row in result.classes), ""),
        interest=_tabulate_interest(result),
        old_numbers=result.old_numbers,
        groups=tuple((row.group, row.name, row.group_share) for row in result.classes if row.group),
        expected=list_expected_shares(result.classes),
        choice=describe_choice(result),
        drift=_measure_drift(shared, result),
        **(_collect_shares(job, result) if with_shares else {}),
        **_collect_index_values(result),
    )


def warn_of_lost_georeference(result: Segmentation | RegionSegmentation | RelabeledImage) -> tuple[str, ...]:
    """Say that labels were written to a file that has no place for the georeference of the image.

    Parameters
    ----------
    result : Segmentation, RegionSegmentation or RelabeledImage

    Returns
    -------
    tuple of str
        One sentence, or none.
    """
    config = result.config
    if result.image.georeference and "labels" in config.save and config.labels_format == "png":
        return ("labels as PNG have no georeference: give --labels-format tif to keep it",)
    return ()


def describe_choice(result: Segmentation) -> str:
    """Describe which number of classes was chosen and why.

    Parameters
    ----------
    result : Segmentation

    Returns
    -------
    str
        Empty where the number was given.
    """
    return result.selection.sentence if result.selection.candidates else ""


def list_expected_shares(rows: Sequence[ClassRow]) -> tuple[tuple[float, float], ...]:
    """List the expected share of each class and its standard deviation.

    Parameters
    ----------
    rows : sequence of ClassRow

    Returns
    -------
    tuple of (share, standard deviation)
        Nothing where none is known.
    """
    pairs = tuple((row.expected_share, row.expected_share_sd) for row in rows)
    return () if all(math.isnan(share) for share, _ in pairs) else pairs


def _skip_absent(result: Segmentation, row: ClassRow, nothing: Any, value: Any) -> Any:
    """Return a value of a class, or another if the image has no counterpart of it."""
    return nothing if row.label in result.absent else value


def _tabulate_interest(
    result: Segmentation,
) -> tuple[tuple[str, int, int, float, tuple[float, ...], float | None], ...]:
    """Make the class table of each region of interest."""
    if result.image.interest is None:
        return ()
    from segment.pipeline.interest_table import tabulate_interest

    items = tabulate_interest(result.label_image, result.image, result.classes)
    return tuple(
        (item.roi, item.row.label, item.row.pixels, item.row.share, item.row.mean, item.row.area) for item in items
    )


def _measure_drift(shared: ClassModel | None, result: Segmentation) -> float | None:
    """Measure how much worse shared classes explain this image than those they come from; None without such classes."""
    if shared is None:
        return None
    from segment.pipeline.alignment import measure_drift

    return measure_drift(shared, result)


def _collect_shares(job: Job, result: Segmentation) -> dict[str, Any]:
    """Collect the rows of this image in the table of shares."""
    from segment.loader.acquisition_time import read_acquisition_time
    from segment.runs.image_shares import list_share_rows

    return {"shares": list_share_rows(result), "acquired": read_acquisition_time(job.source)}


def _collect_index_values(result: Segmentation) -> dict[str, Any]:
    """Collect what an index of pages shows of this image, if it has a page."""
    if "report" not in result.config.save or result.n_classes == 0:
        return {}
    import numpy as np

    from segment.output.report.index import make_thumbnail_urls

    return {"uncertainty": float(np.nanmean(result.uncertainty())), **make_thumbnail_urls(result)}
