"""The learned weights, files of the package beside this module: see ``WEIGHTS.md`` there."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["load_weights"]


def load_weights(file_name: str) -> dict[str, NDArray[Any]]:
    """Load the arrays of a file.

    Parameters
    ----------
    file_name : str
        An ``.npz`` file beside this module.

    Returns
    -------
    dict of str to ndarray
        Arrays by name.
    """
    # By importlib.resources, so that the file is found in a zipped installation too.
    with files(__package__).joinpath(file_name).open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        return dict(arrays)
