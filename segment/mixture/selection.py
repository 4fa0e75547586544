"""How many components a mixture should have, and which of them make one class.

All criteria are in units of twice a log likelihood, and less is better.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segment.core.errors import SettingsError
from segment.mixture.candidates import coarsen_to_few, fit_nested_mixtures
from segment.mixture.cells import Cells
from segment.mixture.component_merging import (
    compute_elbow_errors,
    compute_mean_entropy,
    merge_components,
    pool_posteriors,
)
from segment.mixture.model import MixtureModel
from segment.mixture.variational import make_default_prior
from segment.mixture.variational_pruning import compute_evidence_bound, prune_components

__all__ = [
    "CRITERIA",
    "Candidate",
    "Selection",
    "choose_n_components",
    "compute_aic",
    "compute_bic",
    "compute_icl",
    "compute_residuals",
]

Floats = NDArray[np.float64]

CRITERIA = ("bic", "aic", "icl", "entropy", "variational")

_FEWEST = (
    8.0  # observations to reckon with at least: for fewer a parameter costs less in BIC than in AIC, for 1 nothing
)
_NAMES = {"variational": "bound of -2 log evidence"}
_CLEAR = 0.01  # of the greatest entropy there can be: posteriors that leave less than this open need no combining


@dataclass(frozen=True)
class Candidate:
    """One number of classes that was tried.

    Attributes
    ----------
    n_classes : int
    n_components : int
    log_likelihood : float
        Per unit weight, of the mixture of all its components on coarse cells: a lower bound of that on all cells.
    entropy : float
        Mean over the observations of the entropy of their posteriors over the classes, in nats.
    value : float
        The criterion; the least wins. For ``entropy`` the squared error of two straight lines through the entropies
        that meet here.
    """

    n_classes: int
    n_components: int
    log_likelihood: float
    entropy: float
    value: float


@dataclass(frozen=True)
class Selection:
    """Which number of classes was chosen, from which, and why.

    Attributes
    ----------
    chosen : int
        Number of classes.
    n_components : int
        Number of components to fit.
    runner_up : int
        The second best number of classes; the chosen one where there was no other.
    criterion : str
        One of CRITERIA; empty where the number was given.
    n_effective : float
        Number of independent observations that the criterion reckoned with.
    candidates : tuple of Candidate
        The curve, in ascending number of classes; empty where the number was given.
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
    def sentence(self) -> str:
        """The choice, the reason and, where there was another number to try, the runner-up, without a full stop."""
        if len(self.candidates) < 2:
            return f"k = {self.chosen}: {self.reason}"
        tried = f"{self.candidates[0].n_classes}..{self.candidates[-1].n_classes}"
        return f"k = {self.chosen} chosen of {tried}: {self.reason}; runner-up {self.runner_up}"

    @classmethod
    def from_number(cls, n_classes: int, n_components: int) -> Selection:
        """The selection where there was nothing to choose."""
        return cls(n_classes, n_components, n_classes, "", 0.0, (), "the number was given")


def compute_aic(log_likelihood: float, n_parameters: int) -> float:
    """Akaike's information criterion of a log likelihood in all (Akaike 1974, IEEE Trans. Autom. Control 19)."""
    return -2 * log_likelihood + 2 * n_parameters


def compute_bic(log_likelihood: float, n_parameters: int, n: float) -> float:
    """Bayesian information criterion for n independent observations (Schwarz 1978, Ann. Stat. 6)."""
    return float(-2 * log_likelihood + n_parameters * np.log(n))


def compute_icl(log_likelihood: float, n_parameters: int, n: float, entropy: float) -> float:
    """BIC plus twice the total entropy of the posteriors: the integrated completed likelihood.

    Biernacki, Celeux & Govaert 2000, IEEE Trans. Pattern Anal. Mach. Intell. 22, 719-725, with the posteriors in place
    of the most probable labels. It favors components that do not overlap.
    """
    return compute_bic(log_likelihood, n_parameters, n) + 2 * entropy


def compute_residuals(model: MixtureModel, cells: Cells) -> Floats:
    """What the mixture leaves unexplained: (x - mean) / standard deviation of the most probable component, (n, d).

    The square root of the covariance is its Cholesky factor.
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
    criterion: str = "bic",
    components_per_class: int = 1,
    n_effective: float | Callable[[MixtureModel], float] | None = None,
    covariance_type: str = "full",
    metric: Floats | None = None,
    seed: int = 0,
) -> Selection:
    """Choose the number of classes of a mixture.

    Every number in the range is fitted to coarse cells by maximum likelihood, and the criterion compares them: the
    better of fresh starts and of the next larger mixture with two components joined is continued.

    Parameters
    ----------
    cells : Cells
    k_range : (int, int)
        Least and greatest number of classes. Only as many are tried as there are cells for.
    criterion : {"bic", "aic", "icl", "entropy", "variational"}
        See :func:`compute_bic`, :func:`compute_aic` and :func:`compute_icl`. ``entropy`` takes the components that BIC chooses in the range
        and combines them until combining more no longer makes the classes much clearer (Baudry et al. 2010).
        ``variational`` fits the greatest number only, full covariances, lets surplus components die out, and compares
        the bounds of the evidence (:mod:`segment.mixture.variational_pruning`).
    components_per_class : int, >= 1
        Components that each class has; 1 for ``entropy``, which finds it itself, and for ``variational``.
    n_effective : float or callable, optional
        Number of independent observations that the cells are worth, or a function of a mixture that tells: asked about
        three, one of them the richest tried, it is the geometric mean. The total weight by default, and never less
        than 8. Raising it favors more classes.
    covariance_type, metric, seed
        As for :func:`segment.mixture.fitting.fit_mixture`.

    Raises
    ------
    SettingsError
        If a setting is out of its range, or there are no cells.
    """
    _check(cells, k_range, criterion, components_per_class, covariance_type)
    low, high = k_range
    numbers = [k for k in range(low, high + 1) if k * components_per_class <= len(cells)] or [
        max(1, len(cells) // components_per_class)
    ]
    coarse = coarsen_to_few(cells, numbers[-1] * components_per_class)
    models = fit_nested_mixtures(
        coarse,
        [min(k * components_per_class, len(coarse)) for k in (numbers[-1:] if criterion == "variational" else numbers)],
        covariance_type=covariance_type,
        metric=metric,
        seed=seed,
    )
    if n_effective is None:
        n_effective = cells.total_weight
    n = max(_FEWEST, _estimate_n_effective(n_effective, models) if callable(n_effective) else n_effective)
    if criterion == "variational":
        return _select_best(_prune_candidates(coarse, models[-1], numbers[0], n), criterion, n)
    rows = [_evaluate_candidate(coarse, model, k, criterion, n) for k, model in zip(numbers, models, strict=True)]
    if criterion != "entropy":
        return _select_best(rows, criterion, n)
    best = min(range(len(rows)), key=lambda index: rows[index].value)
    return _select_merged(coarse, models[best], rows[best], numbers[0], n)


def _check(
    cells: Cells, k_range: tuple[int, int], criterion: str, components_per_class: int, covariance_type: str
) -> None:
    low, high = k_range
    if not 1 <= low <= high:
        raise SettingsError(f"k_range: least and greatest number, both at least 1; got {k_range}.")
    if criterion not in CRITERIA:
        raise SettingsError(f"criterion: one of {', '.join(CRITERIA)}; got {criterion!r}.")
    single = criterion in ("entropy", "variational")
    if components_per_class < 1 or (single and components_per_class > 1):
        raise SettingsError(
            "components_per_class: at least 1, and 1 for the criteria entropy and variational; "
            f"got {components_per_class}."
        )
    if criterion == "variational" and covariance_type != "full":
        raise SettingsError(f"covariance_type: full for the criterion variational; got {covariance_type}.")
    if len(cells) == 0:
        raise SettingsError("cells: at least one; got none.")


def _estimate_n_effective(n_effective: Callable[[MixtureModel], float], models: list[MixtureModel]) -> float:
    """The geometric mean of what a few mixtures tell, as any one may be a poor optimum: up to the richest."""
    few = {len(models) // 3, 2 * len(models) // 3, len(models) - 1}
    return float(np.exp(np.mean([np.log(n_effective(models[index])) for index in sorted(few)])))


def _evaluate_candidate(cells: Cells, model: MixtureModel, k: int, criterion: str, n: float) -> Candidate:
    shares = cells.weights / cells.total_weight
    log_likelihood = float(shares @ model.score_samples(cells))
    posteriors = model.posteriors(cells)
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
    """What is left of the richest mixture, and of it with fewer and fewer components; -2 log evidence for each."""
    few = cells.scale_weights(n)
    shares = cells.weights / cells.total_weight
    rows = []
    for fit in prune_components(few, model, make_default_prior(few, model.n_components), least=low):
        g = max(len(fit.active_components), low)
        found = fit.posterior.mixture
        log_likelihood = float(shares @ found.score_samples(cells))
        entropy = compute_mean_entropy(shares, found.posteriors(cells))
        rows.append(Candidate(g, g, log_likelihood, entropy, -2 * compute_evidence_bound(fit)))
    return rows[::-1]


def _select_best(rows: list[Candidate], criterion: str, n: float) -> Selection:
    """The candidate of least value; of equals the one with fewer classes."""
    ranked = sorted(rows, key=lambda row: (row.value, row.n_classes))
    best, second = ranked[0], ranked[min(1, len(ranked) - 1)]
    reason = "there was no other number to try"
    if len(rows) > 1:
        name = _NAMES.get(criterion, criterion.upper())
        reason = f"its {name} of {best.value:.1f} is the least, by {second.value - best.value:.1f}, {_describe_n_effective(n)}"
    return Selection(best.n_classes, best.n_components, second.n_classes, criterion, n, tuple(rows), reason)


def _select_merged(cells: Cells, model: MixtureModel, best: Candidate, low: int, n: float) -> Selection:
    """The number of classes that the components of the best mixture are combined to."""
    merging = merge_components(cells.weights / cells.total_weight, model.posteriors(cells))
    k = model.n_components
    errors = compute_elbow_errors(merging)
    rows = [
        Candidate(g, k, best.log_likelihood, float(merging.entropies[g - 1]), float(errors[g - 1]))
        for g in range(1, k + 1)
    ]
    inner = sorted(rows[max(low, 2) - 1 : k - 1], key=lambda row: (row.value, row.n_classes))
    found = f"BIC is least for {k} components, {_describe_n_effective(n)}"
    if not inner or merging.entropies[-1] <= _CLEAR * np.log(k):
        return Selection(k, k, max(k - 1, 1), "entropy", n, tuple(rows), f"{found}, and none are to be combined")
    chosen, second = inner[0].n_classes, inner[min(1, len(inner) - 1)].n_classes
    reason = f"{found}, and combining them to fewer classes makes these hardly clearer"
    return Selection(chosen, k, second, "entropy", n, tuple(rows), reason)


def _describe_n_effective(n: float) -> str:
    if n == _FEWEST:  # which is not measured
        return f"the data being taken for {n:.0f} independent observations, the fewest to reckon with"
    return f"the data being worth {n:.0f} independent observations"
