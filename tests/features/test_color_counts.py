"""Counts of colors over many parts of an image."""

from __future__ import annotations

import numpy as np

from segment.features.color_counts import ColorCounts, sum_counts


def test_counts_of_parts_are_added_and_looked_up(rng: np.random.Generator) -> None:
    parts = [rng.integers(0, 5, (40, 3)).astype(np.uint8) for _ in range(3)]
    counts = ColorCounts("uint8", 3)
    counted = [np.unique(part, axis=0, return_counts=True) for part in parts]
    for colors, numbers in counted:
        counts.add(colors, numbers)
    expected, numbers = np.unique(np.concatenate(parts), axis=0, return_counts=True)
    expected = dict(zip(map(tuple, expected.tolist()), numbers.tolist(), strict=True))
    ((colors, added),) = counts.iterate_parts()
    assert dict(zip(map(tuple, colors.tolist()), added.tolist(), strict=True)) == expected
    colors, added = sum_counts(counted)
    assert dict(zip(map(tuple, colors.tolist()), added.tolist(), strict=True)) == expected
    lookup = counts.make_lookup(lambda colors: colors.sum(axis=1))
    np.testing.assert_array_equal(lookup(parts[0]), parts[0].sum(axis=1))
