"""From cells to the best mixture: starts, restarts on coarse cells, and the exact finish."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segment.core.errors import SettingsError
from segment.mixture.cells import Cells
from segment.mixture.em import Fit, run_em, compute_standard_coordinates
from segment.mixture.initialization import INITS, Levels, build_clusters, draw_first_clusters
from segment.mixture.missing import coarsen_patterns, complete_cells, has_missing
from segment.mixture.model import COVARIANCE_TYPES, MixtureModel
from segment.mixture.multistart import Runs, select_best_distinct, run_successive_halving
from segment.mixture.prior import PRIORS, Prior, make_conjugate_prior, make_flat_prior
from segment.mixture.robust import compute_noise_density, make_robust_steps

__all__ = ["INITS", "MixtureFit", "fit_mixture", "score_as_fit"]

Floats = NDArray[np.float64]

TAILS = ("gaussian", "student")

_SHORT = 30  # iterations that tell good starts from poor ones
_FIRST_NOISE, _FIRST_DEGREES = 0.05, 10.0
_N_FINALISTS = 4
_TRIMMED = 0.2  # of the weight is taken for strays at first where there may be some
_LARGEST = 1e152  # the square of it is far from the largest number there is
_FIRST_STEPS = 5  # iterations on completed cells before a start meets the incomplete ones


@dataclass(frozen=True)
class MixtureFit:
    """The best mixture found, and how it was found.

    Attributes
    ----------
    model : MixtureModel
    finish : Fit
        The last stage, on all cells: its log likelihoods are exact.
    restarts : ndarray of shape (n_starts,), float64
        Log posterior per unit weight that every start came to on the coarsest cells, before it was given up or its
        short run was over.
    finalists : ndarray of shape (n_finalists,), float64
        Log posterior per unit weight that the most promising starts reached on the coarse cells.
    prior : Prior
    shrinkage : float
        Strength of the pooled prior in mean component weights.
    """

    finish: Fit
    restarts: Floats
    finalists: Floats
    prior: Prior
    shrinkage: float = 0.0

    @property
    def model(self) -> MixtureModel:
        return self.finish.model

    @property
    def converged(self) -> bool:
        return self.finish.converged


def fit_mixture(
    cells: Cells,
    n_components: int,
    *,
    covariance_type: str = "full",
    init: str | ArrayLike | MixtureModel = "mixed",
    n_init: int = 5,
    prior: str = "pooled",
    shrinkage: float = 0.0,
    reg_covar: float = 0.0,
    tol: float = 1e-6,
    tol_step: float = 1e-3,
    max_iter: int = 200,
    accelerate: bool = True,
    metric: Floats | None = None,
    noise: bool = False,
    tails: str = "gaussian",
    degrees_of_freedom: float = 0.0,
    seed: int = 0,
    levels: Levels | None = None,
) -> MixtureFit:
    """Fit a Gaussian mixture to cells.

    Every start makes a short run on very coarse cells, where an iteration costs next to nothing; the most promising are
    continued on coarse cells, and the best of them is finished on the cells themselves.

    Parameters
    ----------
    cells : Cells
        n cells in d dimensions. NaN is a missing value: a cell counts with the features that it has.
    n_components : int
        From 1 to n; 0 where there are no cells, which gives a mixture of nothing.
    covariance_type : {"full", "tied", "diag", "spherical"}
        Free matrices, one matrix for all, free variances, or one variance a component.
    init : {"mixed", "k-means++", "random", "ward"}, array_like of shape (at most k, d), or MixtureModel
        Starts from cells far from each other and from random cells in turn, from either alone, from the clusters of
        Ward's hierarchy, from given means (completed by cells far from them), or from a given mixture as it is.
    n_init : int, >= 1
        Number of starts where they are random. Raising it costs little and misses the best optimum less often.
    prior : {"pooled", "conjugate"}
        What is believed of the components beforehand: that their covariances are like the pooled one within clusters,
        as firmly as `shrinkage` says, or the weak normal-inverse-Wishart prior of Fraley & Raftery
        (:func:`segment.mixture.prior.make_conjugate_prior`), which weighs some ten observations a component.
    shrinkage : float, >= 0
        Of the pooled prior: weight of the pooled within-cluster covariance in every component's, as a multiple of the
        mean weight of a component. 0 is maximum likelihood; raising it makes the components more alike.
    reg_covar : float, >= 0
        Added to the diagonal of the covariances, in squared data units. Cells with scatter do not need it.
    tol : float, >= 0
        Stop when an iteration gains less than this in log posterior per unit weight,
    tol_step : float, >= 0
        and moves no parameter by more than this, in units of the data's standard deviation.
    max_iter : int, >= 1
        Most E-steps of each stage beyond the first.
    accelerate : bool
        Leap ahead where EM creeps (:mod:`segment.mixture.acceleration`): the same optima in fewer steps. False is plain
        EM.
    metric : ndarray of shape (d, m), optional
        Clusters are looked for among the rows of ``means @ metric``. By default every feature is divided by its
        standard deviation. EM itself does not depend on it.
    noise : bool
        Allow for observations that belong to no component: a constant density over the range of the data.
    tails : {"gaussian", "student"}
        Of the components. With Student's, observations far off weigh less.
    degrees_of_freedom : float, >= 0
        Of Student's tails: the fewer, the heavier. 0 estimates them for each component.
    seed : int, >= 0
        The same seed gives the same result.
    levels : Levels, optional
        Those of the cells, if they are there already: for complete cells, with the same metric.

    Raises
    ------
    SettingsError
        If a setting is out of its range, there are fewer cells than components, or values are too large to be squared.
    """
    if len(cells) == n_components == 0:
        return _nothing(cells.n_features, covariance_type)
    _check(cells, n_components, covariance_type, n_init, tails, prior)
    _check_not_negative(shrinkage=shrinkage, reg_covar=reg_covar, degrees_of_freedom=degrees_of_freedom)
    if has_missing(cells):
        if noise or tails != "gaussian":
            raise SettingsError("noise, tails: only for cells without missing values. Leave them out.")
        settings: dict[str, Any] = {"covariance_type": covariance_type, "prior": prior}
        settings |= {"shrinkage": shrinkage, "reg_covar": reg_covar}
        return _fit_incomplete(
            cells, n_components, init, n_init, tol=tol, max_iter=max_iter, seed=seed, metric=metric, **settings
        )
    levels = levels or Levels.from_cells(cells, n_components, metric)
    ridge = np.full(cells.n_features, float(reg_covar))
    robust = noise or tails != "gaussian"
    if prior == "conjugate":
        believed = make_conjugate_prior(cells, n_components, covariance_type, ridge)
    else:
        target = levels.compute_target(shrinkage, trim=_TRIMMED if robust else 0.0)
        believed = Prior(target, shrinkage * cells.total_weight / n_components, ridge)
    starts = _starts(levels, init, n_init, covariance_type, believed, seed)
    starts = _robust(starts, cells, noise, tails, degrees_of_freedom)
    steps = make_robust_steps(fixed_degrees=degrees_of_freedom > 0) if robust else None
    climb = partial(run_em, prior=believed, accelerate=accelerate, steps=steps)
    improve = partial(climb, tol=tol, tol_step=tol_step, max_iter=max_iter)
    ahead = partial(race, prior=believed, n_iter=min(_SHORT, max_iter), fixed_degrees=degrees_of_freedom > 0)
    found = _best_of(starts, (levels.coarsest, levels.coarse, cells), believed, improve, ahead)
    return replace(found, shrinkage=shrinkage)


def _starts(
    levels: Levels,
    init: str | ArrayLike | MixtureModel,
    n_init: int,
    covariance_type: str,
    prior: Prior,
    seed: int,
) -> Runs:
    """The mixtures to begin from: the given one, or those of clusters of the coarsest cells."""
    if isinstance(init, MixtureModel):
        return Runs.from_models([init])
    drawn = draw_first_clusters(levels.coarsest, levels.k, init, n_init, levels.metric, np.random.default_rng(seed))
    return build_clusters(levels.coarsest, drawn, levels.k, covariance_type, prior)


def _best_of(
    starts: Runs,
    levels: tuple[Cells, Cells, Cells],
    prior: Prior,
    improve: Callable[..., Fit],
    ahead: Callable[..., tuple[Runs, Floats, Floats]],
) -> MixtureFit:
    """Short runs from all starts on the coarsest cells, the most promising continued on coarser ones, one ended."""
    coarsest, coarse, cells = levels
    advanced, reached, worth = ahead(coarsest, starts) if len(starts) > 1 else ahead(coarsest, starts, n_iter=0)
    finals = [improve(coarse, advanced[run]) for run in select_best_distinct(reached, _N_FINALISTS)]
    best = finals[int(_reached(finals).argmax())]
    finish = best if coarse is cells else improve(cells, best.model)
    return MixtureFit(finish, worth, _reached(finals), prior)


def _robust(starts: Runs, cells: Cells, noise: bool, tails: str, degrees: float) -> Runs:
    """The starts with the noise and tails to begin with, or without them where none are asked for."""
    density = compute_noise_density(cells) if noise else 0.0
    share = _FIRST_NOISE if noise else 0.0
    tailed = np.full(starts.stacked.n_components if tails == "student" else 0, degrees or _FIRST_DEGREES)
    stacked = replace(starts.stacked, noise_share=share, noise_density=density, degrees_of_freedom=tailed)
    return Runs(stacked, np.full(len(starts), share))


def score_as_fit(model: MixtureModel, cells: Cells) -> MixtureFit:
    """A given mixture as a fit of no iterations, with its log likelihood on the cells; 0 where there are none."""
    weight = cells.total_weight
    mean = np.array([float(cells.weights @ model.score_samples(cells)) / weight if weight else 0.0])
    d = model.n_features
    return MixtureFit(Fit(model, mean, mean, True, 1), np.zeros(0), np.zeros(0), make_flat_prior(d))


def _fit_incomplete(
    cells: Cells,
    n_components: int,
    init: str | ArrayLike | MixtureModel,
    n_init: int,
    *,
    tol: float,
    max_iter: int,
    seed: int,
    **settings: Any,
) -> MixtureFit:
    """Fit a mixture to cells of which some lack features.

    The starts, and what the covariances are pulled towards, come from cells completed by one Gaussian; all iterations
    that are compared and the finish are those of the incomplete cells.
    """
    coarse = coarsen_patterns(cells)
    if len(coarse) < max(n_components, 64) or len(coarse) > len(cells) / 2:
        coarse = cells
    d = cells.n_features
    center, scale = compute_standard_coordinates(coarse, "full")
    one = MixtureModel(np.ones(1), center[None], np.diag(scale**2)[None])
    one = run_em(coarse, one, make_flat_prior(d), tol=1e-4).model
    filled = complete_cells(coarse, one.means[0], one.covariances[0])
    rough = fit_mixture(filled, n_components, init=init, n_init=n_init, max_iter=1, seed=seed, **settings)
    if isinstance(init, MixtureModel):
        starts = [init]
    else:
        starts = [
            fit_mixture(filled, n_components, init=init, n_init=1, max_iter=_FIRST_STEPS, seed=each, **settings).model
            for each in range(seed, seed + (n_init if isinstance(init, str) else 1))
        ]
    fits = [run_em(coarse, each, rough.prior, tol=tol, max_iter=max_iter) for each in starts]
    best = max(fits, key=lambda fit: fit.objectives[-1]).model
    finish = run_em(cells, best, rough.prior, tol=tol, max_iter=max_iter)
    return MixtureFit(finish, _reached(fits), _reached(fits), rough.prior, rough.shrinkage)


def _nothing(d: int, covariance_type: str) -> MixtureFit:
    """The fit to no cells."""
    model = MixtureModel(np.zeros(0), np.zeros((0, d)), np.zeros((0, d, d)), covariance_type)
    return MixtureFit(Fit(model, np.zeros(0), np.zeros(0), True, 0), np.zeros(0), np.zeros(0), make_flat_prior(d))


def _check(cells: Cells, n_components: int, covariance_type: str, n_init: int, tails: str, prior: str) -> None:
    if not 1 <= n_components <= len(cells):
        raise SettingsError(
            f"n_components: from 1 to the number of distinct values, {len(cells)}; got {n_components}. Ask for fewer."
        )
    largest = float(np.abs(np.nan_to_num(cells.means)).max())
    if not largest <= _LARGEST / np.sqrt(cells.total_weight):
        raise SettingsError(f"X: values whose squares can be summed up; got {largest:.3g}. Divide them by that.")
    if covariance_type not in COVARIANCE_TYPES:
        raise SettingsError(f"covariance_type: one of {', '.join(COVARIANCE_TYPES)}; got {covariance_type!r}.")
    if n_init < 1:
        raise SettingsError(f"n_init: at least 1; got {n_init}.")
    if tails not in TAILS:
        raise SettingsError(f"tails: one of {', '.join(TAILS)}; got {tails!r}.")
    if prior not in PRIORS:
        raise SettingsError(f"prior: one of {', '.join(PRIORS)}; got {prior!r}.")
    if prior == "conjugate" and tails != "gaussian":
        raise SettingsError(f"prior: conjugate only with the tails gaussian; got {tails}. Take the prior pooled.")


def _check_not_negative(**values: float) -> None:
    for name, value in values.items():
        if not (np.isfinite(value) and value >= 0):
            raise SettingsError(f"{name}: zero or above; got {value}.")


def _reached(fits: list[Fit]) -> Floats:
    """The log posterior per unit weight that each fit ended with."""
    return np.array([fit.objectives[-1] for fit in fits])
