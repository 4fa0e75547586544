"""What is reported of a segmentation whose files have been written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from segment.output.tables import drop_nan
from segment.runs.job import Job
from segment.runs.outcome import Outcome, ShareRow

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from segment.pipeline.class_table import ClassRow
    from segment.pipeline.region_pipeline import RegionSegmentation
    from segment.pipeline.relabeling import RelabeledImage
    from segment.pipeline.result import Segmentation
    from segment.segmenter.class_model.class_model import ClassModel

__all__ = ["describe_result", "list_colors", "warn_of_lost_georeference"]

_NAMED_PICTURES = frozenset({"panel", "posterior", "outline", "report"})  # products in which names are drawn


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
    """
    # Loaded here: a program that only prints its help should not load NumPy.
    from segment.pipeline.alignment import measure_drift
    from segment.pipeline.interest_table import tabulate_interest

    return Outcome(
        job,
        tuple(paths),
        # The area of a class without counterpart is unknown, which is not 0.
        tuple(replace(row, area=None) if row.label in result.absent else row for row in result.classes),
        list_colors(result.colors),
        changed=result.changed,
        warnings=result.warnings + warn_of_lost_georeference(result) + _warn_of_missing_letters(result),
        absent=result.absent,
        interest=tabulate_interest(result.label_image, result.image, result.classes),
        old_numbers=result.old_numbers,
        choice=result.selection.sentence,
        drift=None if shared is None else measure_drift(shared, result),
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


def _warn_of_missing_letters(result: Segmentation) -> tuple[str, ...]:
    """Say that a picture has boxes in place of the letters of a name."""
    if _NAMED_PICTURES.isdisjoint(result.config.save) or "".join(result.names).isascii():
        return ()
    from segment.output.pictures.fonts import describe_missing_letters

    return describe_missing_letters(result.names)


def list_colors(colors: NDArray[np.uint8]) -> tuple[tuple[int, int, int], ...]:
    """List the colors of classes as plain numbers.

    Parameters
    ----------
    colors : ndarray of shape (k, 3), uint8
        RGB.
    """
    return tuple((red, green, blue) for red, green, blue in colors.tolist())


def _collect_shares(job: Job, result: Segmentation) -> dict[str, Any]:
    """Collect the rows of this image in the table of shares."""
    from segment.loader.acquisition_time import read_acquisition_time

    return {"shares": _list_share_rows(result), "acquired": read_acquisition_time(job.source)}


def _list_share_rows(result: Segmentation) -> tuple[ShareRow, ...]:
    """List the rows of the table of shares: one for each class, or for each region of interest and class."""
    import numpy as np

    from segment.pipeline.expected_shares import compute_expected_shares
    from segment.pipeline.interest_table import tabulate_interest

    image, k = result.image, result.n_classes
    items: list[tuple[str, ClassRow]] = [("", row) for row in result.classes]
    if image.interest is not None:
        items = [(item.roi, item.row) for item in tabulate_interest(result.label_image, image, result.classes)]
    expected: list[Any] = []
    if k:
        expected = np.stack(compute_expected_shares(result), axis=-1).reshape(-1, 2).tolist()
    return tuple(
        ShareRow(
            roi=roi,
            label=row.label,
            name=row.name,
            pixels=None if row.label in result.absent else row.pixels,
            area=None if row.label in result.absent else row.area,
            area_unit=row.unit,
            share=drop_nan(row.share),
            expected_share=drop_nan(mean),
            expected_share_sd=drop_nan(deviation),
            group=row.group,
            group_share=drop_nan(row.group_share),
            mean=row.mean,
        )
        for (roi, row), (mean, deviation) in zip(items, expected, strict=True)
    )


def _collect_index_values(result: Segmentation) -> dict[str, Any]:
    """Collect what an index of pages shows of this image, if it has a page."""
    if "report" not in result.config.save or result.n_classes == 0:
        return {}
    import numpy as np

    from segment.output.report.index import make_thumbnail_urls

    return {"uncertainty": float(np.nanmean(result.uncertainty())), **make_thumbnail_urls(result)}
