"""What is installed: libraries, extras and readable formats, each tried, so that what is broken is known."""

from __future__ import annotations

import importlib
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata, resources
from pathlib import Path

from segment.core.errors import MAX_REASON, printable_path
from segment.core.version import find_version

__all__ = ["DISTRIBUTION", "REQUIRED", "Finding", "check_extras", "check_formats", "check_libraries"]

DISTRIBUTION = "gmm-segment"
# Libraries that every run needs, by the names of their distributions; those of the extras are read from the metadata.
REQUIRED = ("numpy", "scipy", "opencv-python", "scikit-learn", "scikit-image", "pillow", "tifffile", "imagecodecs")
# Modules whose names are not those of their distributions.
MODULES = {"opencv-python": "cv2", "scikit-learn": "sklearn", "scikit-image": "skimage", "pillow": "PIL"}
# Extras for those who change the program.
_DEVELOPMENT = ("test", "dev", "docs")


@dataclass(frozen=True)
class Finding:
    """Whether something works here.

    Attributes
    ----------
    name : str
        What it is, such as "scipy" or "AVIF".
    works : bool
    detail : str
        The version if it works, or why it does not.
    remedy : str
        What to do if it does not work, as a command or sentence; empty if nothing can be done.
    """

    name: str
    works: bool
    detail: str = ""
    remedy: str = ""


def check_libraries() -> Iterator[Finding]:
    """Try to load the libraries that every run needs.

    Yields
    ------
    Finding
        One for each library.
    """
    for name in REQUIRED:
        yield _check_library(name, f"pip install --force-reinstall {name}")


def check_extras() -> Iterator[Finding]:
    """Try to load the libraries of the extras, as the metadata of the installed package lists them.

    Yields
    ------
    Finding
        One for each library, with the extra in its name; none if the package runs from its source alone.
    """
    try:
        requirements = metadata.requires(DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        return
    for requirement in requirements:
        parts = re.fullmatch(r"""([\w.-]+).*;\s*extra\s*==\s*["']([\w-]+)["']\s*""", requirement)
        if parts and parts[2] not in _DEVELOPMENT:
            finding = _check_library(parts[1], f"pip install '{DISTRIBUTION}[{parts[2]}]'")
            yield Finding(f"[{parts[2]}] {finding.name}", finding.works, finding.detail, finding.remedy)


def check_formats() -> Iterator[Finding]:
    """Read a small file of each format.

    Yields
    ------
    Finding
        One for each format.
    """
    samples = resources.files("segment.loader") / "samples"
    for sample in sorted(samples.iterdir(), key=lambda sample: sample.name):
        name = sample.name.rsplit(".", 1)[0].replace("_", " ")
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / sample.name
            path.write_bytes(sample.read_bytes())
            yield _check_format(name, path)


def _check_library(name: str, remedy: str) -> Finding:
    """Try to load a library."""
    try:
        module = importlib.import_module(MODULES.get(name, name.replace("-", "_")))
    # A library that is broken may raise anything when it is loaded.
    except Exception as error:
        found = find_version(name)
        reason = f"{found} cannot be loaded; {_describe(error)}" if found else "not installed"
        return Finding(name, False, reason, remedy)
    return Finding(name, True, find_version(name) or str(getattr(module, "__version__", "")))


def _check_format(name: str, path: Path) -> Finding:
    """Try to read a file; the message of an error says what to do."""
    try:
        from segment.loader.loader import load_image

        load_image(path)
    except Exception as error:
        message = _describe(error).removeprefix(f"{path}: ")
        return Finding(name, False, message)
    return Finding(name, True)


def _describe(error: Exception) -> str:
    """Describe an error in one line."""
    return printable_path(str(error) or type(error).__name__, limit=2 * MAX_REASON)
