"""OpenCV, loaded when it is needed, with a plain answer where it cannot be."""

from __future__ import annotations

from types import ModuleType

from segment.core.errors import DependencyError

__all__ = ["load_cv2"]


def load_cv2() -> ModuleType:
    """Import OpenCV and silence its log.

    Returns
    -------
    module
        ``cv2``. Give it arrays only: a path that is not UTF-8 kills the process.

    Raises
    ------
    DependencyError
        If OpenCV, or a system library that it needs (often libGL), is missing.
    """
    try:
        import cv2
    except ImportError as error:
        raise DependencyError(
            f"OpenCV: the module cv2 cannot be imported; {' '.join(str(error).split())[:120]}. "
            "Run `apt-get install libgl1 libglib2.0-0`, or "
            "`pip uninstall opencv-python && pip install opencv-python-headless`."
        ) from error
    module: ModuleType = cv2
    set_log_level = getattr(module, "setLogLevel", None) or module.utils.logging.setLogLevel  # OpenCV 4, or 5
    set_log_level(0)  # silent
    return module
