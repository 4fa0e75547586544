"""Gaussian mixture as a scikit-learn estimator."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import Tags, check_random_state
from sklearn.utils.validation import _check_sample_weight, validate_data

from segment.core.errors import SettingsError
from segment.mixture.cells import Cells, make_distinct_cells, make_used_cells
from segment.mixture.covariances import compress_covariances
from segment.mixture.estimator_parameters import build_start, check_parameters, print_iterations
from segment.mixture.fitting import fit_mixture
from segment.mixture.incremental import start_stepwise_em, update_stepwise_em
from segment.mixture.model import MixtureModel
from segment.mixture.predictor_mixin import MixturePredictorMixin
from segment.mixture.prior import Prior, make_flat_prior
from segment.mixture.variational_pruning import fit_variational_mixture

__all__ = ["GaussianMixture"]

Floats = NDArray[np.float64]


class GaussianMixture(MixturePredictorMixin, BaseEstimator):  # type: ignore[misc]
    """Gaussian mixture fitted by Expectation-Maximization (EM) on weighted samples.

    Names and meanings are those of :class:`sklearn.mixture.GaussianMixture`, with these additions: `fit` takes a
    `sample_weight`, `partial_fit` learns from batches, `shrinkage` draws the covariances towards their common mean,
    and NaN in the data means a missing value.

    Parameters
    ----------
    n_components : int, default=1
        Number of mixture components, at least 1.
    covariance_type : {"full", "tied", "diag", "spherical"}, default="full"
        Shape of the covariance matrices:

        - "full": each component has its own matrix.
        - "tied": all components share one matrix.
        - "diag": each component has its own diagonal matrix.
        - "spherical": each component has one variance for all features.
    tol : float, default=1e-6
        Convergence threshold. EM stops when an iteration gains less than this in log posterior per unit weight (and
        `tol_step` holds too). Raising it gives a faster, less exact fit.
    tol_step : float, default=1e-3
        EM goes on while an iteration moves a parameter by more than this, in standard deviations of the data, unless
        values are missing. Infinity leaves `tol` alone. Raising it gives a faster, less exact fit.
    reg_covar : float, default=1e-6
        Non-negative value added to the diagonal of the covariances, so that they stay positive definite. Raising it
        makes the components wider.
    max_iter : int, default=200
        Maximum number of EM iterations.
    accelerate : bool, default=True
        Extrapolate the EM steps (:mod:`segment.mixture.acceleration`), which needs fewer iterations. False makes every
        iteration a plain EM step, as in scikit-learn.
    n_init : int, default=5
        Number of random initializations. The best result is kept. Raising it finds the best optimum more often and
        takes more time.
    init_params : {"k-means++", "kmeans", "random", "random_from_data"}, default="k-means++"
        How the first means are chosen: far from each other (the first two), or at random among the samples.
    weights_init : array_like of shape (n_components,), optional
        First weights. Needs `means_init` and `precisions_init`.
    means_init : array_like of shape (n_components, n_features), optional
        First means. Alone they give the first clusters; with `precisions_init` they give the first mixture.
    precisions_init : array_like, optional
        First precisions (inverse covariances), in the shape that `covariances_` has. Needs `means_init`. The first
        weights are equal unless `weights_init` is given.
    prior : {"pooled", "conjugate", "dirichlet"}, default="pooled"
        Prior distribution of the parameters:

        - "pooled": the covariances are drawn towards the pooled within-cluster covariance, as strongly as `shrinkage`
          says.
        - "conjugate": the weak normal-inverse-Wishart prior of Fraley and Raftery [3]_.
        - "dirichlet": variational Bayes, in which components that are not needed lose their weight, as in
          :class:`sklearn.mixture.BayesianGaussianMixture`. Only for full covariances, and without `means_init` and
          `precisions_init`. Of the other parameters only `n_components`, `tol`, `max_iter`, `n_init` and
          `random_state` have an effect on the fit.
    shrinkage : float, default=0.0
        Weight of the pooled within-cluster covariance in the covariance of every component, in mean component weights.
        0 is maximum likelihood; raising it makes the covariances more alike.
    step_power : float, default=0.7
        Exponent of the step size in `partial_fit`, above 0.5 and at most 1: batch number t has the step size
        ``(t + step_offset) ** -step_power``. Raising it makes later batches change less.
    step_offset : float, default=2.0
        Offset of the batch number in the step size of `partial_fit`, at least 0. Raising it makes the first batches
        change less.
    random_state : int, RandomState instance or None, default=None
        Seed of the initializations and of `sample`. Pass an int for reproducible results.
    warm_start : bool, default=False
        Start `fit` from the mixture of the last `fit`, if it has the same shape, instead of `n_init` initializations.
    verbose, verbose_interval : int, default=0 and 10
        1 prints every `verbose_interval`-th iteration of the last stage when `fit` ends; 2 also its gain.

    Attributes
    ----------
    weights_ : ndarray of shape (n_components,)
        Weights of the components; they sum to 1.
    means_ : ndarray of shape (n_components, n_features)
        Mean of each component.
    covariances_ : ndarray
        Covariance of each component. The shape depends on `covariance_type`: (n_components, n_features, n_features)
        for "full", (n_features, n_features) for "tied", (n_components, n_features) for "diag" and (n_components,) for
        "spherical".
    precisions_ : ndarray
        Inverse of the covariances, in the same shape.
    precisions_cholesky_ : ndarray
        Cholesky factors of the precisions, in the same shape: upper triangular U with precision = U U^T, or roots.
    converged_ : bool
        True if EM converged within `max_iter` iterations.
    n_iter_ : int
        Number of iterations of the last stage of `fit`, on all samples, plus the batches of `partial_fit`.
    lower_bound_ : float
        Last value of `lower_bounds_`.
    lower_bounds_ : list of float
        Log posterior per unit weight before the first and after every iteration of the last stage. Without shrinkage
        and prior this is the log likelihood. With the prior "dirichlet" it is the lower bound of the log evidence.
        `partial_fit` appends the log likelihood of each batch under the mixture before its step.
    n_features_in_ : int
        Number of features seen during `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features seen during `fit`. Defined only when `X` has feature names that are all strings.

    See Also
    --------
    segment.fit_mixture : The function behind this class, with more settings.

    Notes
    -----
    Equal rows are merged into one with their total weight: many duplicates, such as pixels, cost as much as one.
    A row with missing values counts with the features that it has: nothing is filled in or dropped [1]_. Values should
    be missing at random. `partial_fit` is stepwise EM [2]_.

    References
    ----------
    .. [1] Z. Ghahramani and M. I. Jordan, "Supervised learning from incomplete data via an EM approach", NIPS 6, 1994.
    .. [2] O. Cappe and E. Moulines, "On-line expectation-maximization algorithm for latent data models", Journal of the
       Royal Statistical Society B 71, 2009.
    .. [3] C. Fraley and A. E. Raftery, "Bayesian regularization for normal mixture estimation and model-based
       clustering", Journal of Classification 24, 155-181, 2007.

    Examples
    --------
    >>> import numpy as np
    >>> from segment import GaussianMixture
    >>> X = np.array([[1.0], [1.2], [0.8], [9.0], [9.1], [8.9]])
    >>> mixture = GaussianMixture(n_components=2, random_state=0).fit(X)
    >>> sorted(mixture.means_.round(2).ravel().tolist())
    [1.0, 9.0]
    >>> mixture.weights_.round(2).tolist()
    [0.5, 0.5]
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
        warm_start: bool = False,
        verbose: int = 0,
        verbose_interval: int = 10,
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
        self.warm_start = warm_start
        self.verbose = verbose
        self.verbose_interval = verbose_interval

    def fit(self, X: ArrayLike, y: object = None, sample_weight: ArrayLike | None = None) -> GaussianMixture:  # noqa: ARG002
        """Estimate the parameters of the mixture with the EM algorithm.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
            Training data, at least two rows. NaN is a missing value.
        y : Ignored
            Not used, present for API consistency by convention.
        sample_weight : array_like of shape (n_samples,), optional
            Non-negative weight of each row; 1 by default. A row of weight 2 counts as two equal rows.

        Returns
        -------
        self : GaussianMixture
            The fitted mixture.

        Raises
        ------
        SettingsError
            If a parameter of the estimator is out of its range, or two of them exclude each other.

        Examples
        --------
        >>> from segment import GaussianMixture
        >>> mixture = GaussianMixture().fit([[0.0], [4.0]], sample_weight=[3, 1])
        >>> mixture.means_.tolist()
        [[1.0]]
        """
        check_parameters(self.get_params(deep=False))
        rows = validate_data(self, X, dtype=np.float64, ensure_min_samples=2, ensure_all_finite="allow-nan")
        weights = None if sample_weight is None else _check_sample_weight(sample_weight, rows, dtype=np.float64)
        random_state = check_random_state(self.random_state)
        # Equal rows are merged into one cell with their total weight, which changes nothing in the fit.
        cells = make_distinct_cells(rows, weights)
        # With fewer distinct rows than components some components share a row, as in scikit-learn.
        if len(cells) < self.n_components:
            cells = make_used_cells(rows, weights)
        seed = int(random_state.randint(np.iinfo(np.int32).max))
        if self.prior == "dirichlet":
            return self._fit_variational(cells, seed)
        fit = fit_mixture(
            cells,
            self.n_components,
            covariance_type=self.covariance_type,
            init=self._choose_start(rows.shape[1]),
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
        # Stepwise EM works with means per unit weight instead of sums, so the prior is scaled too.
        prior = fit.prior.divide_strength(cells.total_weight)
        return self._store_fit(fit.model, prior, fit.finish.objectives, converged=fit.converged)

    def _fit_variational(self, cells: Cells, seed: int) -> GaussianMixture:
        """Fit the mixture by variational Bayes."""
        if self.covariance_type != "full" or self.means_init is not None or self.precisions_init is not None:
            raise SettingsError(
                "prior: dirichlet only with the covariance_type full and without means_init and precisions_init; "
                f"got {self.covariance_type}. Leave them out."
            )
        fit = fit_variational_mixture(
            cells, self.n_components, n_init=self.n_init, tol=self.tol, max_iter=self.max_iter, seed=seed
        )
        # Per unit weight, as the objectives of the other priors.
        bounds = fit.bounds / cells.total_weight
        prior = make_flat_prior(cells.n_features)
        return self._store_fit(fit.posterior.mixture, prior, bounds, converged=fit.converged)

    def _store_fit(self, model: MixtureModel, prior: Prior, objectives: Floats, *, converged: bool) -> GaussianMixture:
        """Set the fitted attributes, and warn if EM did not converge."""
        if not converged:
            message = f"EM did not converge in {self.max_iter} iterations. Raise max_iter or tol, or check the data."
            warnings.warn(message, ConvergenceWarning, stacklevel=3)
        if self.verbose:
            print_iterations(objectives, self.verbose_interval, with_gains=self.verbose > 1, converged=converged)
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
        """Update the mixture with one more batch of data, which is not kept.

        The first call fits the mixture to its batch, so that batch should contain all components. Every other call,
        also after `fit`, makes one step of stepwise EM.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
            The batch. Batches should be random parts of the data. NaN is a missing value.
        y : Ignored
            Not used, present for API consistency by convention.
        sample_weight : array_like of shape (n_samples,), optional
            Non-negative weight of each row; 1 by default.

        Returns
        -------
        self : GaussianMixture
            The updated mixture.

        Raises
        ------
        SettingsError
            If `step_power` or `step_offset` is out of its range.

        See Also
        --------
        segment.mixture.incremental.update_stepwise_em : The step, with its formula.

        Examples
        --------
        >>> from segment import GaussianMixture
        >>> mixture = GaussianMixture(step_power=1.0, step_offset=1.0).fit([[0.0], [2.0]])
        >>> mixture.partial_fit([[4.0], [6.0]]).means_.round(6).tolist()
        [[3.0]]
        """
        if not hasattr(self, "_stepwise_state"):
            return self.fit(X, sample_weight=sample_weight)
        check_parameters(self.get_params(deep=False))
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
        """Set the attributes that describe the components."""
        self._model = model
        self.weights_ = model.weights
        self.means_ = model.means
        self.covariances_ = compress_covariances(model.covariances, self.covariance_type)
        self.precisions_ = compress_covariances(np.asarray(np.linalg.inv(model.covariances)), self.covariance_type)
        if self.covariance_type in ("diag", "spherical"):
            self.precisions_cholesky_ = np.sqrt(self.precisions_)
        else:
            # The inverse of the factor L of a covariance L L^T is the transposed factor of its precision.
            self.precisions_cholesky_ = np.linalg.inv(np.linalg.cholesky(self.covariances_)).swapaxes(-1, -2)

    def fit_predict(self, X: ArrayLike, y: object = None, sample_weight: ArrayLike | None = None) -> NDArray[np.intp]:
        """Fit the mixture and predict the most probable component of each sample.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
            Training data. NaN is a missing value.
        y : Ignored
            Not used, present for API consistency by convention.
        sample_weight : array_like of shape (n_samples,), optional
            Non-negative weight of each row; 1 by default.

        Returns
        -------
        labels : ndarray of shape (n_samples,), int
            Component numbers, 0 to n_components - 1.

        Examples
        --------
        >>> from segment import GaussianMixture
        >>> labels = GaussianMixture(2, random_state=0).fit_predict([[0.0], [1.0], [8.0], [9.0]])
        >>> bool(labels[0] == labels[1]), bool(labels[0] == labels[2])
        (True, False)
        """
        return self.fit(X, y, sample_weight).predict(X)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def _choose_start(self, n_features: int) -> str | ArrayLike | MixtureModel:
        """Return what EM starts from: the mixture of the last fit, the name of a method, means, or a mixture."""
        shape, last = (self.n_components, n_features, self.covariance_type), getattr(self, "_model", None)
        if self.warm_start and last is not None and (*last.means.shape, last.covariance_type) == shape:
            return last  # type: ignore[no-any-return]
        arrays = (self.weights_init, self.means_init, self.precisions_init)
        return build_start(self.init_params, *arrays, *shape)
