"""The field of large images: fine, and the same however the image is cut."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from raster_files import build_image, read, write

import segment
from segment.config.config import SegmentConfig
from segment.features.pixel_features import extract_features
from segment.mixture.model import MixtureModel
from segment.preprocessor.working_copy import MAX_FIELD_STEP, is_field_fine
from segment.segmenter.class_mixture import ClassMixture
from segment.segmenter.field import fine_field
from segment.segmenter.field.field_solver import FieldProblem

SETTINGS = {"k": 3, "clean_up": "none"}


@pytest.fixture(autouse=True)
def _small_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Working copies of 512 pixels and parts of some rows, so that small images are large beside them."""
    monkeypatch.setattr("segment.preprocessor.working_copy.WORKING_PIXELS", 2**9)
    monkeypatch.setattr("segment.segmenter.field.fine_field.WORKING_PIXELS", 2**9)
    monkeypatch.setattr(fine_field, "PART_VALUES", 4000)


@pytest.fixture
def truth() -> np.ndarray:
    """Areas some 30 pixels wide, two pixels of such a copy."""
    return np.kron(np.random.default_rng(0).integers(0, 3, (12, 12)), np.ones((35, 31), int)) + 1


@pytest.fixture
def pixels(truth: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    noisy = 60 * truth[..., None] - 20 + rng.normal(0, 15, (*truth.shape, 3))
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8)


def test_areas_two_pixels_of_the_working_copy_wide_are_found(pixels: np.ndarray, truth: np.ndarray) -> None:
    assert is_field_fine(truth.shape)
    assert np.mean(segment.segment_image(pixels, **SETTINGS).label_image != truth) < 0.01


def test_labels_and_posteriors_do_not_depend_on_the_parts(pixels: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    valid = np.ones(pixels.shape[:2], dtype=bool)
    valid[60:90, 70:110] = False
    image = build_image(pixels, valid)
    in_parts = segment.segment_image(image, **SETTINGS)
    numbers = np.flatnonzero(valid)
    posteriors = in_parts.spatial.prepare_posteriors(in_parts.class_mixture)(numbers)
    np.testing.assert_array_equal(in_parts.label_image == 0, ~valid)
    assert np.mean(posteriors.argmax(axis=1) + 1 == in_parts.label_image[valid]) > 0.999
    monkeypatch.setattr(fine_field, "PART_VALUES", 2**22)
    whole = segment.segment_image(image, **SETTINGS)
    np.testing.assert_array_equal(whole.label_image, in_parts.label_image)
    for row, other in zip(whole.classes, in_parts.classes, strict=True):
        # Beside borders another sample of some thousand noisy pixels tells by how much posteriors differ from labels.
        assert row.expected_share == pytest.approx(other.expected_share, abs=1e-3)
        assert row.expected_share_sd == pytest.approx(other.expected_share_sd, rel=0.2)
    np.testing.assert_allclose(
        whole.spatial.prepare_posteriors(whole.class_mixture)(numbers), posteriors, rtol=1e-4, atol=1e-6
    )


@pytest.mark.parametrize("tile", [131, 1000])
def test_tiles_of_rasters_have_the_labels_of_the_image(tmp_path: Path, pixels: np.ndarray, tile: int) -> None:
    whole = segment.segment_image(pixels, **SETTINGS)
    source = write(tmp_path / "a.tif", pixels)
    found = segment.segment_raster(source, tmp_path / "out.tif", tile=tile, **SETTINGS)
    np.testing.assert_array_equal(read(found.path), whole.label_image)
    for row, other in zip(found.classes, whole.classes, strict=True):
        assert row.expected_share == pytest.approx(other.expected_share, abs=1e-4)
        assert row.expected_share_sd == pytest.approx(other.expected_share_sd, rel=0.3)


def test_a_part_sees_as_far_as_its_field_reaches(pixels: np.ndarray) -> None:
    image = build_image(pixels)
    for start, stop in fine_field._split_rows(image, 3):
        part, first = fine_field._take_part(image, start, stop)
        assert first == max(0, start - fine_field.FIELD_HALO)
        assert first % MAX_FIELD_STEP == part.height % MAX_FIELD_STEP == part.width % MAX_FIELD_STEP == 0
        assert part.height >= min(image.height, stop + fine_field.FIELD_HALO) - first


def test_noise_is_seen_in_a_copy_a_little_larger_than_facts_need(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fine_field, "WORKING_PIXELS", 200**2)
    gray = np.where(np.arange(204) < 102, 90, 150) + np.random.default_rng(0).normal(0, 4, (204, 204))
    image = build_image(np.rint(gray).astype(np.uint8), np.ones(gray.shape, dtype=bool))
    space = extract_features(image, SegmentConfig.features).space
    means, width = (space.make_cells(np.array([[a], [b]], np.uint8)).means for a, b in ((90, 150), (90, 95)))
    variance = np.ptp(width[:, 0]) ** 2
    model = MixtureModel(np.full(2, 0.5), means, np.tile(np.eye(means.shape[1]) * variance, (2, 1, 1)))
    problem = FieldProblem(ClassMixture(model, np.arange(2)), space, image, 12.0)
    facts = fine_field.add_field_facts(problem).facts
    assert facts is not None
    assert facts.is_noisy
