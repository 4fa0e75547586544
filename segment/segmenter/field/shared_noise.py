"""Noise that neighboring pixels share, as after resizing, demosaicing or a blur, and the copy whose pixels do not.

A blob of such noise looks like a small thing to all of its pixels. In a copy whose pixels are means of squares as wide
as the blobs, noise changes from pixel to pixel again, and what finds classes in noise of that kind finds them there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from segment.core.image import Image
from segment.features.color_index import ColorIndex
from segment.features.color_space import FeatureSpace
from segment.mixture.cells import Cells, concatenate
from segment.mixture.model import MixtureModel
from segment.segmenter.field.calibration import measure_component_overlaps
from segment.segmenter.field.edge_field import compute_whitening_matrix
from segment.segmenter.field.few_classes import MIN_CLASSES
from segment.segmenter.field.field_solver import FieldProblem
from segment.segmenter.field.noise_level import (
    MAX_SQUARE_WINDOWS,
    MIN_GROWTH,
    NORMAL_MEDIAN,
    measure_noise_share,
    shrink_to_squares,
)

__all__ = [
    "FITTED_NOISE",
    "LABELED_NOISE",
    "SharedNoise",
    "find_noise_width",
    "measure_spread",
    "solve_on_squares",
]

# Sides of the squares that are tried, in pixels; and the shortest side of a copy, which must still show areas.
WIDTHS, MIN_SIDE = (2, 3, 4), 48


class SharedNoise(NamedTuple):
    """What noise that neighbors share must be like for squares to be better than pixels.

    Attributes
    ----------
    min_share : float, 0 to 1
        Share of the variance within classes from which on the means of squares are noisy. Lowered, more images are
        judged by squares, and squares are smaller.
    min_overlap : float, 0 to 1
        Share of a component that lies where another is likelier, from which on single pixels do not show their class.
        Lowered, more thin things are lost in squares.
    """

    min_share: float
    min_overlap: float


# Noise smoothed by .7 to 1.5 pixels is .2 to .6 of the variance of squares of 2 to 4 pixels; of 200 photographs in 4
# classes twelve had .05 and more, none .15. Wide squares show the fit classes that noise hides; labels need sharp
# borders, and single pixels with their neighbors still give them where a quarter of a class looks like another.
FITTED_NOISE, LABELED_NOISE = SharedNoise(0.15, 0.05), SharedNoise(0.05, 0.25)
# Pixels by which overlaps and spreads are measured.
MEASURED_PIXELS = 2**14
# Of the variance of pixels, what their differences from the means of squares explain at most.
MAX_INNER_SHARE = 0.95


def find_noise_width(images: Sequence[Image], feature_name: str, model: MixtureModel, noise: SharedNoise) -> int:
    """Find how wide the blobs of the noise that neighboring pixels share are.

    Parameters
    ----------
    images : sequence of Image
        One or many images, or their working copies.
    feature_name : str
        Name of the feature space.
    model : MixtureModel
        The classes, one component each.
    noise : SharedNoise
        What the noise must be like.

    Returns
    -------
    int, pixels
        Side of the smallest squares whose means are noisy. 1 where there is no such noise, where it changes from pixel
        to pixel, and where single pixels show their classes in spite of it.
    """
    whiten = compute_whitening_matrix(model)
    # Small images show too few squares; what is found in the others holds for them, too.
    images = [image for image in images if min(image.valid.shape) >= WIDTHS[0] * MIN_SIDE]

    def measure(width: int) -> float:
        """Measure how much of the variance within the classes of the means of squares is noise."""
        squares = [shrink_to_squares(_crop(image, width), width) for image in images]
        return measure_noise_share(squares, feature_name, whiten, max_windows=MAX_SQUARE_WINDOWS)

    shortest = min((min(image.valid.shape) for image in images), default=0)
    widths = [width for width in WIDTHS if shortest >= width * MIN_SIDE]
    # Wide squares average noise of single pixels away, and show shared noise of any width: most images end here.
    if not widths or measure(widths[-1]) < noise.min_share:
        return 1
    enough = max(noise.min_share, MIN_GROWTH * measure(1))
    found = next((width for width in widths if measure(width) >= enough), 1)
    if found == 1:
        return 1
    overlaps = measure_component_overlaps(model, concatenate(*(_make_cells(image, feature_name) for image in images)))
    return found if overlaps.max() > noise.min_overlap else 1


def measure_spread(images: Iterable[tuple[Image, Image]], feature_name: str, model: MixtureModel) -> float:
    """Measure how far pixels lie from the means of their squares.

    Parameters
    ----------
    images : iterable of (Image, Image)
        Images, each with the copy that has the means of its squares.
    feature_name : str
        Name of the feature space.
    model : MixtureModel
        The classes.

    Returns
    -------
    float, >= 0
        Variance of the differences, mean of the features, where that of `model` within its components is 1. Edges count
        little.
    """
    whiten = compute_whitening_matrix(model)
    variances = []
    for image, copy in images:
        at = _choose_pixels(image.valid)
        rows, columns = np.divmod(at, image.width)
        near = rows * copy.height // image.height * copy.width + columns * copy.width // image.width
        is_known = copy.valid.reshape(-1)[near]
        if not is_known.any():
            continue
        own, means = (
            _make_cells(part, feature_name, places[is_known]).means @ whiten
            for part, places in ((image, at), (copy, near))
        )
        variances.append(np.mean((np.median(np.abs(own - means), axis=0) / NORMAL_MEDIAN) ** 2))
    return float(np.mean(variances)) if variances else 0.0


def solve_on_squares(problem: FieldProblem) -> FieldProblem:
    """Solve the field on squares of pixels where these share their noise.

    Parameters
    ----------
    problem : FieldProblem
        The field of the working copy, or of the image itself.

    Returns
    -------
    FieldProblem
        Itself where pixels do not share their noise, where a class may have several components, and where classes are
        so many that the few likeliest stand for all.
    """
    classes, name = problem.classes, problem.space.name
    if not 1 < classes.n_classes == classes.model.n_components < MIN_CLASSES:
        return problem
    width = find_noise_width([problem.copy], name, classes.model, LABELED_NOISE)
    if width == 1:
        return problem
    squares = shrink_to_squares(problem.copy, width)
    inner = min(measure_spread([(problem.copy, squares)], name, classes.model), MAX_INNER_SHARE)
    # The means of squares vary less than pixels do: by what is left of the variance without that inside of squares.
    narrow = replace(classes.model, covariances=classes.model.covariances * (1 - inner))
    # A border crosses fewer squares than pixels, but an area has fewer yet, and each says little more than a pixel.
    smoothness = problem.smoothness / max(1.0, width * (1 - inner))
    narrow_classes = replace(classes, model=narrow, memory=None)
    problem = replace(problem, classes=narrow_classes, smoothness=smoothness, pixel_classes=classes)
    return problem.with_copy(squares)


def _crop(image: Image, width: int) -> Image:
    """Crop an image to whole squares, whose means are found several times faster."""
    height, across = (size // width * width for size in image.valid.shape)
    return replace(image, pixels=image.pixels[:height, :across], valid=image.valid[:height, :across], interest=None)


def _choose_pixels(valid: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Choose the numbers of valid pixels that are spread evenly over an image."""
    at = np.flatnonzero(valid)
    # An odd step, so that the pixels do not lie in a few columns of rows of even length.
    return at[:: max(1, len(at) // MEASURED_PIXELS) | 1]


def _make_cells(image: Image, feature_name: str, at: NDArray[np.intp] | None = None) -> Cells:
    """Make one cell of each of these pixels of an image, by default of some that are spread evenly."""
    at = _choose_pixels(image.valid) if at is None else at
    pixels = image.pixels.reshape(image.valid.size, *image.pixels.shape[2:])[at][None]
    index = ColorIndex(replace(image, pixels=pixels, valid=np.ones((1, len(at)), dtype=bool), interest=None))
    return FeatureSpace(feature_name, index.n_channels, index.black, index.white).make_cells(index.pixels)
