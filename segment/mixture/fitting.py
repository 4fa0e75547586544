"""From cells to the best mixture: starts, restarts on coarse cells, and the exact finish."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segment.errors import SettingsError
from segment.mixture.cells import Cells, coarsen, points
from segment.mixture.em import (
    Fit,
    Prior,
    expectation_maximization,
    maximization,
    standard_coordinates,
)
from segment.mixture.initialization import Partition, assign, k_means, k_means_plus_plus, random_cells
from segment.mixture.model import COVARIANCE_TYPES, MixtureModel, moments

__all__ = ["INITS", "MixtureFit", "fit_mixture"]

Floats = NDArray[np.float64]

INITS = ("k-means++", "random")


@dataclass(frozen=True)
class MixtureFit:
    """The best mixture found, and how it was found.

    Attributes
    ----------
    model : MixtureModel
    finish : Fit
        The last stage, on all cells: its log likelihoods are exact.
    restarts : ndarray of shape (n_init,), float64
        Log posterior per unit weight that every start reached on the coarse cells.
    prior : Prior
    """

    finish: Fit
    restarts: Floats
    prior: Prior

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
    init: str | ArrayLike | MixtureModel = "k-means++",
    n_init: int = 5,
    shrinkage: float = 0.0,
    reg_covar: float = 0.0,
    tol: float = 1e-6,
    tol_step: float = 1e-3,
    max_iter: int = 200,
    accelerate: bool = True,
    metric: Floats | None = None,
    seed: int = 0,
) -> MixtureFit:
    """Fit a Gaussian mixture to cells.

    Every start is improved on coarse cells, where an iteration costs next to nothing; the best of them is finished on
    the cells themselves.

    Parameters
    ----------
    cells : Cells
        n cells in d dimensions.
    n_components : int
        From 1 to n; 0 where there are no cells, which gives a mixture of nothing.
    covariance_type : {"full", "tied", "diag", "spherical"}
        Free matrices, one matrix for all, free variances, or one variance a component.
    init : {"k-means++", "random"}, array_like of shape (k, d), or MixtureModel
        Starts from k-means clusters or from random cells, from given means, or from a given mixture as it is.
    n_init : int, >= 1
        Number of starts where they are random. Raising it costs little and misses the best optimum less often.
    shrinkage : float, >= 0
        Weight of the pooled within-cluster covariance in every component's, as a multiple of the mean weight of a
        component. 0 is maximum likelihood; raising it makes the components more alike.
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
    seed : int, >= 0
        The same seed gives the same result.

    Raises
    ------
    SettingsError
        If a setting is out of its range or there are fewer cells than components.
    """
    if len(cells) == n_components == 0:
        return _nothing(cells.n_features, covariance_type)
    _check(cells, n_components, covariance_type, n_init, shrinkage, reg_covar)
    coarse = coarsen(cells)
    if len(coarse) < max(n_components, 64) or len(coarse) > len(cells) / 2:
        coarse = cells
    ruler = _standardising(coarse) if metric is None else metric
    partitions = _partitions(coarse, n_components, init, n_init, ruler, np.random.default_rng(seed))
    tightest = min(partitions, key=lambda partition: partition.inertia)
    prior = Prior(
        _pooled_covariance(coarse, tightest.labels, n_components),
        shrinkage * cells.total_weight / n_components,
        np.full(cells.n_features, float(reg_covar)),
    )
    if isinstance(init, MixtureModel):
        starts = [init]
    else:
        starts = [_clusters(coarse, found.labels, n_components, covariance_type, prior) for found in partitions]
    improve = partial(
        expectation_maximization, prior=prior, tol=tol, tol_step=tol_step, max_iter=max_iter, accelerate=accelerate
    )
    fits = [improve(coarse, start) for start in starts]
    best = max(fits, key=lambda fit: fit.objectives[-1])
    finish = best if coarse is cells else improve(cells, best.model)
    return MixtureFit(finish, np.array([fit.objectives[-1] for fit in fits]), prior)


def _nothing(d: int, covariance_type: str) -> MixtureFit:
    """The fit to no cells."""
    model = MixtureModel(np.zeros(0), np.zeros((0, d)), np.zeros((0, d, d)), covariance_type)
    return MixtureFit(Fit(model, np.zeros(0), np.zeros(0), True, 0), np.zeros(0), Prior(np.eye(d), 0.0, np.zeros(d)))


def _check(
    cells: Cells, n_components: int, covariance_type: str, n_init: int, shrinkage: float, reg_covar: float
) -> None:
    if not 1 <= n_components <= len(cells):
        raise SettingsError(
            f"n_components: from 1 to the number of distinct values, {len(cells)}; got {n_components}. Ask for fewer."
        )
    if covariance_type not in COVARIANCE_TYPES:
        raise SettingsError(f"covariance_type: one of {', '.join(COVARIANCE_TYPES)}; got {covariance_type!r}.")
    if n_init < 1:
        raise SettingsError(f"n_init: at least 1; got {n_init}.")
    for name, value in (("shrinkage", shrinkage), ("reg_covar", reg_covar)):
        if not (np.isfinite(value) and value >= 0):
            raise SettingsError(f"{name}: zero or above; got {value}.")


def _standardising(cells: Cells) -> Floats:
    """The metric (d, d) that divides every feature by its standard deviation."""
    return np.diag(1 / standard_coordinates(cells, "full")[1])


def _partitions(
    cells: Cells, k: int, init: str | ArrayLike | MixtureModel, n_init: int, metric: Floats, rng: np.random.Generator
) -> list[Partition]:
    """The clusters that the starts are made of. Distances are those of ``means @ metric``."""
    measured = points(cells.means @ metric, cells.weights)
    if isinstance(init, MixtureModel):
        return [assign(measured, init.means @ metric)]
    if isinstance(init, str):
        if init == "k-means++":
            return [k_means(measured, k_means_plus_plus(measured, k, rng)) for _ in range(n_init)]
        if init == "random":
            return [assign(measured, random_cells(measured, k, rng)) for _ in range(n_init)]
        raise SettingsError(f"init: one of {', '.join(INITS)}, or means; got {init!r}.")
    means = np.asarray(init, dtype=np.float64)
    if means.shape != (k, cells.n_features) or not np.isfinite(means).all():
        raise SettingsError(f"init: finite means of shape ({k}, {cells.n_features}); got shape {means.shape}.")
    return [assign(measured, means @ metric)]


def _pooled_covariance(cells: Cells, labels: NDArray[np.intp], k: int) -> Floats:
    """Covariance (d, d) of the cells around the mean of the cluster that each belongs to, scatter included."""
    d = cells.n_features
    clusters = _clusters(cells, labels, k, "full", Prior(np.eye(d), 0.0, np.zeros(d)))
    return np.asarray(np.einsum("k,kij->ij", clusters.weights, clusters.covariances))


def _clusters(cells: Cells, labels: NDArray[np.intp], k: int, covariance_type: str, prior: Prior) -> MixtureModel:
    """The mixture whose components are the k clusters that the labels (n,) make of the cells."""
    memberships = np.zeros((k, len(cells)))
    memberships[labels, np.arange(len(cells))] = cells.weights
    shift, scale = standard_coordinates(cells, covariance_type)
    believed = prior.rescaled(scale)
    d = cells.n_features
    empty = MixtureModel(
        np.full(k, 1 / k), np.zeros((k, d)), np.broadcast_to(believed.target, (k, d, d)), covariance_type
    )
    clusters = maximization(memberships @ moments(cells.rescaled(shift, scale)).T, empty, believed)
    return clusters.rescaled(-shift / scale, 1 / scale)
