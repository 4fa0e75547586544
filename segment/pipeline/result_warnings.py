"""Warn of classes without pixels, and of pixels without a class."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

from segment.config.config import SegmentConfig
from segment.core.errors import pluralize
from segment.core.georeference import Georeference
from segment.pipeline.class_table import ClassRow
from segment.segmenter.class_mixture import find_label

__all__ = [
    "collect_result_warnings",
    "find_labels_lost_in_cleanup",
    "warn_of_absent_classes",
    "warn_of_kept_coordinates",
]


def find_labels_lost_in_cleanup(before: NDArray[np.integer], rows: Sequence[ClassRow]) -> tuple[int, ...]:
    """Find the labels that clean-up has taken from all their pixels.

    Parameters
    ----------
    before : ndarray of shape (H, W), int
        The labels before clean-up.
    rows : sequence of ClassRow
        The classes after it.

    Returns
    -------
    tuple of int
    """
    return tuple(row.label for row in rows if row.pixels == 0 and np.any(before == row.label))


def warn_of_absent_classes(config: SegmentConfig, names: Sequence[str]) -> tuple[str, ...]:
    """Say which classes are to be colored, grouped or left out although there is no such class.

    Parameters
    ----------
    config : SegmentConfig
        Its `palette`, `drop_class`, `group` and `background` name classes by name or number.
    names : sequence of k str
        The names of the classes.

    Returns
    -------
    tuple of str
        A sentence each.

    Examples
    --------
    >>> warn_of_absent_classes(SegmentConfig(palette="sky=#4477aa,2=#228833,3=#000000"), ["land", "sky"])
    ('there is no class 3 to color (--palette); the classes are land, sky',)
    """
    keys = [(key, "to color (--palette)") for key, _ in config.palette_colors]
    keys += [(key, "to leave out (--drop-class)") for key in config.drop_class]
    keys += [(key, f"for {name} (--group)") for name, members in config.class_groups for key in members]
    keys += [(key, "to leave out (--background)") for key in (config.background,) if key]
    absent = [pair for pair in keys if find_label(pair[0], names) == 0]
    return tuple(f"there is no class {key} {what}; the classes are {', '.join(names)}" for key, what in absent)


def warn_of_kept_coordinates(config: SegmentConfig, georeference: Georeference) -> tuple[str, ...]:
    """Say that polygons are to be in longitude and latitude and are not, because rasterio is not installed.

    Parameters
    ----------
    config : SegmentConfig
        Its `save` and `geojson_crs` count.
    georeference : Georeference
        Of the image.

    Returns
    -------
    tuple of str
        A sentence, if there is something to say.
    """
    wants_degrees = "geojson" in config.save and config.geojson_crs == "wgs84"
    if not wants_degrees or not georeference or georeference.crs == "EPSG:4326" or find_spec("rasterio"):
        return ()
    return (f"GeoJSON stays in {georeference.crs}: longitude and latitude need rasterio (pip install rasterio)",)


def collect_result_warnings(
    rows: Sequence[ClassRow], *, rejected: float, lost: Sequence[int], reason: str, n_colors: int = 0
) -> tuple[str, ...]:
    """Say which classes are empty, why, and what would fill them; and which share of the pixels is rejected.

    Parameters
    ----------
    rows : sequence of ClassRow
        The classes; none where empty ones are not worth a warning.
    rejected : float, 0 to 1
        Share of the valid pixels that is rejected.
    lost : sequence of int
        Labels that had pixels before clean-up and have none after it.
    reason : str
        Why any other class is empty, and what the user can do; see
        :meth:`segment.segmenter.spatial_model.SpatialModel.explain_empty_class`.
    n_colors : int
        Number of distinct colors of the image where it is less than the number of classes; else 0.

    Returns
    -------
    tuple of str
        A sentence each.

    Examples
    --------
    >>> rows = [ClassRow(1, 90, 1.0, (20.0,)), ClassRow(2, 0, 0.0, ())]
    >>> collect_result_warnings(rows, rejected=0.0, lost=[], reason="no color is of it. Use fewer classes")
    ('class 2 is empty: no color is of it. Use fewer classes',)
    """
    warnings = []
    if rejected:
        cure = ". Lower --reject" if rejected == 1 else ""
        warnings.append(f"{rejected:.2%} of the pixels are rejected as unlikely and have no label{cure}")
    if rejected == 1:
        return tuple(warnings)
    # Each empty class has one cause: clean-up, too few colors, rejection, or its neighbors and competitors.
    empty = [row.label for row in rows if row.pixels == 0]
    swept = [label for label in empty if label in lost]
    if swept:
        cure = "Lower --smooth-radius, --min-region or --max-hole, or use fewer classes"
        warnings.append(_warn_of_empty(swept, f"clean-up gave all its pixels to other classes. {cure}"))
    never = [label for label in empty if label not in lost]
    if never and n_colors:
        reason = f"the image has only {pluralize(n_colors, 'distinct color')}. Use no more classes"
    elif never and rejected:
        reason = "all its pixels were rejected. Lower --reject or use fewer classes"
    if never:
        warnings.append(_warn_of_empty(never, reason))
    return tuple(warnings)


def _warn_of_empty(labels: Sequence[int], reason: str) -> str:
    """Word the warning for one class or for several."""
    if len(labels) == 1:
        return f"class {labels[0]} is empty: {reason}"
    return f"classes {', '.join(map(str, labels))} are empty: {reason.replace(' its ', ' their ')}"
