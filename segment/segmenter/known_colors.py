"""What the classes of a saved model say of the colors of an image, kept from one image to the next."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from segment.core.opencv import load_cv2
from segment.core.pixel_arrays import gather_planes
from segment.features.color_index import ColorIndex
from segment.features.color_memory import KeptValues
from segment.features.color_space import FeatureSpace
from segment.mixture.cells import Cells
from segment.mixture.model import MixtureModel
from segment.segmenter.class_mixture import ClassMixture
from segment.segmenter.field.edge_field import compute_whitening_matrix
from segment.segmenter.field.few_classes import MIN_CLASSES

__all__ = ["KnownColors", "find_components", "recall_colors"]

Planes = NDArray[np.float32]

MAX_VALUES = 2**20  # log posteriors of all components that are computed at once

# Places of the single numbers that are kept of a color, behind its log posteriors and features.
COMPONENT, LABEL, LOG_DENSITY, REMAINDER = range(-4, 0)


@dataclass(frozen=True)
class KnownColors:
    """What k classes say of the color of each pixel of an image.

    Attributes
    ----------
    kept : KeptValues
        Of each color: k log posteriors, d whitened features, the component, the label, the log density rounded to
        single precision, and the remainder that rounding took off.
    n_classes : int
        k.
    """

    kept: KeptValues
    n_classes: int

    def take(self, at: NDArray[np.intp]) -> KnownColors:
        """Take the pixels of these numbers, (m,), in the order of the numbers."""
        return replace(self, kept=KeptValues(self.kept.values, self.kept.places.take(at)))

    def look_up_log_posteriors(self) -> Planes:
        """Look up the log posteriors of the classes by color of a few pixels: (k, n)."""
        return np.asarray(self.kept.values[: self.n_classes].take(self.kept.places, axis=1))

    def map_posteriors_and_features(self, shape: tuple[int, int]) -> tuple[Planes, Planes]:
        """Map the log posteriors, (k, h, w), and the whitened features, (d, h, w), to the pixels."""
        planes = self._map(slice(COMPONENT)).reshape(-1, *shape)
        return planes[: self.n_classes], planes[self.n_classes :]

    def map_whitened(self, shape: tuple[int, int]) -> Planes:
        """Map the features, of mean variance 1 within the components, to the pixels: (d, h, w)."""
        return self._map(slice(self.n_classes, COMPONENT)).reshape(-1, *shape)

    def map_components(self, shape: tuple[int, int]) -> NDArray[np.uint8]:
        """Map the most probable component, from 0, to the pixels: (h, w)."""
        return self._map_numbers(COMPONENT).reshape(shape)

    def map_labels(self, valid: NDArray[np.bool_]) -> NDArray[np.uint8]:
        """Map the labels 1..k to the valid pixels (h, w); all others get 0."""
        labels = self._map_numbers(LABEL).reshape(valid.shape)
        if not valid.all():
            labels[~valid] = 0
        return labels

    def compute_mean_log_density(self, valid: NDArray[np.bool_]) -> float:
        """Compute the mean log density of the valid pixels (h, w), of which there is one at least."""
        places = self.kept.places if valid.all() else self.kept.places[valid.reshape(-1)]
        densities = self.kept.values[LOG_DENSITY].astype(np.float64) + self.kept.values[REMAINDER]
        return float(densities.take(places, mode="clip").mean())

    def _map(self, which: slice) -> Planes:
        """Map some of the values to the pixels: (m, n)."""
        return gather_planes(load_cv2().transpose(self.kept.values[which]), self.kept.places)

    def _map_numbers(self, which: int) -> NDArray[np.uint8]:
        """Map whole numbers, one for each color, to the pixels: (n,)."""
        return np.asarray(self.kept.values[which].astype(np.uint8).take(self.kept.places, mode="clip"))


def find_components(model: MixtureModel, cells: Cells) -> NDArray[np.intp]:
    """Find the most probable component of each cell, with the share of noise divided among them by their weights.

    Parameters
    ----------
    model : MixtureModel
    cells : Cells
        n cells.

    Returns
    -------
    ndarray of shape (n,), int
        From 0.
    """
    components, found = ClassMixture(model, np.arange(model.n_components)), np.zeros(len(cells), dtype=np.intp)
    step = max(1, MAX_VALUES // max(1, model.n_components))
    for start in range(0, len(cells), step):
        found[start : start + step] = components.compute_log_posteriors(cells[start : start + step]).argmax(axis=1)
    return found


def recall_colors(classes: ClassMixture, space: FeatureSpace, index: ColorIndex) -> KnownColors | None:
    """Look up what classes say of the colors of an image, and keep it for the next image.

    Parameters
    ----------
    classes : ClassMixture
        Those of a saved model; others have no memory.
    space : FeatureSpace
        How a color becomes a feature vector.
    index : ColorIndex
        The colors of the image.

    Returns
    -------
    KnownColors or None
        None where nothing is kept: for classes that were fitted to the image, for more than 16 of them, and for images
        with too many colors or pixels.
    """
    model = classes.model
    if classes.memory is None or not 0 < model.n_components <= 255 or classes.n_classes >= MIN_CLASSES:
        return None

    def describe_colors(colors: NDArray[np.generic]) -> Planes:
        """Compute what is kept of some colors: (n, k + d + 4)."""
        cells = space.make_cells(colors)
        logs, densities = classes.compute_log_posteriors(cells), model.score_samples(cells)
        numbers = (
            find_components(model, cells),
            classes.label_cells(cells),
            densities,
            densities - densities.astype(np.float32),
        )
        whitened = cells.means @ compute_whitening_matrix(model)
        return np.column_stack([logs, whitened, *numbers]).astype(np.float32)

    # Arrays of a model can be written to, so that their content is compared.
    arrays = (model.weights, model.means, model.covariances, model.degrees_of_freedom, classes.groups)
    key = (space, model.noise_share, model.noise_density, *(array.tobytes() for array in arrays))
    kept = index.recall(classes.memory, key, describe_colors)
    return kept and KnownColors(kept, classes.n_classes)
