"""The result of a segmented raster, without its labels, which are in a file."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segment.config.config import SegmentConfig
from segment.core.equality import EqualByValue
from segment.core.errors import format_percent
from segment.core.georeference import Transform
from segment.core.nodata_notes import describe_partial_nodata
from segment.features.color_space import FeatureSpace
from segment.mixture.model import MixtureModel
from segment.pipeline.class_shares import assign_shares
from segment.pipeline.class_table import ClassRow, set_expected_shares
from segment.pipeline.interest_table import InterestRow, make_interest_rows
from segment.pipeline.label_cleanup import is_cleanup_by_evidence
from segment.pipeline.pixel_selection import describe_empty_regions
from segment.pipeline.result_views import list_shares
from segment.pipeline.result_warnings import collect_result_warnings, warn_of_cleanup
from segment.preprocessor.masking import describe_absent_nodata
from segment.runs.rasters.raster_classes import RasterClasses
from segment.runs.rasters.reader import Raster
from segment.runs.rasters.tile_labels import LabeledTile, sum_class_tables
from segment.runs.rasters.tile_selection import EVERYTHING
from segment.segmenter.class_model.class_model import ClassModel
from segment.segmenter.class_model.training import Training
from segment.segmenter.class_model.value_scale import ValueScale
from segment.segmenter.field.share_sample import ShareSample

__all__ = ["RasterSegmentation", "summarize_raster"]


@dataclass(frozen=True, eq=False, repr=False)
class RasterSegmentation(EqualByValue):
    """The result of :func:`segment.segment_raster`: classes and their areas. The labels are in a file.

    Attributes
    ----------
    path : Path
        The label raster: labels 1..k, 0 for no label.
    height, width : int, pixels
        Size of the raster.
    bands : tuple of int
        Those that were used, counted from 1.
    crs : str
        Coordinate system as WKT; empty for none.
    transform : tuple of 6 floats
        From pixels to map coordinates.
    classes : tuple of ClassRow
        Label, area in pixels, share of the labeled pixels, and mean value in each band, of each class.
    names : tuple of str
        Names of the classes.
    colors : ndarray of shape (k, 3), uint8
        Colors of the classes in the file's palette.
    model : MixtureModel
        The mixture that was fitted.
    groups : ndarray of shape (n_components,), int
        The class of each of its components, counted from 0.
    space : FeatureSpace
        The features that it was fitted to.
    choice : str
        Which number of classes was chosen and why; empty where it was given.
    changed : float, 0 to 1
        Share of the labeled pixels that the clean-up changed.
    rejected : float, 0 to 1
        Share of the valid pixels that were rejected.
    warnings : tuple of str
        What is not as one would expect, a sentence each.
    interest : tuple of InterestRow
        The classes in each region of interest; empty where there are none.
    old_numbers : tuple of str
        The numbers that each class has without the setting `merge`, such as ``2+3``; empty without merges.
    class_model : ClassModel
        The classes for other images; :func:`segment.save_class_model` writes it.
    raster : Raster
        The file that was read, and the part and the pixels of it that count.

    See Also
    --------
    segment_raster : Makes it.
    Segmentation : The result for an image in memory.

    Examples
    --------
    A raster of two gray values; the first class is the darkest:

    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np, segment, tifffile
    >>> gray = np.repeat([[20, 200]], [4, 2], axis=1).astype(np.uint8).repeat(5, axis=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     tifffile.imwrite(Path(folder, "scene.tif"), gray)
    ...     result = segment.segment_raster(Path(folder, "scene.tif"), Path(folder, "labels.tif"), k=2)
    >>> [(row.label, row.pixels, row.mean) for row in result.classes]
    [(1, 20, (20.0,)), (2, 10, (200.0,))]
    >>> result
    <RasterSegmentation in labels.tif, 6 x 5 pixels: class 1 66.7 %, class 2 33.3 %>
    """

    path: Path
    height: int
    width: int
    bands: tuple[int, ...]
    crs: str
    transform: Transform
    classes: tuple[ClassRow, ...]
    names: tuple[str, ...]
    colors: NDArray[np.uint8]
    model: MixtureModel
    groups: NDArray[np.intp]
    space: FeatureSpace
    choice: str
    changed: float
    rejected: float
    warnings: tuple[str, ...]
    class_model: ClassModel
    raster: Raster
    interest: tuple[InterestRow, ...] = ()
    old_numbers: tuple[str, ...] = ()

    def __repr__(self) -> str:
        size = f"{self.path.name}, {self.width} x {self.height} pixels"
        return f"<RasterSegmentation in {size}: {list_shares(self.names, self.classes)}>"


def summarize_raster(
    path: Path,
    raster: Raster,
    colors: NDArray[np.uint8],
    classes: RasterClasses,
    tiles: Sequence[LabeledTile],
    config: SegmentConfig,
    shares: ShareSample | None,
) -> RasterSegmentation:
    """Summarize a segmented raster.

    Parameters
    ----------
    path : Path
        The label raster.
    raster : Raster
        The file that was read.
    colors : ndarray of shape (k, 3), uint8
        Colors of the classes.
    classes : RasterClasses
        The classes.
    tiles : sequence of LabeledTile
        All tiles; their labels are not used.
    config : SegmentConfig
        Its `background` and `group` count, and the settings of clean-up, which warnings name as remedies.
    shares : ShareSample or None
        What the shares of the classes are estimated from: known for a random field.

    Returns
    -------
    RasterSegmentation
        With the class table of the whole raster.
    """
    fitted = classes.fitted
    # A region across a border of tiles counts in each of them, before clean-up and after it.
    before, after = np.sum([tile.counts for tile in tiles], axis=0)
    table = sum_class_tables([tile.classes for tile in tiles])
    if shares:
        moves = (after[0] - before[0]) / max(1, after[0].sum()) if is_cleanup_by_evidence(config) else 0.0
        table = set_expected_shares(table, shares.estimate(fitted.classes.merged_numbers, moves))
    rows = assign_shares([replace(row, name=name) for row, name in zip(table, fitted.names, strict=True)], config)
    labeled = sum(row.pixels for row in rows)
    # max: a raster may have no valid pixel at all.
    rejected = sum(tile.rejected for tile in tiles) / max(1, sum(tile.valid for tile in tiles))
    # A label that is lost in one tile may have pixels in another: only classes that are empty in the whole table count.
    lost = sorted({label for tile in tiles for label in tile.lost})
    # As for an image: the classes of a saved model may well be missing.
    fitted_rows = rows if fitted.fit.is_fitted else ()
    warnings = collect_result_warnings(fitted_rows, config, rejected=rejected, lost=lost, reason=classes.empty_reason)
    warnings += warn_of_cleanup(before, after, config) + classes.light
    interest = _sum_interest(raster, tiles, rows)
    empty = _note_empty_regions(raster, interest)
    absent = _note_hidden_pixels(raster, tiles) + _note_absent_nodata(raster, tiles, config)
    n_partial = sum(tile.partial for tile in tiles)
    absent += describe_partial_nodata(raster.nodata, n_partial, raster.height * raster.width)
    return RasterSegmentation(
        path=path,
        height=raster.height,
        width=raster.width,
        bands=raster.bands,
        crs=raster.crs,
        transform=raster.transform,
        classes=rows,
        names=fitted.names,
        colors=colors,
        model=fitted.classes.model,
        groups=fitted.classes.groups,
        space=classes.space,
        choice=fitted.selection.sentence,
        changed=sum(tile.changed for tile in tiles) / max(1, labeled),
        rejected=rejected,
        warnings=raster.notes + raster.selection.notes + absent + empty + classes.notes + fitted.warnings + warnings,
        class_model=_describe_classes(raster, classes, rows, config),
        raster=raster,
        interest=interest,
        old_numbers=fitted.classes.old_numbers,
    )


def _describe_classes(
    raster: Raster, classes: RasterClasses, rows: Sequence[ClassRow], config: SegmentConfig
) -> ClassModel:
    """Describe the classes so that they can be found in other images."""
    fitted = classes.fitted
    n_pixels = max(1, sum(row.pixels for row in rows))
    # As of an image, the values of wider integers that are stored in 8 bits.
    kind = raster.kind if raster.is_scale_known or raster.kind != "uint8" else "uint16"
    return ClassModel.from_fit(
        fitted.classes,
        fitted.names,
        space=classes.space,
        scale=ValueScale(kind, raster.black, raster.white),
        config=config,
        training=Training(1, n_pixels, fitted.log_likelihood, fitted.log_likelihood),
    )


def _note_absent_nodata(raster: Raster, tiles: Sequence[LabeledTile], config: SegmentConfig) -> tuple[str, ...]:
    """Note that no pixel has the value for no data, as for an image: where each pixel of the whole file counts."""
    n_valid = sum(tile.valid for tile in tiles)
    if not config.nodata or config.crop or n_valid < raster.height * raster.width:
        return ()
    return (describe_absent_nodata(raster.selection.nodata, raster.n_channels),)


def _note_hidden_pixels(raster: Raster, tiles: Sequence[LabeledTile]) -> tuple[str, ...]:
    """Note the share of the pixels that are transparent or masked in the file, where nothing else leaves out pixels."""
    if bool(raster.alpha) == raster.has_mask or raster.selection != EVERYTHING:
        return ()
    if not math.isnan(raster.nodata) or raster.kind == "float32":
        return ()
    n_pixels = raster.height * raster.width
    n_hidden = n_pixels - sum(tile.valid for tile in tiles)
    how = "transparent" if raster.alpha else "masked in the file"
    return (f"{format_percent(n_hidden, n_pixels)} of the pixels are {how}: they get no label",) if n_hidden else ()


def _note_empty_regions(raster: Raster, interest: Sequence[InterestRow]) -> tuple[str, ...]:
    """Note regions of interest without a labeled pixel."""
    counts = dict.fromkeys(raster.selection.names, 0)
    for item in interest:
        counts[item.roi] += item.row.pixels
    note = describe_empty_regions(list(counts), list(counts.values())) if interest else ""
    return (note,) if note else ()


def _sum_interest(raster: Raster, tiles: Sequence[LabeledTile], rows: tuple[ClassRow, ...]) -> tuple[InterestRow, ...]:
    """Make the class table of each region of interest of the tables of the tiles."""
    parts = [tile.interest for tile in tiles if tile.interest is not None]
    if not parts or not rows:
        return ()
    total = parts[0].copy()
    for part in parts[1:]:
        total += part
    return make_interest_rows(raster.selection.names, total, rows)
