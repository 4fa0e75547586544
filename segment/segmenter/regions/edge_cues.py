"""Cues of the places along the borders of fine regions: whether a person would draw a border there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segment.segmenter.regions.perceptron import Perceptron
from segment.segmenter.regions.region_adjacency import NEIGHBOR_SLICES, Adjacency

__all__ = ["EdgePlaces", "compute_edge_cues", "find_edge_places", "sum_edge_odds"]

Floats = NDArray[np.float64]
Ids = NDArray[np.intp]
Cues = NDArray[np.float32]

_RINGS = (2, 4, 7)  # pixels of the maps: radii at which eight surrounding places are sampled
_N_LEADING = 2  # the first maps, summed, decide in which direction the edge runs


@dataclass(frozen=True)
class EdgePlaces:
    """Places along borders, in maps of half the size, rounded up.

    Attributes
    ----------
    pair : ndarray of shape (p,), int
        The row of the adjacency whose border each lies on, in ascending order.
    row, column : ndarray of shape (p,), int
        Pixel of the maps.
    sides : ndarray of shape (p,), int
        How many pixel sides of the border lie there.
    """

    pair: Ids
    row: Ids
    column: Ids
    sides: Ids

    def sum_odds(self, perceptron: Perceptron, cues: Cues, n_pairs: int) -> Floats:
        """Sum the perceptron's answers along borders.

        Parameters
        ----------
        perceptron : Perceptron
            Gives the probability that people leave out the border at a place.
        cues : ndarray of shape (p, d), float32
            The cues of each place.
        n_pairs : int
            Number of borders, m.

        Returns
        -------
        ndarray of shape (m, 2), float64
            Sums over the pixel sides of each border: of the log-odds, then of the probabilities.
        """
        log_odds = perceptron.compute_log_odds(cues)
        # Log-odds let one sure place decide; probabilities give the share of the border that is left out.
        along = (log_odds, 1 / (1 + np.exp(-log_odds)))
        return np.stack([np.bincount(self.pair, self.sides * each, n_pairs) for each in along], axis=1)


def sum_edge_odds(labels: Ids, adjacency: Adjacency, changes: Cues, perceptron: Perceptron) -> Floats:
    """Judge every place along all borders and sum the answers along each border.

    Parameters
    ----------
    labels : ndarray of shape (H, W), int
        0..n - 1; negative pixels belong to no region.
    adjacency : Adjacency
        The borders of these regions, m pairs.
    changes : ndarray of shape (c, 4, h, w), float32
        At half the size: see :func:`compute_edge_cues`.
    perceptron : Perceptron
        Gives the probability that people leave out the border at a place, by its cues.

    Returns
    -------
    ndarray of shape (m, 2), float64
        Sums over the pixel sides of each border: of the log-odds, then of the probabilities.
    """
    places = find_edge_places(labels, adjacency)
    return places.sum_odds(perceptron, compute_edge_cues(changes, places.row, places.column), len(adjacency.pairs))


def find_edge_places(labels: Ids, adjacency: Adjacency) -> EdgePlaces:
    """Find the places along all borders, in maps of half the size.

    Parameters
    ----------
    labels : ndarray of shape (H, W), int
        0..n - 1; negative pixels belong to no region.
    adjacency : Adjacency
        The borders of these regions.

    Returns
    -------
    EdgePlaces
        A pixel side lies where the first of its two pixels does: the left or the upper one.

    Examples
    --------
    >>> from segment.segmenter.regions.region_adjacency import find_adjacency
    >>> labels = np.array([[0, 0, 1, 1],
    ...                    [0, 0, 1, 1]])
    >>> places = find_edge_places(labels, find_adjacency(labels, 2, []))
    >>> places.row.tolist(), places.column.tolist(), places.sides.tolist()
    ([0], [0], [2])
    """
    height, width = (-(-side // 2) for side in labels.shape)
    # One number for each (pair, row, column), so that equal ones can be counted.
    found = []
    for one, other in NEIGHBOR_SLICES:
        first, second = labels[one], labels[other]
        row, column = np.nonzero((first != second) & (first >= 0) & (second >= 0))
        pair = adjacency.find_rows(first[row, column], second[row, column])
        found.append((pair * height + row // 2) * width + column // 2)
    place, sides = np.unique(np.concatenate(found), return_counts=True)
    pair, within = np.divmod(place, height * width)
    return EdgePlaces(pair, *np.divmod(within, width), sides)


def compute_edge_cues(changes: Cues, row: Ids, column: Ids) -> Cues:
    """Compute the changes at places and around them, in the coordinates of the edge.

    The surroundings are turned so that the edge always runs in the same direction, and values that a half turn or a
    reflection would exchange are averaged, so the cues do not depend on the orientation of the image (in steps of an
    eighth of a turn).

    Parameters
    ----------
    changes : ndarray of shape (c, 4, h, w), float32
        Changes across lines in four directions, of c kinds; see
        :func:`segment.segmenter.regions.boundary_strength.compute_directional_changes`.
        The direction in which the first two kinds change most is across the edge.
    row, column : ndarray of shape (p,), int
        The places, in pixels of the maps.

    Returns
    -------
    ndarray of shape (p, 33 c), float32
        Square roots of changes: 3 at the place itself, then 10 on each of three rings around it, each of c kinds.
    """
    kinds, directions, height, width = changes.shape
    across = changes[:_N_LEADING].sum(axis=0)[:, row, column].argmax(axis=0)
    # The perceptron was trained on square roots of changes. Positions first: each place is one row.
    values = np.sqrt(changes).transpose(2, 3, 1, 0).reshape(-1, directions, kinds)
    cues = np.empty((len(row), 3 + 10 * len(_RINGS), kinds), dtype=np.float32)
    for turn in range(directions):
        own = np.flatnonzero(across == turn)
        turned = np.roll(values, -turn, axis=1)  # direction 0 is now the one across the edge
        cues[own, :3] = _average_mirrored(turned[row[own] * width + column[own]])
        for number, distance in enumerate(_RINGS):
            # Eight places on a ring, the first across the edge, then each an eighth of a turn further.
            eight = []
            for eighth in range(8):
                angle = (eighth + turn) * np.pi / 4
                there = np.clip(row[own] + round(distance * np.sin(angle)), 0, height - 1) * width
                there += np.clip(column[own] + round(distance * np.cos(angle)), 0, width - 1)
                eight.append(turned[there])
            first = 3 + 10 * number
            cues[own, first : first + 3] = _average_mirrored((eight[0] + eight[4]) / 2)  # across the edge
            cues[own, first + 3 : first + 6] = _average_mirrored((eight[2] + eight[6]) / 2)  # along it
            # A reflection exchanges the two diagonals of places, and directions 1 and 3 with them.
            oblique = eight[1] + eight[5] + (eight[3] + eight[7])[:, [0, 3, 2, 1]]
            cues[own, first + 6 : first + 10] = oblique / 4
    return cues.reshape(len(row), cues.shape[1] * kinds)


def _average_mirrored(values: Cues) -> Cues:
    """Reduce changes in four directions (p, 4, c) to those across the edge, oblique to it and along it (p, 3, c)."""
    return np.stack([values[:, 0], (values[:, 1] + values[:, 3]) / 2, values[:, 2]], axis=1)
