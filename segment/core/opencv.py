"""Import OpenCV when it is first needed, and explain what to do where that fails."""

from __future__ import annotations

from functools import cache
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.core.errors import MAX_REASON, DependencyError, lacks_memory

__all__ = ["filter_bilaterally", "load_cv2", "resize_to_nearest"]

_MAX_RESIZED = 2**15 - 1  # pixels


@cache
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


def filter_bilaterally(values: NDArray[Any], window: int, edge: float, sigma: float) -> NDArray[Any]:
    """Blur values between edges, by OpenCV's bilateral filter.

    Parameters
    ----------
    values : ndarray of shape (H, W) or (H, W, 1 or 3), uint8 or float32
    window : int, pixels
        Diameter of the window; 0 for one that fits `sigma`.
    edge : float
        Difference of two values from which on one hardly enters into the other.
    sigma : float, pixels
        Width of the filter.

    Returns
    -------
    ndarray of the same shape and dtype

    Examples
    --------
    >>> filter_bilaterally(np.repeat([[0, 2, 200]], [2, 2, 3], axis=1).astype(np.uint8), 5, 10, 2).tolist()
    [[0, 1, 1, 2, 200, 200, 200]]
    """
    cv2 = load_cv2()
    # Where a row is shorter than the radius, OpenCV 5.0 writes before the beginning of its result, which ends the
    # process: such rows are made longer by what its border would be.
    radius = window // 2 if window else round(1.5 * sigma)
    margin = radius if values.shape[1] < radius else 0
    given = np.pad(values, [(0, 0), (margin, margin), *[(0, 0)] * (values.ndim - 2)], "edge") if margin else values
    given = np.ascontiguousarray(given)
    filtered = cv2.bilateralFilter(given, window, edge, sigma, borderType=cv2.BORDER_REPLICATE).reshape(given.shape)
    return np.asarray(filtered[:, margin : margin + values.shape[1]])


def resize_to_nearest(values: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
    """Scale an array without interpolation: each pixel gets the value at its middle.

    Parameters
    ----------
    values : ndarray of shape (H, W), uint8, uint16, int32 or float32
    size : (int, int)
        Width and height of the result, in pixels.

    Returns
    -------
    ndarray of shape (height, width), of the same dtype

    Examples
    --------
    >>> resize_to_nearest(np.array([[1, 2]], np.uint8), (4, 1)).tolist()
    [[1, 1, 2, 2]]
    """
    cv2 = load_cv2()
    # INTER_NEAREST_EXACT uses pixel centers, as area averaging does; INTER_NEAREST uses corners.
    if max(values.shape) <= _MAX_RESIZED:
        return np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_NEAREST_EXACT))
    # Places in longer sides overflow the 32 bits of OpenCV 4, which then reads outside the array.
    rows, columns = ((2 * np.arange(m) + 1) * n // (2 * m) for n, m in zip(values.shape, size[::-1], strict=True))
    return np.asarray(values[rows[:, None], columns])
