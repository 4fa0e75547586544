"""The field over whole regions: its energy, its neighbors, and what it makes of classes."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import segment
from segment.segmenter.regions.region_field import KinshipField


def random_field(rng, n, smoothness):
    pairs = np.argwhere(np.triu(np.ones((n, n)), 1))
    return KinshipField(pairs, rng.uniform(-1, 1, len(pairs)), rng.dirichlet(np.ones(n)), smoothness)


@given(seed=st.integers(0, 2**32 - 1), n=st.integers(2, 9), k=st.integers(2, 4), smoothness=st.floats(0.1, 40))
def test_the_free_energy_never_rises(seed, n, k, smoothness):
    rng = np.random.default_rng(seed)
    field = random_field(rng, n, smoothness)
    logs = rng.normal(0, 3, (k, n))
    energies = [field.free_energy(field.mean_field(logs, n_iter=steps), logs) for steps in range(8)]
    assert (np.diff(energies) <= 1e-9 * (1 + np.abs(energies[0]))).all()


def test_the_free_energy_of_sure_labels_is_minus_their_log_probability():
    rng = np.random.default_rng(1)
    field = random_field(rng, 4, 6.0)
    logs = rng.normal(0, 1, (3, 4))
    one, other = field.pairs.T
    pairs = field.kinship * field.shares[one] * field.shares[other] * field.smoothness
    for labels in product(range(3), repeat=4):
        z = np.array(labels)
        worth = (field.shares * logs[z, np.arange(4)]).sum() + ((z[one] == z[other]) * pairs).sum()
        assert field.free_energy(np.eye(3)[:, z], logs) == pytest.approx(-worth, rel=1e-12)


def test_the_mean_field_stands_still_where_its_equations_hold():
    rng = np.random.default_rng(2)
    for _ in range(20):
        field = random_field(rng, 6, 3.0)
        logs = rng.normal(0, 2, (3, 6))
        q = field.mean_field(logs, n_iter=500)
        expected = np.exp(logs + field.agreement(q))
        np.testing.assert_allclose(q, expected / expected.sum(axis=0), atol=1e-2)


def test_kin_draw_each_other_and_strangers_part():
    logs = np.log(np.array([[0.9, 0.45, 0.6], [0.1, 0.55, 0.4]]))
    pairs, kinship, shares = np.array([[0, 1], [0, 2]]), np.array([1.0, -1.0]), np.array([0.6, 0.2, 0.2])
    q = KinshipField(pairs, kinship, shares, 12.0).mean_field(logs, n_iter=100)
    assert q.argmax(axis=0).tolist() == [0, 0, 1]
    alone = KinshipField(pairs, kinship, shares, 0.0).mean_field(logs, n_iter=100)
    np.testing.assert_allclose(alone, np.exp(logs), rtol=1e-12)


@pytest.fixture
def crossed():
    """A gray band that gets lighter from left to right, between two flat ones, and a dark spot."""
    picture = np.empty((90, 120, 3), np.uint8)
    picture[:30], picture[60:] = (200, 60, 60), (60, 60, 200)
    picture[30:60] = np.linspace(90, 170, 120)[:, None].astype(np.uint8)
    picture[40:50, 50:60] = 20
    noise = np.random.default_rng(0).normal(0, 3, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def test_posteriors_of_whole_regions_are_those_of_their_labels(crossed):
    result = segment.segment_image(crossed, k=4, coherence="region")
    posteriors = result.posteriors()
    np.testing.assert_array_equal(posteriors.argmax(axis=2) + 1, result.label_image)
    np.testing.assert_allclose(posteriors.sum(axis=2), 1, rtol=1e-5)
    for number in np.unique(result.whole.label_image):
        assert len(np.unique(posteriors[result.whole.label_image == number], axis=0)) == 1


def test_the_smoothness_of_whole_regions_can_be_switched_off(crossed):
    off = segment.segment_image(crossed, k=3, coherence="region", spatial="none")
    none = segment.segment_image(crossed, k=3, coherence="region", smoothness=0)
    np.testing.assert_array_equal(off.label_image, none.label_image)
    assert off.model.means.tolist() == off.fit.model.means[np.argsort(off.fit.model.means.sum(axis=1))].tolist()
    field = segment.segment_image(crossed, k=3, coherence="region")
    assert not np.array_equal(field.model.means, off.model.means)


def test_joining_costs_are_those_of_the_cuts(crossed):
    hierarchy = segment.region_hierarchy(crossed)
    labels = hierarchy.cut(0.2)
    pairs, costs = hierarchy.joining_costs(0.2)
    n = labels.max()
    assert len(np.unique(np.sort(pairs, axis=1), axis=0)) == len(pairs) == n * (n - 1) // 2
    for level in (0.3, 0.5, 0.8):
        cut = hierarchy.cut(level)
        of_region = np.array([cut[labels == number][0] for number in range(1, n + 1)])
        np.testing.assert_array_equal(costs <= level, of_region[pairs[:, 0]] == of_region[pairs[:, 1]])


def test_thousands_of_parts_of_a_mask_are_kin_to_none():
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (60, 60, 3), dtype=np.uint8)
    image = segment.Image.from_array(picture, valid=np.indices((60, 60)).sum(axis=0) % 2 == 0)
    hierarchy = segment.region_hierarchy(image)
    assert hierarchy.n_fine == 1800
    pairs, costs = hierarchy.joining_costs(0.3)
    assert (len(pairs), len(costs)) == (0, 0)
    result = segment.segment_image(image, k=3, coherence="region")
    alone = segment.segment_image(image, k=3, coherence="region", spatial="none")
    np.testing.assert_array_equal(result.label_image > 0, image.valid)
    np.testing.assert_array_equal(result.label_image, alone.label_image)
