"""The class table against NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segment.core.image import Image
from segment.pipeline.class_table import ClassRow, tabulate_classes

LABELS = np.array([[1, 1, 2, 0], [1, 2, 2, 4]], dtype=np.uint8)


def test_rows_of_a_gray_image() -> None:
    image = Image.from_array(np.array([[10, 20, 5, 99], [30, 6, 10, 200]], dtype=np.uint8), valid=LABELS > 0)
    assert tabulate_classes(LABELS, image, 4) == (
        ClassRow(1, 3, 3 / 7, (20.0,)),
        ClassRow(2, 3, 3 / 7, (7.0,)),
        ClassRow(3, 0, 0.0, ()),
        ClassRow(4, 1, 1 / 7, (200.0,)),
    )


def test_no_label_and_no_class() -> None:
    image = Image.from_array(np.zeros((2, 4), np.uint8))
    assert tabulate_classes(np.zeros((2, 4), np.uint8), image, 0) == ()
    assert tabulate_classes(np.zeros((2, 4), np.uint8), image, 1) == (ClassRow(1, 0, 0.0, ()),)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("channels", [(), (3,)])
@given(seed=st.integers(0, 1000), k=st.integers(1, 9))
def test_numbers_are_those_of_numpy(dtype: type, channels: tuple[int, ...], seed: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    shape = (int(rng.integers(1, 30)), int(rng.integers(1, 30)))
    pixels = (rng.random((*shape, *channels)) * (1 if dtype == np.float32 else np.iinfo(dtype).max)).astype(dtype)
    labels = rng.integers(0, k + 1, shape).astype(np.uint8)
    rows = tabulate_classes(labels, Image.from_array(pixels), k)
    assert [row.label for row in rows] == list(range(1, k + 1))
    assert [row.pixels for row in rows] == np.bincount(labels.ravel(), minlength=k + 1)[1:].tolist()
    assert sum(row.share for row in rows) == pytest.approx(1.0 if labels.any() else 0.0)
    for row in rows:
        if row.pixels:
            expected = np.atleast_1d(pixels[labels == row.label].mean(axis=0, dtype=np.float64))
            np.testing.assert_allclose(row.mean, expected, rtol=1e-9)
        else:
            assert row.mean == ()


def test_sums_of_large_bright_images_do_not_overflow() -> None:
    image = Image.from_array(np.full((700, 700, 3), 65535, np.uint16))
    (row,) = tabulate_classes(np.ones((700, 700), np.uint8), image, 1)
    assert (row.pixels, row.share) == (490_000, 1.0)
    assert row.mean == pytest.approx((65535, 65535, 65535))


def test_memory_order_and_integer_type_of_the_labels_do_not_matter() -> None:
    image = Image.from_array(np.arange(24, dtype=np.uint8).reshape(2, 4, 3))
    expected = tabulate_classes(LABELS, image, 4)
    assert tabulate_classes(np.asfortranarray(LABELS).astype(np.int64), image, 4) == expected
    assert tabulate_classes(np.repeat(LABELS, 2, axis=1)[:, ::2], image, 4) == expected
