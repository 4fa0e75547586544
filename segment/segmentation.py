"""The result: labels, the mixture behind them, and what can be made of both."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segment._opencv import load_cv2, n_threads
from segment.class_models.model import ClassModel
from segment.colours import ColourIndex
from segment.config import SegmentConfig
from segment.features import FeatureSpace
from segment.image import Image
from segment.mixture.fitting import MixtureFit
from segment.mixture.model import MixtureModel
from segment.mixture.selection import Selection
from segment.palette import class_colours
from segment.preprocessor import enlarge
from segment.products import plan_files
from segment.segmenter import class_posteriors
from segment.statistics import ClassRow
from segment.visualizer import anomaly_panel, side_by_side
from segment.writer import write_files

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
        How the mixture was found: log likelihoods, restarts, convergence. Its components are in the order of the fit.
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
        """Probability of each class at each pixel by colour alone, before clean-up: (H, W, k), float32.

        The probabilities of a pixel sum to 1; where there is no label they are 0.
        """
        index = ColourIndex(self.working)
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
        is the log likelihood of the fit. Low values are the colours that the mixture explains worst: anomalies.
        """
        if self.n_classes == 0:
            return np.full(self.label_image.shape, np.nan, dtype=np.float32)
        index = ColourIndex(self.working)
        values = index.spread(lambda colours: self.model.score_samples(self.space.cells(colours)).astype(np.float32))
        values[~self.working.valid] = np.nan
        return enlarge(values, self.image, nothing=np.nan).astype(np.float32, copy=False)

    def panel(self) -> NDArray[np.uint8]:
        """The original and the segmented image beside each other with a legend: RGB, (h, w, 3), sized for a screen."""
        return side_by_side(self.image, self.label_image, [row.share for row in self.classes])

    def anomaly_panel(self) -> NDArray[np.uint8]:
        """How usual each pixel is, bright where it is not, above a scale in nats: RGB, (h, w, 3), for a screen."""
        return anomaly_panel(self.log_likelihood())

    def save(self, folder: str | PathLike[str], *, stem: str = "image", suffix: str = ".png") -> list[Path]:
        """Write what `config.save` names into a folder.

        Parameters
        ----------
        folder : path
            Made if it is not there.
        stem : str
            What file names begin with.
        suffix : {".png", ".jpg"}
            Format of the panel. All other pictures are PNG.

        Raises
        ------
        OutputError
            If a file exists and `config.overwrite` is False, or cannot be written. Nothing is left behind then.
        """
        files = plan_files(stem, self.config.save, picture=suffix, n_classes=self.n_classes)
        with ThreadPoolExecutor(n_threads()) as pool:
            parts = pool.map(lambda file: file.product.encode(self, file), files)
            contents = dict(zip((file.name for file in files), parts, strict=True))
        return write_files(Path(folder), contents, overwrite=self.config.overwrite)
