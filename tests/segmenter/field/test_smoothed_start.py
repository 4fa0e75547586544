"""Starts from smoothed copies: clusters, filters with invalid pixels, first posteriors, and the likelihood."""

from __future__ import annotations

from functools import partial

import numpy as np

from segment import Image
from segment.features.color_space import FeatureSpace
from segment.mixture.cells import make_point_cells
from segment.segmenter.field.mean_field import compute_posteriors
from segment.segmenter.field.random_field import RandomField
from segment.segmenter.field.smoothed_start import (
    compute_mean_field_likelihood,
    draw_pixels,
    filter_by_median,
    find_clusters,
    make_smoothed_cells,
    smooth_likelihoods,
    smooth_planes,
)


def test_clusters_of_a_smoothed_copy_are_the_classes_that_noise_hides(rng: np.random.Generator) -> None:
    truth = np.arange(160)[None] // 40 * np.ones((100, 1), dtype=int)
    values = 40.0 * truth + rng.normal(0, 40, truth.shape)
    space = FeatureSpace("rgb", n_channels=1, black=0, white=255)
    copy = Image.from_array(np.zeros(truth.shape, dtype=np.uint8))
    cells = make_smoothed_cells([values[None]], [copy], partial(smooth_planes, sigma=2.0))
    labels = find_clusters(cells, space, 4, shrinkage=1.0, covariance_type="full").reshape(truth.shape)
    inside = np.arange(160) % 40 // 4
    inside = (inside > 0) & (inside < 9)
    means = np.array([values[labels == number].mean() for number in range(4)])
    rank = means.argsort().argsort()
    assert np.mean(rank[labels][:, inside] == truth[:, inside]) > 0.95


def test_bands_of_noise_alone_do_not_divide_clusters(rng: np.random.Generator) -> None:
    truth = rng.integers(0, 4, 6000)
    deviations = np.array([1.2, 3, 3, 3, 3, 3])
    bands = deviations * rng.standard_normal((6000, 6))
    bands[:, 0] += 30 * truth
    space = FeatureSpace("rgb", n_channels=6, black=0, white=255)
    how = {"shrinkage": 0.1, "covariance_type": "full"}
    found = [find_clusters(make_point_cells(bands), space, 4, noise=noise, **how) for noise in (None, deviations**2)]
    counts = [np.histogram2d(labels, truth, 4)[0] for labels in found]
    right = [each.max(axis=1).sum() / 6000 for each in counts]
    assert right[0] < 0.9
    assert right[1] > 0.99


def test_a_filter_takes_the_mean_of_valid_pixels_only(rng: np.random.Generator) -> None:
    valid = rng.random((30, 40)) < 0.5
    planes = np.where(valid, np.float32(3), np.float32(1000))[None]
    np.testing.assert_allclose(smooth_planes(planes, valid, 2.0)[0][valid], 3, rtol=1e-5)


def test_a_median_keeps_borders_and_leaves_invalid_pixels_out(rng: np.random.Generator) -> None:
    halves = np.where(np.arange(40) < 20, np.float32(3), np.float32(9)) * np.ones((30, 1), dtype=np.float32)
    hot = np.zeros(halves.shape, dtype=bool)
    hot[3:-3:4, 3:-3:3] = True
    planes = np.where(hot, np.float32(1000), halves)[None]
    np.testing.assert_array_equal(filter_by_median(planes, np.ones_like(hot))[0], halves)
    apart = np.abs(np.arange(40) - 19.5) > 3  # beside the border, an invalid pixel has the mean of both sides
    found = filter_by_median(np.where(hot, planes * rng.random(hot.shape, np.float32), planes), ~hot)[0]
    np.testing.assert_allclose(found[:, apart], halves[:, apart], rtol=1e-5)


def test_first_posteriors_follow_the_neighborhood_and_not_the_pixel() -> None:
    logs = np.zeros((2, 15, 15), dtype=np.float32)
    logs[0], logs[1] = -0.5, -1.0
    logs[:, 7, 7] = (-1.5, -0.3)  # one pixel that prefers the other class
    first = smooth_likelihoods(logs, np.ones((15, 15), dtype=bool))
    assert compute_posteriors(logs)[1, 7, 7] > 0.5 > first[1, 7, 7]
    np.testing.assert_allclose(first.sum(axis=0), 1, atol=1e-6)


def test_without_neighbors_the_likelihood_is_the_density() -> None:
    logs = np.log(np.array([0.3, 0.7], np.float32))[:, None, None] * np.ones((2, 4, 5), np.float32)
    densities = np.arange(20.0).reshape(4, 5)
    field = RandomField(np.ones((4, 5), np.float32), 0.0, 2)
    found = compute_mean_field_likelihood(logs, densities, np.array([0.5, 0.5]), field, np.exp(logs))
    np.testing.assert_allclose(found, densities, atol=1e-6)


def test_neighbors_of_the_right_class_raise_the_likelihood() -> None:
    # All pixels favor class 1 by their features, which has half of the weight.
    logs = np.log(np.array([0.9, 0.1], np.float32))[:, None, None] * np.ones((2, 9, 9), np.float32)
    field = RandomField(np.ones((9, 9), np.float32), 12.0, 2)
    right, wrong = (np.stack([np.full((9, 9), p), np.full((9, 9), 1 - p)]).astype(np.float32) for p in (1, 0))
    weights, zeros = np.array([0.5, 0.5]), np.zeros((9, 9))
    # p(x | c) / p(x) is 0.9 / 0.5 and 0.1 / 0.5.
    for q, ratio in ((right, 1.8), (wrong, 0.2)):
        found = compute_mean_field_likelihood(logs, zeros, weights, field, q)
        np.testing.assert_allclose(found[4, 4], np.log(ratio), atol=1e-3)


def test_a_sample_of_many_pixels_is_spread_over_all_columns() -> None:
    columns = np.bincount(draw_pixels(2**18) % 512)
    assert columns.min() > 0.7 * 128
    assert len(np.unique(draw_pixels(2**18))) == 2**16
    np.testing.assert_array_equal(draw_pixels(2**16), np.arange(2**16))
