"""Ward's hierarchy against SciPy's."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.cluster.hierarchy import fcluster, ward
from sklearn.metrics import adjusted_rand_score

from segment.core.errors import SettingsError
from segment.mixture.cells import make_point_cells
from segment.mixture.ward import build_ward_tree


@pytest.mark.parametrize("n_clusters", [1, 2, 5, 30])
def test_cuts_are_those_of_scipy(n_clusters: int, rng: np.random.Generator) -> None:
    X = rng.normal(size=(40, 2))
    expected = fcluster(ward(X), n_clusters, "maxclust")
    found = build_ward_tree(make_point_cells(X), n_clusters)
    assert adjusted_rand_score(expected, found) == 1.0


def test_a_weight_of_two_is_a_repeated_point(rng: np.random.Generator) -> None:
    X = rng.normal(size=(30, 2))
    times = rng.integers(1, 4, 30)
    expected = fcluster(ward(np.repeat(X, times, axis=0)), 4, "maxclust")
    found = build_ward_tree(make_point_cells(X, times), 4)
    assert adjusted_rand_score(expected, np.repeat(found, times)) == 1.0


def test_clusters_are_numbered_by_their_first_cells() -> None:
    cells = make_point_cells([[9.0], [0.0], [8.0], [1.0], [30.0]])
    assert build_ward_tree(cells, 3).tolist() == [0, 1, 0, 1, 2]


@pytest.mark.parametrize("n_clusters", [0, 4])
def test_impossible_numbers_of_clusters_are_refused(n_clusters: int) -> None:
    with pytest.raises(SettingsError, match=f"^n_clusters: from 1 to the number of cells, 3; got {n_clusters}"):
        build_ward_tree(make_point_cells([[0.0], [1.0], [2.0]]), n_clusters)
