"""The nearest pixel of a mask: against SciPy's Euclidean distances."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt

from segment.core.nearest import find_nearest


@pytest.mark.parametrize("shape", [(20, 30), (1, 9), (7, 1)])
def test_no_pixel_of_the_mask_is_much_nearer(rng, shape):
    mask = rng.random(shape) < 0.1
    mask.flat[3] = True
    row, column = np.divmod(find_nearest(mask), shape[1])
    assert mask[row, column].all()
    rows, columns = np.indices(shape)
    distance = np.hypot(rows - row, columns - column)
    assert (distance <= 1.05 * distance_transform_edt(~mask) + 1e-9).all()


def test_a_pixel_of_the_mask_is_its_own_nearest(rng):
    mask = rng.random((8, 9)) < 0.5
    assert (find_nearest(mask)[mask] == np.flatnonzero(mask)).all()
    everywhere = np.ones((3, 4), bool)
    assert find_nearest(everywhere).ravel().tolist() == list(range(12))
