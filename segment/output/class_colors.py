"""Choose the colors of classes: those that are given, those of a ramp, or distinct ones near the hues of the image."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from segment.config.config import SegmentConfig
from segment.core.hex_colors import parse_hex_color
from segment.features.color_space import FeatureSpace
from segment.output.palette import pick_class_colors, pick_ramp_colors
from segment.segmenter.class_naming import find_label

__all__ = ["assign_category_colors", "choose_palette_colors", "find_cheapest_pairs"]

Picture = NDArray[np.uint8]
Floats = NDArray[np.float64]

# Any of the first twelve colors may be chosen where there are fewer classes: they differ by at least 12 in CIEDE2000.
MIN_POOL = 12
# Chroma of CIELAB at which a color is half saturated.
HALF_CHROMA = 12.0
# Saturation, 0..1, of the most saturated class below which an image is gray: its classes keep the order of the colors.
MIN_SATURATION = 0.1
# Share of white that the brightest class of a dark image reaches at most.
DARK_IMAGE = 0.4
# Weight of a difference in lightness of 100 beside one of 1 in the plane of hue and saturation.
LIGHTNESS_WEIGHT = 0.7
# Share of the weight of the most saturated class that every class has, however gray it is.
SHARED_WEIGHT = 0.3
# Costs of a color that is not among the first k, and of one that somebody else has.
LATE_COST, TAKEN_COST = 0.05, 10.0
NEAR_TAKEN = 20.0  # distance in CIELAB


def choose_palette_colors(
    config: SegmentConfig,
    names: Sequence[str],
    class_means: Floats,
    mean_colors: Picture | None = None,
    *,
    n_shared: int = 0,
) -> Picture:
    """Choose the color of each class, by the setting `palette`.

    Parameters
    ----------
    config : SegmentConfig
        Its palette counts.
    names : sequence of k str
        The names of the classes.
    class_means : ndarray of shape (k, 3), float, 0..255
        The mean color of each class of the model, RGB.
    mean_colors : ndarray of shape (k, 3), uint8, optional
        The mean color of each class in the image, for the palette ``mean``.
    n_shared : int
        How many of the first classes other images have too: the classes after them do not change their colors.

    Returns
    -------
    ndarray of shape (k, 3), uint8
        RGB.
    """
    if config.palette == "mean" and mean_colors is not None:
        return mean_colors
    if config.palette in ("viridis", "cividis", "grey"):
        return pick_ramp_colors(config.palette, len(names))
    colors = np.zeros((len(names), 3), dtype=np.uint8)
    is_given = np.zeros(len(names), dtype=bool)
    for key, color in config.palette_colors:
        # The result warns of a class that does not exist.
        if label := find_label(key, names):
            colors[label - 1], is_given[label - 1] = parse_hex_color(color), True
    if config.palette == "seed" and len(names):
        for number, seed in _pair_seeds(config.seed_color, class_means):
            colors[number], is_given[number] = seed, True
    is_first = np.arange(len(names)) < n_shared
    for is_next in (is_first & ~is_given, ~is_first & ~is_given):
        colors[is_next] = assign_category_colors(class_means[is_next], taken=colors[is_given])
        is_given |= is_next
    return colors


def _pair_seeds(seeds: Sequence[str], class_means: Floats) -> list[tuple[int, tuple[int, ...]]]:
    """Pair the colors that classes started from with the classes nearest to them in CIELAB: number and color."""
    space = FeatureSpace("lab", 3, 0, 255)
    colors = [parse_hex_color(seed) for seed in seeds][: len(class_means)]
    wanted = space.convert_rgb(np.array(colors, np.uint8))
    classes = space.convert_rgb(np.rint(np.clip(class_means, 0, 255)).astype(np.uint8))
    costs = np.linalg.norm(wanted[:, None] - classes, axis=2)
    return list(zip(find_cheapest_pairs(costs).tolist(), colors, strict=True))


def assign_category_colors(means: NDArray[np.floating], taken: Picture | None = None) -> Picture:
    """Assign distinct colors to classes so that the hues fit best: a sky is blue where a blue is free.

    Parameters
    ----------
    means : ndarray of shape (k, 3), float, 0..255
        The mean color of each class, RGB.
    taken : ndarray of shape (n, 3), uint8, optional
        Colors of other classes, which are left out, and so are those close to them.

    Returns
    -------
    ndarray of shape (k, 3), uint8
        RGB, of the colors of :func:`segment.output.palette.pick_class_colors`: those of the least sum of squared
        differences from the classes in hue, saturation and lightness. The classes of a gray image get the first k.

    Examples
    --------
    A meadow, a mountain and a pale sky:

    >>> assign_category_colors(np.array([[90.0, 110, 50], [138, 148, 169], [230, 242, 250]])).tolist()
    [[182, 219, 182], [0, 114, 178], [86, 180, 233]]
    """
    k, n_taken = len(means), 0 if taken is None else len(taken)
    if k == 0:
        return pick_class_colors(0)
    colors = pick_class_colors(max(k + n_taken, MIN_POOL))
    space = FeatureSpace("lab", 3, 0, 255)
    # The classes of a dark image get light colors too: the brightest is taken for white.
    brightest = float(np.max(means))
    gain = 255 / brightest if 0 < brightest < DARK_IMAGE * 255 else 1.0
    classes = space.convert_rgb(np.rint(np.clip(means * gain, 0, 255)).astype(np.uint8))
    pool = space.convert_rgb(colors)
    costs = _compute_costs(classes, pool)
    costs += LATE_COST * (np.arange(len(colors)) >= k)
    if taken is not None and n_taken:
        distances = np.linalg.norm(pool[:, None] - space.convert_rgb(taken), axis=2).min(axis=1)
        costs += TAKEN_COST * (distances < NEAR_TAKEN) + TAKEN_COST * (distances == 0)
    elif _compute_saturations(classes).max() < MIN_SATURATION:
        return colors[:k]
    return colors[find_cheapest_pairs(costs)]


def _compute_costs(classes: Floats, pool: Floats) -> Floats:
    """Compute how much each class (k, 3) differs from each color (m, 3), both in CIELAB: (k, m)."""
    points, targets = (lab[:, 1:] / (np.hypot(lab[:, 1], lab[:, 2]) + HALF_CHROMA)[:, None] for lab in (classes, pool))
    differences = ((points[:, None] - targets) ** 2).sum(axis=2)
    # The hue of a class that is nearly gray is noise: it counts less.
    saturations = _compute_saturations(classes)
    weights = (1 - SHARED_WEIGHT) * saturations + SHARED_WEIGHT * saturations.max()
    light = (classes[:, None, 0] - pool[:, 0]) / 100
    return np.asarray(weights[:, None] * differences + LIGHTNESS_WEIGHT * light**2)


def _compute_saturations(lab: Floats) -> Floats:
    """Compute the saturation of colors in CIELAB, from 0 for gray towards 1."""
    chroma = np.hypot(lab[:, 1], lab[:, 2])
    return np.asarray(chroma / (chroma + HALF_CHROMA))


def find_cheapest_pairs(costs: Floats) -> NDArray[np.intp]:
    """Pair each row with a column of its own so that the sum of the costs is least (the Hungarian method).

    This is :func:`scipy.optimize.linear_sum_assignment`, without SciPy: a run on a photograph does not load it.

    Parameters
    ----------
    costs : ndarray of shape (n, m), float64
        At least as many columns as rows.

    Returns
    -------
    ndarray of shape (n,), int
        The column of each row.

    References
    ----------
    Kuhn 1955, Nav. Res. Logist. Q. 2; Jonker & Volgenant 1987, Computing 38.

    Examples
    --------
    >>> find_cheapest_pairs(np.array([[1.0, 2.0, 9.0], [1.0, 5.0, 9.0]])).tolist()
    [1, 0]
    """
    n, m = costs.shape
    # Rows and columns are counted from 1. Column 0 stands for the row that has no column yet.
    row_potential, column_potential = np.zeros(n + 1), np.zeros(m + 1)
    row_of = np.zeros(m + 1, dtype=np.intp)
    for row in range(1, n + 1):
        row_of[0], column = row, 0
        least, previous = np.full(m + 1, np.inf), np.zeros(m + 1, dtype=np.intp)
        is_open = np.ones(m + 1, dtype=bool)
        # Dijkstra's shortest path over reduced costs from the new row to a column without a row.
        while row_of[column]:
            is_open[column] = False
            current = row_of[column]
            reduced = costs[current - 1] - row_potential[current] - column_potential[1:]
            is_shorter = is_open[1:] & (reduced < least[1:])
            least[1:][is_shorter] = reduced[is_shorter]
            previous[1:][is_shorter] = column
            column = int(np.where(is_open, least, np.inf).argmin())
            step = least[column]
            row_potential[row_of[~is_open]] += step
            column_potential[~is_open] -= step
            least[is_open] -= step
        # Along the path each column gets the row of the one before it.
        while column:
            row_of[column] = row_of[previous[column]]
            column = int(previous[column])
    pairs = np.empty(n, dtype=np.intp)
    pairs[row_of[1:][row_of[1:] > 0] - 1] = np.flatnonzero(row_of[1:])
    return pairs
