"""Maps: dark and bright where the values are low and high, a checkerboard where there is none."""

from __future__ import annotations

import numpy as np
import pytest

from segment.output.pictures.maps import draw_entropy_map, draw_log_density_map, draw_probability_maps

GAP = 24  # white around a map
TOP = 72  # where a map begins, below its title


def test_a_map_of_entropy_is_bright_where_it_is_high() -> None:
    values = np.zeros((400, 400), np.float32)
    values[:, 200:] = 2
    values[:100] = np.nan
    panel = draw_entropy_map(values, 4)[TOP : TOP + 400, GAP : GAP + 400].astype(int)
    assert panel[150:, :190].sum(axis=2).max() < 60
    assert panel[150:, 210:].sum(axis=2).min() > 600
    assert set(np.unique(panel[:100])) == {225, 250}


def test_an_entropy_that_is_rounded_to_1_is_one_bit() -> None:
    below, exact = (draw_entropy_map(np.full((4, 4), value), 4)[-60:] for value in (0.999, 1.0))
    assert np.array_equal(below, exact)


def test_of_one_class_no_pixel_can_be_undecided() -> None:
    one, two = ((draw_entropy_map(np.zeros((4, 4)), k)[-60:] < 128).sum() for k in (1, 2))
    assert one < two


@pytest.mark.parametrize(("height", "width"), [(1, 1), (30, 40), (1, 3000), (3000, 2), (900, 1600)])
@pytest.mark.parametrize("k", [0, 1, 4, 30])
def test_posteriors_of_any_size_and_number_have_a_sheet(height: int, width: int, k: int) -> None:
    maps = (np.full((height, width), number / max(k, 1), np.float32) for number in range(k))
    sheet = draw_probability_maps(maps, [str(number) for number in range(k)], (width, height))
    assert sheet.dtype == np.uint8
    assert sheet.shape[2] == 3
    assert sheet.shape[1] <= 12000


def test_hundreds_of_maps_are_small_and_tiny_ones_not_enlarged() -> None:
    for side, k, largest in ((16, 70, 1200), (300, 150, 2200)):
        sheet = draw_probability_maps([np.zeros((side, side))] * k, [""] * k, (side, side))
        assert max(sheet.shape) < largest


def test_a_map_of_log_density_is_bright_where_it_is_low() -> None:
    values = np.full((400, 400), -1.0, np.float32)
    values[:, 200:] = -9
    values[:100] = np.nan
    panel = draw_log_density_map(values)
    shown = panel[TOP : TOP + 400, GAP : GAP + 400].astype(int)
    assert shown[150:, :200].sum(axis=2).max() < 60
    assert shown[150:, 200:].sum(axis=2).min() > 600
    assert set(np.unique(shown[:100])) == {225, 250}
    scale = panel[TOP + 400 + GAP + 5, GAP : panel.shape[1] - GAP].astype(int).sum(axis=1)
    assert scale[0] < 60
    assert scale[-1] > 600


@pytest.mark.parametrize(
    ("height", "width", "size"), [(1, 1, (320, 320)), (1000, 1920, (667, 1280)), (1, 5000, (16, 1280))]
)
def test_a_map_has_the_size_that_fits(height: int, width: int, size: tuple[int, int]) -> None:
    panel = draw_log_density_map(np.linspace(0, 1, height * width).reshape(height, width))
    assert panel.shape == (TOP + size[0] + GAP + 96, max(size[1] + 2 * GAP, 640), 3)


def test_missing_values_do_not_darken_the_borders_of_a_smaller_map(rng: np.random.Generator) -> None:
    values = np.where(rng.random((900, 1920)) < 0.7, 10.0, np.nan)
    values[:450] -= 5  # two values, so there is a range
    panel = draw_log_density_map(values)[TOP + 310 : TOP + 590, GAP : GAP + 1280].astype(int)
    known = (panel != 225).any(axis=2) & (panel != 250).any(axis=2)
    assert known.mean() > 0.7
    assert panel[known].sum(axis=1).max() < 60


def test_a_map_without_values_and_a_constant_map_have_a_picture() -> None:
    assert draw_log_density_map(np.full((4, 6), np.nan)).dtype == np.uint8
    assert draw_log_density_map(np.full((4, 6), -3.0)).dtype == np.uint8
