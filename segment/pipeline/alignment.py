"""Number the classes of an image like those of another image or model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from segment.core.class_names import MAX_CLASSES, make_default_names
from segment.core.errors import ModelError
from segment.mixture.mixture_fit import score_as_fit
from segment.pipeline.class_table import ClassRow
from segment.pipeline.label_matching import assign_pairs, compute_class_distances
from segment.pipeline.result import Segmentation
from segment.pipeline.result_warnings import warn_of_absent_classes
from segment.segmenter.class_mixture import ClassMixture
from segment.segmenter.class_model.class_model import ClassModel

__all__ = ["align_classes", "measure_drift"]

Floats = NDArray[np.float64]

MAX_DISTANCE = 3.0  # nats, between partners: classes of one shape whose means lie 4.9 standard deviations apart


def align_classes(result: Segmentation, reference: ClassModel) -> Segmentation:
    """Give the classes of a result the numbers, names and colors of the most similar ones of a reference.

    Classes are paired one to one so that the sum of their Bhattacharyya distances is least (the Hungarian method). A
    class that is further than 3 nats from all that are left has no counterpart: it gets a number above those of the
    reference. A class of the reference without a counterpart has neither pixels nor a share. Warnings tell of both.

    Parameters
    ----------
    result : Segmentation
        It is not changed.
    reference : ClassModel
        Of the same features.

    Returns
    -------
    Segmentation
        The same segments.

    Raises
    ------
    ModelError
        If the features differ, or there would be more than 255 classes.
    """
    reference.check_features(result.space, result.provenance.source)
    if result.n_classes == 0:
        return result
    partners = _find_partners(result.class_mixture, reference)
    has_partner = (partners >= 0) & (partners < reference.n_classes)
    absent = sorted({*range(1, reference.n_classes + 1)} - {*(partners[has_partner] + 1).tolist()})
    new = (partners[partners >= reference.n_classes] + 1).tolist()
    n_classes = int(partners.max()) + 1
    if n_classes > MAX_CLASSES:
        raise ModelError(
            f"alignment: at most {MAX_CLASSES} classes with those of the reference; got {n_classes}. Use fewer."
        )
    classes = _renumber(result.class_mixture, partners)
    numbers = np.concatenate([[0], partners + 1]).astype(result.label_image.dtype)
    rows = {partner + 1: row for row, partner in zip(result.classes, partners.tolist(), strict=True) if partner >= 0}
    unit = result.classes[0].unit
    nothing = ClassRow(0, 0, 0.0, (), area=0.0 if unit else None, unit=unit)
    # A mixture ends with the last class that has a component: those of the reference above it have no row, only a name.
    known = (*reference.names, *make_default_names(n_classes)[reference.n_classes :])
    names = known[:n_classes]
    # Settings name classes as the reference does.
    before = warn_of_absent_classes(result.config, result.names)
    warnings = [text for text in result.warnings if text not in before]
    warnings += warn_of_absent_classes(result.config, names)
    return replace(
        result,
        label_image=numbers[result.label_image],
        class_mixture=classes,
        classes=tuple(replace(rows.get(label, nothing), label=label) for label in range(1, n_classes + 1)),
        class_model=replace(
            result.class_model, mixture=classes.model, groups=classes.groups, parts=classes.parts, names=names
        ),
        color_model=reference,
        absent=tuple(absent),
        warnings=(*warnings, *_warn_of_absent(absent, new, known)),
        # No command for a single image numbers its classes like those of another.
        provenance=replace(result.provenance, command=()),
    )


def _find_partners(classes: ClassMixture, reference: ClassModel) -> NDArray[np.intp]:
    """Find the number from 0 that each class gets, (k,): that of its partner, or one above those of the reference.

    -1 stands for a class without a component, which has no pixel.
    """
    pairs = assign_pairs(
        compute_class_distances(_pool_moments(classes), _pool_moments(reference.class_mixture)), MAX_DISTANCE
    )
    is_alone = pairs < 0
    # Reference classes without a component have no distance: pairs are numbered among those that have one.
    pairs[~is_alone] = np.unique(reference.groups)[pairs[~is_alone]]
    pairs[is_alone] = reference.n_classes + np.arange(np.count_nonzero(is_alone))
    partners = np.full(classes.n_classes, -1)
    partners[np.unique(classes.groups)] = pairs
    return partners


def _renumber(classes: ClassMixture, numbers: NDArray[np.intp]) -> ClassMixture:
    """Give the classes these numbers from 0, (k,), and put the components in their order."""
    groups = numbers[classes.groups]
    order = np.argsort(groups, kind="stable")
    parts = None if classes.parts is None else classes.parts[order]
    return ClassMixture(classes.model.reorder(order), groups[order], parts)


def _warn_of_absent(absent: Sequence[int], new: Sequence[int], names: Sequence[str]) -> tuple[str, ...]:
    """Say which classes of the reference the image lacks, and which of its own the reference lacks."""
    warnings = []
    if absent:
        which = ", ".join(names[label - 1] for label in absent)
        warnings.append(
            f"nothing here is like {which} of --align: empty in tables, which is not 0. Where only the light differs, "
            "use --model shared"
        )
    if new:
        which = ", ".join(names[label - 1] for label in sorted(new))
        warnings.append(f"{which} here {'is' if len(new) == 1 else 'are'} like no class of --align")
    return tuple(warnings)


def measure_drift(model: ClassModel, result: Segmentation) -> float:
    """Measure by how much a model explains an image worse than the images it was fitted to.

    Parameters
    ----------
    model : ClassModel
        The classes that many images share.
    result : Segmentation
        One of these images.

    Returns
    -------
    float
        Mean difference of the log density in nats a pixel.
    """
    is_applied = result.class_model is model
    fit = result.fit if is_applied else score_as_fit(model.mixture, result.spatial.data.cells)
    return model.training.log_likelihood - float(fit.finish.log_likelihoods[-1])


def _pool_moments(classes: ClassMixture) -> tuple[Floats, Floats]:
    """Compute mean (m, d) and covariance (m, d, d) of each class that has a component."""
    means, covariances = [], []
    for label in np.unique(classes.groups):
        members = classes.groups == label
        weights = np.maximum(classes.model.weights[members], np.finfo(float).tiny)
        weights /= weights.sum()
        means.append(weights @ classes.model.means[members])
        # Law of total covariance: within the components and between their means.
        gaps = classes.model.means[members] - means[-1]
        total = classes.model.covariances[members] + gaps[:, :, None] * gaps[:, None, :]
        covariances.append(np.einsum("c,cde->de", weights, total))
    return np.array(means), np.array(covariances)
