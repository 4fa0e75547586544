"""Label images, and slow counts of their regions and borders, that several tests share."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import strategies as st
from scipy import ndimage


@st.composite
def label_images(draw: st.DrawFn) -> np.ndarray:
    """Small images of specks, or of blocks with a ratio specks, with or without background."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    rows, columns = draw(st.integers(1, 12)), draw(st.integers(1, 12))
    scale, low, high = draw(st.integers(1, 5)), draw(st.integers(0, 1)), draw(st.integers(2, 4))
    coarse = rng.integers(low, high, (rows // scale + 1, columns // scale + 1))
    image = np.kron(coarse, np.ones((scale, scale), int))[:rows, :columns]
    specks = rng.random(image.shape) < draw(st.sampled_from([0, 0.1, 0.3]))
    return np.where(specks, rng.integers(low, high + 1, image.shape), image).astype(np.uint8)


def draw_labels(text: str) -> np.ndarray:
    """One row a line, one digit a pixel, a dot for background."""
    return np.array([[int(c) for c in line.replace(".", "0")] for line in text.split()], np.uint8)


def number_with_scipy(labels: np.ndarray) -> tuple[np.ndarray, int]:
    """4-connected regions numbered from 1, found class by class with SciPy; background 0."""
    numbered, count = np.zeros(labels.shape, int), 0
    for label in np.unique(labels[labels > 0]):
        found, n = ndimage.label(labels == label)
        numbered[found > 0] = found[found > 0] + count
        count += n
    return numbered, count


def count_borders(numbered: np.ndarray) -> dict[int, dict[int, int]]:
    """Pixel by pixel: region -> neighbor -> how many pixel sides they share. Background is neighbor 0."""
    table: dict[int, dict[int, int]] = {}
    height, width = numbered.shape
    for r, c in itertools.product(range(height), range(width)):
        for other in ((r + 1, c), (r, c + 1)):
            if other[0] < height and other[1] < width and numbered[r, c] != numbered[other]:
                for one, two in ((numbered[r, c], numbered[other]), (numbered[other], numbered[r, c])):
                    row = table.setdefault(int(one), {})
                    row[int(two)] = row.get(int(two), 0) + 1
    return table


def draw_noisy(share: float) -> np.ndarray:
    """Four classes in curved areas, a background corner, and a share of pixels with a random label."""
    rng = np.random.default_rng(5)
    y, x = np.mgrid[:230, :90]
    labels = (1 + (np.hypot(y - 60, x - 40) > 30) + (y > 120) + (x + y > 190)).astype(np.uint8)
    hit = rng.random(labels.shape) < share
    labels[hit] = rng.integers(1, 5, np.count_nonzero(hit))
    labels[180:, :25] = 0
    return labels
