"""Clean-up by evidence: small things that are plain to see stay, specks of noise go."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from label_pictures import draw_labels, number_with_scipy

from segment.postprocessor import color_evidence
from segment.postprocessor.color_evidence import (
    BORDER_SHARE,
    ColorEvidence,
    absorb_by_evidence,
    open_by_evidence,
    restore_by_evidence,
    split_into_parts,
)
from segment.postprocessor.postprocessor import postprocess

DARK, BRIGHT = 60.0, 120.0


def make_evidence(logs: np.ndarray, smoothness: float = 12.0, scale: float = 1.0) -> ColorEvidence:
    """Make the evidence of log posteriors (H, W, k)."""
    flat = logs.reshape(-1, logs.shape[-1]).astype(np.float32)
    return ColorEvidence(lambda at: (at, flat), np.asarray, logs.shape[-1], smoothness, scale)


def weigh(values: np.ndarray, *means: float, noise: float) -> np.ndarray:
    """Compute the log posteriors (H, W, k) of gray values by equally frequent classes of these means."""
    logs = -((values[..., None] - np.array(means)) ** 2) / (2 * noise**2)
    return np.maximum(logs - np.logaddexp.reduce(logs, axis=-1, keepdims=True), -69)


def clean(labels: np.ndarray, evidence: ColorEvidence) -> np.ndarray:
    """Clean up by evidence alone."""
    return postprocess(labels, radius=0, min_region=0, max_hole=0, evidence=evidence).label_image


def compute_energy(labels: np.ndarray, logs: np.ndarray, smoothness: float) -> float:
    """Compute the energy of the docstring, with a region for each 4-connected set."""
    against = -np.take_along_axis(logs, labels[..., None].astype(int) - 1, axis=2).sum()
    border = sum(np.count_nonzero(np.diff(labels.astype(int), axis=axis)) for axis in (0, 1))
    return against + smoothness * (number_with_scipy(labels)[1] + BORDER_SHARE * border)


def draw_thing(kind: str) -> np.ndarray:
    """Draw small things on a plain ground of 80 x 100 pixels, 1 and 2."""
    truth = np.ones((80, 100), np.uint8)
    rows, columns = np.mgrid[:80, :100]
    if kind == "lesions":
        for row, column in ((20, 20), (40, 60), (60, 30), (15, 80)):
            truth[(rows - row) ** 2 + (columns - column) ** 2 <= 9] = 2
    elif kind == "crack":  # of steps to the side and along a diagonal
        place = 10 + np.cumsum(np.arange(80) % 3 > 0)
        truth[np.arange(80), place] = 2
    elif kind == "roads":
        truth[30], truth[:, 50] = 2, 2
    else:  # single pixels
        truth[10:70:12, 10:90:12] = 2
    return truth


@pytest.mark.parametrize("kind", ["lesions", "crack", "roads", "stars"])
def test_small_things_that_are_plain_to_see_stay(kind: str, rng: np.random.Generator) -> None:
    truth = draw_thing(kind)
    values = np.where(truth == 2, BRIGHT, DARK) + rng.normal(0, 6, truth.shape)
    logs = weigh(values, DARK, BRIGHT, noise=6)
    labels = logs.argmax(axis=2).astype(np.uint8) + 1
    cleaned = clean(labels, make_evidence(logs))
    assert np.mean(cleaned[truth == 2] == 2) >= 0.98
    assert np.mean(cleaned[truth == 1] == 1) >= 0.999


def test_specks_of_noise_go(rng: np.random.Generator) -> None:
    truth = np.repeat([[1, 2]], 60, axis=1).repeat(100, axis=0).astype(np.uint8)
    values = np.where(truth == 2, BRIGHT, DARK) + rng.normal(0, 18, truth.shape)  # 3.3 standard deviations apart
    logs = weigh(values, DARK, BRIGHT, noise=18)
    labels = logs.argmax(axis=2).astype(np.uint8) + 1
    assert np.mean(labels != truth) > 0.03
    assert np.mean(clean(labels, make_evidence(logs)) != truth) < 0.005
    # Not where there is no random field to speak of.
    np.testing.assert_array_equal(clean(labels, make_evidence(logs, smoothness=0)), labels)


def test_a_region_goes_to_the_class_that_its_colors_come_nearest_to() -> None:
    labels = draw_labels("11122 11322 11122")
    logs = np.full((3, 5, 3), -20.0)
    np.put_along_axis(logs, labels[..., None].astype(int) - 1, 0.0, axis=2)
    for second in (1, 2):
        logs[1, 2] = [-9.0, -9.0, 0.0]
        logs[1, 2, second - 1] = -5.0
        assert clean(labels, make_evidence(logs))[1, 2] == second
    # 12 nats for the region and 0.12 of it for a side of the border: the longer border counts where colors do not.
    logs[1, 2] = [-16.0, -13.6, 0.0]
    assert clean(labels, make_evidence(logs))[1, 2] == 1
    logs[1, 2] = [-16.4, -13.5, 0.0]
    assert clean(labels, make_evidence(logs))[1, 2] == 3


def test_a_hole_of_two_regions_is_filled_from_outside() -> None:
    labels = draw_labels("11111 12221 12321 12221 11111")
    logs = np.full((5, 5, 3), -1.0)
    np.put_along_axis(logs, labels[..., None].astype(int) - 1, 0.0, axis=2)
    assert (clean(labels, make_evidence(logs)) == 1).all()
    logs[labels == 1], logs[labels == 2] = [0.0, -9.0, -9.0], [-9.0, 0.0, -9.0]
    assert (clean(labels, make_evidence(logs)) == np.where(labels == 3, 2, labels)).all()


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.5, 3.0, 12.0]))
def test_a_change_lowers_the_energy(seed: int, smoothness: float) -> None:
    draw = np.random.default_rng(seed)
    labels = draw.integers(1, 5, (9, 12)).astype(np.uint8)
    logs = np.minimum(np.log(draw.dirichlet(np.ones(4) / 3, labels.shape) + 1e-9), 0).astype(np.float32)
    evidence = make_evidence(logs, smoothness)
    cleaned = clean(labels, evidence)
    before, after = (compute_energy(each, logs.astype(float), smoothness) for each in (labels, cleaned))
    assert after < before or np.array_equal(cleaned, labels)


def test_a_thin_part_is_opened_where_its_colors_do_not_uphold_it() -> None:
    labels = np.ones((60, 60), np.uint8)
    labels[20:50, 20:50] = 2
    labels[30:33, 4:20] = 2  # an arm three pixels wide
    opened = labels.copy()
    opened[30:33, 4:20] = 1
    logs = np.full((60, 60, 2), -30.0)
    np.put_along_axis(logs, labels[..., None].astype(int) - 1, 0.0, axis=2)
    arm = np.s_[30:33, 4:20]
    # 16 sides above, as many below and 3 at its end, less the 3 that it has in common with the square; scale 5.
    limit = 12 * BORDER_SHARE * 5 * 32 / 48
    for loss, expected in ((limit - 0.1, 1), (limit + 0.1, 2)):
        logs[arm] = [-loss, 0.0]
        evidence = make_evidence(logs, scale=5.0)
        runs, graph, target, sums = split_into_parts(labels, opened, evidence, order=[1, 2])
        graph = open_by_evidence(graph, target, sums, evidence)
        cleaned = runs.paint(graph.label[graph.origin])
        assert (cleaned[arm] == expected).all()
        assert (cleaned[20:50, 20:50] == 2).all()
        assert graph.label.size == 2
        # The same by `postprocess`, whose disc has a radius of 2.5 pixels.
        assert (clean(labels, evidence)[30:33, 4:19] == expected).all()


def test_larger_parts_are_never_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    labels = draw_labels("111111 122211 111111")
    logs = np.zeros((3, 6, 2))
    monkeypatch.setattr(color_evidence, "MAX_JUDGED_PIXELS", 2)
    np.testing.assert_array_equal(clean(labels, make_evidence(logs)), labels)
    monkeypatch.setattr(color_evidence, "MAX_JUDGED_PIXELS", 3)
    assert (clean(labels, make_evidence(logs)) == 1).all()


@pytest.mark.parametrize("kind", ["lesions", "crack", "roads", "stars"])
def test_what_a_field_has_smoothed_away_comes_back(kind: str, rng: np.random.Generator) -> None:
    truth = draw_thing(kind)
    values = np.where(truth == 2, BRIGHT, DARK) + rng.normal(0, 6, truth.shape)
    logs = np.moveaxis(weigh(values, DARK, BRIGHT, noise=6), 2, 0).astype(np.float32)
    restored = restore_by_evidence(np.ones_like(truth), logs, smoothness=12.0)
    assert np.mean(restored[truth == 2] == 2) >= 0.98
    assert np.mean(restored[truth == 1] == 1) >= 0.999
    # Pixels without a label keep it.
    gap = np.ones_like(truth)
    gap[:, 40:] = 0
    np.testing.assert_array_equal(restore_by_evidence(gap, logs, smoothness=12.0), restored * (gap > 0))


def test_specks_of_noise_do_not_come_back(rng: np.random.Generator) -> None:
    labels = np.repeat([[1, 2]], 60, axis=1).repeat(100, axis=0).astype(np.uint8)
    values = np.where(labels == 2, BRIGHT, DARK) + rng.normal(0, 30, labels.shape)
    logs = np.moveaxis(weigh(values, DARK, BRIGHT, noise=30), 2, 0).astype(np.float32)
    assert np.mean(logs.argmax(axis=0) + 1 != labels) > 0.1
    np.testing.assert_array_equal(restore_by_evidence(labels, logs, smoothness=12.0), labels)


def test_evidence_is_that_of_the_classes_whatever_their_order(rng: np.random.Generator) -> None:
    labels = rng.integers(1, 4, (40, 50)).astype(np.uint8)
    logs = np.log(rng.dirichlet(np.ones(3) / 4, labels.shape) + 1e-9).astype(np.float32)
    sizes = {"radius": 0, "min_region": 0, "max_hole": 0}
    usual = postprocess(labels, **sizes, precedence=[2, 3, 1], evidence=make_evidence(logs)).label_image
    assert np.count_nonzero(usual != labels) > 0
    swap = np.array([0, 3, 1, 2], np.uint8)
    swapped = np.empty_like(logs)
    swapped[..., swap[1:] - 1] = logs
    other = postprocess(
        swap[labels], **sizes, precedence=swap[[2, 3, 1]].tolist(), evidence=make_evidence(swapped)
    ).label_image
    np.testing.assert_array_equal(other, swap[usual])


def test_pixels_without_a_label_have_no_evidence() -> None:
    labels = draw_labels("1112 1.12 1122")
    logs = np.full((3, 4, 2), -30.0)
    np.put_along_axis(logs, np.maximum(labels[..., None].astype(int) - 1, 0), 0.0, axis=2)
    logs[1, 1] = np.nan
    np.testing.assert_array_equal(clean(labels, make_evidence(logs)), labels)
    _, graph, _, sums = split_into_parts(labels, labels, make_evidence(logs), order=[1, 2])
    assert absorb_by_evidence(graph, sums, make_evidence(logs)).label.tolist() == [1, 2, 0]


def test_255_classes_are_cleaned_up() -> None:
    labels = np.arange(1, 256, dtype=np.uint8).repeat(12).reshape(-1, 12)
    evidence = make_evidence(np.where(np.arange(1, 256) == labels[..., None], 0.0, -60.0))
    np.testing.assert_array_equal(clean(labels, evidence), labels)
