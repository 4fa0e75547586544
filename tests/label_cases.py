"""Label images for tests of outlines and shapes."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

HOLES = np.array(
    [
        [1, 1, 1, 1, 1, 1, 1],
        [1, 2, 2, 2, 2, 2, 1],
        [1, 2, 0, 0, 0, 2, 1],
        [1, 2, 0, 1, 0, 2, 1],
        [1, 2, 0, 0, 2, 2, 1],
        [1, 2, 2, 2, 2, 0, 1],
        [1, 1, 1, 1, 1, 1, 1],
    ],
    dtype=np.uint8,
)

CHECKS = (np.indices((5, 6)).sum(axis=0) % 2 + 1).astype(np.uint8)


# A ring of pixels that touches itself at a corner, inside and outside.
PINCHED = np.array([[1, 1, 1, 0], [1, 0, 1, 0], [1, 1, 0, 1], [0, 0, 1, 1]], dtype=np.uint8)

any_labels = hnp.arrays(
    np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=8), elements=st.integers(0, 3) | st.integers(0, 1)
)


def for_label_images(test: Any) -> Any:
    """Run a test on the label images above and on many that Hypothesis makes."""
    for labels in (HOLES, CHECKS, PINCHED, np.zeros((2, 3), np.uint8), np.ones((1, 1), np.uint8)):
        test = example(labels)(test)
    return settings(max_examples=60)(given(any_labels)(test))  # the first run loads libraries
