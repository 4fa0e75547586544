"""The version of this package."""

__all__ = ["__version__"]

# The only place that has it: pyproject.toml reads it from here.
__version__ = "0.2.0"
