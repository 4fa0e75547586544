"""Values of a small copy at the pixels of an image, against OpenCV."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from segment.segmenter.field import upsampling
from segment.segmenter.field.upsampling import BilinearUpsampler, find_nearest_pixels


def make_upsampler(planes: np.ndarray, shape: tuple[int, int]) -> BilinearUpsampler:
    values = planes.transpose(1, 2, 0)
    return BilinearUpsampler(lambda rows: (values[rows], None), values.shape, shape)


@pytest.mark.parametrize("size", [(6, 5), (1, 5), (6, 1), (1, 1), (2, 2)])
@pytest.mark.parametrize("shape", [(13, 17), (6, 5), (40, 7)])
def test_values_are_those_of_bilinear_interpolation(
    size: tuple[int, int], shape: tuple[int, int], rng: np.random.Generator
) -> None:
    planes = rng.normal(size=(3, *size)).astype(np.float32)
    rows, columns = np.indices(shape)
    found = make_upsampler(planes, shape).interpolate(rows.ravel(), columns.ravel())
    expected = [cv2.resize(plane, shape[::-1], interpolation=cv2.INTER_LINEAR) for plane in planes]
    np.testing.assert_allclose(found.T.reshape(3, *shape), expected, atol=1e-5)


def test_pixels_are_looked_up_in_any_order(rng: np.random.Generator) -> None:
    upsampler = make_upsampler(rng.normal(size=(2, 4, 3)).astype(np.float32), (9, 8))
    rows, columns = np.array([8, 0, 3, 3]), np.array([7, 0, 5, 5])
    found = upsampler.interpolate(rows, columns)
    assert found.shape == (4, 2)
    np.testing.assert_array_equal(found[2], found[3])
    np.testing.assert_array_equal(upsampler.interpolate(rows[::-1], columns[::-1]), found[::-1])


def test_strips_of_the_copy_change_nothing(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    planes, (rows, columns) = rng.normal(size=(4, 13, 5)).astype(np.float32), np.indices((31, 9))
    where, chosen = (rows.ravel(), columns.ravel()), rng.integers(0, 4, size=(31 * 9, 2))
    whole = make_upsampler(planes, (31, 9))
    monkeypatch.setattr(upsampling, "STRIP_VALUES", 3 * 5 * 4)
    asked = []

    def compute_values(rows: slice) -> tuple[np.ndarray, np.ndarray]:
        asked.append(rows.stop - rows.start)
        # In another order, as where a strip has not all of the planes.
        return np.ascontiguousarray(planes[[2, 0, 3, 1]].transpose(1, 2, 0)[rows]), np.array([1, 3, 0, 2])

    in_strips = BilinearUpsampler(compute_values, (13, 5, 4), (31, 9))
    for which in (None, chosen):
        np.testing.assert_array_equal(in_strips.interpolate(*where, which), whole.interpolate(*where, which))
    pixels = rng.permutation(13 * 5)
    np.testing.assert_array_equal(in_strips.take(pixels), planes.reshape(4, -1)[:, pixels].T)
    assert max(asked) == 4


@pytest.mark.parametrize(("n", "m"), [(1, 1), (1, 7), (3, 3), (3, 7), (4, 1000), (7, 9)])
def test_the_nearest_pixel_holds_the_middle(n: int, m: int) -> None:
    expected = [int((i + 0.5) / m * n) for i in range(m)]
    assert find_nearest_pixels(n, m).tolist() == expected
