"""Pictures and checks that the tests of regions share."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import label

from segment.segmenter.regions.region_adjacency import Adjacency


def draw_quarters(height: int = 60, width: int = 90) -> np.ndarray:
    """Four colors in quarters of different shapes."""
    image = np.empty((height, width, 3), np.uint8)
    high, wide = height // 3, width // 2
    image[:high, :wide], image[:high, wide:] = (200, 40, 40), (40, 160, 60)
    image[high:, :wide], image[high:, wide:] = (30, 60, 190), (230, 220, 90)
    return image


def is_connected(labels: np.ndarray) -> bool:
    """Whether each of the labels 1..n is one 4-connected region."""
    return all(label(labels == number)[1] == 1 for number in range(1, labels.max() + 1))


def make_adjacency(n: int, pairs: list[list[int]]) -> Adjacency:
    """Regions with borders of length 1, without maps."""
    return Adjacency(n, np.array(pairs), np.ones((len(pairs), 1)))
