"""Fit a mixture: short runs from many starts on the coarsest cells, the best on coarse cells, the finish on all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segment.core.errors import SettingsError
from segment.mixture.cells import Cells
from segment.mixture.coarsening import coarsen_by_scatter
from segment.mixture.component_moves import improve_by_moves
from segment.mixture.em import EMOptions, Fit, Steps, run_em, run_em_side_by_side
from segment.mixture.grid_bins import coarsen
from segment.mixture.incomplete_fit import fit_incomplete
from segment.mixture.initialization import build_clusters, draw_first_clusters
from segment.mixture.levels import Levels
from segment.mixture.missing import has_missing
from segment.mixture.mixture_fit import MixtureFit, make_empty_fit
from segment.mixture.model import COVARIANCE_TYPES, MixtureModel
from segment.mixture.multistart import MANY_COMPONENTS, Runs, run_successive_halving, select_best_distinct
from segment.mixture.prior import PRIORS, Prior, make_conjugate_prior
from segment.mixture.rivals import find_rivals
from segment.mixture.robust import RobustStatistics, compute_noise_density, make_robust_steps

__all__ = ["fit_mixture", "group_for_many"]

Floats = NDArray[np.float64]

TAILS = ("gaussian", "student")
# Runs EM on cells from a mixture.
Improvement = Callable[[Cells, MixtureModel, EMOptions], Fit]

_SHORT_ITERATIONS = 30  # of the short runs on the coarsest cells
# Runs that are continued on the coarse cells, and by how much the log posterior per unit weight of the best may be
# higher: of 1,211 fits to photographs, two would have ended better with another.
_N_FINALISTS, _MAX_GAP = 4, 0.02
# Tolerances until the best of them is known: of many components, and of few. For few, that of many took another optimum
# in 8 of 204 fits to photographs than all of them at convergence, and this one in 1.
_ROUGH_TOL, _ROUGH_TOL_OF_FEW = 1e-4, 1e-5
# With many components: groups of cells between the coarse ones and all, and how much larger the tolerances on all cells
# are than on those in between.
_N_GROUPS, _FINISH_FACTOR = 2**12, 10.0
# Bins of each feature before cells are grouped, and cells for each of the groups from which on they are.
_GRID_BINS, _MIN_GROUPED = 128, 3
# Iterations after moves of components, and coarse cells for each component from which on they suffice for these.
_MOVE_ITERATIONS, _MOVE_CELLS = 25, 48
# Of every start.
_FIRST_NOISE_SHARE, _FIRST_DEGREES = 0.05, 10.0
_TRIMMED_SHARE = 0.2  # of the weight, left out of the pooled covariance where there may be outliers
_MAX_VALUE = 1e152  # its square is still far from the largest floating-point number


@dataclass(frozen=True)
class Robustness:
    """Noise and tails of a mixture, as :func:`fit_mixture` describes them."""

    noise: bool
    tails: str
    degrees_of_freedom: float

    @property
    def is_robust(self) -> bool:
        """Whether the mixture has noise or heavy tails."""
        return self.noise or self.tails != "gaussian"

    @property
    def has_fixed_degrees(self) -> bool:
        """Whether the degrees of freedom are given."""
        return self.degrees_of_freedom > 0

    def make_steps(self) -> Steps[RobustStatistics] | None:
        """Make the steps of EM; None for those of Gaussian components."""
        return make_robust_steps(fixed_degrees=self.has_fixed_degrees) if self.is_robust else None

    def add_to_starts(self, starts: Runs, cells: Cells) -> Runs:
        """Set the first noise and degrees of freedom of the starts, or remove them where none are asked for."""
        density = compute_noise_density(cells) if self.noise else 0.0
        share = _FIRST_NOISE_SHARE if self.noise else 0.0
        n_tailed = starts.stacked.n_components if self.tails == "student" else 0
        degrees = np.full(n_tailed, self.degrees_of_freedom or _FIRST_DEGREES)
        stacked = replace(starts.stacked, noise_share=share, noise_density=density, degrees_of_freedom=degrees)
        return Runs(stacked, np.full(len(starts), share))


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

    Parameters
    ----------
    cells : Cells
        n cells in d dimensions. NaN is a missing value: a cell counts with the features that it has.
    n_components : int
        From 1 to n; 0 where there are no cells, which gives an empty mixture.
    covariance_type : {"full", "tied", "diag", "spherical"}
        Free matrices, one matrix for all, free variances, or one variance a component.
    init : {"mixed", "k-means++", "random", "ward"}, array_like of shape (at most k, d), or MixtureModel
        Starts from cells far from each other and from random cells in turn, from either alone, from the clusters of
        Ward's hierarchy, from given means (completed by cells far from them), or from a given mixture as it is.
    n_init : int, >= 1
        Number of starts where they are random. Raising it costs little and misses the best optimum less often.
    prior : {"pooled", "conjugate"}
        Prior of the components: their covariances are pulled towards the pooled one within clusters, as strongly as
        `shrinkage` says; or the weak normal-inverse-Wishart prior of Fraley & Raftery
        (:func:`segment.mixture.prior.make_conjugate_prior`), which weighs some ten observations a component.
    shrinkage : float, >= 0
        Of the pooled prior: weight of the pooled within-cluster covariance in every component's, as a multiple of the
        mean weight of a component. 0 is maximum likelihood; raising it makes the components more alike.
    reg_covar : float, >= 0
        Added to the diagonal of the covariances, in squared data units. Cells with scatter do not need it.
    tol : float, >= 0
        Stop when an iteration gains less than this in log posterior per unit weight,
    tol_step : float, >= 0
        and moves no parameter by more than this, in units of the data's standard deviation. It has no effect where
        values are missing. With 17 components and more, the last stage of three stops at ten times both.
    max_iter : int, >= 1
        Most E-steps of each stage beyond the first.
    accelerate : bool
        Extrapolate where EM is slow (:mod:`segment.mixture.acceleration`): the same optima in fewer steps. False is
        plain EM.
    metric : ndarray of shape (d, m), optional
        First clusters are found among the rows of ``means @ metric``, unless others are clearly tighter.
        By default every feature is divided by its standard deviation. EM itself does not depend on it.
    noise : bool
        Allow for observations that belong to no component: a constant density over the range of the data.
    tails : {"gaussian", "student"}
        Of the components. With Student-t tails, observations far from the mean have a lower weight.
    degrees_of_freedom : float, >= 0
        Of Student-t tails: the fewer, the heavier. 0 estimates them for each component.
    seed : int, >= 0
        The same seed gives the same result.
    levels : Levels, optional
        Those of the cells, if they have been computed: for complete cells. Their metric is used as it is.

    Returns
    -------
    MixtureFit

    Raises
    ------
    SettingsError
        If a setting is out of its range, there are fewer cells than components, or values are too large to be squared.

    Notes
    -----
    Every start makes a short run on very coarse cells, where an iteration costs next to nothing; the best are continued
    on coarse cells (Biernacki, Celeux & Govaert 2003, Computational Statistics & Data Analysis 41, 561-575), and the
    best of those is finished on the cells themselves. Of 17 components and more, some are moved to where they are
    needed more (:mod:`segment.mixture.component_moves`), and most steps are made on some 10,000 cells.

    Examples
    --------
    >>> import segment
    >>> from segment.mixture.cells import make_point_cells
    >>> cells = make_point_cells([[0.0], [1.0], [8.0], [9.0]])
    >>> model = segment.fit_mixture(cells, 2, shrinkage=1.0).model
    >>> sorted(model.means.ravel().round(1).tolist())
    [0.5, 8.5]
    """
    if len(cells) == n_components == 0:
        return make_empty_fit(cells.n_features, covariance_type)
    _check(cells, n_components, covariance_type, n_init, tails, prior)
    _check_not_negative(shrinkage=shrinkage, reg_covar=reg_covar, degrees_of_freedom=degrees_of_freedom)
    options = EMOptions(tol, tol_step, max_iter, accelerate)
    robustness = Robustness(noise, tails, degrees_of_freedom)
    if has_missing(cells):
        if robustness.is_robust:
            raise SettingsError("noise, tails: only for cells without missing values. Leave them out.")
        fit_complete = partial(
            fit_mixture,
            covariance_type=covariance_type,
            prior=prior,
            shrinkage=shrinkage,
            reg_covar=reg_covar,
            accelerate=accelerate,
            metric=metric,
        )
        return fit_incomplete(cells, n_components, fit_complete, options, init=init, n_init=n_init, seed=seed)

    # The prior: conjugate, or the pooled covariance with a weight in observations.
    levels = levels or Levels.choose(cells, n_components, metric, is_robust=robustness.is_robust)
    ridge = np.full(cells.n_features, float(reg_covar))
    if prior == "conjugate":
        component_prior = make_conjugate_prior(cells, n_components, covariance_type, ridge)
    else:
        target = levels.compute_target(shrinkage, trim=_TRIMMED_SHARE if robustness.is_robust else 0.0)
        component_prior = Prior(target, shrinkage * cells.total_weight / n_components, ridge)
    # The starts, and the stages that lead to the best mixture.
    starts = _make_starts(levels, init, n_init, covariance_type, component_prior, seed)
    starts = robustness.add_to_starts(starts, cells)
    return replace(_run_stages(cells, levels, starts, component_prior, options, robustness), shrinkage=shrinkage)


def _make_starts(
    levels: Levels,
    init: str | ArrayLike | MixtureModel,
    n_init: int,
    covariance_type: str,
    prior: Prior,
    seed: int,
) -> Runs:
    """Make the mixtures to start from: the given one, or those of clusters of the coarsest cells."""
    if isinstance(init, MixtureModel):
        return Runs.from_models([init])
    # Only the draw depends on the seed: everything after it is deterministic.
    drawn = draw_first_clusters(levels.coarsest, levels.k, init, n_init, levels.metric, np.random.default_rng(seed))
    return build_clusters(levels.coarsest, drawn, levels.k, covariance_type, prior)


def _run_stages(
    cells: Cells, levels: Levels, starts: Runs, prior: Prior, options: EMOptions, robustness: Robustness
) -> MixtureFit:
    """Run EM from all starts on the coarsest cells, from the best on coarse cells, and from the best of them on all."""
    steps = robustness.make_steps()

    def improve(cells: Cells, model: MixtureModel, options: EMOptions) -> Fit:
        """Run EM from a mixture."""
        return run_em(cells, model, prior, **vars(options), steps=steps)

    # 1. Short runs from all starts. A single start has no rivals: it is only scored.
    n_short = min(_SHORT_ITERATIONS, options.max_iter) if len(starts) > 1 else 0
    short_runs, objectives, scores = run_successive_halving(
        levels.coarsest, starts, prior, n_iter=n_short, fixed_degrees=robustness.has_fixed_degrees
    )
    # 2. The best of them that have found different optima, roughly; the best of these to convergence.
    is_many = levels.k >= MANY_COMPONENTS and levels.coarse is not cells
    finalists = select_best_distinct(objectives, _N_FINALISTS, max_gap=np.inf if is_many else _MAX_GAP)
    is_rough = is_many or len(finalists) > 1
    rough_tol = max(options.tol, _ROUGH_TOL if is_many else _ROUGH_TOL_OF_FEW)
    first = replace(options, tol=rough_tol, tol_step=np.inf) if is_rough else options
    models = [short_runs[run] for run in finalists]
    if robustness.is_robust:
        finals = [improve(levels.coarse, model, first) for model in models]
    else:
        finals = run_em_side_by_side(levels.coarse, models, prior, first)

    def converge(fit: Fit) -> Fit:
        """Go on with a finalist; with one of many components later."""
        return improve(levels.coarse, fit.model, options) if is_rough and not is_many else fit

    reached = np.array([fit.objectives[-1] for fit in finals])
    best = converge(finals[int(reached.argmax())])
    rivals = find_rivals(finals, best.model, levels.coarse, converge)
    if is_many:
        # Given starts keep their classes; noise and tails are not moved.
        moves = len(starts) > 1 and not robustness.is_robust
        best, options = _improve_between(cells, levels.coarse, best, options, improve, moves=moves)
    # 3. The finish, unless the coarse cells are all there are.
    finish = best if levels.coarse is cells else improve(cells, best.model, options)
    return MixtureFit(finish, scores, reached, prior, rivals=rivals)


def _improve_between(
    cells: Cells, coarse: Cells, best: Fit, options: EMOptions, improve: Improvement, *, moves: bool
) -> tuple[Fit, EMOptions]:
    """Make most steps of many components on fewer cells than all; also return what the finish needs."""
    between = group_for_many(cells)
    if moves:
        n_iter = min(options.max_iter, _MOVE_ITERATIONS)
        rough = EMOptions(max(options.tol, _ROUGH_TOL), np.inf, n_iter, options.accelerate)
        if len(coarse) < _MOVE_CELLS * best.model.n_components:
            best, coarse = improve(between, best.model, rough), between
        best = improve_by_moves(best, lambda model: improve(coarse, model, rough))
    if between is cells:
        return best, options
    finish = replace(options, tol=_FINISH_FACTOR * options.tol, tol_step=_FINISH_FACTOR * options.tol_step)
    return improve(between, best.model, options), finish


def group_for_many(cells: Cells) -> Cells:
    """Group cells for most steps of a fit of many components.

    Parameters
    ----------
    cells : Cells
        n cells.

    Returns
    -------
    Cells
        Some 10,000, or the cells themselves where these are not twice as many.
    """
    if len(cells) < _MIN_GROUPED * _N_GROUPS:
        return cells
    # Bins of a grid, where they are enough, are grouped in a third of the time.
    bins = coarsen(cells, _GRID_BINS)
    groups = coarsen_by_scatter(bins if len(bins) >= _MIN_GROUPED * _N_GROUPS else cells, _N_GROUPS)
    return groups if len(groups) < len(cells) / 2 else cells


def _check(cells: Cells, n_components: int, covariance_type: str, n_init: int, tails: str, prior: str) -> None:
    """Raise SettingsError for a setting or a value that is out of its range."""
    if not (isinstance(n_components, (int, np.integer)) and 1 <= n_components <= len(cells)):
        raise SettingsError(
            f"n_components: a whole number from 1 to that of distinct values, {len(cells)}; got {n_components}. "
            "Ask for fewer."
        )
    # Sums of squares over all observations have to stay finite; the largest value bounds them.
    largest = float(np.fmax.reduce(np.abs(cells.means), axis=None, initial=0.0))
    if not largest <= _MAX_VALUE / np.sqrt(cells.total_weight):
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
    """Raise SettingsError for a value that is negative or not finite."""
    for name, value in values.items():
        if not (np.isfinite(value) and value >= 0):
            raise SettingsError(f"{name}: zero or above; got {value}.")
