"""What classes are fitted to: its cells are collected again where they were freed."""

import numpy as np

from segment.core.image import Image
from segment.features.pixel_features import extract_features
from segment.pipeline.pipeline import segment_image
from segment.segmenter.fit_data import FitData


def test_cells_are_freed_and_collected_again():
    features = extract_features(Image.from_array(np.arange(48, dtype=np.uint8).reshape(6, 8)), "rgb")
    data, means = FitData(features.space, features, ()), features.cells.means
    data.forget_cells()
    assert "cells" not in features.__dict__
    np.testing.assert_array_equal(data.cells.means, means)
    FitData(features.space, features.cells, ()).forget_cells()  # nothing to free


def test_a_result_keeps_no_cells_of_an_image_with_a_field():
    data = segment_image(np.kron([[0, 90], [180, 250]], np.ones((9, 9))).astype(np.uint8), k=4).spatial.data
    assert "cells" not in data.source.__dict__
