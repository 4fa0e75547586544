"""Choose the number of components of a mixture by an information criterion.

All criteria are in units of twice a log likelihood; lower is better.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from segment.core.errors import pluralize
from segment.mixture.candidates import coarsen_to_few, fit_nested_mixtures
from segment.mixture.cells import Cells
from segment.mixture.component_merging import (
    compute_elbow_errors,
    compute_mean_entropy,
    merge_components,
    pool_posteriors,
)
from segment.mixture.criteria import compute_aic, compute_bic, compute_icl
from segment.mixture.model import MixtureModel

__all__ = ["Candidate", "Criterion", "Selection", "choose_n_components", "compute_residuals"]

Floats = NDArray[np.float64]
Criterion = Literal["bic", "aic", "icl", "entropy", "variational"]

# At least this many independent observations are assumed: with fewer than e^2 = 7.4 a parameter would cost less in BIC
# than in AIC, and with one observation nothing.
MIN_N_EFFECTIVE = 8.0
# Names of criteria in sentences, where they are not the capital letters of their option.
CRITERION_NAMES = {"variational": "bound of -2 log evidence", "entropy": "entropy"}
# Share of the largest possible entropy, log k: posteriors with less are clear, and no components are merged.
CLEAR_ENTROPY_SHARE = 0.01


@dataclass(frozen=True)
class Candidate:
    """A number of classes that was tried.

    Attributes
    ----------
    n_classes : int
        Number of classes.
    n_components : int
        Number of components of the mixture.
    log_likelihood : float
        Log likelihood of the mixture per unit weight, on coarse cells: a lower bound of that on all cells.
    entropy : float
        Mean entropy of the posteriors of the classes, in nats.
    value : float
        Value of the criterion; the lowest is chosen. For ``entropy`` the squared error of two straight lines through
        the entropies that meet at this number of classes.
    """

    n_classes: int
    n_components: int
    log_likelihood: float
    entropy: float
    value: float


@dataclass(frozen=True)
class Selection:
    """The chosen number of classes, the candidates and the reason.

    Attributes
    ----------
    chosen : int
        Number of classes.
    n_components : int
        Number of components to fit.
    runner_up : int
        The second best number of classes; the chosen one if there was no other.
    criterion : str
        As :func:`choose_n_components` takes it; empty if the number was given.
    n_effective : float
        Number of independent observations that the criterion used.
    candidates : tuple of Candidate
        All numbers that were tried, in ascending order; empty if the number was given.
    reason : str
        One sentence, without a full stop.
    """

    chosen: int
    n_components: int
    runner_up: int
    criterion: str
    n_effective: float
    candidates: tuple[Candidate, ...]
    reason: str

    @property
    def criterion_name(self) -> str:
        """The criterion as people write it, such as ``BIC``."""
        return _name_criterion(self.criterion)

    @property
    def sentence(self) -> str:
        """The choice, the reason and the runner-up, if there is one, without a full stop; empty for a given number."""
        if len(self.candidates) < 2:
            return f"k = {self.chosen}: {self.reason}" if self.candidates else ""
        tried = f"{self.candidates[0].n_classes}..{self.candidates[-1].n_classes}"
        return f"k = {self.chosen} chosen of {tried}: {self.reason}; runner-up {self.runner_up}"

    @classmethod
    def from_number(cls, n_classes: int, n_components: int) -> Selection:
        """Make the selection of a given number of classes.

        Parameters
        ----------
        n_classes : int, >= 0
            Number of classes.
        n_components : int, >= n_classes
            Number of components to fit.

        Returns
        -------
        Selection
            Without candidates.
        """
        return cls(n_classes, n_components, n_classes, "", 0.0, (), "the number was given")


def compute_residuals(model: MixtureModel, cells: Cells) -> Floats:
    """Compute the standardized residuals of cells from their most probable components.

    Parameters
    ----------
    model : MixtureModel
        k components in d dimensions.
    cells : Cells
        n cells, none missing.

    Returns
    -------
    ndarray of shape (n, d), float64
        ``inv(L) (x - mean)``, with L the Cholesky factor of the covariance of the most probable component.
    """
    label = model.predict(cells)
    roots = np.linalg.cholesky(model.covariances)
    out = np.empty_like(cells.means)
    for component in range(model.n_components):
        own = label == component
        out[own] = np.linalg.solve(roots[component], (cells.means[own] - model.means[component]).T).T
    return out


def choose_n_components(
    cells: Cells,
    k_range: tuple[int, int] = (1, 12),
    *,
    fitted_range: tuple[int, int] | None = None,
    criterion: Criterion = "bic",
    components_per_class: int = 1,
    n_effective: float | Callable[[MixtureModel], float] | None = None,
    n_against_one: float = 0.0,
    covariance_type: str = "full",
    metric: Floats | None = None,
) -> Selection:
    """Choose the number of classes of a mixture.

    A mixture is fitted to coarse cells by maximum likelihood for every number in the range, and the criterion compares
    them. Each fit starts from the better of new starts and of the next larger mixture with two components merged.

    Parameters
    ----------
    cells : Cells
        n cells in d dimensions, n at least 1.
    k_range : (int, int)
        Minimum and maximum number of classes. No more components are tried than there are cells.
    fitted_range : (int, int), optional
        Numbers that are fitted too, though not chosen from: as each fit starts from the next larger one, and
        `n_effective` is estimated from several, the criterion of a number depends on all that are fitted. The
        criterion ``variational`` makes no use of it.
    criterion : {"bic", "aic", "icl", "entropy", "variational"}
        The first three are in :mod:`segment.mixture.criteria`. ``entropy`` takes the components that BIC chooses in the
        range and merges them until merging more hardly makes the classes clearer (Baudry et al. 2010).
        ``variational`` fits the maximum number only, with full covariances, lets surplus components become empty, and
        compares the bounds of the evidence (:mod:`segment.mixture.variational_pruning`).
    components_per_class : int, >= 1
        Number of components of each class; 1 for ``entropy``, which finds it itself, and for ``variational``.
    n_effective : float or callable, optional
        Number of independent observations in the cells, or a function that estimates it from a mixture: the geometric
        mean over three mixtures is used, one of them the largest. The total weight by default, and at least 8. Raising
        it gives more classes.
    n_against_one : float, optional
        Number of observations with which one class has to be the best too, where it is so with fewer: otherwise it is
        left out. By default `n_effective` alone decides. The criterion ``variational`` makes no use of it.
    covariance_type, metric
        As in :func:`segment.mixture.fitting.fit_mixture`.

    Returns
    -------
    Selection
        The chosen number and all candidates.

    Examples
    --------
    >>> from segment.mixture.cells import make_point_cells
    >>> X = np.concatenate([np.linspace(0, 1, 20), np.linspace(9, 10, 20)])[:, None]
    >>> choose_n_components(make_point_cells(X), (1, 4)).chosen
    2
    """
    low, high = k_range
    # Only numbers for which there are enough cells; the largest possible one if the range begins above it.
    numbers = [k for k in range(low, high + 1) if k * components_per_class <= len(cells)] or [
        max(1, len(cells) // components_per_class)
    ]
    fitted = numbers
    if criterion == "variational":
        fitted = numbers[-1:]
    elif fitted_range is not None:
        others = range(fitted_range[0], min(fitted_range[1], len(cells) // components_per_class) + 1)
        fitted = sorted({*numbers, *others})
    coarse = coarsen_to_few(cells, fitted[-1] * components_per_class)
    models = fit_nested_mixtures(
        coarse,
        [min(k * components_per_class, len(coarse)) for k in fitted],
        covariance_type=covariance_type,
        metric=metric,
    )
    if n_effective is None:
        n_effective = cells.total_weight
    n = max(MIN_N_EFFECTIVE, _estimate_n_effective(n_effective, models) if callable(n_effective) else n_effective)
    if criterion == "variational":
        return _select_best(_prune_candidates(coarse, models[-1], numbers[0], n), criterion, n)

    models = [models[fitted.index(k)] for k in numbers]

    def evaluate(n: float) -> list[Candidate]:
        return [_evaluate_candidate(coarse, model, k, criterion, n) for k, model in zip(numbers, models, strict=True)]

    rows, min_classes = evaluate(n), 1
    if rows[_find_best(rows)].n_classes == 1 and n < n_against_one and _find_best(evaluate(n_against_one)) > 0:
        min_classes = 2
    if criterion != "entropy":
        return _select_best(rows, criterion, n, min_classes)
    best = _find_best(rows, min_classes)
    return _select_merged(coarse, models[best], rows[best], numbers[0], n)


def _estimate_n_effective(n_effective: Callable[[MixtureModel], float], models: list[MixtureModel]) -> float:
    """Compute the geometric mean of the estimates from three mixtures, as a single one may be a poor optimum."""
    # Mixtures at a third and two thirds of the range, and the largest.
    few = {len(models) // 3, 2 * len(models) // 3, len(models) - 1}
    return float(np.exp(np.mean([np.log(n_effective(models[index])) for index in sorted(few)])))


def _evaluate_candidate(cells: Cells, model: MixtureModel, k: int, criterion: str, n: float) -> Candidate:
    """Compute the criterion of a mixture whose components are merged into k classes."""
    shares = cells.weights / cells.total_weight
    log_likelihood = float(shares @ model.score_samples(cells))
    posteriors = model.posteriors(cells)
    # With several components per class they are merged by their posteriors.
    if k < model.n_components:
        posteriors = pool_posteriors(posteriors, merge_components(shares, posteriors).assign_classes(k))
    entropy = compute_mean_entropy(shares, posteriors)
    total, p = n * log_likelihood, model.n_parameters
    values = {
        "aic": compute_aic(total, p),
        "bic": compute_bic(total, p, n),
        "icl": compute_icl(total, p, n, n * entropy),
    }
    return Candidate(k, model.n_components, log_likelihood, entropy, values.get(criterion, values["bic"]))


def _prune_candidates(cells: Cells, model: MixtureModel, low: int, n: float) -> list[Candidate]:
    """Remove components from the largest mixture one by one; the value of each candidate is -2 log evidence."""
    # Here, as no other criterion needs it: a start is faster without.
    from segment.mixture.variational import make_default_prior
    from segment.mixture.variational_pruning import compute_evidence_bound, prune_components

    # Variational Bayes takes the total weight as the number of independent observations.
    scaled = cells.scale_weights(n)
    shares = cells.weights / cells.total_weight
    rows = []
    for fit in prune_components(scaled, model, make_default_prior(scaled, model.n_components), min_components=low):
        g = max(len(fit.active_components), low)
        found = fit.posterior.mixture
        log_likelihood = float(shares @ found.score_samples(cells))
        entropy = compute_mean_entropy(shares, found.posteriors(cells))
        rows.append(Candidate(g, g, log_likelihood, entropy, -2 * compute_evidence_bound(fit)))
    # Pruning goes down; candidates are in ascending order.
    return rows[::-1]


def _find_best(rows: list[Candidate], min_classes: int = 1) -> int:
    """Find the row with the lowest value, of equals the one with fewer classes, from a number of classes on."""
    return min(
        (index for index, row in enumerate(rows) if row.n_classes >= min_classes), key=lambda index: rows[index].value
    )


def _select_best(rows: list[Candidate], criterion: str, n: float, min_classes: int = 1) -> Selection:
    """Select the candidate with the lowest value of those with enough classes; of equals the one with fewer classes."""
    # Numbers that are left out come last: the second best may be one of them.
    ranked = sorted(rows, key=lambda row: (row.n_classes < min_classes, row.value, row.n_classes))
    best, second = ranked[0], ranked[min(1, len(ranked) - 1)]
    reason = "no other number was possible"
    if min_classes > 1:
        found = f"its {_name_criterion(criterion)} of {best.value:.1f} is the lowest but for that of one class"
        reason = f"{found}, {_describe_n_effective(n)}; more of them speak against one class"
    elif len(rows) > 1:
        found = f"its {_name_criterion(criterion)} of {best.value:.1f} is the lowest"
        reason = f"{found}, by {second.value - best.value:.1f}, {_describe_n_effective(n)}"
    return Selection(best.n_classes, best.n_components, second.n_classes, criterion, n, tuple(rows), reason)


def _name_criterion(criterion: str) -> str:
    """Name a criterion as people write it."""
    return CRITERION_NAMES.get(criterion, criterion.upper())


def _select_merged(cells: Cells, model: MixtureModel, best: Candidate, low: int, n: float) -> Selection:
    """Select the number of classes into which the components of the best mixture are merged."""
    merging = merge_components(cells.weights / cells.total_weight, model.posteriors(cells))
    k = model.n_components
    errors = compute_elbow_errors(merging)
    rows = [
        Candidate(g, k, best.log_likelihood, float(merging.entropies[g - 1]), float(errors[g - 1]))
        for g in range(1, k + 1)
    ]
    # Two lines can meet only between the ends: from 2 to k - 1 classes.
    inner = sorted(rows[max(low, 2) - 1 : k - 1], key=lambda row: (row.value, row.n_classes))
    found = f"BIC is lowest for {pluralize(k, 'component')}, {_describe_n_effective(n)}"
    if not inner or merging.entropies[-1] <= CLEAR_ENTROPY_SHARE * np.log(k):
        return Selection(k, k, max(k - 1, 1), "entropy", n, tuple(rows), f"{found}, and merging is not needed")
    chosen, second = inner[0].n_classes, inner[min(1, len(inner) - 1)].n_classes
    reason = f"{found}, and merging them into fewer classes hardly makes the classes clearer"
    return Selection(chosen, k, second, "entropy", n, tuple(rows), reason)


def _describe_n_effective(n: float) -> str:
    """Describe the number of independent observations for the reason of a selection."""
    # The minimum is no measurement.
    if n == MIN_N_EFFECTIVE:
        return f"with {n:.0f} independent observations, the minimum that is assumed"
    return f"with {n:.0f} independent observations"
