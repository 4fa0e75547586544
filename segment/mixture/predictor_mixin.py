"""Methods of a mixture estimator that need a fitted mixture: labels, probabilities, densities, samples."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import DensityMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from segment.mixture.criteria import compute_aic, compute_bic
from segment.mixture.model import MixtureModel

__all__ = ["MixturePredictorMixin"]

Floats = NDArray[np.float64]


class MixturePredictorMixin(DensityMixin):  # type: ignore[misc]
    """Add the methods of a fitted mixture to an estimator that sets `_model` in `fit`.

    The estimator also has the parameter `random_state`, as :class:`segment.GaussianMixture` documents it.
    """

    _model: MixtureModel
    random_state: int | np.random.RandomState | None

    def predict(self, X: ArrayLike) -> NDArray[np.intp]:
        """Predict the most probable component of each sample.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
            The samples. NaN is a missing value.

        Returns
        -------
        labels : ndarray of shape (n_samples,), int
            Component numbers, 0 to n_components - 1.

        Examples
        --------
        >>> from segment import GaussianMixture
        >>> mixture = GaussianMixture(2, random_state=0).fit([[0.0], [1.0], [8.0], [9.0]])
        >>> labels = mixture.predict([[0.5], [0.6], [8.5]])
        >>> bool(labels[0] == labels[1]), bool(labels[0] == labels[2])
        (True, False)
        """
        return self._get_model().predict(self._validate_rows(X))

    def predict_proba(self, X: ArrayLike) -> Floats:
        """Compute the posterior probability of each component for each sample.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
            The samples. NaN is a missing value.

        Returns
        -------
        posteriors : ndarray of shape (n_samples, n_components), float64
            Probabilities from 0 to 1; each row sums to 1.

        Examples
        --------
        The point halfway between two equal components belongs to both alike:

        >>> from segment import GaussianMixture
        >>> mixture = GaussianMixture(2, random_state=0).fit([[0.0], [1.0], [8.0], [9.0]])
        >>> mixture.predict_proba([[4.5]]).round(2).tolist()
        [[0.5, 0.5]]
        """
        return self._get_model().posteriors(self._validate_rows(X))

    def score_samples(self, X: ArrayLike) -> Floats:
        """Compute the log density of the mixture at each sample.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
            The samples. NaN is a missing value; such a row has the density of the features that it has.

        Returns
        -------
        log_density : ndarray of shape (n_samples,), float64
            Natural logarithms.

        Examples
        --------
        A single Gaussian of mean 1 and variance 1, whose density at the mean is 1 / sqrt(2 pi):

        >>> from segment import GaussianMixture
        >>> mixture = GaussianMixture(reg_covar=0.0).fit([[0.0], [2.0]])
        >>> mixture.score_samples([[1.0], [2.0]]).round(4).tolist()
        [-0.9189, -1.4189]
        """
        return self._get_model().score_samples(self._validate_rows(X))

    def score(self, X: ArrayLike, y: object = None, sample_weight: ArrayLike | None = None) -> float:  # noqa: ARG002
        """Compute the average log likelihood per sample.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
            The samples. NaN is a missing value.
        y : Ignored
            Not used, present for API consistency by convention.
        sample_weight : array_like of shape (n_samples,), optional
            Non-negative weight of each row; 1 by default.

        Returns
        -------
        log_likelihood : float
            Weighted mean of `score_samples`.

        Examples
        --------
        >>> from segment import GaussianMixture
        >>> X = [[0.0], [2.0]]
        >>> round(GaussianMixture(reg_covar=0.0).fit(X).score(X), 4)
        -1.4189
        """
        weights = None if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
        return float(np.average(self.score_samples(X), weights=weights))

    def bic(self, X: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Compute the Bayesian information criterion on `X`.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
            The samples. NaN is a missing value.
        sample_weight : array_like of shape (n_samples,), optional
            Non-negative weight of each row; 1 by default.

        Returns
        -------
        bic : float
            ``-2 * log_likelihood + n_parameters * log(n)``, with n the total weight. The lower the better.

        Examples
        --------
        Two groups are described better by two components than by one:

        >>> from segment import GaussianMixture
        >>> X = [[0.0], [1.0], [2.0], [20.0], [21.0], [22.0]]
        >>> one, two = (GaussianMixture(k, random_state=0).fit(X) for k in (1, 2))
        >>> two.bic(X) < one.bic(X)
        True
        """
        # `score` is the mean log likelihood per unit weight; n times it is the log likelihood of all samples.
        n = self._count_observations(X, sample_weight)
        return compute_bic(n * self.score(X, sample_weight=sample_weight), self._get_model().n_parameters, n)

    def aic(self, X: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Compute Akaike's information criterion on `X`.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
            The samples. NaN is a missing value.
        sample_weight : array_like of shape (n_samples,), optional
            Non-negative weight of each row; 1 by default.

        Returns
        -------
        aic : float
            ``-2 * log_likelihood + 2 * n_parameters``. The lower the better.

        Examples
        --------
        A Gaussian in one dimension has two parameters, a mean and a variance:

        >>> from segment import GaussianMixture
        >>> X = [[0.0], [2.0]]
        >>> mixture = GaussianMixture(reg_covar=0.0).fit(X)
        >>> mixture.aic(X) == -2 * 2 * mixture.score(X) + 2 * 2
        True
        """
        n = self._count_observations(X, sample_weight)
        return compute_aic(n * self.score(X, sample_weight=sample_weight), self._get_model().n_parameters)

    def sample(self, n_samples: int = 1) -> tuple[Floats, NDArray[np.intp]]:
        """Draw random samples from the fitted mixture.

        Parameters
        ----------
        n_samples : int, default=1
            Number of samples to draw, at least 0.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features), float64
            The samples, grouped by component.
        labels : ndarray of shape (n_samples,), int
            The component that each sample comes from.

        Examples
        --------
        >>> from segment import GaussianMixture
        >>> X, labels = GaussianMixture(2, random_state=0).fit([[0.0], [1.0], [8.0], [9.0]]).sample(5)
        >>> X.shape, labels.shape
        ((5, 1), (5,))
        """
        model = self._get_model()
        random_state = check_random_state(self.random_state)
        # Draw how many samples each component gets, then the samples of each component.
        counts = random_state.multinomial(n_samples, model.weights)
        drawn = [
            random_state.multivariate_normal(mean, covariance, size=count)
            for mean, covariance, count in zip(model.means, model.covariances, counts, strict=True)
        ]
        return np.concatenate(drawn), np.repeat(np.arange(model.n_components), counts)

    def impute(self, X: ArrayLike) -> Floats:
        """Replace every missing value by its expected value.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
            The samples. NaN is a missing value.

        Returns
        -------
        X_imputed : ndarray of shape (n_samples, n_features), float64
            The samples with every NaN replaced by its expectation under the mixture, given the other features of the
            row. A row without any value becomes the mean of the mixture.

        Examples
        --------
        The second feature is twice the first:

        >>> import numpy as np
        >>> from segment import GaussianMixture
        >>> mixture = GaussianMixture().fit([[0.0, 0.0], [1.0, 2.0], [2.0, 4.0]])
        >>> mixture.impute([[2.0, np.nan]]).round(3).tolist()
        [[2.0, 4.0]]
        """
        return self._get_model().impute(self._validate_rows(X))

    def _get_model(self) -> MixtureModel:
        """Return the fitted model; raise NotFittedError if there is none."""
        check_is_fitted(self)
        return self._model

    def _validate_rows(self, X: ArrayLike) -> Floats:
        """Check new samples against the number of features seen during `fit`."""
        check_is_fitted(self)
        return validate_data(  # type: ignore[no-any-return]
            self, X, dtype=np.float64, reset=False, ensure_all_finite="allow-nan"
        )

    @staticmethod
    def _count_observations(X: ArrayLike, sample_weight: ArrayLike | None) -> float:
        """Return the number of rows, or their total weight where weights are given."""
        return float(len(np.asarray(X)) if sample_weight is None else np.sum(sample_weight))
