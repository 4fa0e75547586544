"""The mean field, against enumeration and by its laws."""

from __future__ import annotations

import itertools
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from segment.segmenter.field import random_field
from segment.segmenter.field.mean_field import compute_posteriors, solve_mean_field
from segment.segmenter.field.random_field import RandomField, compute_pixel_weights

Planes = NDArray[np.float32]


def compute_couplings(field: RandomField) -> NDArray[np.float64]:
    """The weights w_ij of all pairs of pixels, (n, n), from their definition."""
    height, width = field.pixel_weights.shape
    taps = {1: [1, 2, 1], 2: [1, 4, 6, 4, 1]}[field.reach]
    kernel = np.outer(taps, taps).astype(float)
    kernel[field.reach, field.reach] = 0
    kernel /= kernel.sum()
    places = list(itertools.product(range(height), range(width)))
    weights = np.zeros((len(places), len(places)))
    for (i, a), (j, b) in itertools.product(enumerate(places), repeat=2):
        off = (b[0] - a[0] + field.reach, b[1] - a[1] + field.reach)
        if all(0 <= o <= 2 * field.reach for o in off):
            weights[i, j] = field.smoothness * field.pixel_weights[a] * field.pixel_weights[b] * kernel[off]
    return weights


def enumerate_labelings(log_joint: Planes, field: RandomField) -> tuple[Planes, NDArray[np.intp], float]:
    """Exact marginals (k, H, W), the most probable labels (H, W) and the log of the sum over all labelings."""
    k, height, width = log_joint.shape
    flat, weights = log_joint.reshape(k, -1).astype(float), compute_couplings(field)
    labelings = np.array(list(itertools.product(range(k), repeat=height * width)))
    logs = flat[labelings, np.arange(height * width)].sum(axis=1)
    logs += [np.triu(weights * (z[:, None] == z), 1).sum() for z in labelings]
    chances = np.exp(logs - logs.max())
    total = float(logs.max() + np.log(chances.sum()))
    chances /= chances.sum()
    marginals = np.stack([chances @ (labelings == c) for c in range(k)])
    return marginals.reshape(log_joint.shape), labelings[logs.argmax()].reshape(height, width), total


def make_field(
    seed: int, k: int, height: int, width: int, smoothness: float, reach: int = 1
) -> tuple[Planes, RandomField]:
    rng = np.random.default_rng(seed)
    log_joint = (2 * rng.standard_normal((k, height, width))).astype(np.float32)
    return log_joint, RandomField(rng.uniform(0.3, 1, (height, width)).astype(np.float32), smoothness, reach)


def compute_free_energy(q: Planes, log_joint: Planes, field: RandomField) -> float:
    """What the mean field minimizes: its negative is a lower bound of the log of the sum over all labelings."""
    exact = q.astype(np.float64)
    entropy = -float((exact * np.log(np.where(exact > 0, exact, 1.0))).sum())
    # Half of the neighbor term: each pair of pixels is in it twice.
    return -entropy - float((exact * log_joint).sum()) - float((exact * field.compute_neighbor_log_odds(q)).sum()) / 2


@pytest.mark.parametrize(("k", "height", "width"), [(2, 3, 3), (3, 2, 4), (2, 1, 7), (4, 1, 1)])
@pytest.mark.parametrize("seed", range(3))
def test_posteriors_against_enumeration(k: int, height: int, width: int, seed: int) -> None:
    log_joint, field = make_field(seed, k, height, width, 0.5)
    exact, _, log_sum = enumerate_labelings(log_joint, field)
    q = solve_mean_field(log_joint, field, n_iter=200)
    alone = np.abs(compute_posteriors(log_joint) - exact).max()
    assert np.abs(q - exact).max() <= max(0.02, alone / 3)  # the approximation's own error, of second order
    assert -compute_free_energy(q, log_joint, field) <= log_sum + 1e-4  # a lower bound


def test_a_pixel_between_two_areas_follows_its_neighbors() -> None:
    log_joint = np.zeros((2, 3, 4), np.float32)
    log_joint[0, :, :2] = log_joint[1, :, 2:] = 3
    log_joint[:, 1, 1] = (0.0, 0.5)  # one pixel that its neighbors outvote
    field = RandomField(np.ones((3, 4), np.float32), 4.0, 1)
    _, best, _ = enumerate_labelings(log_joint, field)
    assert best.tolist() == [[0, 0, 1, 1]] * 3
    np.testing.assert_array_equal(solve_mean_field(log_joint, field, n_iter=50).argmax(axis=0), best)


@given(
    seed=st.integers(0, 1000),
    k=st.integers(1, 4),
    height=st.integers(1, 9),
    width=st.integers(1, 9),
    smoothness=st.floats(0, 40),
    reach=st.integers(1, 3),
)
def test_the_free_energy_never_rises(seed: int, k: int, height: int, width: int, smoothness: float, reach: int) -> None:
    log_joint, field = make_field(seed, k, height, width, smoothness, reach)
    q = compute_posteriors(log_joint)
    energies = [compute_free_energy(q, log_joint, field)]
    for _ in range(6):
        q = solve_mean_field(log_joint, field, n_iter=1, start=q)
        np.testing.assert_allclose(q.sum(axis=0), 1, atol=1e-5)
        energies.append(compute_free_energy(q, log_joint, field))
    assert np.diff(energies).max() <= 1e-5 * (1 + np.abs(energies).max())


def test_posteriors_of_far_classes_are_tiny_but_no_denormal_numbers() -> None:
    log_joint = np.zeros((2, 3, 4), np.float32)
    log_joint[1] = -500
    posteriors = compute_posteriors(log_joint)
    assert 1e-36 < posteriors[1].max() < 1e-30
    np.testing.assert_array_equal(posteriors[0], 1)


def test_the_fixed_point_satisfies_the_mean_field_equations() -> None:
    log_joint, field = make_field(1, 3, 12, 10, 6.0, reach=2)
    q = solve_mean_field(log_joint, field, n_iter=300)
    np.testing.assert_allclose(q, compute_posteriors(log_joint + field.compute_neighbor_log_odds(q)), atol=1e-4)


def test_strips_and_threads_do_not_change_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    log_joint, field = make_field(2, 3, 150, 40, 8.0, reach=2)
    found = solve_mean_field(log_joint, field, n_iter=5)
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    np.testing.assert_array_equal(solve_mean_field(log_joint, field, n_iter=5), found)
    monkeypatch.setattr("segment.segmenter.field.random_field._STRIP_ROWS", 150)
    np.testing.assert_allclose(solve_mean_field(log_joint, field, n_iter=5), found, atol=1e-5)


def test_invalid_pixels_have_no_neighbors() -> None:
    log_joint, _ = make_field(3, 2, 8, 8, 0)
    valid = np.ones((8, 8), bool)
    valid[:, 4] = valid[:, 5] = False
    field = RandomField(compute_pixel_weights(valid), 10.0, 2)
    q = solve_mean_field(log_joint, field, n_iter=20)
    np.testing.assert_allclose(q[:, ~valid], compute_posteriors(log_joint)[:, ~valid], atol=1e-6)
    changed = log_joint.copy()
    changed[:, ~valid] = 50 * np.random.default_rng(0).standard_normal((2, 16))
    changed[:, :, 6:] = 7.0
    np.testing.assert_array_equal(solve_mean_field(changed, field, n_iter=20)[..., :4], q[..., :4])


def test_a_step_holds_the_posteriors_once(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random_field, "_STRIP_VALUES", 2**14)
    log_joint = rng.normal(size=(20, 512, 32)).astype(np.float32)
    field = RandomField(np.ones((512, 32), np.float32), smoothness=9.0, reach=2)
    q = compute_posteriors(log_joint)
    tracemalloc.start()
    try:
        assert solve_mean_field(log_joint, field, n_iter=2, start=q) is q
        assert tracemalloc.get_traced_memory()[1] < 0.8 * q.nbytes
    finally:
        tracemalloc.stop()
