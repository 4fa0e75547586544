"""From the cells of images to classes: how many, which mixture, and which of its components make a class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from segment.class_models.model import ClassModel
from segment.colours import ColourIndex
from segment.config import SegmentConfig
from segment.errors import SettingsError
from segment.features import FeatureSpace, collect_cells
from segment.image import Image
from segment.mixture.cells import Cells, merge
from segment.mixture.combination import group_components
from segment.mixture.fitting import MixtureFit, fit_mixture, unchanged
from segment.mixture.model import MixtureModel
from segment.mixture.selection import Selection, choose_n_components, residuals
from segment.preprocessor import shrink
from segment.segmenter import order_classes
from segment.spatial.dependence import effective_size
from segment.spatial.interior import interior

__all__ = ["Modelled", "model_classes"]

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


@dataclass(frozen=True)
class Modelled:
    """Classes, and how they were found.

    Attributes
    ----------
    mixture : MixtureModel
        Its components in the order of their classes.
    groups : ndarray of shape (n_components,), int
        The class of each component, counted from 0, ascending.
    selection : Selection
        How many classes there are and why.
    fit : MixtureFit
        How the mixture was found; its components are in the order of the fit.
    warnings : tuple of str
        What is not as one would expect, a sentence each.
    """

    mixture: MixtureModel
    groups: NDArray[np.intp]
    selection: Selection
    fit: MixtureFit
    warnings: tuple[str, ...]


def model_classes(
    cells: Cells, space: FeatureSpace, images: Sequence[Image], config: SegmentConfig, start: ClassModel | None = None
) -> Modelled:
    """Fit the classes that the configuration asks for.

    Parameters
    ----------
    cells : Cells
        Those of all images.
    space : FeatureSpace
    images : sequence of Image
        The preprocessed images: where k is to be chosen, the dependence of their pixels tells what they are worth.
    config : SegmentConfig
    start : ClassModel, optional
        Classes to start from. Their number and order are kept.
    """
    if start is not None:
        return _adapted(cells, space, images, config, start)
    selection, unmet = _select(cells, space, images, config)
    counted = _counted(cells, space, images, config, selection)
    fit, unfinished = _fit(counted, space, selection.n_components, config)
    groups = group_components(fit.model, cells, selection.chosen)
    mixture, groups = order_classes(fit.model, groups, space.lightness)
    return Modelled(mixture, groups, selection, fit, unmet + unfinished)


def _adapted(
    cells: Cells, space: FeatureSpace, images: Sequence[Image], config: SegmentConfig, start: ClassModel
) -> Modelled:
    """The classes of a model, fitted again from where they are."""
    n = start.mixture.n_components
    selection = Selection.given(start.n_classes, n)
    if len(cells) < n:
        few = f"the image has fewer distinct colours than the model's {start.n_classes} classes: they stay as they are"
        return Modelled(start.mixture, start.groups, selection, unchanged(start.mixture, cells), (few,))
    fit, unfinished = _fit(_counted(cells, space, images, config, selection), space, n, config, start.mixture)
    return Modelled(fit.model, start.groups, selection, fit, unfinished)


def _select(
    cells: Cells, space: FeatureSpace, images: Sequence[Image], config: SegmentConfig
) -> tuple[Selection, tuple[str, ...]]:
    """How many classes of how many components to fit: as many as asked for, or as the image has colours for."""
    n = len(cells)
    if n == 0:
        return Selection.given(0, 0), ("no pixel is valid, so no pixel has a label",)
    if isinstance(config.k, int):
        k = min(config.k, n)
        few = f"the image has fewer distinct colours than the {config.k} classes asked for: it gets {k}"
        return Selection.given(k, min(k * config.components_per_class, n)), (few,) if k < config.k else ()
    selection = _chosen(cells, space, images, config, config.k_range, config.criterion, config.components_per_class)
    few = f"the image has fewer distinct colours than the {config.k_range[0]} classes asked for: it gets {n}"
    return selection, (few,) if n < config.k_range[0] else ()


def _counted(
    cells: Cells, space: FeatureSpace, images: Sequence[Image], config: SegmentConfig, selection: Selection
) -> Cells:
    """The cells with the weight that their pixels are worth, where a prior is to weigh against independent ones."""
    k = selection.n_components
    if config.prior == "pooled" or k == 0:
        return cells
    known = selection.n_effective or _chosen(cells, space, images, config, (k, k), "bic", 1).n_effective
    return cells.weighing(known)


def _chosen(
    cells: Cells,
    space: FeatureSpace,
    images: Sequence[Image],
    config: SegmentConfig,
    k_range: tuple[int, int],
    criterion: str,
    components_per_class: int,
) -> Selection:
    """The number of classes by a criterion that counts independent pixels."""
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
        covariance_type=config.covariance_type,
        metric=space.start_metric(found),
        seed=config.seed,
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


def _fit(
    cells: Cells, space: FeatureSpace, n_components: int, config: SegmentConfig, start: MixtureModel | None = None
) -> tuple[MixtureFit, tuple[str, ...]]:
    """The mixture, and what is to be said of it."""
    fit = fit_mixture(
        cells,
        n_components,
        covariance_type=config.covariance_type,
        tails=config.tails,
        noise=config.noise,
        init=_init(space, config, n_components) if start is None else start,
        n_init=config.n_init,
        prior=config.prior,
        shrinkage=config.shrinkage,
        tol=config.tol,
        tol_step=config.tol_step,
        max_iter=config.max_iter,
        metric=space.start_metric(cells) if n_components else None,
        seed=config.seed,
    )
    if fit.converged:
        return fit, ()
    return fit, (f"EM did not converge in {config.max_iter} iterations; raise --max-iter or --tol",)


def _init(space: FeatureSpace, config: SegmentConfig, n_components: int) -> str | NDArray[np.float64]:
    """Where the fit starts: the features of given colours, or a name."""
    given = config.seed_color
    if not given or n_components == 0:
        return config.init
    if len(given) > n_components:
        raise SettingsError(
            f"seed_color (--seed-color): at most one for each of {n_components} classes; got {len(given)}. Raise -k."
        )
    colours = np.array([tuple(bytes.fromhex(colour[1:])) for colour in given], dtype=np.uint8)
    return space.of_colours(colours)
