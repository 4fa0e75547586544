"""Symmetric matrices packed as their upper triangles."""

from __future__ import annotations

import numpy as np

from segment.mixture.packed_matrices import pack, unpack


def test_pack_keeps_the_upper_triangle_row_by_row() -> None:
    matrix = np.array([[1.0, 2.0, 3.0], [2.0, 4.0, 5.0], [3.0, 5.0, 6.0]])
    assert pack(matrix).tolist() == [1, 2, 3, 4, 5, 6]
    assert unpack(pack(matrix)).tolist() == matrix.tolist()
