"""Import OpenCV when it is first needed, and explain what to do where that fails."""

from __future__ import annotations

from types import ModuleType

from segment.core.errors import MAX_REASON, DependencyError, lacks_memory

__all__ = ["load_cv2"]


def load_cv2() -> ModuleType:
    """Import OpenCV and silence its log.

    Returns
    -------
    module
        ``cv2``. Pass it arrays only, never a path: a path that is not UTF-8 ends the process.

    Raises
    ------
    DependencyError
        If OpenCV, or a system library that it needs (often libGL), is missing, or memory is too small for it.
    """
    try:
        import cv2
    except ImportError as error:
        reason = " ".join(str(error).split())[:MAX_REASON]
        if lacks_memory(error):
            raise DependencyError(
                f"OpenCV: there is not enough memory to load it; {reason}. Raise the limit of memory (ulimit -v)."
            ) from error
        raise DependencyError(
            f"OpenCV: the module cv2 cannot be imported; {reason}. "
            "Run `apt-get install libgl1 libglib2.0-0`, or "
            "`pip uninstall opencv-python && pip install opencv-python-headless`."
        ) from error
    module: ModuleType = cv2
    # OpenCV 4 has the function at the top, OpenCV 5 in a submodule. Level 0 is silent.
    set_log_level = getattr(module, "setLogLevel", None) or module.utils.logging.setLogLevel
    set_log_level(0)
    return module
