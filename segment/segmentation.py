"""The result: labels, the mixture behind them, and what can be made of both."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segment._opencv import load_cv2
from segment.colours import ColourIndex
from segment.config import SegmentConfig
from segment.features import FeatureSpace
from segment.image import Image
from segment.mixture.fitting import MixtureFit
from segment.mixture.model import MixtureModel
from segment.statistics import ClassRow
from segment.visualizer import class_colours, side_by_side
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
        The mixture; component i is class i + 1. Its features are those of `space`.
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
    """

    image: Image
    label_image: NDArray[np.uint8]
    model: MixtureModel
    classes: tuple[ClassRow, ...]
    fit: MixtureFit
    space: FeatureSpace
    working: Image
    changed: float
    rejected: float
    warnings: tuple[str, ...]
    config: SegmentConfig

    @property
    def n_classes(self) -> int:
        """Number of classes; less than was asked for where the image has fewer distinct colours."""
        return self.model.n_components

    @property
    def colours(self) -> NDArray[np.uint8]:
        """The colour that stands for each class in pictures, RGB: (k, 3)."""
        return class_colours(self.n_classes)

    def posteriors(self) -> NDArray[np.float32]:
        """Probability of each class at each pixel by colour alone, before clean-up: (H, W, k), float32.

        The probabilities of a pixel sum to 1; where there is no label they are 0.
        """
        index = ColourIndex(self.working)
        maps = index.spread(lambda colours: self.model.posteriors(self.space.cells(colours)).astype(np.float32))
        size = (self.image.width, self.image.height)
        if maps.shape[1::-1] != size:
            cv2 = load_cv2()
            maps = np.stack(
                [cv2.resize(m, size, interpolation=cv2.INTER_NEAREST_EXACT) for m in np.moveaxis(maps, 2, 0)], 2
            )
        return maps.astype(np.float32, copy=False)

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
            Format of the side-by-side picture. The label image is always PNG.

        Raises
        ------
        OutputError
            If a file exists and `config.overwrite` is False, or cannot be written. Nothing is left behind then.
        """
        encoders = {
            "segmented": lambda: encode_picture(self.side_by_side(), suffix=suffix),
            "labels": lambda: encode_labels(self.label_image, self.colours),
        }
        names = result_names(stem, save=self.config.save, suffix=suffix)
        contents = {name: encoders[kind]() for kind, name in names.items()}
        return write_files(Path(folder), contents, overwrite=self.config.overwrite)
