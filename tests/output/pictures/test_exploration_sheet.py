"""The sheet of several numbers of classes: each with its segments, its shares and the criterion."""

from __future__ import annotations

import numpy as np
import pytest

from segment.core.image import Image
from segment.output.palette import pick_class_colors
from segment.output.pictures.exploration_sheet import Try, draw_exploration_sheet


def make_tries(height: int, width: int) -> list[Try]:
    """Make the segments of one to three classes, in vertical stripes of equal width."""
    tries = []
    for k in (1, 2, 3):
        labels = np.tile(np.arange(width) * k // width + 1, (height, 1))
        tries.append(Try(f"{k} classes", labels, pick_class_colors(k), [1 / k] * k))
    return tries


@pytest.mark.parametrize(("height", "width"), [(300, 600), (900, 100), (40, 900), (2000, 3000)])
def test_any_shape_has_a_sheet_in_which_colors_have_their_shares(height: int, width: int) -> None:
    image = Image.from_array(np.full((height, width, 3), (9, 200, 9), np.uint8))
    sheet = draw_exploration_sheet(image, make_tries(height, width), [(1, 5.0), (2, 3.0), (3, 4.0)], 2, "bic")
    assert sheet.shape[1] < 2000
    first, second, third = ((sheet == color).all(axis=2).sum() for color in pick_class_colors(3))
    # A whole, a half and a third of the segments and of the bar, against a half and a third, against a third.
    assert first > second > third > 0
    assert third / first == pytest.approx((1 / 3) / (1 + 1 / 2 + 1 / 3), rel=0.2)


def test_the_curve_is_low_where_the_criterion_is() -> None:
    image, tries = Image.from_array(np.zeros((300, 300), np.uint8)), make_tries(300, 300)
    marked = []
    for values in ((5.0, 3.0, 4.0), (3.0, 5.0, 4.0)):
        curve = list(zip((1, 2, 3), values, strict=True))
        sheet = draw_exploration_sheet(image, tries[:0], curve, 2, "bic")
        rows, _ = np.nonzero((sheet == (213, 94, 0)).all(axis=2))
        marked.append(rows.mean())
    assert marked[0] > marked[1] + 50
    assert draw_exploration_sheet(image, tries, [], 2, "").shape[2] == 3
