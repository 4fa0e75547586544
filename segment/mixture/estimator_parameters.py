"""The parameters of the estimator under the names of scikit-learn: what they may be, and where a fit starts by them."""

from __future__ import annotations

import math
import sys
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segment.core.errors import SettingsError
from segment.mixture.covariances import expand_covariances
from segment.mixture.initialization import INITS
from segment.mixture.model import MixtureModel

__all__ = ["build_start", "check_parameters", "print_iterations"]

# Lowest values. Texts and arrays are checked where they are used, and the upper end of step_power too.
_LOWEST_WHOLE = {"n_components": 1, "max_iter": 0, "n_init": 1, "verbose": 0, "verbose_interval": 1}
_LOWEST_REAL = {"tol": 0, "tol_step": 0, "reg_covar": 0, "shrinkage": 0, "step_power": 0, "step_offset": 0}
_MAY_BE_INFINITE = ("tol", "tol_step")  # the other one alone ends EM then
_FLAGS = ("accelerate", "warm_start")
# Words of scikit-learn for what has another name here.
_METHODS = {"kmeans": "k-means++", "random_from_data": "random"}


def check_parameters(parameters: dict[str, Any]) -> None:
    """Refuse parameters that are no numbers, or below their range, as scikit-learn does.

    Parameters
    ----------
    parameters : dict of str to object
        As `get_params` of the estimator returns them.

    Raises
    ------
    SettingsError
        It is a ValueError that begins with the name of the parameter.

    Examples
    --------
    >>> check_parameters({"n_components": "x"})
    Traceback (most recent call last):
        ...
    segment.core.errors.SettingsError: n_components: a whole number of at least 1; got 'x'.
    """
    for name, value in parameters.items():
        if name == "verbose" and isinstance(value, bool):
            continue
        if name in _LOWEST_WHOLE and not _is_number(value, Integral, _LOWEST_WHOLE[name], math.inf):
            raise SettingsError(f"{name}: a whole number of at least {_LOWEST_WHOLE[name]}; got {value!r}.")
        highest = math.inf if name in _MAY_BE_INFINITE else sys.float_info.max
        if name in _LOWEST_REAL and not _is_number(value, Real, _LOWEST_REAL[name], highest):
            raise SettingsError(f"{name}: a number of at least {_LOWEST_REAL[name]}; got {value!r}.")
        if name in _FLAGS and not isinstance(value, (bool, np.bool_)):
            raise SettingsError(f"{name}: True or False; got {value!r}.")


def build_start(
    method: str,
    weights: ArrayLike | None,
    means: ArrayLike | None,
    precisions: ArrayLike | None,
    n_components: int,
    n_features: int,
    covariance_type: str,
) -> str | ArrayLike | MixtureModel:
    """Build what EM starts from.

    Parameters
    ----------
    method : str
        How means are chosen where none are given.
    weights, means, precisions : array_like or None
        In the shapes of scikit-learn.
    n_components, n_features : int
    covariance_type : {"full", "tied", "diag", "spherical"}

    Returns
    -------
    str, array_like or MixtureModel
        The name of a method, means, or a complete mixture.

    Raises
    ------
    SettingsError
        If arrays are given that need others, or there is no such method.
    """
    if weights is not None and precisions is None:
        raise SettingsError("weights_init: goes with means_init and precisions_init. Give all three.")
    if precisions is not None and means is None:
        raise SettingsError("precisions_init: goes with means_init. Give both.")
    if means is None and method not in (*_METHODS, *INITS):
        names = ", ".join(dict.fromkeys((*_METHODS, *INITS)))
        raise SettingsError(f"init_params: one of {names}; got {method!r}.")
    if precisions is None:
        return _METHODS.get(method, method) if means is None else means
    k = n_components
    first = np.full(k, 1 / k) if weights is None else np.asarray(weights, dtype=np.float64)
    # scikit-learn gives precisions in the compressed shape of the covariance type; the model has full covariances.
    full = expand_covariances(precisions, covariance_type, k, n_features)
    covariances = np.asarray(np.linalg.inv(full))
    return MixtureModel(first, np.asarray(means, dtype=np.float64), covariances, covariance_type)


def print_iterations(objectives: NDArray[np.float64], interval: int, *, with_gains: bool, converged: bool) -> None:
    """Print the iterations of the last stage in lines like those of scikit-learn.

    Parameters
    ----------
    objectives : ndarray of shape (n + 1,), float
        Before the first and after every iteration.
    interval : int
        Iterations between two lines.
    with_gains : bool
        Whether lines tell by how much the objective rose.
    converged : bool

    Examples
    --------
    >>> print_iterations(np.array([-3.0, -2.5, -2.25]), 1, with_gains=True, converged=True)
      Iteration 1     lower bound change 0.50000
      Iteration 2     lower bound change 0.25000
    Initialization converged. 2 iterations, lower bound -2.25000.
    """
    for number in range(max(1, interval), len(objectives), max(1, interval)):
        gain = f"     lower bound change {objectives[number] - objectives[number - 1]:.5f}" if with_gains else ""
        sys.stdout.write(f"  Iteration {number}{gain}\n")
    end = "converged" if converged else "did not converge"
    n_iterations = max(1, len(objectives) - 1)
    sys.stdout.write(f"Initialization {end}. {n_iterations} iterations, lower bound {objectives[-1]:.5f}.\n")


def _is_number(value: Any, kind: type, lowest: float, highest: float) -> bool:
    """Return whether a value is a number of a kind and in a range; NaN is in none."""
    return isinstance(value, kind) and not isinstance(value, bool) and lowest <= value <= highest  # type: ignore[operator]
