"""OpenCV, loaded when it is needed, with a plain answer where it cannot be."""

from __future__ import annotations

from types import ModuleType

from segment.errors import DependencyError

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
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    module: ModuleType = cv2
    return module
