"""Draw what takes more of a result than its image, labels and colors. Its methods call these functions."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from segment.core.errors import pluralize
from segment.output.class_colors import choose_palette_colors
from segment.output.pictures.maps import draw_probability_maps
from segment.output.pictures.panels import draw_methods
from segment.pipeline.class_table import convert_means_to_rgb
from segment.pipeline.shown_image import choose_shown_image
from segment.preprocessor.logarithms import LOG_STEPS, take_logarithms

if TYPE_CHECKING:  # importing them would load SciPy and the regions, which drawing does without
    from segment.pipeline.comparison import Comparison
    from segment.pipeline.exploration import Exploration
    from segment.pipeline.result import Segmentation

__all__ = [
    "choose_class_colors",
    "compute_mean_colors",
    "draw_comparison",
    "draw_exploration",
    "draw_posterior_panel",
]

Picture = NDArray[np.uint8]


def choose_class_colors(result: Segmentation) -> Picture:
    """Choose the color that stands for each class, by the setting `palette`.

    Parameters
    ----------
    result : Segmentation
        A segmented image.

    Returns
    -------
    ndarray of shape (k, 3), uint8
        RGB.
    """
    means = result.space.convert_to_rgb(result.class_mixture.compute_means())
    n_shared = 0
    if result.color_model is not None:
        # Classes that other images have too come first, and have the same colors in all of them.
        model = result.color_model
        n_shared = min(model.n_classes, result.n_classes)
        means[:n_shared] = model.space.convert_to_rgb(model.class_mixture.compute_means())[:n_shared]
    mean_colors = compute_mean_colors(result) if result.config.palette == "mean" else None
    return choose_palette_colors(result.config, result.names, means, mean_colors, n_shared=n_shared)


def compute_mean_colors(result: Segmentation) -> Picture:
    """Compute the mean color of each class.

    Parameters
    ----------
    result : Segmentation
        A segmented image.

    Returns
    -------
    ndarray of shape (k, 3), uint8
        RGB, 0 for the image's black and 255 for its white, on a logarithmic scale with the setting `log_scale`; a
        middle gray for a class without pixels.
    """
    rows, image = result.classes, result.image
    if result.config.log_scale:
        rows = tuple(replace(row, mean=tuple(take_logarithms(np.array(row.mean), image))) for row in rows)
        image = replace(image, black=0.0, white=float(LOG_STEPS))
    return np.rint(convert_means_to_rgb(rows, image)).astype(np.uint8)


def draw_posterior_panel(result: Segmentation) -> Picture:
    """Draw the probability of each class, white where it is 1, on one sheet.

    Parameters
    ----------
    result : Segmentation
        A segmented image.

    Returns
    -------
    ndarray of shape (h, w, 3), uint8
        RGB, sized for a screen.
    """
    titles, is_left_out = [words for words, _ in result.legend()], ~result.image.valid

    def iterate_maps() -> Iterator[NDArray[np.float32]]:
        """Iterate over the maps, with NaN where the image is not valid: a checkerboard instead of black."""
        for values in result.posterior_maps():
            values[is_left_out] = np.nan
            yield values

    return draw_probability_maps(iterate_maps(), titles, (result.image.width, result.image.height))


def draw_comparison(comparison: Comparison) -> Picture:
    """Draw the original and the segmentations of all methods with their titles and a legend.

    Parameters
    ----------
    comparison : Comparison
        The last method is the mixture, with which the others are compared.

    Returns
    -------
    ndarray of shape (h, w, 3), uint8
        RGB, sized for a screen.
    """
    # Agreement is that with the mixture, so the mixture itself has none in its title.
    *others, mixture = comparison.methods
    segmentations = [(f"{method.name}, agreement {method.agreement:.2f}", method.label_image) for method in others]
    segmentations.append((mixture.name, mixture.label_image))
    image, title = choose_shown_image(comparison.result.image, comparison.result.config)
    return draw_methods(image, segmentations, comparison.result.colors, title=title)


def draw_exploration(exploration: Exploration) -> Picture:
    """Draw the segments of each number of classes with their shares, and the criterion that chooses between them.

    Parameters
    ----------
    exploration : Exploration
        The results and the choice.

    Returns
    -------
    ndarray of shape (h, w, 3), uint8
        RGB, sized for a screen.
    """
    # Here, as nothing else that draws a picture needs it: a start is faster without.
    from segment.output.pictures.exploration_sheet import Try, draw_exploration_sheet

    selection = exploration.selection
    tries = []
    for result in exploration.results:
        title = pluralize(result.k, "class")
        # An image of few colors has fewer.
        title += f" of {result.config.k}" if result.k != result.config.k else ""
        title += ": chosen by -k auto" if result is exploration.chosen else ""
        shares = [0.0 if math.isnan(row.share) else row.share for row in result.classes]
        tries.append(Try(title, result.label_image, result.colors, shares))
    curve = [(candidate.n_classes, candidate.value) for candidate in selection.candidates]
    first = exploration.results[0]
    image, title = choose_shown_image(first.image, first.config)
    return draw_exploration_sheet(image, tries, curve, selection.chosen, selection.criterion_name, title=title)
