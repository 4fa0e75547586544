"""Tell where an image is in other light than those that a model was fitted to, so that its colors are of other classes.

All colors are multiplied by one factor then. A model that was fitted to images in several lights explains each of them
about as well, and would say nothing.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.core.errors import format_percent
from segment.core.image import Image
from segment.features.color_space import FeatureSpace
from segment.mixture.cells import make_point_cells
from segment.segmenter.class_mixture import ClassMixture

__all__ = ["warn_of_other_light"]

MAX_PIXELS = 512  # that are looked at
MIN_PIXELS = 100
MIN_CLASS_SHARE = 0.05  # of a class that counts: the brightness of a single one may be anything
# 0.61 to 1.65, 1 in the middle: what differs more is explained badly in any case.
FACTORS = np.exp(np.linspace(-0.5, 0.5, 13))
# Measured: of 12 groups of eight photographs that have nothing in common but their model 3 of 96 images are told, in 3
# classes as in 5; of six images of one scene whose light falls to .7 in equal steps the last one; of five in equal
# light and one at .7 that one; and of images in which classes of the others are missing none.
MIN_NATS = 0.3  # a pixel, that another light explains better
MIN_CHANGED = 0.03  # share of the pixels that are of other classes then


def warn_of_other_light(image: Image, classes: ClassMixture, space: FeatureSpace) -> tuple[str, ...]:
    """Warn where the classes explain an image better in other light, and its pixels would be of other classes.

    Parameters
    ----------
    image : Image
        Preprocessed, on the scale of the model. Only colors tell: a gray value may be any class in other light.
    classes : ClassMixture
        Of the model.
    space : FeatureSpace
        Its features; light is a factor of those of ``rgb`` alone.

    Returns
    -------
    tuple of str
        One sentence, or none.
    """
    if space.name != "rgb" or image.n_bands != 3 or image.black != 0:
        return ()
    colors = _sample_colors(image)
    if len(colors) < MIN_PIXELS or classes.n_classes < 2:
        return ()
    # The density of a color in other light is that of the color times the factor, in the units of the former.
    in_each = (FACTORS[:, None, None] * colors).reshape(-1, 3)
    scores = classes.model.score_samples(in_each).reshape(len(FACTORS), -1).mean(axis=1) + 3 * np.log(FACTORS)
    best = int(np.argmax(scores))
    if scores[best] - scores[len(FACTORS) // 2] < MIN_NATS:
        return ()
    before, after = (classes.label_cells(make_point_cells(colors * by)) for by in (1.0, FACTORS[best]))
    n_changed = int(np.count_nonzero(before != after))
    if n_changed < MIN_CHANGED * len(colors) or min(_count_classes(before), _count_classes(after)) < 2:
        return ()
    by = FACTORS[best]
    return (
        f"this image seems to be in {1 / by:.2g} times the light of those of the model, which gives "
        f"{format_percent(n_changed, len(colors))} of its pixels to other classes: multiply its values by {by:.2g}, or "
        "find classes of its own",
    )


def _sample_colors(image: Image) -> NDArray[np.float64]:
    """Sample the colors of valid pixels evenly, as features: (n, 3)."""
    step = max(1, math.ceil(math.sqrt(image.height * image.width / MAX_PIXELS)))
    part = np.s_[step // 2 :: step, step // 2 :: step]
    colors: NDArray[Any] = image.pixels[part][image.valid[part]]
    return np.asarray(colors * (255.0 / image.white))


def _count_classes(labels: NDArray[np.uint8]) -> int:
    """Count the classes that have enough of the pixels."""
    return int(np.count_nonzero(np.bincount(labels)[1:] >= MIN_CLASS_SHARE * len(labels)))
