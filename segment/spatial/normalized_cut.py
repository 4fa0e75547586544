"""How well the borders of a label image lie where neighbouring pixels differ: the normalised cut.

Shi & Malik 2000, IEEE Trans. Pattern Anal. Mach. Intell. 22, 888-905.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segment._opencv import load_cv2

__all__ = ["Affinities", "normalized_cut"]

_SIGMA = 1.0  # pixels, of the smoothing before neighbours are compared: noise is no border


@dataclass(frozen=True)
class Affinities:
    """How alike neighbouring pixels are.

    Attributes
    ----------
    across : ndarray of shape (H, W - 1), float32, 0 to 1
        Of each pixel and the one to its right; 0 where one of them is not valid.
    down : ndarray of shape (H - 1, W), float32, 0 to 1
        Of each pixel and the one below.
    """

    across: NDArray[np.float32]
    down: NDArray[np.float32]

    @classmethod
    def of(cls, features: NDArray[np.generic], valid: NDArray[np.bool_]) -> Affinities:
        """``exp(-d**2 / (2 m))`` of the distance d of two neighbours, m being the mean of all squared distances.

        Parameters
        ----------
        features : ndarray of shape (H, W, d)
            Smoothed a little here, over valid pixels only.
        valid : ndarray of shape (H, W), bool
        """
        smooth = _smoothed(features.astype(np.float32), valid)
        pairs = [valid[:, 1:] & valid[:, :-1], valid[1:] & valid[:-1]]
        squares = [((a - b) ** 2).sum(axis=2) for a, b in ((smooth[:, 1:], smooth[:, :-1]), (smooth[1:], smooth[:-1]))]
        known = np.concatenate([square[pair] for square, pair in zip(squares, pairs, strict=True)])
        mean = float(known.mean()) if known.any() else 1.0
        return cls(*(np.exp(-square / (2 * mean)) * pair for square, pair in zip(squares, pairs, strict=True)))


def normalized_cut(label_image: NDArray[np.integer], affinities: Affinities, n_classes: int) -> float:
    """The sum over the classes of the share of their pixels' affinities that leads to other classes.

    Parameters
    ----------
    label_image : ndarray of shape (H, W), integers 0..n_classes
    affinities : Affinities
    n_classes : int
        Classes 1 to `n_classes`; a class without affinities counts 1, as if all of it were cut. 0 is no class.

    Returns
    -------
    float, 0 to n_classes
        The less, the fewer alike neighbours are in different classes.
    """
    totals, inner = np.zeros((2, n_classes + 1))
    sides = (label_image[:, 1:], label_image[:, :-1]), (label_image[1:], label_image[:-1])
    for (one, other), affinity in zip(sides, (affinities.across, affinities.down), strict=True):
        weights = affinity.reshape(-1)
        for side in (one, other):
            totals += np.bincount(side.reshape(-1), weights=weights, minlength=n_classes + 1)
        same = np.where(one == other, affinity, 0).reshape(-1)
        inner += 2 * np.bincount(one.reshape(-1), weights=same, minlength=n_classes + 1)
    linked = totals > 0
    cut = np.where(linked, 1 - inner / np.where(linked, totals, 1.0), 1.0)
    return float(np.maximum(cut[1:], 0.0).sum())


def _smoothed(features: NDArray[np.float32], valid: NDArray[np.bool_]) -> NDArray[np.float32]:
    cv2 = load_cv2()

    def blurred(plane: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(cv2.GaussianBlur(plane, (0, 0), _SIGMA, borderType=cv2.BORDER_REPLICATE))

    held = np.maximum(blurred(valid.astype(np.float32)), np.finfo(np.float32).tiny)
    planes = [blurred(np.where(valid, plane, np.float32(0))) / held for plane in np.moveaxis(features, 2, 0)]
    return np.stack(planes, axis=2)
