"""Evidence of the colors of pixels for the clean-up of their labels."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.core.image import Image
from segment.features.color_index import ColorIndex
from segment.features.color_space import FeatureSpace
from segment.mixture.cells import Cells
from segment.postprocessor.color_evidence import ColorEvidence
from segment.preprocessor.working_copy import compute_field_step
from segment.segmenter.class_mixture import ClassMixture
from segment.segmenter.field.calibration import (
    choose_bands,
    compute_design_effect,
    compute_part_effect,
    measure_neighbor_correlation,
    measure_residuals,
)
from segment.segmenter.field.edge_field import REACH_PIXELS, compute_whitening_matrix
from segment.segmenter.known_colors import find_components, recall_colors

__all__ = ["is_certain", "make_color_evidence", "measure_design_effect"]


def make_color_evidence(
    classes: ClassMixture,
    space: FeatureSpace,
    image: Image,
    shape: tuple[int, int],
    *,
    smoothness: float,
    weight_power: float = 1.0,
    index: ColorIndex | None = None,
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
        Log odds in nats that neighbors of one class give a pixel, times the design effect of the whole image
        (:func:`measure_design_effect`). Raised, more is cleaned away.
    weight_power : float, 0 to 1
        How much the weights of the classes count at each pixel.
    index : ColorIndex, optional
        Of the image, where it is known.

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
    >>> places, colors = evidence.find_colors(np.array([1, 0, 1]))
    >>> (evidence.compute_logs(colors).argmax(axis=1) + 1)[places].tolist()
    [2, 1, 2]
    """
    pixels = image.pixels.reshape(image.height * image.width, -1)
    all_known = recall_colors(classes, space, index) if index else None
    offsets = classes.compute_weight_offsets(weight_power)

    def find_colors(at: NDArray[np.intp]) -> tuple[NDArray[np.integer], NDArray[Any]]:
        """Find the distinct colors of these pixels: where each pixel's is among them, and the colors."""
        if all_known:
            return np.arange(len(at)), at
        colors = pixels.take(at, axis=0).reshape(1, len(at), *image.pixels.shape[2:])
        return ColorIndex(replace(image, pixels=colors, valid=np.ones((1, len(at)), dtype=bool))).list_colors()

    def compute_logs(colors: NDArray[Any]) -> NDArray[np.float32]:
        """Compute the log posteriors of these colors with the power of the weights."""
        if all_known:
            logs = all_known.take(colors).look_up_log_posteriors().T
        else:
            logs = classes.compute_log_posteriors(space.make_cells(colors))
        return logs + offsets

    return ColorEvidence(find_colors, compute_logs, classes.n_classes, smoothness, compute_field_step(shape))


def is_certain(classes: ClassMixture, cells: Cells) -> bool:
    """Tell whether each distinct color has a class of its own: then neighbors have nothing to say of any pixel.

    Parameters
    ----------
    classes : ClassMixture
        k classes.
    cells : Cells
        The distinct colors.
    """
    return len(cells) <= classes.n_classes and len(np.unique(classes.label_cells(cells))) == len(cells)


def measure_design_effect(
    classes: ClassMixture, space: FeatureSpace, copy: Image, index: ColorIndex | None = None
) -> float:
    """Measure how many neighboring pixels count as one witness of their class.

    In noise every pixel is a witness of its own. In texture neighbors share their deviations from the mean of their
    class: a tuft of dark grass is many dark pixels, and yet no more than one deviation. Slow shades hide nothing.

    Parameters
    ----------
    classes : ClassMixture
        k classes.
    space : FeatureSpace
        How a color becomes a feature vector.
    copy : Image
        The working copy of the image.
    index : ColorIndex, optional
        Of the working copy, where it is known.

    Returns
    -------
    float, 1 to 10
        See :func:`segment.segmenter.field.calibration.compute_part_effect`.
    """
    rows, is_counted = choose_bands(copy.valid.shape, REACH_PIXELS)
    bands = replace(copy, pixels=copy.pixels[rows], valid=copy.valid[rows] & is_counted[:, None], interest=None)
    if classes.n_classes < 2 or not bands.valid.any():
        return 1.0
    band_index = ColorIndex(bands)
    if index and (known := recall_colors(classes, space, index)):
        known = known.take((rows[:, None] * copy.width + np.arange(copy.width)).reshape(-1))
    else:
        known = recall_colors(classes, space, band_index)
    if known:
        whitened, components = known.map_whitened(bands.valid.shape), known.map_components(bands.valid.shape)
        return _measure_design_effect(whitened, components, bands.valid)
    whiten = compute_whitening_matrix(classes.model)

    def describe_colors(colors: NDArray[np.generic]) -> NDArray[np.float32]:
        """Return the whitened features and the component from 0 of each color: (m, d + 1)."""
        cells = space.make_cells(colors)
        # By components, not classes: what a merged class has of two colors is no texture.
        return np.column_stack([cells.means @ whiten, find_components(classes.model, cells)]).astype(np.float32)

    planes = band_index.map_to_planes(describe_colors)
    return _measure_design_effect(planes[:-1], planes[-1].astype(np.intp), bands.valid)


def _measure_design_effect(
    features: NDArray[np.float32], components: NDArray[np.integer], valid: NDArray[np.bool_]
) -> float:
    """Measure the design effect of whitened features (d, h, w), by the component of each pixel (h, w)."""
    residuals = measure_residuals(features, components, valid)
    design_effect = compute_design_effect(measure_neighbor_correlation(residuals, valid, REACH_PIXELS))
    return compute_part_effect(design_effect, residuals, valid)
