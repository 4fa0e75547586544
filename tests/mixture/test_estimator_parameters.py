"""Wrong parameters of the estimator, beside those of scikit-learn, and what a fit starts from by them."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.mixture import GaussianMixture as Reference

from segment import GaussianMixture
from segment.core.errors import SettingsError
from segment.mixture.estimator_parameters import build_start
from segment.mixture.model import MixtureModel

GROUPS = np.array([[0.0], [0.5], [9.0], [9.5]])
WHOLE = ["n_components", "max_iter", "n_init", "verbose", "verbose_interval"]
REAL = ["tol", "tol_step", "reg_covar", "shrinkage", "step_power", "step_offset"]


@pytest.mark.parametrize("wrong", ["x", None, -1, np.nan, [1], b"x"])
@pytest.mark.parametrize("name", [*WHOLE, *REAL, "accelerate", "warm_start"])
def test_wrong_parameters_are_refused_by_name(name: str, wrong: object) -> None:
    mixture = GaussianMixture().fit(GROUPS).set_params(**{name: wrong})
    for fit in (mixture.fit, mixture.partial_fit):
        with pytest.raises(SettingsError, match=f"^{name}: .*; got "):
            fit(GROUPS)
    if name in Reference().get_params():
        with pytest.raises(ValueError, match=name):
            Reference(**{name: wrong}).fit(GROUPS)


def test_numbers_of_numpy_and_a_flag_for_verbose_are_parameters() -> None:
    assert GaussianMixture(np.int64(2), tol=1, verbose=False, warm_start=np.True_).fit(GROUPS).n_features_in_ == 1
    for name, wrong in (("n_components", 2.5), ("n_init", True), ("warm_start", 1)):
        with pytest.raises(SettingsError, match=f"^{name}: "):
            GaussianMixture(**{name: wrong}).fit(GROUPS)


def test_either_tolerance_may_be_infinite_and_no_other_number() -> None:
    for name in ("tol", "tol_step"):
        assert GaussianMixture(**{name: np.inf}).fit(GROUPS).converged_
    for name in {*WHOLE, *REAL} - {"tol", "tol_step"}:
        with pytest.raises(SettingsError, match=f"^{name}: .*; got inf"):
            GaussianMixture(**{name: np.inf}).fit(GROUPS)
    with pytest.raises(SettingsError, match=r"^reg_covar: a number of at least 0; got 1000"):
        GaussianMixture(reg_covar=10**400).fit(GROUPS)


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
