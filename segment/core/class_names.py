"""How many classes there may be, the names of those that were given none, and lists of names in one line."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["MAX_CLASSES", "list_names", "make_default_name", "make_default_names"]

MAX_CLASSES = 255
"""A label image has 8 bits, and 0 stands for no class."""
MAX_NAMES = 6  # that a list in one line has


def make_default_name(label: int) -> str:
    """Make the name of a class that was given none.

    Parameters
    ----------
    label : int, >= 1

    Examples
    --------
    >>> make_default_name(3)
    'class 3'
    """
    return f"class {label}"


def make_default_names(n_classes: int) -> tuple[str, ...]:
    """Make the names of classes that were given none.

    Parameters
    ----------
    n_classes : int
        How many.

    Returns
    -------
    tuple of str
        ``class 1``, ``class 2`` and so on.

    Examples
    --------
    >>> make_default_names(2)
    ('class 1', 'class 2')
    """
    return tuple(make_default_name(label) for label in range(1, n_classes + 1))


def list_names(names: Sequence[str]) -> str:
    """List the first names in one line.

    Parameters
    ----------
    names : sequence of str

    Returns
    -------
    str
        Empty for none.

    Examples
    --------
    >>> list_names(make_default_names(8))
    'class 1, class 2, class 3, class 4, class 5, class 6, 2 more'
    """
    more = [f"{len(names) - MAX_NAMES} more"] if len(names) > MAX_NAMES else []
    return ", ".join([*names[:MAX_NAMES], *more])
