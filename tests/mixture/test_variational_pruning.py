"""Surplus components become empty, and pruning removes them one by one."""

from __future__ import annotations

import numpy as np
from mixtures import (
    draw_start,
    draw_three_clouds,
)

from segment.mixture.cells import make_point_cells
from segment.mixture.variational import (
    VariationalFit,
    make_default_prior,
)
from segment.mixture.variational_pruning import fit_variational_mixture, prune_components


def test_surplus_components_become_empty_only_with_few_observations(rng: np.random.Generator) -> None:
    """With a total weight of 100 a thousand rows need two components; with more weight they need more."""
    X = np.concatenate([rng.uniform(0, 1, (600, 2)), rng.uniform(3, 4, (400, 2))])
    few, many = (fit_variational_mixture(make_point_cells(X).scale_weights(total), 8) for total in (100, 20_000))
    assert len(few.active_components) == 2
    assert len(many.active_components) > 4


def test_pruning_ends_at_one_component_and_the_best_bound_has_three(rng: np.random.Generator) -> None:
    X = draw_three_clouds(rng)
    cells = make_point_cells(X)
    fits: list[VariationalFit] = prune_components(cells, draw_start(rng, X), make_default_prior(cells, 6))
    numbers = [len(fit.active_components) for fit in fits]
    assert numbers == sorted(set(numbers), reverse=True)
    assert numbers[-1] == 1
    assert numbers[int(np.argmax([fit.bounds[-1] for fit in fits]))] == 3
    for fit in fits:  # components that are not used have gone back to the prior
        unused = fit.counts == 0
        np.testing.assert_allclose(fit.posterior.degrees[unused], 4)
