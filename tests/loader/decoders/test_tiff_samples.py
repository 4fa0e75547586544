"""Samples of a TIFF page: the value for no data."""

from __future__ import annotations

import numpy as np
import pytest
from encoded_images import RGB

from segment.loader.decoders.tiff_samples import mask_nodata, read_nodata


@pytest.mark.parametrize("nodata", [None, "", "words", "nan", b"\xff", ()])
def test_nodata_that_is_no_number_marks_nothing(nodata):
    assert mask_nodata(RGB, read_nodata(nodata)).all()


def test_pixel_without_data_has_none_in_any_channel():
    samples = np.array([[[0, 0], [0, 1], [5, 5]]])
    assert mask_nodata(samples, read_nodata(" 0\0")).tolist() == [[False, True, True]]
    assert mask_nodata(samples, read_nodata("5.0")).tolist() == [[True, True, False]]
    # Older versions of GDAL's tools wrote one number for each band; GDAL reads the first.
    assert mask_nodata(samples, read_nodata("0 0 0")).tolist() == [[False, True, True]]
