"""The mixture as a scikit-learn estimator: the same engine behind scikit-learn's door."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, DensityMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import Tags, check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from segment.core.errors import SettingsError
from segment.mixture.cells import Cells, make_distinct_cells, make_point_cells
from segment.mixture.covariances import compress_covariances, expand_covariances
from segment.mixture.fitting import fit_mixture
from segment.mixture.incremental import start_stepwise_em, update_stepwise_em
from segment.mixture.model import MixtureModel
from segment.mixture.prior import Prior, make_flat_prior
from segment.mixture.variational_pruning import fit_variational_mixture

__all__ = ["GaussianMixture"]

Floats = NDArray[np.float64]


class GaussianMixture(DensityMixin, BaseEstimator):  # type: ignore[misc]
    """Gaussian mixture fitted by Expectation-Maximization on weighted samples.

    Equal rows are counted once with their joint weight, so data with many duplicates, such as pixels, cost what their
    distinct rows cost. Names and meanings are those of :class:`sklearn.mixture.GaussianMixture`, with these additions:
    `fit` takes a `sample_weight`, `shrinkage` pulls the covariances together, restarts run on coarse cells, and NaN is
    a missing value: a row counts with the features that it has (Ghahramani & Jordan 1994).

    Parameters
    ----------
    n_components : int, default=1
    covariance_type : {"full", "tied", "diag", "spherical"}, default="full"
    tol : float, default=1e-6
        Least gain in log posterior per unit weight that an iteration must make.
    tol_step : float, default=1e-3
        Iterations also go on while they move a parameter by more than this, in standard deviations of the data.
    reg_covar : float, default=1e-6
        Added to the diagonal of the covariances.
    max_iter : int, default=200
    accelerate : bool, default=True
        Leap ahead where EM creeps. False makes every iteration a plain EM step, as scikit-learn's are.
    n_init : int, default=5
    init_params : {"k-means++", "random"}, default="k-means++"
        What random starts are made of.
    weights_init : array_like of shape (n_components,), optional
    means_init : array_like of shape (n_components, n_features), optional
        Alone it gives the first clusters; with `precisions_init` it gives the first mixture.
    precisions_init : array_like, optional
        Of the shape that `covariances_` has. Goes with `means_init`; the weights are equal unless `weights_init` is
        given.
    prior : {"pooled", "conjugate", "dirichlet"}, default="pooled"
        "pooled": `shrinkage` pulls the covariances together. "conjugate": the weak prior of Fraley & Raftery (2007).
        "dirichlet": variational Bayes from k-means++ starts, full covariances, no ridge: components that are not needed
        lose their weight, as in :class:`sklearn.mixture.BayesianGaussianMixture`.
    shrinkage : float, default=0.0
        Weight of the pooled within-cluster covariance in every component's, in mean component weights.
    step_power, step_offset : float, default=0.7 and 2.0
        How much batch number t counts in `partial_fit`: ``(t + step_offset)**-step_power``. The power is above 0.5 and
        at most 1; raising either makes later batches change less.
    random_state : int, RandomState instance or None, default=None

    Attributes
    ----------
    weights_ : ndarray of shape (n_components,)
    means_ : ndarray of shape (n_components, n_features)
    covariances_, precisions_ : ndarray
        (k, d, d), (d, d), (k, d) or (k,) for full, tied, diag and spherical.
    converged_ : bool
    n_iter_ : int
        Iterations of the last stage, on all samples, and batches after it.
    lower_bound_ : float
        Log posterior per unit weight of the fitted mixture: its log likelihood where there is no shrinkage.
    lower_bounds_ : list of float
        The same before and after every iteration of the last stage.
    n_features_in_ : int

    Examples
    --------
    >>> import numpy as np
    >>> from segment import GaussianMixture
    >>> X = np.array([[1.0], [1.2], [0.8], [9.0], [9.1], [8.9]])
    >>> sorted(GaussianMixture(2, random_state=0).fit(X).means_.round(2).ravel().tolist())
    [1.0, 9.0]
    """

    def __init__(
        self,
        n_components: int = 1,
        *,
        covariance_type: str = "full",
        tol: float = 1e-6,
        tol_step: float = 1e-3,
        reg_covar: float = 1e-6,
        max_iter: int = 200,
        accelerate: bool = True,
        n_init: int = 5,
        init_params: str = "k-means++",
        weights_init: ArrayLike | None = None,
        means_init: ArrayLike | None = None,
        precisions_init: ArrayLike | None = None,
        prior: str = "pooled",
        shrinkage: float = 0.0,
        step_power: float = 0.7,
        step_offset: float = 2.0,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.tol = tol
        self.tol_step = tol_step
        self.reg_covar = reg_covar
        self.max_iter = max_iter
        self.accelerate = accelerate
        self.n_init = n_init
        self.init_params = init_params
        self.weights_init = weights_init
        self.means_init = means_init
        self.precisions_init = precisions_init
        self.prior = prior
        self.shrinkage = shrinkage
        self.step_power = step_power
        self.step_offset = step_offset
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: object = None, sample_weight: ArrayLike | None = None) -> GaussianMixture:  # noqa: ARG002
        """Fit the mixture to X (n, d) with weights (n,); `y` is ignored."""
        rows = validate_data(self, X, dtype=np.float64, ensure_min_samples=2, ensure_all_finite="allow-nan")
        weights = None if sample_weight is None else _check_sample_weight(sample_weight, rows, dtype=np.float64)
        random_state = check_random_state(self.random_state)
        cells = make_distinct_cells(rows, weights)
        if len(cells) < self.n_components:  # some components will share a row, as they do in scikit-learn
            cells = make_point_cells(rows, weights)
        seed = int(random_state.randint(np.iinfo(np.int32).max))
        if self.prior == "dirichlet":
            return self._fit_variational(cells, seed)
        fit = fit_mixture(
            cells,
            self.n_components,
            covariance_type=self.covariance_type,
            init=self._build_init(rows.shape[1]),
            n_init=self.n_init,
            prior=self.prior,
            shrinkage=self.shrinkage,
            reg_covar=self.reg_covar,
            tol=self.tol,
            tol_step=self.tol_step,
            max_iter=self.max_iter,
            accelerate=self.accelerate,
            seed=seed,
        )
        prior = fit.prior.divide_strength(cells.total_weight)
        return self._store_fit(fit.model, prior, fit.finish.objectives, converged=fit.converged)

    def _fit_variational(self, cells: Cells, seed: int) -> GaussianMixture:
        """Fit by variational Bayes."""
        if self.covariance_type != "full" or self.means_init is not None or self.precisions_init is not None:
            raise SettingsError(
                "prior: dirichlet only with the covariance_type full and without means_init and precisions_init; "
                f"got {self.covariance_type}. Leave them out."
            )
        fit = fit_variational_mixture(
            cells, self.n_components, n_init=self.n_init, tol=self.tol, max_iter=self.max_iter, seed=seed
        )
        bounds = fit.bounds / cells.total_weight
        return self._store_fit(fit.posterior.mixture, make_flat_prior(cells.n_features), bounds, converged=fit.converged)

    def _store_fit(self, model: MixtureModel, prior: Prior, objectives: Floats, *, converged: bool) -> GaussianMixture:
        """Keep what a fit has found."""
        if not converged:
            warnings.warn(
                f"EM did not converge in {self.max_iter} iterations. Raise max_iter or tol, or check the data.",
                ConvergenceWarning,
                stacklevel=3,
            )
        self._set_parameters(model)
        self._stepwise_state = start_stepwise_em(model, prior)
        self.converged_ = converged
        self.n_iter_ = max(1, len(objectives) - 1)
        self.lower_bounds_ = objectives.tolist()
        self.lower_bound_ = self.lower_bounds_[-1]
        return self

    def partial_fit(
        self,
        X: ArrayLike,
        y: object = None,  # noqa: ARG002
        sample_weight: ArrayLike | None = None,
    ) -> GaussianMixture:
        """Learn from one more batch X (n, d) with weights (n,), without keeping it; `y` is ignored.

        The first call fits the mixture to its batch, which should have all components in it; every other call, also
        after `fit`, makes one step of stepwise EM (:func:`segment.mixture.incremental.update_stepwise_em`). `lower_bound_` is the
        log likelihood of a batch under the mixture that met it. Batches should be random parts of the data.
        """
        if not hasattr(self, "_stepwise_state"):
            return self.fit(X, sample_weight=sample_weight)
        rows = self._validate_rows(X)
        weights = None if sample_weight is None else _check_sample_weight(sample_weight, rows, dtype=np.float64)
        self._stepwise_state = update_stepwise_em(
            self._stepwise_state, make_distinct_cells(rows, weights), power=self.step_power, offset=self.step_offset
        )
        self._set_parameters(self._stepwise_state.model)
        self.n_iter_ += 1
        self.lower_bounds_.append(self._stepwise_state.log_likelihood)
        self.lower_bound_ = self.lower_bounds_[-1]
        return self

    def _set_parameters(self, model: MixtureModel) -> None:
        """Set the attributes that a mixture has."""
        self._model = model
        self.weights_ = model.weights
        self.means_ = model.means
        self.covariances_ = compress_covariances(model.covariances, self.covariance_type)
        self.precisions_ = compress_covariances(np.asarray(np.linalg.inv(model.covariances)), self.covariance_type)

    def predict(self, X: ArrayLike) -> NDArray[np.intp]:
        """The most probable component of each row of X (n, d): shape (n,)."""
        return self._get_model().predict(self._validate_rows(X))

    def fit_predict(self, X: ArrayLike, y: object = None, sample_weight: ArrayLike | None = None) -> NDArray[np.intp]:
        """Fit and give the most probable component of each row."""
        return self.fit(X, y, sample_weight).predict(X)

    def predict_proba(self, X: ArrayLike) -> Floats:
        """Probability of each component for each row of X (n, d): shape (n, n_components)."""
        return self._get_model().posteriors(self._validate_rows(X))

    def score_samples(self, X: ArrayLike) -> Floats:
        """Log density at each row of X (n, d): shape (n,)."""
        return self._get_model().score_samples(self._validate_rows(X))

    def score(self, X: ArrayLike, y: object = None, sample_weight: ArrayLike | None = None) -> float:  # noqa: ARG002
        """Weighted mean of the log density over the rows of X."""
        weights = None if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
        return float(np.average(self.score_samples(X), weights=weights))

    def bic(self, X: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Bayesian information criterion on X: -2 log likelihood + parameters x log n. Lower is better."""
        n = self._count_observations(X, sample_weight)
        return -2 * n * self.score(X, sample_weight=sample_weight) + self._get_model().n_parameters * float(np.log(n))

    def aic(self, X: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Akaike's information criterion on X: -2 log likelihood + 2 x parameters. Lower is better."""
        n = self._count_observations(X, sample_weight)
        return -2 * n * self.score(X, sample_weight=sample_weight) + 2 * self._get_model().n_parameters

    def sample(self, n_samples: int = 1) -> tuple[Floats, NDArray[np.intp]]:
        """Draw rows, (n_samples, d), and the component each comes from, (n_samples,), grouped by component."""
        model = self._get_model()
        random_state = check_random_state(self.random_state)
        counts = random_state.multinomial(n_samples, model.weights)
        drawn = [
            random_state.multivariate_normal(mean, covariance, size=count)
            for mean, covariance, count in zip(model.means, model.covariances, counts, strict=True)
        ]
        return np.concatenate(drawn), np.repeat(np.arange(model.n_components), counts)

    def impute(self, X: ArrayLike) -> Floats:
        """The rows of X (n, d) with every NaN replaced by its expectation given the features that the row has."""
        return self._get_model().impute(self._validate_rows(X))

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def _get_model(self) -> MixtureModel:
        check_is_fitted(self)
        return self._model

    def _validate_rows(self, X: ArrayLike) -> Floats:
        check_is_fitted(self)
        return validate_data(  # type: ignore[no-any-return]
            self, X, dtype=np.float64, reset=False, ensure_all_finite="allow-nan"
        )

    @staticmethod
    def _count_observations(X: ArrayLike, sample_weight: ArrayLike | None) -> float:
        return float(len(np.asarray(X)) if sample_weight is None else np.sum(sample_weight))

    def _build_init(self, n_features: int) -> Any:
        """Where to begin: a name, means, or a whole mixture."""
        if self.weights_init is not None and self.precisions_init is None:
            raise SettingsError("weights_init: goes with means_init and precisions_init. Give all three.")
        if self.precisions_init is not None and self.means_init is None:
            raise SettingsError("precisions_init: goes with means_init. Give both.")
        if self.precisions_init is None:
            return self.init_params if self.means_init is None else self.means_init
        k = self.n_components
        weights = np.full(k, 1 / k) if self.weights_init is None else np.asarray(self.weights_init, dtype=np.float64)
        precisions = expand_covariances(self.precisions_init, self.covariance_type, k, n_features)
        means = np.asarray(self.means_init, dtype=np.float64)
        return MixtureModel(weights, means, np.asarray(np.linalg.inv(precisions)), self.covariance_type)
