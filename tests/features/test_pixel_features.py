"""The cells of an image: one for each color, or merged ones with the same moments."""

from __future__ import annotations

import numpy as np

from segment.core.image import Image
from segment.features.color_index import ColorIndex
from segment.features.color_space import FeatureSpace
from segment.features.pixel_features import collect_cells, extract_features


def test_merged_cells_of_16_bit_color_have_the_moments_of_all_pixels(rng: np.random.Generator) -> None:
    pixels = rng.integers(0, 65536, size=(600, 700, 3)).astype(np.uint16)
    index = ColorIndex(Image.from_array(pixels))
    assert not index.is_tabled
    space = FeatureSpace("rgb", 3, index.black, index.white)
    cells = collect_cells(space, index.iterate_parts(), exact=False)
    exact = space.make_cells(pixels.reshape(-1, 3))
    assert len(cells) < len(exact)
    np.testing.assert_allclose(cells.compute_center(), exact.compute_center(), rtol=1e-9)
    np.testing.assert_allclose(cells.compute_second_moment(), exact.compute_second_moment(), rtol=1e-9)


def test_cells_are_weighted_by_the_number_of_valid_pixels() -> None:
    pixels = np.array([[10, 10, 10], [10, 200, 200]], dtype=np.uint8)
    valid = np.array([[True, True, True], [True, True, False]])
    found = extract_features(Image.from_array(pixels, valid=valid), "intensity")
    assert found.cells.means.ravel().tolist() == [10.0, 200.0]
    assert found.cells.weights.tolist() == [4.0, 1.0]
    assert found.index.is_tabled
