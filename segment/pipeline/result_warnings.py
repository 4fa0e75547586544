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
from segment.segmenter.class_naming import find_label

__all__ = [
    "collect_result_warnings",
    "does_cleanup_thin",
    "find_labels_lost_in_cleanup",
    "warn_of_absent_classes",
    "warn_of_cleanup",
    "warn_of_kept_coordinates",
]

# Clean-up may change a class by so much without a warning. Lost regions alone are no reason for one: nearly every
# photograph loses many small ones of its texture.
MAX_SHARE_MOVE = 1.0  # percentage points of the image
MAX_REGION_LOSS = 0.2  # share of the regions of a class
MAX_PIXEL_LOSS = 0.1  # share of its pixels
MIN_TOLD_REGIONS = 5  # with fewer regions their share says nothing
MAX_TOLD_CLASSES = 6  # that a warning lists


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
        Labels from 1, ascending; of classes that had pixels before clean-up and have none after it.
    """
    return tuple(row.label for row in rows if row.pixels == 0 and np.any(before == row.label))


def warn_of_absent_classes(config: SegmentConfig, names: Sequence[str]) -> tuple[str, ...]:
    """Say which classes are to be colored, grouped or left out although there is no such class, or it does not count.

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
    told = [f"there is no class {key} {what}; the classes are {', '.join(names)}" for key, what in absent]
    # One key may be the name of the other's number.
    background = find_label(config.background, names)
    told += [
        f"class {key} is the background, so {name} (--group) is without it"
        for name, members in config.class_groups
        for key in members
        if background and find_label(key, names) == background
    ]
    return tuple(told)


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
    return (
        f"GeoJSON stays in {georeference.crs}: longitude and latitude need rasterio (pip install 'gmm-segment[geo]')",
    )


def collect_result_warnings(
    rows: Sequence[ClassRow],
    config: SegmentConfig,
    *,
    rejected: float,
    lost: Sequence[int],
    reason: str,
    n_colors: int = 0,
) -> tuple[str, ...]:
    """Say which classes are empty, why, and what would fill them; and which share of the pixels is rejected.

    Parameters
    ----------
    rows : sequence of ClassRow
        The classes; none where empty ones are not worth a warning.
    config : SegmentConfig
        Its settings for clean-up decide which remedy is named.
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
    >>> reason = "no color is of it. Use fewer classes"
    >>> collect_result_warnings(rows, SegmentConfig(), rejected=0.0, lost=[], reason=reason)
    ('class 2 is empty: no color is of it. Use fewer classes',)
    """
    warnings = []
    if rejected:
        cure = ". Lower --reject" if rejected == 1 else ""
        warnings.append(f"{100 * rejected:.2f} % of the pixels are rejected as unlikely and have no label{cure}")
    if rejected == 1:
        return tuple(warnings)
    # Each empty class has one cause: clean-up, too few colors, rejection, or its neighbors and competitors.
    empty = [row.label for row in rows if row.pixels == 0]
    swept = [label for label in empty if label in lost]
    if swept:
        # A class of single hot pixels is missing among the others, and cannot be kept.
        is_noise_left = config.denoise == "none" and not _list_cleanup_sizes(config)
        noise = "; against hot pixels and other noise give --denoise median" if is_noise_left else ""
        cure = f"{_choose_cleanup_remedy(config)}, or use fewer classes{noise}"
        warnings.append(_warn_of_empty(swept, f"clean-up gave all its pixels to other classes. {cure}"))
    never = [label for label in empty if label not in lost]
    if never and n_colors:
        reason = f"the image has only {pluralize(n_colors, 'distinct color')}. Use no more classes"
    elif never and rejected:
        reason = "all its pixels were rejected. Lower --reject or use fewer classes"
    if never:
        warnings.append(_warn_of_empty(never, reason))
    return tuple(warnings)


def does_cleanup_thin(before: NDArray[np.integer], after: NDArray[np.integer]) -> bool:
    """Tell whether clean-up has taken so much of a class that :func:`warn_of_cleanup` may speak of its regions.

    Where it has not, regions need not be counted.

    Parameters
    ----------
    before, after : ndarray of shape (k,), int
        Pixels of each class before and after clean-up.

    Examples
    --------
    >>> does_cleanup_thin(np.array([900, 100]), np.array([905, 95]))
    False
    >>> does_cleanup_thin(np.array([900, 100]), np.array([910, 90]))
    True
    """
    return bool(((after > 0) & (before - after >= MAX_PIXEL_LOSS * before)).any())


def warn_of_cleanup(before: NDArray[np.integer], after: NDArray[np.integer], config: SegmentConfig) -> tuple[str, ...]:
    """Say where clean-up has moved a share by more than a point, or taken small things that make up much of a class.

    Parameters
    ----------
    before, after : ndarray of shape (2, k), int
        Pixels and regions of each class before and after clean-up; the smallest regions do not count. Regions may be 0
        where :func:`does_cleanup_thin` says that they do not matter.
    config : SegmentConfig
        Its settings for clean-up decide which remedy is named.

    Returns
    -------
    tuple of str
        One sentence, or none.

    Examples
    --------
    >>> before, after = np.array([[900, 100], [1, 63]]), np.array([[950, 50], [1, 3]])
    >>> warn_of_cleanup(before, after, SegmentConfig())[0].partition(". ")[0]
    'clean-up changed class 1 from 90.0 to 95.0 % of the pixels, class 2 from 10.0 to 5.0 % and from 63 to 3 regions'
    """
    # A class that has lost all its pixels has a warning of its own.
    changes: dict[int, str] = {}
    shares = [100 * counts[0] / max(1, counts[0].sum()) for counts in (before, after)]
    for number in np.flatnonzero(after[0]).tolist():
        was, now = (share[number] for share in shares)
        n_was, n_now = before[1, number], after[1, number]
        parts = [f"from {was:.1f} to {now:.1f} %"] if abs(was - now) > MAX_SHARE_MOVE else []
        pixels_lost = before[0, number] - after[0, number]
        is_thinned = n_was >= MIN_TOLD_REGIONS and n_was - n_now >= MAX_REGION_LOSS * n_was
        if is_thinned and pixels_lost >= MAX_PIXEL_LOSS * before[0, number]:
            parts.append(f"from {n_was} to {n_now} regions")
        if parts:
            changes[number] = f"class {number + 1} {' and '.join(parts)}"
    if not changes:
        return ()
    moved = np.abs(before[0] - after[0])
    told = sorted(sorted(changes, key=lambda number: -moved[number])[:MAX_TOLD_CLASSES])
    n_others = len(changes) - len(told)
    words = ", ".join([changes[number] for number in told] + ([f"and {n_others} more"] if n_others else []))
    return (
        f"clean-up changed {words.replace(' %', ' % of the pixels', 1)}. {_choose_cleanup_remedy(config)} to keep more",
    )


def _choose_cleanup_remedy(config: SegmentConfig) -> str:
    """Name the options that make clean-up change less: the sizes that are given, or else those for evidence."""
    sizes = _list_cleanup_sizes(config)
    options = " or ".join("--" + name.replace("_", "-") for name in sizes)
    return f"Lower {options}" if sizes else "Lower --smoothness or give --clean-up none"


def _list_cleanup_sizes(config: SegmentConfig) -> list[str]:
    """List the settings of sizes that clean-up removes, as far as they are given."""
    return [name for name in ("smooth_radius", "min_region", "max_hole") if getattr(config, name)]


def _warn_of_empty(labels: Sequence[int], reason: str) -> str:
    """Word the warning for one class or for several."""
    if len(labels) == 1:
        return f"class {labels[0]} is empty: {reason}"
    return f"classes {', '.join(map(str, labels))} are empty: {reason.replace(' its ', ' their ')}"
