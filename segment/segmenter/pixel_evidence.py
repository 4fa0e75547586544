"""Evidence of the colors of pixels for the clean-up of their labels."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from segment.core.image import Image
from segment.features.color_index import ColorIndex
from segment.features.color_space import FeatureSpace
from segment.postprocessor.color_evidence import ColorEvidence
from segment.preprocessor.preprocessor import compute_working_shape
from segment.segmenter.class_mixture import ClassMixture

__all__ = ["compute_copy_scale", "make_color_evidence"]


def make_color_evidence(
    classes: ClassMixture, space: FeatureSpace, image: Image, shape: tuple[int, int], *, smoothness: float
) -> ColorEvidence:
    """Make the evidence of the pixels of an image, or of a window of it, by the colors of the classes.

    Parameters
    ----------
    classes : ClassMixture
        k classes.
    space : FeatureSpace
        How a color becomes a feature vector.
    image : Image
        The labeled image, or a window of it.
    shape : (height, width)
        Of the whole image, in pixels: it says how large a pixel of its working copy is.
    smoothness : float, >= 0
        Log odds in nats that neighbors of one class give a pixel. Raised, more is cleaned away.

    Returns
    -------
    ColorEvidence
        Colors are looked up when they are asked for: clean-up asks for few pixels.

    Examples
    --------
    >>> from segment.features.pixel_features import extract_features
    >>> from segment.mixture.model import MixtureModel
    >>> image = Image.from_array(np.array([[0, 255]], dtype=np.uint8))
    >>> model = MixtureModel(np.full(2, 0.5), np.array([[0.0], [1.0]]), np.full((2, 1, 1), 0.1))
    >>> space = extract_features(image, "intensity").space
    >>> evidence = make_color_evidence(ClassMixture(model, np.arange(2)), space, image, (1, 2), smoothness=12.0)
    >>> evidence.look_up(np.array([1])).argmax(axis=1)
    array([1])
    """
    pixels = image.pixels.reshape(image.height * image.width, -1)

    def look_up(at: NDArray[np.intp]) -> NDArray[np.float32]:
        """Compute the log posteriors of each distinct color of these pixels once."""
        colors = pixels.take(at, axis=0).reshape(1, len(at), *image.pixels.shape[2:])
        index = ColorIndex(replace(image, pixels=colors, valid=np.ones((1, len(at)), dtype=bool)))
        find = index.make_pixel_lookup(lambda some: classes.compute_log_posteriors(space.make_cells(some)))
        return np.asarray(find(np.arange(len(at))))

    return ColorEvidence(look_up, classes.n_classes, smoothness, compute_copy_scale(shape))


def compute_copy_scale(shape: tuple[int, int]) -> float:
    """Compute the side of a pixel of the working copy of an image, in pixels of the image.

    Parameters
    ----------
    shape : (height, width)
        Of the image, in pixels.

    Returns
    -------
    float
        1 where the copy is the image.

    Examples
    --------
    >>> round(compute_copy_scale((3000, 4000)), 1)
    4.8
    """
    return max(1.0, math.sqrt(math.prod(shape) / max(1, math.prod(compute_working_shape(*shape)))))
