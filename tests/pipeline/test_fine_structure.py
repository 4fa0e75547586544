"""A warning where whole regions miss what is finer, and none where they follow."""

from __future__ import annotations

import numpy as np
import pytest

import segment
from segment.pipeline.fine_structure import measure_fine_structure


def draw_squares(side: int, noise: float) -> np.ndarray:
    """Draw squares of three grays, two alike never beside each other: (90, 90)."""
    number = np.indices((90 // side, 90 // side))
    grays = np.array([80, 130, 180])[(number[0] + 2 * number[1]) % 3]
    values = np.kron(grays, np.ones((side, side))) + np.random.default_rng(0).normal(0, noise, (90, 90))
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


@pytest.mark.parametrize(("side", "noise", "expected"), [(6, 3, "structure is finer"), (30, 3, ""), (30, 30, "noisy")])
def test_what_regions_miss_is_told(side: int, noise: float, expected: str) -> None:
    result = segment.segment_image(draw_squares(side, noise), k=3, coherence="region")
    told = [text for text in result.warnings if "--coherence pixel" in text]
    assert [expected in text for text in told] == ([True] if expected else [])


def test_there_are_no_stray_pixels_without_pixels_or_classes() -> None:
    masked = segment.Image.from_array(draw_squares(5, 3), valid=np.zeros((90, 90), bool))
    empty = segment.segment_image(masked, k=3, coherence="region")
    assert measure_fine_structure(empty.spatial, 3) == (0, 0)
    one = segment.segment_image(draw_squares(5, 3), k=1, coherence="region")
    assert measure_fine_structure(one.spatial, 1) == (0, 0)
    stray, sure = measure_fine_structure(one.spatial, 3)
    assert stray > 0.5
    assert sure > 0.9
