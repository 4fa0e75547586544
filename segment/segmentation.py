"""The result: labels, the mixture behind them, and what can be made of both."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segment._opencv import load_cv2
from segment.class_models.model import ClassModel
from segment.coherence import coherent_posteriors
from segment.colours import ColourIndex
from segment.config import SegmentConfig
from segment.features import FeatureSpace
from segment.image import Image
from segment.mixture.fitting import MixtureFit
from segment.mixture.model import MixtureModel
from segment.mixture.selection import Selection
from segment.palette import class_colours
from segment.preprocessor import enlarge
from segment.segmenter import class_posteriors
from segment.statistics import ClassRow
from segment.visualizer import log_likelihood_picture, side_by_side
from segment.writer import encode_labels, encode_picture, result_names, write_files

__all__ = ["Segmentation"]


@dataclass(frozen=True)
class Segmentation:
    """A segmented image.

    Attributes
    ----------
    image : Image
        The image as it was read.
    label_image : ndarray of shape (H, W), uint8
        1..k in order of lightness, 1 the darkest; 0 where there is no label. Of the image's size.
    model : MixtureModel
        The mixture. Its features are those of `space`; its components are in the order of their classes.
    groups : ndarray of shape (n_components,), int
        The class of each component, counted from 0: label - 1. Ascending; 0, 1, 2, ... unless classes were combined.
    selection : Selection
        How many classes were chosen and why, with the criterion for every number that was tried.
    classes : tuple of ClassRow
        Area, share and mean colour of each class.
    fit : MixtureFit
        How the mixture of colours alone was found: log likelihoods, restarts, convergence. Its components are in the
        order of the fit. With the field EM goes on from there to `model`.
    space : FeatureSpace
        What the features are.
    working : Image
        The preprocessed image that was segmented.
    changed : float
        Share of the labelled pixels whose label the clean-up changed.
    rejected : float
        Share of the valid pixels that were left without a label because their colours are the least likely.
    warnings : tuple of str
        What is not as one would expect, a sentence each.
    config : SegmentConfig
        The settings.
    class_model : ClassModel
        The same classes for other images: a model to save, or the one that was applied.
    """

    image: Image
    label_image: NDArray[np.uint8]
    model: MixtureModel
    groups: NDArray[np.intp]
    selection: Selection
    classes: tuple[ClassRow, ...]
    fit: MixtureFit
    space: FeatureSpace
    working: Image
    changed: float
    rejected: float
    warnings: tuple[str, ...]
    config: SegmentConfig
    class_model: ClassModel

    @property
    def n_classes(self) -> int:
        """Number of classes; less than was asked for where the image has fewer distinct colours."""
        return int(self.groups.max(initial=-1)) + 1

    @property
    def colours(self) -> NDArray[np.uint8]:
        """The colour that stands for each class in pictures, RGB: (k, 3)."""
        return class_colours(self.n_classes)

    def posteriors(self) -> NDArray[np.float32]:
        """Probability of each class at each pixel, before clean-up: (H, W, k), float32.

        Given its colour and, with ``spatial="field"``, its neighbours; by colour alone with ``spatial="none"``. The
        probabilities of a pixel sum to 1; where it is not valid they are 0.
        """
        index = ColourIndex(self.working)
        if self.config.has_field and self.n_classes:
            maps = coherent_posteriors(
                self.model, self.groups, self.space, self.working, index, smoothness=self.config.smoothness
            )
        else:
            maps = index.spread(
                lambda colours: class_posteriors(self.model, self.groups, self.space.cells(colours)).astype(np.float32)
            )
        size = (self.image.width, self.image.height)
        if maps.shape[1::-1] != size:
            cv2 = load_cv2()
            maps = np.stack(
                [cv2.resize(m, size, interpolation=cv2.INTER_NEAREST_EXACT) for m in np.moveaxis(maps, 2, 0)], 2
            )
        return maps.astype(np.float32, copy=False)

    def log_likelihood(self) -> NDArray[np.float32]:
        """Log density of the mixture at each pixel's colour, before clean-up: (H, W), float32.

        In nats, the density being per unit of the feature space; NaN where there is no label. The mean over the pixels
        is the log likelihood of the class model's training, if the mixture was fitted to all pixels: without the field,
        or to an image that is its own working copy. Low values are the colours that the mixture explains worst.
        """
        if self.n_classes == 0:
            return np.full(self.label_image.shape, np.nan, dtype=np.float32)
        index = ColourIndex(self.working)
        values = index.spread(lambda colours: self.model.score_samples(self.space.cells(colours)).astype(np.float32))
        values[~self.working.valid] = np.nan
        return enlarge(values, self.image, nothing=np.nan).astype(np.float32, copy=False)

    def side_by_side(self) -> NDArray[np.uint8]:
        """The original and the segmented image beside each other with a legend: RGB, (h, w, 3), sized for a screen."""
        return side_by_side(self.image, self.label_image, [row.share for row in self.classes])

    def save(self, folder: str | PathLike[str], *, stem: str = "image", suffix: str = ".png") -> list[Path]:
        """Write what `config.save` names into a folder.

        Parameters
        ----------
        folder : path
            Made if it is not there.
        stem : str
            What file names begin with.
        suffix : {".png", ".jpg"}
            Format of the side-by-side picture. All else is PNG.

        Raises
        ------
        OutputError
            If a file exists and `config.overwrite` is False, or cannot be written. Nothing is left behind then.
        """
        encoders = {
            "segmented": lambda: encode_picture(self.side_by_side(), suffix=suffix),
            "labels": lambda: encode_labels(self.label_image, self.colours),
            "model": lambda: self.class_model.to_json().encode(),
            "likelihood": lambda: encode_picture(log_likelihood_picture(self.log_likelihood()), suffix=".png"),
        }
        names = result_names(stem, save=self.config.save, suffix=suffix)
        with ThreadPoolExecutor() as pool:
            contents = dict(zip(names.values(), pool.map(lambda kind: encoders[kind](), names), strict=True))
        return write_files(Path(folder), contents, overwrite=self.config.overwrite)
