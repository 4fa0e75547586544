"""The learned weights of the perceptrons that judge edges and pairs of regions: package data, read once.

``merge_weights.npz`` is written by ``tests/benchmarks/train_merge_costs.py``, which learns the weights from BSDS500.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Literal

import numpy as np

from segment.segmenter.regions.perceptron import Perceptron

__all__ = ["WEIGHTS_FILE", "load_perceptron"]

WEIGHTS_FILE = "merge_weights.npz"  # beside this module; arrays "edges_means", "edges_scales", ..., "pairs_output"


@cache
def load_perceptron(name: Literal["edges", "pairs"]) -> Perceptron:
    """Load one of the two perceptrons.

    Parameters
    ----------
    name : {"edges", "pairs"}
        ``"edges"`` judges places along borders by the cues of :mod:`segment.segmenter.regions.edge_cues`, ``"pairs"``
        judges pairs of neighboring regions by those of :mod:`segment.segmenter.regions.merge_cues`.

    Returns
    -------
    Perceptron
        Its log-odds are those of the probability that a person leaves the border out, or joins the two regions.
        The same object each time.
    """
    # By the package's resources, so that it is found in a zipped installation too.
    with (
        files("segment.segmenter.regions").joinpath(WEIGHTS_FILE).open("rb") as file,
        np.load(file, allow_pickle=False) as arrays,
    ):
        return Perceptron(*(arrays[f"{name}_{part}"] for part in ("means", "scales", "hidden", "output")))
