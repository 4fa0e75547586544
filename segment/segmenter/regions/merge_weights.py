"""The learned weights of the perceptron that judges pairs of regions: package data, read once.

``merge_weights.npz`` is written by ``tests/benchmarks/train_merge_costs.py``, which learns the weights from BSDS500.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import numpy as np

from segment.segmenter.regions.perceptron import Perceptron

__all__ = ["WEIGHTS_FILE", "load_perceptron"]

WEIGHTS_FILE = "merge_weights.npz"  # beside this module; arrays "means", "scales", "hidden" and "output"


@cache
def load_perceptron() -> Perceptron:
    """Load the perceptron that judges pairs of neighbors by :mod:`segment.segmenter.regions.merge_cues`.

    Returns
    -------
    Perceptron
        Its log-odds are those of the probability that a person joins the two regions. The same object each time.
    """
    # By the package's resources, so that it is found in a zipped installation too.
    with (
        files("segment.segmenter.regions").joinpath(WEIGHTS_FILE).open("rb") as file,
        np.load(file, allow_pickle=False) as arrays,
    ):
        return Perceptron(*(arrays[part] for part in ("means", "scales", "hidden", "output")))
