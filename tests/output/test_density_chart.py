"""Density charts: the drawn curves and bars are where SciPy and NumPy put them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import ArrayLike
from scipy.stats import norm

from segment import MixtureModel, fit_mixture
from segment.mixture.cells import Cells, make_distinct_cells, make_point_cells
from segment.output.density_chart import BOX, choose_ticks, compute_histogram, draw_density_chart
from segment.output.palette import INK, pick_class_colors

LEFT, UPPER, RIGHT, LOWER = BOX
MODEL = MixtureModel(np.array([0.3, 0.7]), np.array([[-3.0], [2.0]]), np.array([[[0.5]], [[4.0]]]))
SPAN = (-8.0, 8.0)
EVEN = np.linspace(*SPAN, 2000)  # too many values to be taken for discrete: the ends of the axis are theirs
COLUMNS = np.arange(LEFT + 3, RIGHT - 3)
X = SPAN[0] + (COLUMNS + 0.5 - LEFT) / (RIGHT - LEFT) * (SPAN[1] - SPAN[0])


def draw(sample: ArrayLike | Cells, model: MixtureModel = MODEL, **changes: Any) -> np.ndarray:
    """Draw the chart of values, or of cells, each component a class of its own."""
    cells = sample if isinstance(sample, Cells) else make_point_cells(np.reshape(sample, (-1, 1)))
    k = model.n_components
    values = {"groups": np.arange(k), "names": [f"class {i + 1}" for i in range(k)], "colors": pick_class_colors(k)}
    return draw_density_chart(cells, model, label="value", **{**values, **changes})


def find_top(model: MixtureModel) -> float:
    """Find the upper end of the vertical axis over the even sample, whose bars are lower than the density."""
    return 1.1 * float(np.exp(model.score_samples(make_point_cells(EVEN[:, None]))).max())


def find_rows(picture: np.ndarray, color: tuple[int, ...]) -> np.ndarray:
    """For each column of the box the mean row of a color, NaN where there is none."""
    box = picture[UPPER + 2 : LOWER - 3, COLUMNS].astype(int)
    near = (np.abs(box - color) < 20).all(axis=2)
    rows = np.arange(UPPER + 2, LOWER - 3)[:, None] + 0.5
    found = near.sum(axis=0)
    return np.where(found > 0, (rows * near).sum(axis=0) / np.maximum(found, 1), np.nan)


def convert_to_density(rows: np.ndarray, model: MixtureModel) -> np.ndarray:
    """Convert rows of the picture to values on the vertical axis."""
    return (LOWER - rows) / (LOWER - UPPER) * find_top(model)


def test_the_drawn_density_is_that_of_scipy() -> None:
    picture = draw(EVEN)
    parts = [0.3 * norm(-3, 0.5**0.5).pdf(X), 0.7 * norm(2, 2).pdf(X)]
    total = sum(parts)
    drawn = convert_to_density(find_rows(picture, INK), MODEL)
    pixel = find_top(MODEL) / (LOWER - UPPER)
    seen = total > 5 * pixel  # else it lies on the axis
    assert seen.mean() > 0.75
    slope = np.abs(np.gradient(total))  # density from one column to the next
    assert (np.abs(drawn - total)[seen] <= pixel + slope[seen]).all()
    for part, color in zip(parts, pick_class_colors(2), strict=True):
        drawn = convert_to_density(find_rows(picture, tuple(int(c) for c in color)), MODEL)
        seen = np.isfinite(drawn) & (part < 0.7 * total) & (part > 5 * pixel)  # not below the dark curve
        assert seen.sum() > 20
        assert (np.abs(drawn - part)[seen] <= 3 * pixel + np.abs(np.gradient(part))[seen]).all()


def test_components_of_a_class_are_one_curve_in_its_color_with_its_name() -> None:
    three = MixtureModel(np.array([0.3, 0.3, 0.4]), np.array([[-3.0], [-1.0], [2.0]]), np.full((3, 1, 1), 0.5))
    colors = np.array([[200, 0, 0], [0, 0, 200]], np.uint8)
    picture = draw(EVEN, three, groups=np.array([0, 0, 1]), names=("sky", "sea"), colors=colors)
    dark = 0.3 * (norm(-3, 0.5**0.5).pdf(X) + norm(-1, 0.5**0.5).pdf(X))
    drawn = convert_to_density(find_rows(picture, (200, 0, 0)), three)
    valley = np.abs(X + 2) < 0.3  # between the two components: their sum, which the curve of the mixture covers
    assert (drawn[np.isfinite(drawn)] > 0).all()
    total = convert_to_density(find_rows(picture, INK), three)
    np.testing.assert_allclose(total[valley], dark[valley], atol=3 * find_top(three) / (LOWER - UPPER))
    legend = picture[LOWER + 40 :].reshape(-1, 3).tolist()
    assert all(legend.count(color) > 300 for color in colors.tolist())
    others = draw(EVEN, three, groups=np.array([0, 0, 1]), names=("red", "sea"), colors=colors)
    assert (others != picture).any()


def test_the_longest_name_fits_below_the_chart() -> None:
    chart = draw(EVEN, names=["W" * 50, "é" * 50])
    legend = chart[LOWER + 60 :]
    assert (legend[:, -2:] == 255).all()
    assert (legend[:, -20:-2] < 128).any()


def test_the_bars_have_the_height_of_the_density() -> None:
    sample = np.repeat([0.0, 1.0, 2.0, 3.0], [1, 2, 4, 3])
    picture, heights = draw(sample), [0.1, 0.2, 0.4, 0.3]
    top = 1.1 * np.quantile(heights, 0.98)  # the density is lower
    for number, height in enumerate(heights):
        column = round(LEFT + (number + 0.2) / 4 * (RIGHT - LEFT))
        gray = (picture[UPPER + 2 : LOWER - 2, column] == 205).all(axis=1).sum()
        assert gray == pytest.approx(height / top * (LOWER - UPPER), abs=10)  # the curves lie over it


def test_values_and_how_often_each_occurs_have_the_same_chart(rng: np.random.Generator) -> None:
    sample = np.concatenate([rng.normal(0, 1, 3000), rng.normal(6, 1, 1000)])
    model = fit_mixture(make_point_cells(sample[:, None]), 2).model
    picture = draw(sample, model)
    assert (picture.shape[1:], picture.dtype) == ((640, 3), np.uint8)
    np.testing.assert_array_equal(picture, draw(make_distinct_cells(sample[:, None]), model))
    highest = np.nanargmin(find_rows(picture, INK))
    assert (COLUMNS[highest] - LEFT) / (RIGHT - LEFT) == pytest.approx((0 - sample.min()) / np.ptp(sample), abs=0.03)


@given(st.integers(0, 10_000), st.booleans())
@settings(max_examples=50)
def test_a_histogram_has_area_one(seed: int, is_rounded: bool) -> None:
    rng = np.random.default_rng(seed)
    sample = rng.normal(100, 10 ** rng.uniform(-3, 3), rng.integers(1, 500))
    sample = np.round(sample) if is_rounded else sample
    heights, edges = compute_histogram(make_distinct_cells(sample[:, None]))
    assert (heights * np.diff(edges)).sum() == pytest.approx(1)
    np.testing.assert_allclose(np.diff(edges), edges[1] - edges[0])
    expected, _ = np.histogram(sample, bins=edges, density=True)
    np.testing.assert_allclose(heights, expected, rtol=1e-9)


def test_bins_hold_the_same_number_of_whole_values() -> None:
    heights, edges = compute_histogram(make_point_cells(np.arange(256.0)[:, None]))
    assert edges[0] == -0.5
    assert (np.diff(edges) == 3).all()
    np.testing.assert_allclose(heights[:-1], 1 / 256)


def test_one_value_and_a_constant_have_a_chart() -> None:
    assert draw([3.0]).shape[1] == 640
    assert draw(np.full(9, 3.0)).shape[1] == 640


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 8, list(range(9))),
        (0, 38, list(range(0, 40, 5))),
        (-0.2, 0.75, [-0.2, 0, 0.2, 0.4, 0.6]),
        (3, 1003, [200, 400, 600, 800, 1000]),
    ],
)
def test_ticks_are_round_numbers_within_the_range(low: float, high: float, expected: list[float]) -> None:
    np.testing.assert_allclose(choose_ticks(low, high), expected, atol=1e-12)


def test_a_legend_names_the_largest_of_many_classes() -> None:
    weights = np.array([1.0, 0, 3] + 20 * [2])
    many = MixtureModel(weights / weights.sum(), np.arange(23.0)[:, None], np.ones((23, 1, 1)))
    picture = draw(np.arange(23.0), many, colors=np.repeat(np.arange(23, dtype=np.uint8)[:, None], 3, 1))
    legend = picture[LOWER + 70 :].reshape(-1, 3).tolist()
    seen = [number for number in range(23) if legend.count([number] * 3) > 200]
    assert seen == list(range(2, 14))
