"""What is told of a segmented raster."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segment.config.config import SegmentConfig
from segment.core.georeference import Transform
from segment.core.image import Image
from segment.features.color_space import FeatureSpace
from segment.mixture.model import MixtureModel
from segment.pipeline.class_table import ClassRow
from segment.pipeline.result_warnings import collect_result_warnings
from segment.runs.rasters.reader import Raster
from segment.runs.rasters.tile_labels import LabeledTile, total
from segment.runs.rasters.tiles import Window
from segment.segmenter.class_fitting import FittedClasses

__all__ = ["Fitted", "RasterSegmentation", "summary"]


@dataclass(frozen=True)
class Fitted:
    """The classes of a raster.

    Attributes
    ----------
    found : Modeled
    space : FeatureSpace
    label : callable
        Takes the pixels of a window and where they lie, and returns their labels.
    notes : tuple of str
    """

    found: FittedClasses
    space: FeatureSpace
    label: Callable[[Image, Window], NDArray[np.uint8]]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class RasterSegmentation:
    """A segmented raster: what is told of it; the labels are in the file.

    Attributes
    ----------
    path : Path
        The label raster.
    height, width : int, pixels
    bands : tuple of int
        Those that were used.
    crs : str
    transform : tuple of 6 floats
    classes : tuple of ClassRow
        Area, share and mean value in each band of each class.
    names : tuple of str
    colors : ndarray of shape (k, 3), uint8
    model : MixtureModel
    groups : ndarray of shape (n_components,), int
    space : FeatureSpace
    choice : str
        Which number of classes was chosen and why; empty where it was given.
    changed : float
        Share of the labeled pixels that the clean-up changed.
    rejected : float
        Share of the valid pixels that were rejected.
    warnings : tuple of str
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


def summary(
    path: Path,
    raster: Raster,
    colors: NDArray[np.uint8],
    fitted: Fitted,
    parts: list[LabeledTile],
    config: SegmentConfig,
) -> RasterSegmentation:
    """The result, from the classes and the labeled tiles."""
    classes = total([part.classes for part in parts])
    labeled = sum(row.pixels for row in classes)
    rejected = sum(part.rejected for part in parts) / max(1, sum(part.valid for part in parts))
    taken = sorted({label for part in parts for label in part.taken})
    said = collect_result_warnings(classes, config, rejected=rejected, taken=taken)
    found = fitted.found
    return RasterSegmentation(
        path=path,
        height=raster.height,
        width=raster.width,
        bands=raster.bands,
        crs=raster.crs,
        transform=raster.transform,
        classes=classes,
        names=found.names,
        colors=colors,
        model=found.mixture,
        groups=found.groups,
        space=fitted.space,
        choice=found.selection.sentence if found.selection.candidates else "",
        changed=sum(part.changed for part in parts) / max(1, labeled),
        rejected=rejected,
        warnings=raster.notes + fitted.notes + found.warnings + said,
    )
