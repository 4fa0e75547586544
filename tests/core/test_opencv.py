"""Loading OpenCV, and the message if it cannot be imported."""

from __future__ import annotations

import sys

import cv2
import numpy as np
import pytest

from segment.core.errors import DependencyError
from segment.core.opencv import filter_bilaterally, load_cv2, resize_to_nearest


def test_missing_opencv_is_explained(monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(DependencyError, match=r"libgl1 libglib2\.0-0.*opencv-python-headless") as info:
        load_cv2.__wrapped__()
    assert "\n" not in str(info.value)


def test_too_little_memory_for_opencv_is_no_missing_library(monkeypatch):
    class Small:
        def find_spec(self, name, *_):
            if name == "cv2":
                raise ImportError("libavfilter.so: failed to map segment from shared object")

    monkeypatch.delitem(sys.modules, "cv2", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Small(), *sys.meta_path])
    with pytest.raises(DependencyError, match=r"not enough memory to load it; .*ulimit -v"):
        load_cv2.__wrapped__()


def test_opencv_is_loaded_with_a_silent_log(capfd):
    cv2 = load_cv2.__wrapped__()
    cv2.imread("no-such-file.png")  # warns where the log is not silent
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("shape", [(9, 1, 3), (9, 3), (1, 9, 3), (2, 2, 3), (5, 8, 3)])
def test_rows_shorter_than_the_radius_are_filtered_as_columns(shape, rng, monkeypatch):
    """Of such rows OpenCV writes before the beginning of its result."""
    values, widths, plain = rng.random(shape).astype(np.float32), [], cv2.bilateralFilter

    def record(array, *arguments, **options):
        widths.append(array.shape[1])
        return plain(array, *arguments, **options)

    monkeypatch.setattr(cv2, "bilateralFilter", record)
    filtered = filter_bilaterally(values, 9, 0.5, 2.0)
    across = filter_bilaterally(np.ascontiguousarray(values.swapaxes(0, 1)), 9, 0.5, 2.0)
    assert filtered.shape == shape
    np.testing.assert_allclose(filtered, across.swapaxes(0, 1), atol=1e-5)
    assert min(widths) >= 4


def test_no_side_is_too_long_to_be_scaled(monkeypatch):
    """Places in a side of 32768 pixels overflow the 32 bits of OpenCV 4, which reads outside the array."""
    monkeypatch.setattr(cv2, "resize", None)  # not asked
    values = np.arange(40000, dtype=np.int32)[None]
    np.testing.assert_array_equal(resize_to_nearest(values, (20000, 2)), [values[0, 1::2]] * 2)
    np.testing.assert_array_equal(resize_to_nearest(values.T, (1, 80000)), values[0].repeat(2)[:, None])
