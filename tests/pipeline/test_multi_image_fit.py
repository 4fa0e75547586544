"""One set of classes fitted to several images: their cells, scales, copies and regions."""

from __future__ import annotations

import numpy as np
import pytest

from segment import ModelError, SegmentConfig
from segment.pipeline.multi_image_fit import ImagePart, TrainingImage, collect_part, find_common_scale, fit_parts
from segment.segmenter.class_model.value_scale import ValueScale


def draw_noisy_halves(seed: int, dark: int = 60, bright: int = 180) -> np.ndarray:
    rng = np.random.default_rng(seed)
    picture = np.where(np.arange(60) < 30, dark, bright)[None, :, None] + rng.normal(0, 4, (40, 60, 3))
    return picture.clip(0, 255).astype(np.uint8)


def collect(config: SegmentConfig, *pictures: np.ndarray) -> list[ImagePart]:
    images = [TrainingImage(picture, number, len(pictures)) for number, picture in enumerate(pictures)]
    return [collect_part(image, config=config) for image in images]


def fit(config: SegmentConfig, *pictures: np.ndarray) -> np.ndarray:
    parts = collect(config, *pictures)
    names = [f"{i}.png" for i in range(len(pictures))]
    model, _ = fit_parts(parts, names, find_common_scale([part.scale for part in parts]), config)
    return model.mixture.means


@pytest.mark.parametrize("settings", [{}, {"spatial": "none"}, {"coherence": "region"}])
def test_classes_lie_between_those_of_the_images(settings: dict) -> None:
    means = fit(SegmentConfig(k=2, **settings), draw_noisy_halves(0), draw_noisy_halves(1, 70, 190))
    np.testing.assert_allclose(means.mean(axis=1), [65, 185], atol=4)


def test_regions_are_the_cells_where_they_are_given_to_classes_as_a_whole() -> None:
    config = SegmentConfig(k=2, coherence="region")
    (part,) = collect(config, draw_noisy_halves(0))
    (regions,) = part.data.regions
    assert len(part.data.cells) == regions.label_image.max()
    assert not np.array_equal(
        fit(config, draw_noisy_halves(0)), fit(SegmentConfig(k=2, spatial="none"), draw_noisy_halves(0))
    )


def test_cells_are_merged_where_memory_has_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = [np.random.default_rng(i).integers(0, 256, (40, 60, 3), dtype=np.uint8) for i in range(2)]
    monkeypatch.setattr("segment.pipeline.multi_image_fit.MAX_CELLS", 1000)
    parts = collect(SegmentConfig(k=2), *pictures)
    assert all(0 < len(part.data.cells) <= 500 and part.n_bins for part in parts)
    assert all(part.data.cells.total_weight == pytest.approx(2400) for part in parts)


def test_copies_are_kept_only_where_neighbors_or_their_number_count() -> None:
    picture = draw_noisy_halves(0)
    for settings, n in (({}, 1), ({"spatial": "none"}, 0), ({"spatial": "none", "k": "auto"}, 1)):
        (part,) = collect(SegmentConfig(**settings), picture)
        assert len(part.data.copies) == n


def test_guessed_scales_are_widened_and_known_ones_are_kept() -> None:
    guesses = [ValueScale("uint16", 0, white, True) for white in (1023, 4095)]
    assert find_common_scale(guesses).white == 4095
    assert find_common_scale([ValueScale("uint8", 0, 255, False), *guesses]).white == 255


def test_signed_integers_with_and_without_values_below_zero_share_a_scale() -> None:
    plain, signed = ValueScale("uint16", 0, 16383, True), ValueScale("float32", -30, 6200, True)
    for scales in ((plain, signed), (signed, plain)):
        common = find_common_scale(scales)
        assert (common.black, common.white) == (-30, 16383)
    shares = ValueScale("float32", 0, 1, True)
    assert find_common_scale([plain, shares]) == plain


def test_images_of_other_features_are_refused() -> None:
    config = SegmentConfig(k=2)
    parts = collect(config, draw_noisy_halves(0), draw_noisy_halves(1)[..., 0])
    with pytest.raises(ModelError, match=r"b\.png: images of one model have the same features, R, G, B in the first"):
        fit_parts(parts, ["a.png", "b.png"], parts[0].scale, config)
