"""Which numbers the parameters of the estimator may be."""

from __future__ import annotations

import math
import sys
from numbers import Integral, Real
from typing import Any

import numpy as np

from segment.core.errors import SettingsError

__all__ = ["check_parameters"]

# Lowest values. Texts and arrays are checked where they are used, and the upper end of step_power too.
_LOWEST_WHOLE = {"n_components": 1, "max_iter": 0, "n_init": 1, "verbose": 0, "verbose_interval": 1}
_LOWEST_REAL = {"tol": 0, "tol_step": 0, "reg_covar": 0, "shrinkage": 0, "step_power": 0, "step_offset": 0}
_MAY_BE_INFINITE = ("tol", "tol_step")  # the other one alone ends EM then
_FLAGS = ("accelerate", "warm_start")


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


def _is_number(value: Any, kind: type, lowest: float, highest: float) -> bool:
    """Return whether a value is a number of a kind and in a range; NaN is in none."""
    return isinstance(value, kind) and not isinstance(value, bool) and lowest <= value <= highest  # type: ignore[operator]
