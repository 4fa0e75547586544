"""Classes of whole regions."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

import segment


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
    for number in np.unique(result.spatial.regions.label_image):
        assert len(np.unique(posteriors[result.spatial.regions.label_image == number], axis=0)) == 1


def test_the_smoothness_of_whole_regions_can_be_switched_off(crossed):
    off = segment.segment_image(crossed, k=3, coherence="region", spatial="none")
    none = segment.segment_image(crossed, k=3, coherence="region", smoothness=0)
    np.testing.assert_array_equal(off.label_image, none.label_image)
    assert off.model.means.tolist() == off.fit.model.means[np.argsort(off.fit.model.means.sum(axis=1))].tolist()
    crossed[45:, :60] = crossed[45:, :60] // 2 + 60
    off = segment.segment_image(crossed, k=3, coherence="region", spatial="none")
    field = segment.segment_image(crossed, k=3, coherence="region")
    assert not np.array_equal(field.model.means, off.model.means)
    assert field.spatial.regions.field.smoothness == 2.5 * field.config.smoothness


def test_noise_that_was_smoothed_away_is_not_in_the_cells_of_regions():
    noisy = np.random.default_rng(0).normal(128, 30, (90, 120)).clip(0, 255).astype(np.uint8)
    regions = segment.segment_image(noisy, k=2, coherence="region").spatial.regions
    assert regions.is_smoothed
    assert regions.cells.scatters.mean() < 0.2 * segment.segment_image(noisy, k=1).model.covariances.mean()


def test_areas_of_four_grays_are_found_under_strong_noise():
    rng = np.random.default_rng(2)
    field = gaussian_filter(rng.normal(size=(120, 120)), 14)
    grays = np.array([2, 0, 3, 1])[np.searchsorted(np.quantile(field, (0.25, 0.5, 0.75)), field)]
    noisy = (grays / 3 + rng.normal(0, 0.3, grays.shape)).astype(np.float32)
    assert np.mean(segment.segment_image(noisy, k=4, coherence="region").label_image == 1 + grays) > 0.9


def test_thousands_of_parts_of_a_mask_have_no_affinities():
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (60, 60, 3), dtype=np.uint8)
    image = segment.Image.from_array(picture, valid=np.indices((60, 60)).sum(axis=0) % 2 == 0)
    hierarchy = segment.region_hierarchy(image)
    assert hierarchy.n_fine == 1800
    pairs, costs = hierarchy.find_joining_costs(0.3)
    assert (len(pairs), len(costs)) == (0, 0)
    result = segment.segment_image(image, k=3, coherence="region")
    alone = segment.segment_image(image, k=3, coherence="region", spatial="none")
    np.testing.assert_array_equal(result.label_image > 0, image.valid)
    np.testing.assert_array_equal(result.label_image, alone.label_image)
