"""Values of a small copy at the pixels of an image, against OpenCV."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from segment.segmenter.field.upsampling import BilinearUpsampler, find_nearest_pixels


@pytest.mark.parametrize("size", [(6, 5), (1, 5), (6, 1), (1, 1), (2, 2)])
@pytest.mark.parametrize("shape", [(13, 17), (6, 5), (40, 7)])
def test_values_are_those_of_bilinear_interpolation(
    size: tuple[int, int], shape: tuple[int, int], rng: np.random.Generator
) -> None:
    planes = rng.normal(size=(3, *size)).astype(np.float32)
    rows, columns = np.indices(shape)
    found = BilinearUpsampler(planes, shape).interpolate(rows.ravel(), columns.ravel())
    expected = [cv2.resize(plane, shape[::-1], interpolation=cv2.INTER_LINEAR) for plane in planes]
    np.testing.assert_allclose(found.T.reshape(3, *shape), expected, atol=1e-5)


def test_pixels_are_looked_up_in_any_order(rng: np.random.Generator) -> None:
    upsampler = BilinearUpsampler(rng.normal(size=(2, 4, 3)).astype(np.float32), (9, 8))
    rows, columns = np.array([8, 0, 3, 3]), np.array([7, 0, 5, 5])
    found = upsampler.interpolate(rows, columns)
    assert found.shape == (4, 2)
    np.testing.assert_array_equal(found[2], found[3])
    np.testing.assert_array_equal(upsampler.interpolate(rows[::-1], columns[::-1]), found[::-1])


@pytest.mark.parametrize(("n", "m"), [(1, 1), (1, 7), (3, 3), (3, 7), (4, 1000), (7, 9)])
def test_the_nearest_pixel_holds_the_middle(n: int, m: int) -> None:
    expected = [int((i + 0.5) / m * n) for i in range(m)]
    assert find_nearest_pixels(n, m).tolist() == expected
