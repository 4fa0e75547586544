"""The random field over regions: its energy, its fixed points and its signs."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segment.segmenter.regions.region_field import RegionField


def make_random_field(rng, n, smoothness):
    pairs = np.argwhere(np.triu(np.ones((n, n)), 1))
    return RegionField(pairs, rng.uniform(-1, 1, len(pairs)), rng.dirichlet(np.ones(n)), smoothness)


def compute_free_energy(field, q, logs):
    """The variational free energy that the mean field minimizes, in nats per pixel."""
    entropy = -(q * np.log(np.where(q > 0, q, 1.0)))
    # Each pair is counted from both its regions, hence the half.
    return -((entropy + q * logs + q * field.compute_neighbor_log_odds(q) / 2) @ field.shares).sum()


@given(seed=st.integers(0, 2**32 - 1), n=st.integers(2, 9), k=st.integers(2, 4), smoothness=st.floats(0.1, 40))
def test_the_free_energy_never_rises(seed, n, k, smoothness):
    rng = np.random.default_rng(seed)
    field = make_random_field(rng, n, smoothness)
    logs = rng.normal(0, 3, (k, n))
    energies = [compute_free_energy(field, field.solve_mean_field(logs, n_iter=steps), logs) for steps in range(8)]
    assert (np.diff(energies) <= 1e-9 * (1 + np.abs(energies[0]))).all()


def test_the_free_energy_of_sure_labels_is_minus_their_log_probability():
    rng = np.random.default_rng(1)
    field = make_random_field(rng, 4, 6.0)
    logs = rng.normal(0, 1, (3, 4))
    one, other = field.pairs.T
    pairs = field.affinities * field.shares[one] * field.shares[other] * field.smoothness
    for labels in product(range(3), repeat=4):
        z = np.array(labels)
        log_probability = (field.shares * logs[z, np.arange(4)]).sum() + ((z[one] == z[other]) * pairs).sum()
        assert compute_free_energy(field, np.eye(3)[:, z], logs) == pytest.approx(-log_probability, rel=1e-12)


def test_the_mean_field_ends_where_its_equations_hold():
    rng = np.random.default_rng(2)
    for _ in range(20):
        field = make_random_field(rng, 6, 3.0)
        logs = rng.normal(0, 2, (3, 6))
        q = field.solve_mean_field(logs, n_iter=500)
        expected = np.exp(logs + field.compute_neighbor_log_odds(q))
        np.testing.assert_allclose(q, expected / expected.sum(axis=0), atol=1e-2)


def test_positive_affinities_join_regions_and_negative_ones_part_them():
    logs = np.log(np.array([[0.9, 0.45, 0.6], [0.1, 0.55, 0.4]]))
    pairs, affinities, shares = np.array([[0, 1], [0, 2]]), np.array([1.0, -1.0]), np.array([0.6, 0.2, 0.2])
    q = RegionField(pairs, affinities, shares, 12.0).solve_mean_field(logs, n_iter=100)
    assert q.argmax(axis=0).tolist() == [0, 0, 1]
    alone = RegionField(pairs, affinities, shares, 0.0).solve_mean_field(logs, n_iter=100)
    np.testing.assert_allclose(alone, np.exp(logs), rtol=1e-12)
