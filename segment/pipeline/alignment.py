"""One image's own classes, numbered like those of another image or model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from segment.core.errors import ModelError
from segment.features.color_index import ColorIndex
from segment.features.pixel_features import collect
from segment.mixture.fitting import score_as_fit
from segment.mixture.model import MixtureModel
from segment.pipeline.class_table import ClassRow
from segment.pipeline.label_matching import assignment, distances
from segment.pipeline.result import Segmentation
from segment.preprocessor.preprocessor import make_working_copy
from segment.segmenter.class_mixture import make_default_names
from segment.segmenter.class_model.class_model import ClassModel

__all__ = ["align_classes", "measure_drift"]

Floats = NDArray[np.float64]

_FURTHEST = 3.0  # nats: classes of one shape whose means lie 4.9 standard deviations apart


def align_classes(result: Segmentation, reference: ClassModel) -> Segmentation:
    """The same segments with the numbers, names and colors that a reference has for the most similar classes.

    Classes are paired one to one so that the sum of their Bhattacharyya distances is least (the Hungarian method). A
    class that is further than 3 nats from all that are left has no counterpart: it gets a number above those of the
    reference. A class of the reference without a counterpart has no pixel.

    Parameters
    ----------
    result : Segmentation
    reference : ClassModel
        Of the same features.

    Raises
    ------
    ModelError
        If the features differ, or there would be more than 255 classes.
    """
    reference.refuse_other(result.space, "image")
    if result.n_classes == 0:
        return result
    present = np.unique(result.groups)
    gaps = distances(_shapes(result.model, result.groups), _shapes(reference.mixture, reference.groups))
    found = assignment(gaps, _FURTHEST)
    alone = found < 0
    found[~alone] = np.unique(reference.groups)[found[~alone]]
    found[alone] = reference.n_classes + np.arange(np.count_nonzero(alone))
    partners = np.full(result.n_classes, -1)
    partners[present] = found
    top = int(found.max()) + 1
    if top > 255:
        raise ModelError(f"alignment: at most 255 classes with those of the reference; got {top}. Ask for fewer.")
    order = np.argsort(partners[result.groups], kind="stable")
    mixture, groups = result.model.reorder(order), partners[result.groups][order]
    numbers = np.concatenate([[0], partners + 1]).astype(result.label_image.dtype)
    rows = {partner + 1: result.classes[label] for label, partner in zip(present, found.tolist(), strict=True)}
    nothing = ClassRow(0, 0, 0.0, ())
    names = (*reference.names, *make_default_names(top)[reference.n_classes :])[:top]
    return replace(
        result,
        label_image=numbers[result.label_image],
        model=mixture,
        groups=groups,
        classes=tuple(replace(rows.get(label, nothing), label=label) for label in range(1, top + 1)),
        class_model=replace(result.class_model, mixture=mixture, groups=groups, names=names),
        origin=replace(result.origin, command=()),  # none of one image numbers its classes like those of another
    )


def measure_drift(model: ClassModel, result: Segmentation) -> float:
    """By how much a model explains an image worse than the images it was fitted to, on average: nats a pixel."""
    if result.class_model is model:
        found = result.fit
    else:
        seen = make_working_copy(result.working) if result.config.has_field else result.working
        found = score_as_fit(model.mixture, collect(ColorIndex(seen), result.config)[1])
    return model.training.log_likelihood - float(found.finish.log_likelihoods[-1])


def _shapes(mixture: MixtureModel, groups: NDArray[np.intp]) -> tuple[Floats, Floats]:
    """Mean and covariance of each class that has a component."""
    means, covariances = [], []
    for label in np.unique(groups):
        members = groups == label
        weights = np.maximum(mixture.weights[members], np.finfo(float).tiny)
        weights /= weights.sum()
        means.append(weights @ mixture.means[members])
        gaps = mixture.means[members] - means[-1]
        spread = mixture.covariances[members] + gaps[:, :, None] * gaps[:, None, :]
        covariances.append(np.einsum("c,cde->de", weights, spread))
    return np.array(means), np.array(covariances)
