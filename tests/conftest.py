"""Pictures and folders that several tests share."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

ROOT = Path(__file__).parents[1]

# Continuous integration judges the change, not the luck of the draw; everywhere else the examples are new each time.
# A busy machine makes no example fail.
settings.register_profile("any", derandomize=bool(os.environ.get("CI")), deadline=None)
settings.load_profile("any")

# A shell that starts the tests in the background has Ctrl-C ignored in them, and in the commands that they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20)


@pytest.fixture
def quadrants() -> np.ndarray:
    """Four colors on a 12 x 20 image, no two areas alike: 5 + 7 rows, 8 + 12 columns."""
    picture = np.zeros((12, 20, 3), dtype=np.uint8)
    picture[:5, :8] = (20, 30, 90)
    picture[:5, 8:] = (90, 140, 200)
    picture[5:, :8] = (60, 110, 40)
    picture[5:, 8:] = (230, 220, 190)
    return picture


@pytest.fixture(scope="session")
def landscape() -> Path:
    return ROOT / "images" / "landscape.jpg"
