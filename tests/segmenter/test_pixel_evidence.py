"""The evidence of the colors of pixels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from segment.core.image import Image
from segment.features.color_index import ColorIndex
from segment.features.color_memory import ColorMemory
from segment.features.pixel_features import extract_features
from segment.mixture.model import MixtureModel
from segment.postprocessor.color_evidence import ColorEvidence
from segment.preprocessor.working_copy import compute_field_step
from segment.segmenter.class_mixture import ClassMixture
from segment.segmenter.pixel_evidence import make_color_evidence, measure_design_effect

MEANS = np.array([[40.0, 50.0, 60.0], [90.0, 80.0, 70.0]])
GROUPS = [0, 1, 2], [0, 0, 1]
CLASSES = ClassMixture(MixtureModel(np.array([0.3, 0.7]), MEANS, np.array([np.eye(3) * 90] * 2)), np.arange(2))


def look_up(evidence: ColorEvidence, at: np.ndarray) -> np.ndarray:
    """Look up the log posteriors of pixels, (n, k)."""
    places, colors = evidence.find_colors(at)
    return evidence.compute_logs(colors)[places]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_pixels_have_the_log_posteriors_of_their_colors(rng: np.random.Generator, dtype: type) -> None:
    image = Image.from_array(rng.integers(0, 200, (20, 30, 3)).astype(dtype) / (1 if dtype != np.float32 else 255))
    image = replace(image, pixels=image.pixels.astype(dtype))
    space = extract_features(image, "rgb").space
    evidence = make_color_evidence(CLASSES, space, image, (20, 30), smoothness=5.0)
    at = rng.integers(0, 600, 50)
    cells = extract_features(image, "rgb").index
    every = cells.make_pixel_lookup(lambda some: CLASSES.compute_log_posteriors(space.make_cells(some)))
    np.testing.assert_allclose(look_up(evidence, at), every(at), rtol=1e-6)
    evidence = make_color_evidence(CLASSES, space, image, (20, 30), smoothness=5.0, weight_power=0)
    likelihoods = look_up(evidence, at)
    np.testing.assert_allclose(likelihoods, every(at) - np.log([0.3, 0.7]), rtol=1e-5)
    assert (evidence.n_classes, evidence.smoothness, evidence.scale) == (2, 5.0, 1.0)
    # Those of a saved model are looked up in what it keeps of the colors.
    kept, index = replace(CLASSES, memory=ColorMemory()), ColorIndex(image)
    evidence = make_color_evidence(kept, space, image, (20, 30), smoothness=5.0, index=index)
    np.testing.assert_allclose(look_up(evidence, at), every(at), rtol=1e-6)


def test_a_window_has_the_scale_of_the_whole_image() -> None:
    image = Image.from_array(np.zeros((8, 8), dtype=np.uint8))
    gray = ClassMixture(MixtureModel(np.ones(1), np.zeros((1, 1)), np.ones((1, 1, 1))), np.arange(1))
    space = extract_features(image, "rgb").space
    evidence = make_color_evidence(gray, space, image, (3000, 4000), smoothness=12.0)
    assert evidence.scale == compute_field_step((3000, 4000)) == pytest.approx(4.78, abs=0.01)
    assert compute_field_step((400, 500)) == 1


@pytest.mark.parametrize("shape", [(120, 150), (2000, 150)])
def test_neighbors_are_witnesses_in_noise_and_few_in_texture(rng: np.random.Generator, shape: tuple[int, int]) -> None:
    noise = rng.normal(0, 1, (*shape, 3))
    texture = gaussian_filter(noise, (3, 3, 0))
    effects = []
    for deviations in (noise, texture / texture.std()):
        halves = np.where(np.arange(shape[1]) < shape[1] // 2, 0, 1)[:, None]
        pixels = np.clip(np.rint(MEANS[halves[:, 0]] + 9 * deviations), 0, 255).astype(np.uint8)
        image = Image.from_array(pixels)
        effects.append(measure_design_effect(CLASSES, extract_features(image, "rgb").space, image))
    assert effects[0] == pytest.approx(1, abs=0.2)
    assert effects[1] > 7
    one = ClassMixture(MixtureModel(np.ones(1), MEANS[:1], np.eye(3)[None]), np.arange(1))
    assert measure_design_effect(one, extract_features(image, "rgb").space, image) == 1


def test_a_merged_class_of_two_colors_is_no_texture(rng: np.random.Generator) -> None:
    means = np.array([[40.0, 50.0, 60.0], [90.0, 80.0, 70.0], [200.0, 200.0, 200.0]])
    model = MixtureModel(np.full(3, 1 / 3), means, np.array([np.eye(3) * 90] * 3))
    pixels = means.repeat(40, axis=0)[None] + rng.normal(0, 9, (60, 120, 3))
    image = Image.from_array(np.clip(np.rint(pixels), 0, 255).astype(np.uint8))
    space = extract_features(image, "rgb").space
    alone, merged = (measure_design_effect(ClassMixture(model, np.array(groups)), space, image) for groups in GROUPS)
    assert merged == alone == pytest.approx(1, abs=0.2)


def test_a_memory_of_colors_changes_nothing_where_there_is_noise(rng: np.random.Generator) -> None:
    noisy = ClassMixture(replace(CLASSES.model, noise_share=0.05, noise_density=1e-7), CLASSES.groups)
    smooth = gaussian_filter(rng.normal(0, 1, (40, 50, 3)), (3, 3, 0))
    image = Image.from_array(np.clip(np.rint(70 + 60 * smooth / smooth.std()), 0, 255).astype(np.uint8))
    space = extract_features(image, "rgb").space
    recalled = measure_design_effect(replace(noisy, memory=ColorMemory()), space, image)
    assert recalled == measure_design_effect(noisy, space, image) > 1.5
