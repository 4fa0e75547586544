"""The version of this package, and those of the libraries that it uses."""

from __future__ import annotations

__all__ = ["__version__", "find_version"]

# The only place that has it: pyproject.toml reads it from here.
__version__ = "0.2.0"


def find_version(distribution: str) -> str:
    """Find the version of a distribution without loading it.

    Parameters
    ----------
    distribution : str

    Returns
    -------
    str
        Empty if it is not installed.
    """
    from importlib import metadata  # loaded here: it takes a tenth of the time of a start

    # OpenCV has a distribution for machines without a screen.
    for name in (distribution, f"{distribution}-headless"):
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return ""
