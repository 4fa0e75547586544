"""How strongly the covariances of the classes lean on each other: what an image tells about it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from segment.coherence import CoherentLabels, working_copy
from segment.colours import ColourIndex
from segment.features import FeatureSpace
from segment.image import Image
from segment.mixture.cells import Cells
from segment.mixture.combination import group_components
from segment.mixture.starts import Levels
from segment.mixture.strengths import shrunk_mixtures
from segment.postprocessor import postprocess
from segment.spatial.normalized_cut import Affinities, normalized_cut

__all__ = ["USUAL", "choose_shrinkage"]

USUAL = 1.5  # in mean class sizes: the best of those fixed for all images
_OTHERS = (3.0, 0.75)
_BETTER = 0.05  # the share by which another must lessen the cut: what differs little is not worth other classes
_FEWEST = 2**13  # pixels of all images together: fewer tell too little
_PIXELS = 2**14  # of the copies that are labelled, all together
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

    Mixtures of the usual strength, twice and half of it are fitted quickly, and small copies of the images are labelled
    by each, random field and clean-up included. The usual strength stays unless another has a normalised cut less by a
    twentieth. Likelihood would not do: it says which strength describes the colours best, and that is no strength at
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
        `radius`, `min_region` and `max_hole`, as :func:`segment.postprocessor.postprocess` takes them.
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
    models = shrunk_mixtures(levels, strengths, covariance_type=covariance_type, init=init, seed=seed)
    groups = [group_components(model, cells, n_classes) for model in models]
    some = images[:: math.ceil(len(images) / _MOST_IMAGES)]
    cuts = np.zeros(len(models))
    for image in some:
        copy = working_copy(image, max(_PIXELS // len(some), _LEAST))
        index = ColourIndex(copy)
        own = FeatureSpace(space.name, index.n_channels, index.black, index.white)
        affinities = Affinities.of(own.cells(index.pixels).means.reshape(*copy.valid.shape, -1), copy.valid)
        for number, (model, group) in enumerate(zip(models, groups, strict=True)):
            raw = CoherentLabels(model, group, own, copy, copy.valid.shape, smoothness=smoothness).of(copy)
            cuts[number] += normalized_cut(postprocess(raw, **clean_up).label_image, affinities, n_classes)
    cuts[0] *= 1 - _BETTER
    return strengths[int(cuts.argmin())]
