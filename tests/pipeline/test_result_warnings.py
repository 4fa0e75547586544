"""What is said of classes without pixels: the actual cause, and a remedy that helps."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import segment
from segment.pipeline.result_warnings import collect_result_warnings

PALE, DARK = (200, 190, 180), (30, 60, 50)


def mottled(spot: tuple[int, int, int] | None = None) -> np.ndarray:
    """Two noisy halves, and in one of them a spot of two pixels a side."""
    rng = np.random.default_rng(0)
    image = np.empty((60, 80, 3))
    image[:, :40], image[:, 40:] = PALE, DARK
    if spot:
        image[20:22, 20:22] = spot
    return (image + rng.normal(0, 2, image.shape)).clip(0, 255).astype(np.uint8)


def said(image: np.ndarray, **settings: Any) -> tuple[str, ...]:
    return segment.segment_image(image, **settings).warnings


def test_what_the_clean_up_takes() -> None:
    image = mottled((255, 0, 0))
    settings: dict[str, Any] = {"k": 3, "spatial": "none", "shrinkage": 0}
    (words,) = said(image, **settings, min_region=0.01)
    assert words.startswith("the clean-up took the last pixels of class 2; lower --smooth-radius, --min-region or")
    assert said(image, **settings, smooth_radius=0, min_region=0, max_hole=0) == ()


def test_what_neighbors_outvote(monkeypatch: pytest.MonkeyPatch) -> None:
    from segment.segmenter.field.field_labels import CoherentLabels

    monkeypatch.setattr(CoherentLabels, "of", lambda _, image: np.ones(image.valid.shape, dtype=np.uint8))
    (words,) = said(mottled(), k=2)
    assert words.startswith("no pixel is of class 2: each is likelier of another, its neighbors considered; ask for")
    assert words.endswith("lower --smoothness, or give --spatial none")


@pytest.mark.parametrize("spatial", ["field", "none"])
def test_what_is_rejected(spatial: str) -> None:
    (words,) = said(mottled(), k=2, reject=1.0, spatial=spatial)
    assert words == "100.00% of the pixels are rejected as unlikely and have no label; lower --reject"


@pytest.mark.parametrize(
    ("spatial", "cure"), [("field", "--spatial none or --coherence pixel"), ("none", "--coherence pixel")]
)
def test_what_no_region_is_likeliest_of(monkeypatch: pytest.MonkeyPatch, spatial: str, cure: str) -> None:
    from segment.segmenter.regions.region_classes import WholeRegions

    monkeypatch.setattr(WholeRegions, "labels", lambda self, *_, **__: np.ones(len(self.cells), dtype=np.uint8))
    words = said(mottled((255, 0, 0)), k=2, coherence="region", spatial=spatial)[-1]
    assert words == f"no pixel is of class 2: each region is likelier of another; ask for fewer classes, or give {cure}"


def test_too_few_regions_are_called_regions() -> None:
    plain = np.full((40, 50, 3), 90, np.uint8) + np.random.default_rng(0).integers(0, 9, (40, 50, 1), dtype=np.uint8)
    assert "fewer regions than the 9 classes asked for" in said(plain, k=9, coherence="region")[0]


def test_few_colors_are_counted_on_the_image_and_not_on_its_smaller_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the stripes of a flag the copy has colors that the flag has not."""
    monkeypatch.setattr("segment.preprocessor.preprocessor.WORKING_PIXELS", 2**10)
    flag = np.empty((70, 90, 3), np.uint8)
    flag[:23], flag[23:46], flag[46:] = (174, 28, 40), (255, 255, 255), (33, 70, 139)
    words = said(flag, k=4)[-1]
    assert "the image has only 3 distinct colors; ask for no more classes" in words


def test_what_rejection_leaves_empty_of_whole_regions() -> None:
    config = segment.SegmentConfig(k=2, coherence="region", reject=0.05)
    first, *others = segment.segment_image(mottled(), config).classes
    told = collect_result_warnings((replace(first, pixels=0), *others), config, rejected=0.05, taken=())
    assert told[-1].startswith("no pixel is of class 1: none that --reject leaves is likeliest of it")
