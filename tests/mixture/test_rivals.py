"""How far two labelings of the same data disagree."""

from __future__ import annotations

import numpy as np
import pytest

from segment.mixture.cells import make_point_cells
from segment.mixture.fitting import fit_mixture
from segment.mixture.rivals import compute_disagreement, describe_rival


def disagree(one: list[int], other: list[int], weights: list[float] | None = None, merged: list[int] | None = None):
    """Compute the disagreement of two labelings of up to three classes."""
    cells = make_point_cells(np.arange(len(one))[:, None], weights)
    table = describe_rival(cells, np.array(one), np.array(other), 3).table
    return compute_disagreement(table, None if merged is None else np.array(merged))


def test_numbers_of_classes_do_not_count_and_weights_do() -> None:
    one = [0, 0, 0, 1, 2]
    assert disagree(one, [2, 2, 2, 0, 1]) == 0
    assert disagree(one, [2, 2, 0, 0, 1]) == pytest.approx(0.2)
    assert disagree(one, [2, 2, 0, 0, 1], [1, 1, 6, 1, 1]) == pytest.approx(0.2)
    # A labeling with fewer classes disagrees with a finer one, whichever comes first.
    coarse = [0, 0, 0, 0, 1]
    assert disagree(one, coarse) == disagree(coarse, one) == pytest.approx(0.2)
    assert compute_disagreement(np.zeros((2, 2))) == 0


def test_what_is_merged_is_one_class_for_the_other_fit_too() -> None:
    one, other = [0, 0, 0, 1, 1, 1, 2, 2, 2, 2], [2, 2, 0, 0, 0, 2, 1, 1, 1, 0]
    assert disagree(one, other) == pytest.approx(0.3)
    assert disagree(one, other, merged=[0, 0, 1]) == pytest.approx(0.1)
    assert disagree(one, other, merged=[0, 1, 1]) == pytest.approx(0.2)
    assert disagree(one, other, merged=[0, 0, 0]) == 0
    # Without merges an order changes nothing.
    assert disagree(one, other, merged=[2, 0, 1]) == pytest.approx(0.3)


def test_a_fit_tells_that_another_is_as_good() -> None:
    """Four clusters on a square make two pairs in two ways."""
    part = np.random.default_rng(0).standard_normal((20, 2))
    turned = part[:, ::-1]
    cloud = np.concatenate([part, -part, turned * [1, -1], turned * [-1, 1]])
    square, longer = (
        make_point_cells(np.concatenate([np.array([x, y]) + cloud for x in (0, 10) for y in (0, height)]))
        for height in (10.03, 10.5)
    )
    (rival,) = fit_mixture(square, 2, n_init=20).rivals
    assert compute_disagreement(rival.table) == pytest.approx(0.5)
    assert rival.means == pytest.approx(np.array([[5, 10.03], [5, 0]]), abs=0.01)
    assert fit_mixture(longer, 2, n_init=20).rivals == ()
    assert fit_mixture(square, 4, n_init=20).rivals == ()
