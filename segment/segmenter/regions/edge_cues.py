"""Where a person would draw a border: what changes at and around each place along the borders of fine regions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segment.segmenter.regions.perceptron import Perceptron
from segment.segmenter.regions.region_adjacency import Adjacency

__all__ = ["Places", "edge_cues", "edge_places", "edge_sums"]

Floats = NDArray[np.float64]
Ids = NDArray[np.intp]
Cues = NDArray[np.float32]

_RINGS = (2, 4, 7)  # pixels of the maps: distances at which eight places around are looked at
_LEADING = 2  # of the maps tell, together, which way the edge runs


@dataclass(frozen=True)
class Places:
    """Places along borders, in maps of half the size, rounded up.

    Attributes
    ----------
    pair : ndarray of shape (p,), int
        The row of the adjacency that each lies on the border of, in ascending order.
    row, column : ndarray of shape (p,), int
    sides : ndarray of shape (p,), int
        How many pixel sides of the border lie there.
    """

    pair: Ids
    row: Ids
    column: Ids
    sides: Ids

    def sums(self, judge: Perceptron, cues: Cues, n_pairs: int) -> Floats:
        """The log-odds that the judge gives by the cues (p, d), and the probabilities, summed along borders: (m, 2)."""
        log_odds = judge.log_odds(cues)
        along = (log_odds, 1 / (1 + np.exp(-log_odds)))
        return np.stack([np.bincount(self.pair, self.sides * each, n_pairs) for each in along], axis=1)


def edge_sums(labels: Ids, adjacency: Adjacency, changes: Cues, judge: Perceptron) -> Floats:
    """How much of a border people would leave out, by what changes along it: (m, 2), sums over its pixel sides.

    First come the log-odds of being left out, then the probabilities; for `changes` see :func:`edge_cues`.
    """
    places = edge_places(labels, adjacency)
    return places.sums(judge, edge_cues(changes, places.row, places.column), len(adjacency.pairs))


def edge_places(labels: Ids, adjacency: Adjacency) -> Places:
    """The places along all borders: where the first of the two pixels of each pixel side lies."""
    n = adjacency.n_regions
    height, width = (-(-side // 2) for side in labels.shape)
    codes = adjacency.pairs[:, 0].astype(np.int64) * n + adjacency.pairs[:, 1]
    found = []
    for one, two in (((slice(None), slice(-1)), (slice(None), slice(1, None))), ((slice(-1),), (slice(1, None),))):
        first, second = labels[one].astype(np.int64), labels[two].astype(np.int64)
        row, column = np.nonzero((first != second) & (first >= 0) & (second >= 0))
        first, second = first[row, column], second[row, column]
        pair = np.searchsorted(codes, np.minimum(first, second) * n + np.maximum(first, second))
        found.append((pair * height + row // 2) * width + column // 2)
    place, sides = np.unique(np.concatenate(found), return_counts=True)
    pair, within = np.divmod(place, height * width)
    return Places(pair, *np.divmod(within, width), sides)


def edge_cues(changes: Cues, row: Ids, column: Ids) -> Cues:
    """What changes at these places and around them, as seen from the edge: (p, d), d = 33 c.

    The surroundings are turned so that the edge always runs the same way, and what would change places if they were
    turned by half or seen in a mirror is averaged, so the cues do not depend on how the image lies (in steps of an
    eighth of a turn).

    Parameters
    ----------
    changes : ndarray of shape (c, 4, h, w), float32
        Changes across lines in four directions, of c kinds; see
        :func:`segment.segmenter.regions.boundary_strength.directional_changes`.
        The direction in which the first two change most is across the edge.
    row, column : ndarray of shape (p,), int
    """
    kinds, directions, height, width = changes.shape
    across = changes[:_LEADING].sum(axis=0)[:, row, column].argmax(axis=0)
    values = np.sqrt(changes).transpose(2, 3, 1, 0).reshape(-1, directions, kinds)
    cues = np.empty((len(row), 3 + 10 * len(_RINGS), kinds), dtype=np.float32)
    for turn in range(directions):
        own = np.flatnonzero(across == turn)
        turned = np.roll(values, -turn, axis=1)
        cues[own, :3] = _mirrored(turned[row[own] * width + column[own]])
        for number, distance in enumerate(_RINGS):
            eight = []
            for eighth in range(8):
                angle = (eighth + turn) * np.pi / 4
                there = np.clip(row[own] + round(distance * np.sin(angle)), 0, height - 1) * width
                there += np.clip(column[own] + round(distance * np.cos(angle)), 0, width - 1)
                eight.append(turned[there])
            first = 3 + 10 * number
            cues[own, first : first + 3] = _mirrored((eight[0] + eight[4]) / 2)  # across the edge
            cues[own, first + 3 : first + 6] = _mirrored((eight[2] + eight[6]) / 2)  # along it
            oblique = eight[1] + eight[5] + (eight[3] + eight[7])[:, [0, 3, 2, 1]]
            cues[own, first + 6 : first + 10] = oblique / 4
    return cues.reshape(len(row), cues.shape[1] * kinds)


def _mirrored(values: Cues) -> Cues:
    """Changes across the edge, at an angle to it and along it, (p, 3, c), of those in four directions (p, 4, c)."""
    return np.stack([values[:, 0], (values[:, 1] + values[:, 3]) / 2, values[:, 2]], axis=1)
