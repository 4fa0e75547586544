"""Watershed: the basins between the ridges of the boundary strength, the finest regions of an image."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segment.core.opencv import load_cv2
from segment.core.threads import IMPORT_LOCK

__all__ = ["find_even_basins", "find_watershed_basins"]

_BLUR = 0.75  # pixels: width of the Gaussian that smooths changes before minima are searched
_MIN_SEPARATION = 5  # pixels: of two minima closer than this only the deeper counts
_MIN_DEPTH = np.float32(2e-5)  # strength: shallower minima come from rounding where nothing changes
_COMPACTNESS = 2.0  # of even basins. Raised: more even sizes, borders that follow the image less
_CLOSER = 0.98  # markers are set as much closer until they are enough


def find_watershed_basins(
    change: NDArray[np.float32],
    strength: NDArray[np.float32],
    valid: NDArray[np.bool_],
    *,
    is_flat: NDArray[np.bool_] | None = None,
) -> tuple[NDArray[np.intp], int]:
    """Divide an image into watershed basins, one for each minimum of its changes.

    Parameters
    ----------
    change : ndarray of shape (H, W), float32
        How much the image changes at each pixel: basins begin where it changes least.
    strength : ndarray of shape (H, W), float32
        How strong a boundary runs through each pixel: basins meet where it is strongest.
    valid : ndarray of shape (H, W), bool
        No basin reaches beyond these pixels.
    is_flat : ndarray of shape (H, W), bool, optional
        The flat pixels of a drawing, as :func:`segment.segmenter.regions.flat_areas.find_flat_pixels` returns them:
        each of their connected areas has a basin of its own.

    Returns
    -------
    labels : ndarray of shape (H, W), int
        0..n - 1, and -1 where not valid. Each basin is 4-connected.
    n : int
        Number of basins.

    Examples
    --------
    A wall in the fourth column parts two basins:

    >>> change = np.zeros((3, 9), np.float32)
    >>> change[:, 3] = 1
    >>> labels, n = find_watershed_basins(change, change, np.ones((3, 9), bool))
    >>> n, labels[0, [0, 8]].tolist()
    (2, [0, 1])
    """
    with IMPORT_LOCK:
        from scipy.ndimage import label

    cv2 = load_cv2()
    # Markers: the pixels that are as low as the lowest around them (erosion is the minimum over a window).
    walled = np.where(valid, _smooth(change), np.float32(np.finfo(np.float32).max))
    window = np.ones((_MIN_SEPARATION, _MIN_SEPARATION), np.uint8)
    lowest = cv2.erode(walled, window, borderType=cv2.BORDER_REPLICATE)
    is_marker = (walled <= lowest + _MIN_DEPTH) & valid
    if is_flat is not None:
        # No minimum between two flat areas connects them: changes are blurred, and what is flat is known exactly.
        near_flat = cv2.dilate(is_flat.astype(np.uint8), window) > 0
        is_marker = (is_marker & ~near_flat) | (is_flat & valid)
    markers, _ = label(is_marker)
    return _flood(_smooth(strength), markers, valid)


def find_even_basins(
    strength: NDArray[np.float32], valid: NDArray[np.bool_], n_basins: int
) -> tuple[NDArray[np.intp], int]:
    """Divide an image into basins of about the same size, whose borders follow the boundary strength.

    Parameters
    ----------
    strength : ndarray of shape (H, W), float32
        How strong a boundary runs through each pixel.
    valid : ndarray of shape (H, W), bool
        No basin reaches beyond these pixels.
    n_basins : int, >= 1
        At least this many, if there are so many valid pixels.

    Returns
    -------
    labels : ndarray of shape (H, W), int
        0..n - 1, and -1 where not valid. Each basin is 4-connected.
    n : int
        Number of basins.

    References
    ----------
    Neubert & Protzel 2014, ICPR (compact watershed).

    Examples
    --------
    >>> labels, n = find_even_basins(np.zeros((20, 40), np.float32), np.ones((20, 40), bool), 8)
    >>> n, np.bincount(labels.ravel()).tolist()
    (8, [121, 110, 99, 100, 99, 90, 81, 100])
    """
    n_valid = int(np.count_nonzero(valid))
    spacing = float(np.sqrt(n_valid / n_basins))
    while True:
        rows, columns = (
            ((np.arange(max(1, round(side / spacing))) + 0.5) * side / max(1, round(side / spacing))).astype(int)
            for side in valid.shape
        )
        is_marker = np.zeros(valid.shape, dtype=bool)
        is_marker[np.ix_(rows, columns)] = True
        is_marker &= valid
        n_markers = int(np.count_nonzero(is_marker))
        if n_markers >= min(n_basins, n_valid):
            break
        spacing *= _CLOSER
    markers = np.zeros(valid.shape, dtype=np.intp)
    markers[is_marker] = np.arange(1, n_markers + 1)
    smooth = _smooth(strength)
    # Half the way to the next marker counts as much as a boundary of the image's mean strength.
    compactness = _COMPACTNESS * float(smooth[valid].mean()) / spacing
    return _flood(smooth, markers, valid, compactness=compactness or 1.0)


def _smooth(strength: NDArray[np.float32]) -> NDArray[np.float32]:
    """Smooth the boundary strength a little."""
    cv2 = load_cv2()
    return np.asarray(cv2.GaussianBlur(strength, (0, 0), _BLUR, borderType=cv2.BORDER_REPLICATE))


def _flood(
    heights: NDArray[np.float32], markers: NDArray[np.integer], valid: NDArray[np.bool_], *, compactness: float = 0.0
) -> tuple[NDArray[np.intp], int]:
    """Flood the valid pixels from markers, each valid part without one from its own, and number the basins from 0."""
    with IMPORT_LOCK:
        from scipy.ndimage import label
        from skimage.segmentation import watershed

    # A valid part has no marker of its own where the lowest pixel of its window lies beyond a gap in the mask.
    parts, n_parts = label(valid)
    is_marked = np.zeros(n_parts + 1, dtype=bool)
    is_marked[parts[markers > 0]] = True
    missing = ~is_marked[parts] & valid
    markers[missing] = parts[missing] + markers.max()
    basins = watershed(heights, markers, mask=valid, compactness=compactness)
    # The markers of such parts leave gaps in the numbers.
    used, numbers = np.unique(basins[valid], return_inverse=True)
    labels = np.full(valid.shape, -1, dtype=np.intp)
    labels[valid] = numbers.reshape(-1)
    return labels, len(used)
