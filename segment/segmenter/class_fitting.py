"""From cells to classes: how many there are, which mixture, and which of its components make a class."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from segment.config.config import SegmentConfig
from segment.config.conflicts import reject_surplus_seed_colors
from segment.core.class_names import make_default_names
from segment.core.hex_colors import parse_hex_color
from segment.core.threads import limit_library_threads
from segment.features.color_space import FeatureSpace
from segment.features.pixel_features import warn_of_narrow_bands
from segment.mixture.cells import Cells, make_point_cells
from segment.mixture.component_merging import group_components
from segment.mixture.fitting import fit_mixture, group_for_many
from segment.mixture.levels import Levels
from segment.mixture.mixture_fit import MixtureFit, score_as_fit
from segment.mixture.model import MixtureModel
from segment.mixture.multistart import MANY_COMPONENTS
from segment.mixture.rivals import Rival, compute_disagreement
from segment.mixture.selection import Selection
from segment.segmenter.class_count import choose_classes
from segment.segmenter.class_mixture import ClassMixture
from segment.segmenter.class_model.class_model import ClassModel
from segment.segmenter.class_regrouping import RegroupedClasses, make_order_key, regroup_classes
from segment.segmenter.fit_data import FitData
from segment.segmenter.shrinkage import DEFAULT_SHRINKAGE, choose_shrinkage
from segment.segmenter.spatial_model import SpatialModel, choose_spatial_type

__all__ = ["FittedClasses", "fit_image_classes", "warn_of_rivals"]

Floats = NDArray[np.float64]

# Share of the pixels from which on colors alone show a class, and below which it is lost.
SHOWN_SHARE, LOST_SHARE = 0.02, 0.001
MIN_DISAGREEMENT = 0.07  # share of the pixels that two fits about as good label differently: from here on a warning


@dataclass(frozen=True, eq=False)
class FittedClasses:
    """Classes, and how they were found.

    Attributes
    ----------
    classes : ClassMixture
        The mixture with its components in the order of their classes.
    selection : Selection
        How many classes there are and why.
    fit : MixtureFit
        How the mixture of the cells alone was found; its components are in the order of the fit.
    names : tuple of str
        One for each class.
    log_likelihood : float
        Mean log density of the pixels under the mixture, in nats; 0 where there are none.
    warnings : tuple of str
        What is not as one would expect, a sentence each.
    rivals : tuple of Rival
        Other fits of one component for each class that are about as good.
    """

    classes: ClassMixture
    selection: Selection
    fit: MixtureFit
    names: tuple[str, ...]
    log_likelihood: float
    warnings: tuple[str, ...]
    rivals: tuple[Rival, ...] = ()


def fit_image_classes(data: FitData, config: SegmentConfig, start: ClassModel | None = None) -> FittedClasses:
    """Fit the classes that the configuration asks for.

    Parameters
    ----------
    data : FitData
        The cells of one or many images.
    config : SegmentConfig
        Number, order, names and merges of the classes, the settings of the mixture, and of its neighbors.
    start : ClassModel, optional
        Classes to start from. Their number and order are kept.

    Returns
    -------
    FittedClasses
        k classes, fewer than were asked for where there are fewer colors or regions, and none where no pixel is valid.
    """
    kind = choose_spatial_type(config)
    # Matrices are large enough for BLAS to start threads, and so small that these only take twice the processor time.
    with limit_library_threads():
        found = _fit_new_classes(data, config, kind) if start is None else _adapt_classes(data, config, kind, start)
    new = regroup_classes(found.classes, found.names, data.space, config)
    narrow = warn_of_narrow_bands(data.first_image) if data.first_image else ()
    warnings = narrow + found.warnings + warn_of_rivals(_measure_disagreement(found, new)) + new.warnings
    return replace(found, classes=new.classes, names=new.names, warnings=warnings)


def _fit_new_classes(data: FitData, config: SegmentConfig, kind: type[SpatialModel]) -> FittedClasses:
    """Choose the number of classes and the shrinkage where they are open, and fit."""
    selection, too_few = _select_number(data, config, kind)
    n = selection.n_components
    weighted = _weight_cells(data, config, selection)
    levels, shrinkage = None, _get_shrinkage(config)
    if n and config.shrinkage == "auto" and _is_plain(config) and kind.has_chosen_shrinkage:
        levels = Levels.from_cells(weighted, n, data.space.compute_start_metric(weighted))
        levels, shrinkage = choose_shrinkage(
            levels,
            data,
            n_classes=selection.chosen,
            covariance_type=config.covariance_type,
            smoothness=config.smoothness,
            init=_choose_init(data.space, config, n),
        )
    if n >= MANY_COMPONENTS and kind.needs_copies and _is_plain(config):
        # The start of a fit to pixels: groups of cells are close enough.
        levels = levels or Levels.choose(weighted, n, data.space.compute_start_metric(weighted), is_robust=False)
        weighted = group_for_many(weighted)
    fit, unfinished = _fit_cells(weighted, data.space, n, config, shrinkage, levels=levels)
    classes = ClassMixture(fit.model, group_components(fit.model, data.cells, selection.chosen))
    # Colors that were given as starts are kept.
    may_restart = not config.seed_color
    classes, log_likelihood = _continue_fit(classes, fit, data, config, kind, may_restart=may_restart)
    classes = classes.order_classes(make_order_key(data.space, config.order))
    names = make_default_names(selection.chosen)
    # Components of one class may well be divided otherwise.
    rivals = fit.rivals if n == selection.chosen else ()
    return FittedClasses(classes, selection, fit, names, log_likelihood, too_few + unfinished, rivals)


def _measure_disagreement(found: FittedClasses, new: RegroupedClasses) -> float:
    """Measure the largest share of the pixels that a rival gives to other classes; merged classes count as one."""
    shares = [0.0]
    for rival in found.rivals:
        numbers = None
        if new.classes.parts is not None:
            # The numbers of the classes may have changed since the fit; their colors have not.
            numbers = new.numbers[found.classes.label_cells(make_point_cells(rival.means)).astype(np.intp) - 1]
        shares.append(compute_disagreement(rival.table, numbers))
    return max(shares)


def warn_of_rivals(disagreement: float) -> tuple[str, ...]:
    """Say that another fit is about as good, where it labels many pixels otherwise.

    Parameters
    ----------
    disagreement : float, 0 to 1
        Share of the pixels.

    Returns
    -------
    tuple of str
        A sentence, if there is something to say.

    Examples
    --------
    >>> warn_of_rivals(0.12)[0].partition(":")[0]
    'another fit is about as good and gives 12 % of the pixels to other classes'
    """
    if disagreement < MIN_DISAGREEMENT:
        return ()
    return (
        f"another fit is about as good and gives {100 * disagreement:.0f} % of the pixels to other classes: shares "
        "depend on which is found. Compare with another --seed or --shrinkage, or use another -k",
    )


def _adapt_classes(data: FitData, config: SegmentConfig, kind: type[SpatialModel], start: ClassModel) -> FittedClasses:
    """Fit the classes of a model again from where they are."""
    n = start.mixture.n_components
    selection = Selection.from_number(start.n_classes, n)
    if len(data.cells) < n:
        few = f"the image has fewer {kind.unit} than the model's {start.n_classes} classes: they stay as they are"
        fit = score_as_fit(start.mixture, data.cells)
        log_likelihood = float(fit.finish.log_likelihoods[-1])
        return FittedClasses(start.class_mixture, selection, fit, start.names, log_likelihood, (few,))
    weighted = _weight_cells(data, config, selection)
    fit, unfinished = _fit_cells(weighted, data.space, n, config, _get_shrinkage(config), start.mixture)
    classes = ClassMixture(fit.model, start.groups, start.parts)
    classes, log_likelihood = _continue_fit(classes, fit, data, config, kind)
    return FittedClasses(classes, selection, fit, start.names, log_likelihood, unfinished)


def _continue_fit(
    classes: ClassMixture,
    fit: MixtureFit,
    data: FitData,
    config: SegmentConfig,
    kind: type[SpatialModel],
    *,
    may_restart: bool = False,
) -> tuple[ClassMixture, float]:
    """Continue the fit with the neighbors; also return the mean log density of the cells, 0 where there are none."""
    if not len(data.cells):
        return classes, 0.0
    # Where each class is one color, as in a scan of black and white, neighbors have nothing to tell: the gray averages
    # of a smaller copy would become classes.
    if len(data.cells) <= fit.model.n_components:
        return classes, float(fit.finish.log_likelihoods[-1])
    model = kind.continue_fit(classes, fit.prior, data, config, may_restart=may_restart)
    if model is fit.model or (kind.needs_copies and _loses_class(classes, model)):
        return classes, float(fit.finish.log_likelihoods[-1])
    return replace(classes, model=model), float(score_as_fit(model, data.cells).finish.log_likelihoods[-1])


def _loses_class(classes: ClassMixture, model: MixtureModel) -> bool:
    """Say whether a class that colors show is gone after the fit with neighbors, as thin strokes of text may be."""
    before, after = (np.bincount(classes.groups, weights=weights) for weights in (classes.model.weights, model.weights))
    return bool(((before > SHOWN_SHARE) & (after < LOST_SHARE)).any())


def _select_number(data: FitData, config: SegmentConfig, kind: type[SpatialModel]) -> tuple[Selection, tuple[str, ...]]:
    """Select how many classes of how many components to fit: as many as asked for, or as there are cells for."""
    n = len(data.cells)
    if n == 0:
        return Selection.from_number(0, 0), ("no pixel is valid, so no pixel has a label",)
    if isinstance(config.k, int):
        k = min(config.k, n)
        few = f"the image has fewer {kind.unit} than the {config.k} classes asked for: it gets {k}"
        components = min(k * config.components_per_class, n)
        return Selection.from_number(k, components), (few,) if k < config.k else ()
    selection = choose_classes(
        data,
        config.k_range,
        criterion=config.criterion,
        components_per_class=config.components_per_class,
        covariance_type=config.covariance_type,
    )
    few = f"the image has fewer {kind.unit} than the {config.k_range[0]} classes asked for: it gets {n}"
    return selection, (few,) if n < config.k_range[0] else ()


def _weight_cells(data: FitData, config: SegmentConfig, selection: Selection) -> Cells:
    """Scale the cells to the number of independent pixels, where a prior is to weigh against these."""
    k = selection.n_components
    if config.prior == "pooled" or k == 0:
        return data.cells
    # A number of classes that was given has not been compared with others yet.
    if not selection.n_effective:
        selection = choose_classes(data, (k, k), covariance_type=config.covariance_type)
    return data.cells.scale_weights(selection.n_effective)


def _get_shrinkage(config: SegmentConfig) -> float:
    """Return the shrinkage asked for, and the default one where it is to be chosen."""
    return DEFAULT_SHRINKAGE if config.shrinkage == "auto" else float(config.shrinkage)


def _is_plain(config: SegmentConfig) -> bool:
    """Say whether the components are Gaussian, with the pooled prior and without noise."""
    return config.prior == "pooled" and config.tails == "gaussian" and not config.noise


def _fit_cells(
    cells: Cells,
    space: FeatureSpace,
    n_components: int,
    config: SegmentConfig,
    shrinkage: float,
    start: MixtureModel | None = None,
    levels: Levels | None = None,
) -> tuple[MixtureFit, tuple[str, ...]]:
    """Fit the mixture; also return a warning if EM did not converge."""
    fit = fit_mixture(
        cells,
        n_components,
        covariance_type=config.covariance_type,
        tails=config.tails,
        noise=config.noise,
        init=_choose_init(space, config, n_components) if start is None else start,
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
    return fit, (f"EM did not converge in {config.max_iter} iterations. Raise --max-iter or --tol",)


def _choose_init(space: FeatureSpace, config: SegmentConfig, n_components: int) -> str | NDArray[np.float64]:
    """Return where the fit starts: the features of given colors, or the name of a method."""
    given = config.seed_color
    if not given or n_components == 0:
        return config.init
    reject_surplus_seed_colors(given, n_components)
    colors = np.array([parse_hex_color(color) for color in given], dtype=np.uint8)
    return space.convert_rgb(colors)
