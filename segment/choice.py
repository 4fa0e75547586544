"""What images tell about the number of their classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from segment.colours import ColourIndex
from segment.features import FeatureSpace, collect_cells
from segment.image import Image
from segment.mixture.cells import Cells, merge
from segment.mixture.model import MixtureModel
from segment.mixture.selection import Selection, choose_n_components, residuals
from segment.preprocessor import shrink
from segment.spatial.dependence import effective_size
from segment.spatial.interior import interior

__all__ = ["choose_classes"]

# How many classes a picture has is judged on a copy of so many pixels on the longer side,
_SIDE = 256
# without this share of its pixels: those at edges mix two classes, or ring in a JPEG, and speak for none.
_EDGES = 0.2
# Colours that differ by less than about this share of the way from black to white, two of 255 levels, are one colour:
# without it a flat area with a trace of compression noise is worth a class for every level that occurs.
_SAME_COLOUR = 2 / 255
# No picture is worth more observations than these: a class of 1 % of it then still has ten of them, as many as there
# are parameters of a class of colour. Classes are never Gaussian, and with enough observations that shows.
_MOST_WORTH = 1000.0
_FAR = 16.0  # squared distance, in squared standard deviations, beyond which a pixel is no farther from its class


def choose_classes(
    cells: Cells,
    space: FeatureSpace,
    images: Sequence[Image],
    k_range: tuple[int, int],
    *,
    criterion: str = "bic",
    components_per_class: int = 1,
    covariance_type: str = "full",
    seed: int = 0,
) -> Selection:
    """Choose the number of classes by a criterion that counts independent pixels.

    Parameters
    ----------
    cells : Cells
        Those of all images: what is looked at where smaller copies have no valid pixel, and the most classes there are.
    space : FeatureSpace
    images : sequence of Image
    k_range, criterion, components_per_class, covariance_type, seed
        As for :func:`segment.mixture.selection.choose_n_components`.
    """
    copies = [_copy(image) for image in images]
    found = merge(*(_evidence(space, copy) for copy in copies))
    if len(found) == 0:  # the valid pixels are so scattered that none is left in a smaller copy
        found = cells
    return choose_n_components(
        found,
        (min(k_range[0], len(cells)), min(k_range[1], len(cells))),
        criterion=criterion,
        components_per_class=components_per_class,
        n_effective=lambda model: min(_MOST_WORTH, sum(_independent_pixels(model, space, copy) for copy in copies)),
        covariance_type=covariance_type,
        metric=space.start_metric(found),
        seed=seed,
    )


def _copy(image: Image) -> Image:
    """A small copy in which only the pixels inside areas are valid."""
    copy = shrink(image, max_size=_SIDE)
    pixels = ColourIndex(copy).pixels.reshape(*copy.valid.shape, -1)
    return replace(copy, valid=interior(pixels, copy.valid, edges=_EDGES))


def _evidence(space: FeatureSpace, copy: Image) -> Cells:
    """The cells of a copy, each as wide as colours are alike."""
    cells = collect_cells(space, ColourIndex(copy).parts(), exact=True)
    steps = _SAME_COLOUR * (space.white - space.black)  # the scatter of a cell is that of one step, 1 / 12
    return replace(cells, scatters=cells.scatters * (1 + 12 * steps**2))


def _independent_pixels(model: MixtureModel, space: FeatureSpace, copy: Image) -> float:
    """The number of independent pixels that a copy is worth.

    The criteria sum up log densities, which within a component fall with the squared distance from its mean: so it is
    the dependence of these distances that counts.
    """
    left = residuals(model, space.cells(ColourIndex(copy).pixels))
    distances = 1 + np.minimum((left**2).sum(axis=1), _FAR)  # 1 tells what does not vary at all from mere rounding
    return effective_size(distances.reshape(*copy.valid.shape, 1), copy.valid)
