"""How far two labelings of the same data disagree."""

from __future__ import annotations

import numpy as np
import pytest

from segment.mixture.cells import make_point_cells
from segment.mixture.fitting import fit_mixture
from segment.mixture.rivals import compute_disagreement


def test_numbers_of_classes_do_not_count_and_weights_do() -> None:
    one, other = np.array([0, 0, 0, 1, 2]), np.array([2, 2, 2, 0, 1])
    assert compute_disagreement(one, other) == 0
    assert compute_disagreement(one, np.array([2, 2, 0, 0, 1])) == pytest.approx(0.2)
    assert compute_disagreement(one, np.array([2, 2, 0, 0, 1]), np.array([1, 1, 6, 1, 1.0])) == pytest.approx(0.2)
    # A labeling with fewer classes disagrees with a finer one, whichever comes first.
    coarse = np.array([0, 0, 0, 0, 1])
    assert compute_disagreement(one, coarse) == compute_disagreement(coarse, one) == pytest.approx(0.2)
    assert compute_disagreement(np.zeros(0, int), np.zeros(0, int)) == 0


def test_a_fit_tells_that_another_is_as_good() -> None:
    """Four clusters on a square make two pairs in two ways."""
    part = np.random.default_rng(0).standard_normal((20, 2))
    turned = part[:, ::-1]
    cloud = np.concatenate([part, -part, turned * [1, -1], turned * [-1, 1]])
    square, longer = (
        make_point_cells(np.concatenate([np.array([x, y]) + cloud for x in (0, 10) for y in (0, height)]))
        for height in (10.03, 10.5)
    )
    assert fit_mixture(square, 2, n_init=20).disagreement == pytest.approx(0.5)
    assert fit_mixture(longer, 2, n_init=20).disagreement == 0
    assert fit_mixture(square, 4, n_init=20).disagreement == 0
