"""Images labeled with the random field: noise, sizes, invalid pixels, other settings, and a map of the smoothness."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as PilImage
from scipy.ndimage import gaussian_filter

import segment

Planes = NDArray[np.float32]


def draw_noisy_areas(seed: int, size: int = 80, sigma: float = 0.2) -> tuple[Planes, NDArray[np.intp]]:
    """Four classes of gray in smooth areas under noise, and their true numbers in order of lightness."""
    rng = np.random.default_rng(seed)
    rough = gaussian_filter(rng.standard_normal((size, size)), 10.0, mode="reflect")
    truth = rng.permutation(4)[np.searchsorted(np.quantile(rough, [0.25, 0.5, 0.75]), rough)]
    return (truth / 3 + sigma * rng.standard_normal(truth.shape)).astype(np.float32), truth


def test_the_field_removes_noise() -> None:
    image, truth = draw_noisy_areas(0)
    plain = segment.segment_image(image, k=4, spatial="none", clean_up="none").label_image
    found = segment.segment_image(image, k=4)
    bare = segment.segment_image(image, k=4, clean_up="none").label_image
    assert np.mean(found.label_image - 1 != truth) < 0.03 < np.mean(plain - 1 != truth)
    assert np.mean(bare - 1 != truth) < 0.03
    assert found.posteriors().argmax(axis=2).tolist() == (bare - 1).tolist()


@pytest.mark.parametrize(("sigma", "most"), [(0.3, 0.06), (0.4, 0.1)])
def test_noise_makes_no_class_vanish(sigma: float, most: float) -> None:
    image, truth = draw_noisy_areas(1, size=160, sigma=sigma)
    result = segment.segment_image(np.clip(128 + 40 * (image - 0.5), 0, 255).astype(np.uint8), k=4)
    assert np.mean(result.label_image - 1 != truth) < most
    assert min(row.share for row in result.classes) > 0.15


@pytest.fixture(scope="module")
def photograph() -> NDArray[np.uint8]:
    path = Path(__file__).parents[3] / "images" / "landscape.jpg"
    with PilImage.open(path) as image:
        return np.asarray(image)[:, :1400]


def test_a_photograph_has_the_same_segments_at_any_size(
    photograph: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("segment.preprocessor.working_copy.WORKING_PIXELS", 2**16)
    large = segment.segment_image(photograph, k=4).label_image
    for width in (350, 700):
        small = cv2.resize(photograph, (width, width * len(photograph) // 1400), interpolation=cv2.INTER_AREA)
        found = segment.segment_image(small, k=4).label_image
        again = cv2.resize(found, large.shape[::-1], interpolation=cv2.INTER_NEAREST_EXACT)
        assert np.mean(again == large) > 0.98


def test_borders_are_found_at_full_resolution(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segment.preprocessor.working_copy.WORKING_PIXELS", 2**11)
    rows, columns = np.mgrid[:300, :400]
    truth = np.hypot(rows - 150, columns - 190) < 97.3
    rng = np.random.default_rng(0)
    values = np.where(truth, 200.0, 60.0) + 8 * rng.standard_normal(truth.shape)
    result = segment.segment_image(np.clip(values, 0, 255).astype(np.uint8), k=2, clean_up="none")
    np.testing.assert_array_equal(result.label_image, truth + 1)
    posteriors = result.posteriors()
    np.testing.assert_allclose(posteriors.sum(axis=2), 1, atol=1e-5)
    assert np.mean(posteriors.argmax(axis=2) == truth) > 0.999


def test_invalid_pixels_get_no_label(photograph: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segment.preprocessor.working_copy.WORKING_PIXELS", 2**11)
    pixels = photograph[::10, ::10]
    valid = np.random.default_rng(0).random(pixels.shape[:2]) < 0.9
    valid[:20] = False
    result = segment.segment_image(segment.Image.from_array(pixels, valid=valid), k=3)
    np.testing.assert_array_equal(result.label_image > 0, valid)
    np.testing.assert_allclose(result.posteriors().sum(axis=2), valid, atol=1e-5)


@pytest.mark.parametrize(
    "settings",
    [
        {"noise": True},
        {"tails": "student"},
        {"features": "lab"},
        {"components_per_class": 2},
        {"covariance_type": "tied"},
        {"reject": 0.05},
        {"max_size": 60},
        {"k": "auto", "k_range": "2..3"},
    ],
    ids=lambda settings: next(iter(settings)),
)
def test_the_field_works_with_other_settings(photograph: NDArray[np.uint8], settings: dict[str, object]) -> None:
    pixels = photograph[::12, ::12]
    wide = pixels.astype(np.uint16) * 257
    found = segment.segment_image(pixels, **{"k": 3, **settings})
    deep = segment.segment_image(wide, **{"k": 3, **settings})
    assert np.mean(found.label_image == deep.label_image) > 0.97
    again = segment.apply_classes(found.class_model, pixels)
    if "reject" not in settings:
        np.testing.assert_array_equal(again.label_image, found.label_image)
    else:
        assert 0 < found.rejected <= 0.05


@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (2, 1), (1, 40), (3, 3)])
def test_images_may_be_smaller_than_the_neighborhood(shape: tuple[int, int]) -> None:
    pixels = (np.arange(shape[0] * shape[1]) % 2 * 200).astype(np.uint8).reshape(shape)
    result = segment.segment_image(pixels, k=2, clean_up="none", smoothness=1)
    np.testing.assert_array_equal(result.label_image, (pixels > 100) + 1)


def test_one_class_or_one_valid_pixel_is_enough() -> None:
    flat = np.full((20, 30), 9, np.uint8)
    assert (segment.segment_image(flat, k=4).label_image == 1).all()
    alone = np.zeros((20, 30), bool)
    alone[7, 5] = True
    varied = np.random.default_rng(0).integers(0, 255, (20, 30), dtype=np.uint8)
    result = segment.segment_image(segment.Image.from_array(varied, valid=alone), k=4)
    np.testing.assert_array_equal(result.label_image, alone)


def test_pixels_at_borders_are_as_noisy_as_the_image_and_not_as_its_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("preprocessor.working_copy", "segmenter.field.field_fit"):
        monkeypatch.setattr(f"segment.{module}.WORKING_PIXELS", 2**14)
    image, truth = draw_noisy_areas(2, size=384, sigma=0.15)  # nine pixels for each of the copy
    result = segment.segment_image(image, k=4, clean_up="none")
    wrong = result.label_image - 1 != truth
    # By the covariances of the copy, whose noise is a third, 8.8 % are wrong.
    assert np.mean(wrong) < 0.05
    assert np.mean(result.posteriors().argmax(axis=2) != truth) < 0.05
