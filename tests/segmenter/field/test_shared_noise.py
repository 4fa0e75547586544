"""Noise that neighbors share: how wide it is, where it does not count, and the classes that are found in it."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from scipy import ndimage

import segment
from segment import Image
from segment.features.pixel_features import extract_features
from segment.mixture.model import MixtureModel
from segment.segmenter.class_mixture import ClassMixture
from segment.segmenter.field.edge_field import compute_whitening_matrix
from segment.segmenter.field.field_solver import FieldProblem
from segment.segmenter.field.noise_level import SMOOTHED_WIDTHS, measure_noise_share, shrink_to_squares, smooth_noise
from segment.segmenter.field.shared_noise import (
    FITTED_NOISE,
    find_noise_width,
    measure_spread,
    solve_on_squares,
)

SIDE = 240


def make_classes(*means: float, sigma: float) -> MixtureModel:
    """Classes of gray levels 0 to 1, each as frequent as the others, in feature units of 0 to 255."""
    k = len(means)
    return MixtureModel(np.full(k, 1 / k), 255 * np.array(means)[:, None], np.full((k, 1, 1), (255 * sigma) ** 2))


def draw_noise(rng: np.random.Generator, sigma: float, blur: float) -> np.ndarray:
    """Noise of this standard deviation, smoothed by some pixels."""
    noise = ndimage.gaussian_filter(rng.standard_normal((SIDE, SIDE)), blur)
    return sigma * noise / noise.std()


def draw_image(noise: np.ndarray, low: float = 0.3, high: float = 0.7) -> Image:
    """Two halves of these gray levels, under noise."""
    halves = np.where(np.arange(SIDE) < SIDE // 2, low, high)
    pixels = np.clip(np.rint(65535 * (halves + noise)), 0, 65535).astype(np.uint16)
    return Image(pixels, np.ones(pixels.shape, dtype=bool), black=0, white=65535)


def draw_areas(rng: np.random.Generator, k: int) -> np.ndarray:
    """Labels 0..k-1 of areas of some twenty pixels."""
    fields = ndimage.gaussian_filter(rng.standard_normal((k, SIDE, SIDE)), (0, 14, 14))
    return (fields / fields.std(axis=(1, 2), keepdims=True)).argmax(axis=0)


def measure_mean_iou(found: np.ndarray, truth: np.ndarray) -> float:
    """Mean intersection over union of classes that are numbered from dark to bright in both."""
    return float(np.mean([((found == i) & (truth == i)).sum() / ((found == i) | (truth == i)).sum() for i in range(4)]))


@pytest.mark.parametrize(("blur", "widths"), [(0.7, {2}), (1.0, {2, 3}), (1.5, {3, 4})])
def test_squares_are_as_wide_as_the_noise(rng: np.random.Generator, blur: float, widths: set[int]) -> None:
    image = draw_image(draw_noise(rng, 0.15, blur))
    model = make_classes(0.3, 0.7, sigma=0.15)
    assert find_noise_width([image], "intensity", model, FITTED_NOISE) in widths


def test_noise_of_single_pixels_is_none_that_neighbors_share(rng: np.random.Generator) -> None:
    image = draw_image(rng.normal(0, 0.15, (SIDE, SIDE)))
    assert find_noise_width([image], "intensity", make_classes(0.3, 0.7, sigma=0.15), FITTED_NOISE) == 1


def test_classes_that_single_pixels_show_need_no_squares(rng: np.random.Generator) -> None:
    image = draw_image(draw_noise(rng, 0.05, 1.0))
    assert find_noise_width([image], "intensity", make_classes(0.3, 0.7, sigma=0.05), FITTED_NOISE) == 1


def test_texture_as_rough_in_large_as_in_small_is_no_noise(rng: np.random.Generator) -> None:
    frequencies = np.hypot(np.fft.fftfreq(SIDE)[:, None], np.fft.rfftfreq(SIDE))
    frequencies[0, 0] = np.inf
    # Of this spectrum the means of squares of any width have the same share of roughness, in expectation.
    texture = np.fft.irfft2(np.fft.rfft2(rng.standard_normal((SIDE, SIDE))) / frequencies, (SIDE, SIDE))
    image, model = draw_image(0.15 * texture / texture.std(), 0.3, 0.4), make_classes(0.3, 0.4, sigma=0.07)
    whiten = compute_whitening_matrix(model)
    rough = [measure_noise_share([shrink_to_squares(image, width)], "intensity", whiten) for width in (1, 2, 3, 4)]
    assert min(rough) > FITTED_NOISE.min_share
    assert find_noise_width([image], "intensity", model, FITTED_NOISE) == 1


def test_small_images_have_no_squares(rng: np.random.Generator) -> None:
    image = draw_image(draw_noise(rng, 0.15, 1.0))
    small = replace(image, pixels=image.pixels[:40, :200], valid=image.valid[:40, :200])
    model = make_classes(0.3, 0.7, sigma=0.15)
    assert find_noise_width([image], "intensity", model, FITTED_NOISE) > 1
    assert find_noise_width([small], "intensity", model, FITTED_NOISE) == 1
    # Beside a larger one they do not hide its noise.
    assert find_noise_width([image, small], "intensity", model, FITTED_NOISE) > 1


def test_pixels_differ_from_the_means_of_squares_by_what_these_average_away(rng: np.random.Generator) -> None:
    image = draw_image(rng.normal(0, 0.1, (SIDE, SIDE)), 0.5, 0.5)
    for width in (2, 3):
        spread = measure_spread([(image, shrink_to_squares(image, width))], "intensity", make_classes(0.5, sigma=0.1))
        np.testing.assert_allclose(spread, 1 - 1 / width**2, rtol=0.05)


def test_invalid_pixels_have_no_part_in_width_and_spread(rng: np.random.Generator) -> None:
    image = draw_image(draw_noise(rng, 0.15, 1.0))
    hidden = image.valid.copy()
    hidden[:, :60] = False
    pixels = np.where(hidden, image.pixels, rng.integers(0, 65536, image.pixels.shape)).astype(np.uint16)
    masked, model = Image(pixels, hidden, black=0, white=65535), make_classes(0.3, 0.7, sigma=0.15)
    width = find_noise_width([masked], "intensity", model, FITTED_NOISE)
    assert width == find_noise_width([image], "intensity", model, FITTED_NOISE)
    spreads = [measure_spread([(each, shrink_to_squares(each, width))], "intensity", model) for each in (masked, image)]
    np.testing.assert_allclose(*spreads, rtol=0.1)


def test_the_field_on_squares_has_classes_as_narrow_as_their_means(rng: np.random.Generator) -> None:
    image = draw_image(draw_noise(rng, 0.15, 0.7), 0.4, 0.6)
    classes = ClassMixture(make_classes(0.4, 0.6, sigma=0.15), np.arange(2))
    problem = FieldProblem(classes, extract_features(image, "intensity").space, image, 12.0)
    solved = solve_on_squares(problem)
    assert solved.copy.valid.shape == (SIDE // 2, SIDE // 2)
    assert solved.pixel_classes is classes
    within = solved.copy.pixels[:, 5 : SIDE // 4 - 5].astype(float) / 65535
    np.testing.assert_allclose(solved.classes.model.covariances.ravel(), 255**2 * within.var(), rtol=0.15)
    # Several colors of a class are no noise.
    merged = replace(problem, classes=ClassMixture(make_classes(0.4, 0.5, 0.6, sigma=0.15), np.array([0, 0, 1])))
    assert solve_on_squares(merged) is merged


@pytest.mark.parametrize("enlarged", [2, 3])
def test_classes_are_found_in_the_noise_of_an_enlarged_image(rng: np.random.Generator, enlarged: int) -> None:
    truth = draw_areas(rng, 4)
    noisy = np.clip(100 + 18 * truth + rng.normal(0, 13, truth.shape), 0, 255).astype(np.uint8)
    large = cv2.resize(noisy, None, fx=enlarged, fy=enlarged, interpolation=cv2.INTER_CUBIC)
    result = segment.segment_image(large, k=4)
    truth = np.kron(truth, np.ones((enlarged, enlarged), dtype=int))
    assert measure_mean_iou(np.asarray(result.labels) - 1, truth) > 0.93
    # The posteriors are those of the labels before clean-up, and the classes those of the pixels.
    raw = segment.segment_image(large, k=4, clean_up="none")
    np.testing.assert_array_equal(raw.posteriors().argmax(axis=-1) + 1, raw.labels)
    np.testing.assert_allclose(np.sqrt(result.model.covariances.ravel()), (large - 18.0 * truth).std(), rtol=0.15)


def test_narrow_areas_stay_in_noise_that_is_judged_by_squares(rng: np.random.Generator) -> None:
    rough = ndimage.gaussian_filter(rng.standard_normal((SIDE, SIDE)), 8)
    # Classes side by side on the slopes of the rough surface: many areas are only some pixels wide.
    truth = np.array([1, 0, 3, 2])[np.searchsorted(np.quantile(rough, [0.25, 0.5, 0.75]), rough)]
    result = segment.segment_image((truth + draw_noise(rng, 0.6, 0.7)).astype(np.float32), k=4)
    assert measure_mean_iou(np.asarray(result.labels) - 1, truth) > 0.72


def test_thin_things_stay_in_faint_noise_that_neighbors_share(rng: np.random.Generator) -> None:
    truth = np.zeros((SIDE, SIDE), dtype=np.uint8)
    for end in rng.integers(0, SIDE, (6, 2, 2)):
        cv2.line(truth, *map(tuple, end.tolist()), 1, 1)
    result = segment.segment_image((truth + draw_noise(rng, 0.12, 1.0)).astype(np.float32), k=2)
    lines = np.asarray(result.labels) == 2
    assert (lines & (truth == 1)).sum() / (lines | (truth == 1)).sum() > 0.97


def test_noise_that_neighbors_share_is_smoothed_before_classes_are_counted(rng: np.random.Generator) -> None:
    truth = draw_areas(rng, 2)
    noisy = (truth + draw_noise(rng, 0.5, 1.0)).astype(np.float32)
    smooth = smooth_noise(Image.from_array(noisy), "intensity", widths=SMOOTHED_WIDTHS).pixels
    contrasts = [
        float(part[truth == 1].mean() - part[truth == 0].mean()) / part[truth == 0].std() for part in (noisy, smooth)
    ]
    assert contrasts[1] > 1.3 * contrasts[0]
    assert segment.segment_image(noisy, k="auto").n_classes == 2
