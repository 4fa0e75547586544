"""Information criteria of mixtures, in units of twice a log likelihood: lower is better."""

from __future__ import annotations

import numpy as np

__all__ = ["compute_aic", "compute_bic", "compute_icl"]


def compute_aic(log_likelihood: float, n_parameters: int) -> float:
    """Compute Akaike's information criterion (Akaike 1974, IEEE Trans. Autom. Control 19).

    Parameters
    ----------
    log_likelihood : float
        Of all observations together.
    n_parameters : int
        Number of free parameters.

    Returns
    -------
    float
        ``-2 log_likelihood + 2 n_parameters``.
    """
    return -2 * log_likelihood + 2 * n_parameters


def compute_bic(log_likelihood: float, n_parameters: int, n: float) -> float:
    """Compute the Bayesian information criterion (Schwarz 1978, Ann. Stat. 6).

    Parameters
    ----------
    log_likelihood : float
        Of all observations together.
    n_parameters : int
        Number of free parameters.
    n : float, > 0
        Number of independent observations.

    Returns
    -------
    float
        ``-2 log_likelihood + n_parameters log(n)``.

    Examples
    --------
    >>> compute_bic(-10.0, 3, 1.0)
    20.0
    """
    return float(-2 * log_likelihood + n_parameters * np.log(n))


def compute_icl(log_likelihood: float, n_parameters: int, n: float, entropy: float) -> float:
    """Compute the integrated completed likelihood: BIC plus twice the total entropy of the posteriors.

    It prefers components that do not overlap.

    Parameters
    ----------
    log_likelihood, n_parameters, n
        As in :func:`compute_bic`.
    entropy : float, >= 0
        Entropy of the posteriors, summed over the n observations, in nats.

    Returns
    -------
    float
        ``BIC + 2 entropy``.

    Notes
    -----
    Biernacki, Celeux & Govaert 2000, IEEE Trans. Pattern Anal. Mach. Intell. 22, 719-725, with the posteriors instead
    of the most probable labels.
    """
    return compute_bic(log_likelihood, n_parameters, n) + 2 * entropy
