"""Load the functions that draw and save results, which lie one layer above."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__all__ = ["load_output"]


def load_output(module: str) -> Any:
    """Load a module of :mod:`segment.output`, which draws and saves results.

    A result offers pictures, tables and files as methods for ease. The functions that make them lie one layer above, so
    they are loaded when they are asked for: the one import of this package that points up.

    Parameters
    ----------
    module : str
        Name below ``segment.output``, such as ``"products"``.

    Returns
    -------
    module
    """
    return import_module(f"segment.output.{module}")
