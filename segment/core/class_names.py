"""How many classes there may be, and the names of those that were given none."""

from __future__ import annotations

__all__ = ["MAX_CLASSES", "make_default_name", "make_default_names"]

MAX_CLASSES = 255
"""A label image has 8 bits, and 0 stands for no class."""


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
