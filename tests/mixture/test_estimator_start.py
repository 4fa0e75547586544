"""What the estimator starts from, and which arrays need others."""

from __future__ import annotations

import numpy as np
import pytest

from segment.core.errors import SettingsError
from segment.mixture.estimator_start import build_start
from segment.mixture.model import MixtureModel


def test_words_of_scikit_learn_have_their_meaning() -> None:
    assert build_start("kmeans", None, None, None, 2, 1, "full") == "k-means++"
    assert build_start("random_from_data", None, None, None, 2, 1, "full") == "random"
    start = build_start("kmeans", None, [[0.0], [4.0]], [1.0, 0.25], 2, 1, "spherical")
    assert isinstance(start, MixtureModel)
    assert (start.weights.tolist(), start.covariances.ravel().tolist()) == ([0.5, 0.5], [1.0, 4.0])


def test_arrays_that_need_others_are_refused() -> None:
    with pytest.raises(SettingsError, match="Give all three"):
        build_start("kmeans", np.ones(2) / 2, None, None, 2, 1, "full")
    with pytest.raises(SettingsError, match="Give both"):
        build_start("kmeans", None, None, np.ones(2), 2, 1, "spherical")
