"""How strongly the covariances of the classes lean on each other: what an image tells about it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segment.core.image import Image
from segment.core.opencv import load_cv2
from segment.features.color_index import ColorIndex
from segment.features.color_space import FeatureSpace
from segment.mixture.candidates import fit_shrunk_mixtures
from segment.mixture.cells import Cells
from segment.mixture.component_merging import group_components
from segment.mixture.initialization import Levels
from segment.postprocessor.postprocessor import postprocess
from segment.preprocessor.preprocessor import make_working_copy
from segment.segmenter.field.field_labels import CoherentLabels

__all__ = ["USUAL", "Affinities", "choose_shrinkage", "normalized_cut"]


USUAL = 1.5  # in mean class sizes: the best of those fixed for all images
_OTHERS = (3.0, 0.75)
_BETTER = 0.05  # the share by which another must lessen the cut: what differs little is not worth other classes
_FEWEST = 2**13  # pixels of all images together: fewer tell too little
_PIXELS = 2**14  # of the copies that are labeled, all together
_LEAST, _MOST_IMAGES = 2**11, 32  # pixels of each of many images, and of how many


def choose_shrinkage(
    levels: Levels,
    cells: Cells,
    space: FeatureSpace,
    images: Sequence[Image],
    *,
    n_classes: int,
    covariance_type: str,
    smoothness: float,
    clean_up: Mapping[str, Any],
    init: str | ArrayLike,
    seed: int,
) -> float:
    """Choose the strength of the shrinkage by where it lets the borders of the classes run.

    Mixtures of the usual strength, twice and half of it are fitted quickly, and small copies of the images are labeled
    by each, random field and clean-up included. The usual strength stays unless another has a normalized cut less by a
    twentieth. Likelihood would not do: it says which strength describes the colors best, and that is no strength at
    all.

    Parameters
    ----------
    levels : Levels
        Of the cells, for as many components as are to be fitted.
    cells : Cells
        Those of all images; at least one.
    space : FeatureSpace
    images : sequence of Image
    n_classes : int
    covariance_type : {"full", "tied", "diag", "spherical"}
        Of the components, which are Gaussian.
    smoothness : float, > 0
        Of the random field.
    clean_up : mapping of str to float
        `radius`, `min_region` and `max_hole`, as :func:`segment.postprocessor.postprocessor.postprocess` takes them.
    init, seed
        As for :func:`segment.mixture.fitting.fit_mixture`.

    Returns
    -------
    float
        In mean class sizes.
    """
    if n_classes < 2 or sum(np.count_nonzero(image.valid) for image in images) < _FEWEST:
        return USUAL
    strengths = (USUAL, *_OTHERS)
    models = fit_shrunk_mixtures(levels, strengths, covariance_type=covariance_type, init=init, seed=seed)
    groups = [group_components(model, cells, n_classes) for model in models]
    some = images[:: math.ceil(len(images) / _MOST_IMAGES)]
    cuts = np.zeros(len(models))
    for image in some:
        copy = make_working_copy(image, max(_PIXELS // len(some), _LEAST))
        index = ColorIndex(copy)
        own = FeatureSpace(space.name, index.n_channels, index.black, index.white)
        affinities = Affinities.of(own.make_cells(index.pixels).means.reshape(*copy.valid.shape, -1), copy.valid)
        for number, (model, group) in enumerate(zip(models, groups, strict=True)):
            raw = CoherentLabels(model, group, own, copy, copy.valid.shape, smoothness=smoothness).of(copy)
            cuts[number] += normalized_cut(postprocess(raw, **clean_up).label_image, affinities, n_classes)
    cuts[0] *= 1 - _BETTER
    return strengths[int(cuts.argmin())]


_SIGMA = 1.0  # pixels, of the smoothing before neighbors are compared: noise is no border


@dataclass(frozen=True)
class Affinities:
    """How alike neighboring pixels are.

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
        """``exp(-d**2 / (2 m))`` of the distance d of two neighbors, m being the mean of all squared distances.

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
        The less, the fewer alike neighbors are in different classes.
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
