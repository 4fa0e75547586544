"""From the cells of images to classes: how many, which mixture, and which of its components make a class."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from segment.config.config import SegmentConfig
from segment.core.errors import SettingsError, pluralize
from segment.core.image import Image
from segment.features.color_space import FeatureSpace
from segment.mixture.cells import Cells
from segment.mixture.component_merging import group_components
from segment.mixture.fitting import MixtureFit, fit_mixture, score_as_fit
from segment.mixture.initialization import Levels
from segment.mixture.model import MixtureModel
from segment.mixture.selection import Selection
from segment.segmenter.class_count import choose_classes
from segment.segmenter.class_mixture import fold_classes, make_default_names, name_classes, order_classes
from segment.segmenter.class_model.class_model import ClassModel
from segment.segmenter.field.field_fit import coherent_mixture
from segment.segmenter.shrinkage import USUAL, choose_shrinkage

if TYPE_CHECKING:
    from segment.segmenter.regions.region_classes import WholeRegions

__all__ = ["FittedClasses", "model_classes"]

Floats = NDArray[np.float64]

_USUALLY = SegmentConfig()
# How labels are cleaned up where strengths of the shrinkage are judged by them: how the result is cleaned up is not to
# change the classes.
_CLEAN_UP = {"radius": _USUALLY.smooth_radius, "min_region": _USUALLY.min_region, "max_hole": _USUALLY.max_hole}


@dataclass(frozen=True)
class FittedClasses:
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
        How the mixture of colors alone was found; its components are in the order of the fit.
    names : tuple of str
        One for each class.
    log_likelihood : float
        Mean log density of the pixels under the mixture, in nats; 0 where there are none.
    warnings : tuple of str
        What is not as one would expect, a sentence each.
    """

    mixture: MixtureModel
    groups: NDArray[np.intp]
    selection: Selection
    fit: MixtureFit
    names: tuple[str, ...]
    log_likelihood: float
    warnings: tuple[str, ...]


def model_classes(
    cells: Cells,
    space: FeatureSpace,
    images: Sequence[Image],
    config: SegmentConfig,
    start: ClassModel | None = None,
    whole: WholeRegions | None = None,
) -> FittedClasses:
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
    whole : WholeRegions, optional
        The regions that the cells stand for, where each is to be of one class.
    """
    of = cells, space, images, config, whole
    found = _fitted(*of) if start is None else _adapted(*of, start)
    mixture, groups = fold_classes(found.mixture, found.groups, config.merges)
    names = name_classes(found.names, config.namings, config.merges)
    missing = {label for _, labels in config.merges for label in labels} | {label for label, _ in config.namings}
    missing -= set(range(1, len(found.names) + 1))
    absent = tuple(f"there is no class {label} to name or to merge" for label in sorted(missing))
    return replace(found, mixture=mixture, groups=groups, names=names, warnings=found.warnings + absent)


def _fitted(
    cells: Cells, space: FeatureSpace, images: Sequence[Image], config: SegmentConfig, whole: WholeRegions | None
) -> FittedClasses:
    selection, unmet = _select(cells, space, images, config)
    pluralize = _counted(cells, space, images, config, selection)
    n, levels, shrinkage = selection.n_components, None, _given_shrinkage(config)
    if _is_open(config) and n:
        levels = Levels.from_cells(pluralize, n, space.compute_start_metric(pluralize))
        shrinkage = choose_shrinkage(
            levels,
            cells,
            space,
            images,
            n_classes=selection.chosen,
            covariance_type=config.covariance_type,
            smoothness=config.smoothness,
            clean_up=_CLEAN_UP,
            init=_init(space, config, n),
            seed=config.seed,
        )
    fit, unfinished = _fit(pluralize, space, n, config, shrinkage, levels=levels)
    groups = group_components(fit.model, cells, selection.chosen)
    keys: dict[str, Callable[[Floats, Floats], Floats]] = {
        "lightness": lambda means, _: space.compute_lightness(means),
        "area": lambda _, weights: -weights,
        "hue": lambda means, _: space.compute_hue(means),
    }
    mixture, log_likelihood = _coherent(fit, cells, groups, space, images, config, whole)
    mixture, groups = order_classes(mixture, groups, keys[config.order])
    names = make_default_names(selection.chosen)
    return FittedClasses(mixture, groups, selection, fit, names, log_likelihood, unmet + unfinished)


def _adapted(
    cells: Cells,
    space: FeatureSpace,
    images: Sequence[Image],
    config: SegmentConfig,
    whole: WholeRegions | None,
    start: ClassModel,
) -> FittedClasses:
    """The classes of a model, fitted again from where they are."""
    n = start.mixture.n_components
    selection = Selection.from_number(start.n_classes, n)
    if len(cells) < n:
        few = f"the image has fewer {_units(config)} than the model's {start.n_classes} classes: they stay as they are"
        fit = score_as_fit(start.mixture, cells)
        worth = float(fit.finish.log_likelihoods[-1])
        return FittedClasses(start.mixture, start.groups, selection, fit, start.names, worth, (few,))
    pluralize = _counted(cells, space, images, config, selection)
    fit, unfinished = _fit(pluralize, space, n, config, _given_shrinkage(config), start.mixture)
    mixture, worth = _coherent(fit, cells, start.groups, space, images, config, whole)
    return FittedClasses(mixture, start.groups, selection, fit, start.names, worth, unfinished)


def _coherent(
    fit: MixtureFit,
    cells: Cells,
    groups: NDArray[np.intp],
    space: FeatureSpace,
    images: Sequence[Image],
    config: SegmentConfig,
    whole: WholeRegions | None,
) -> tuple[MixtureModel, float]:
    """The mixture, fitted further with a random field where one is asked for, and the cells' mean log density."""
    if len(cells) and (whole is not None or config.has_field):
        if whole is not None:
            model = whole.mixture(fit.model, groups, fit.prior)
        else:
            model = coherent_mixture(fit.model, groups, fit.prior, space, images, smoothness=config.smoothness)
        if model is not fit.model:
            return model, float(score_as_fit(model, cells).finish.log_likelihoods[-1])
    return fit.model, float(fit.finish.log_likelihoods[-1]) if len(cells) else 0.0


def _select(
    cells: Cells, space: FeatureSpace, images: Sequence[Image], config: SegmentConfig
) -> tuple[Selection, tuple[str, ...]]:
    """How many classes of how many components to fit: as many as asked for, or as the image has colors for."""
    n = len(cells)
    if n == 0:
        return Selection.from_number(0, 0), ("no pixel is valid, so no pixel has a label",)
    if isinstance(config.k, int):
        k = min(config.k, n)
        few = f"the image has fewer {_units(config)} than the {config.k} classes asked for: it gets {k}"
        return Selection.from_number(k, min(k * config.components_per_class, n)), (few,) if k < config.k else ()
    selection = choose_classes(
        cells,
        space,
        images,
        config.k_range,
        criterion=config.criterion,
        components_per_class=config.components_per_class,
        covariance_type=config.covariance_type,
        seed=config.seed,
    )
    few = f"the image has fewer {_units(config)} than the {config.k_range[0]} classes asked for: it gets {n}"
    return selection, (few,) if n < config.k_range[0] else ()


def _units(config: SegmentConfig) -> str:
    """What is given to a class as a whole."""
    return "regions" if config.coherence == "region" else "distinct colors"


def _counted(
    cells: Cells, space: FeatureSpace, images: Sequence[Image], config: SegmentConfig, selection: Selection
) -> Cells:
    """The cells with the weight that their pixels are worth, where a prior is to weigh against independent ones."""
    k = selection.n_components
    if config.prior == "pooled" or k == 0:
        return cells
    worth = selection.n_effective
    if not worth:
        settings: dict[str, Any] = {"covariance_type": config.covariance_type, "seed": config.seed}
        worth = choose_classes(cells, space, images, (k, k), **settings).n_effective
    return cells.scale_weights(worth)


def _given_shrinkage(config: SegmentConfig) -> float:
    """The strength asked for; where it is to be chosen, the usual one."""
    return USUAL if config.shrinkage == "auto" else float(config.shrinkage)


def _is_open(config: SegmentConfig) -> bool:
    """Whether the strength of the shrinkage is to be chosen.

    It is where it was shown to be chosen well: for Gaussian classes with the random field. Elsewhere it is the usual
    one.
    """
    plain = config.prior == "pooled" and config.tails == "gaussian" and not config.noise
    return config.shrinkage == "auto" and plain and config.has_field


def _fit(
    cells: Cells,
    space: FeatureSpace,
    n_components: int,
    config: SegmentConfig,
    shrinkage: float,
    start: MixtureModel | None = None,
    levels: Levels | None = None,
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
        shrinkage=shrinkage,
        tol=config.tol,
        tol_step=config.tol_step,
        max_iter=config.max_iter,
        metric=space.compute_start_metric(cells) if n_components else None,
        seed=config.seed,
        levels=levels,
    )
    if fit.converged:
        return fit, ()
    return fit, (f"EM did not converge in {config.max_iter} iterations; raise --max-iter or --tol",)


def _init(space: FeatureSpace, config: SegmentConfig, n_components: int) -> str | NDArray[np.float64]:
    """Where the fit starts: the features of given colors, or a name."""
    given = config.seed_color
    if not given or n_components == 0:
        return config.init
    if len(given) > n_components:
        raise SettingsError(
            f"seed_color (--seed-color): at most one for each of {pluralize(n_components, 'class')}; got "
            f"{len(given)}. Raise -k."
        )
    colors = np.array([tuple(bytes.fromhex(color[1:])) for color in given], dtype=np.uint8)
    return space.convert_rgb(colors)
