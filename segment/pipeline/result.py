"""The result: labels, the mixture behind them, and what can be made of both."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from os import PathLike
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from segment.config.config import SegmentConfig
from segment.core.image import Image
from segment.core.opencv import load_cv2
from segment.features.color_index import ColorIndex
from segment.features.color_space import FeatureSpace
from segment.mixture.fitting import MixtureFit
from segment.mixture.model import MixtureModel
from segment.mixture.selection import Selection
from segment.pipeline.class_table import ClassRow
from segment.pipeline.provenance import Origin
from segment.preprocessor.preprocessor import enlarge
from segment.segmenter.class_mixture import compute_class_posteriors, compute_entropy
from segment.segmenter.class_model.class_model import ClassModel
from segment.segmenter.field.field_labels import coherent_posteriors

if TYPE_CHECKING:
    from segment.segmenter.regions.region_classes import WholeRegions

__all__ = ["Segmentation", "load_output"]

Maps = NDArray[np.float32]
Table = dict[str, NDArray[Any]]
Indices = NDArray[np.intp]

_ONE_AT_A_TIME = Lock()  # files are made in threads, and several may ask for the same
_BLOCK = 2**16  # pixels handled at once


def load_output(module: str) -> Any:
    """Load a module of :mod:`segment.output`, which draws and saves results.

    A result offers pictures, tables and files as methods for ease. The functions that make them lie one layer above, so
    they are loaded when they are asked for: the one import of this package that points up.

    Parameters
    ----------
    module : str
        Name below ``segment.output``, such as ``"products"``.

    Returns
    -------
    module
    """
    return import_module(f"segment.output.{module}")


@dataclass(frozen=True)
class Segmentation:
    """A segmented image.

    Attributes
    ----------
    image : Image
        The image as it was read.
    label_image : ndarray of shape (H, W), uint8
        1..k as the setting `order` says, by default in order of lightness, 1 the darkest, or as the model numbers them
        that was applied or started from; 0 where there is no label. Of the image's size.
    model : MixtureModel
        The mixture. Its features are those of `space`; its components are in the order of their classes.
    groups : ndarray of shape (n_components,), int
        The class of each component, counted from 0: label - 1. Ascending; 0, 1, 2, ... unless classes were combined.
    selection : Selection
        How many classes were chosen and why, with the criterion for every number that was tried.
    classes : tuple of ClassRow
        Area, share and mean color of each class.
    fit : MixtureFit
        How the mixture of colors alone was found, its components in the order of the fit. With the field EM goes on
        from there to `model`.
    space : FeatureSpace
        What the features are.
    working : Image
        The preprocessed image that was segmented.
    changed : float
        Share of the labeled pixels whose label the clean-up changed.
    rejected : float
        Share of the valid pixels that were left without a label because their colors are the least likely.
    warnings : tuple of str
        What is not as one would expect, a sentence each.
    config : SegmentConfig
        The settings.
    class_model : ClassModel
        The same classes for other images: a model to save, or the one that was applied.
    origin : Origin
        What was segmented, by which command, and how long it took.
    whole : WholeRegions, optional
        The regions of `working` that were each given to a class as a whole.
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
    origin: Origin = field(default_factory=Origin)
    whole: WholeRegions | None = None

    @property
    def n_classes(self) -> int:
        """Number of classes; less than was asked for where the image has fewer distinct colors."""
        return int(self.groups.max(initial=-1)) + 1

    @property
    def names(self) -> tuple[str, ...]:
        """What the classes are called."""
        return self.class_model.names

    @property
    def colors(self) -> NDArray[np.uint8]:
        """The color that stands for each class in pictures, by `config.palette`, RGB: (k, 3)."""
        return cast(NDArray[np.uint8], load_output("result_pictures").choose_class_colors(self))

    @property
    def mean_colors(self) -> NDArray[np.uint8]:
        """The mean color of each class, 8-bit RGB from the image's black to its white: (k, 3). Gray without pixels."""
        return cast(NDArray[np.uint8], load_output("result_pictures").compute_mean_colors(self))

    def posteriors(self) -> NDArray[np.float32]:
        """Probability of each class at each pixel, before clean-up: (H, W, k), float32.

        Given its color and, with ``spatial="field"``, its neighbors; with ``coherence="region"`` those of its region.
        The probabilities of a pixel sum to 1; where it is not valid they are 0.
        """
        maps = np.empty((*self.label_image.shape, self.n_classes), dtype=np.float32)
        for number, part in enumerate(self.posterior_maps()):
            maps[..., number] = part
        return maps

    def posterior_maps(self) -> Iterator[NDArray[np.float32]]:
        """The probability of each class in turn, as in :meth:`posteriors`: (H, W), float32, one held at a time."""
        for number in range(self.n_classes):
            yield self._posterior_map(lambda posteriors, _: posteriors[:, number], 0.0)  # noqa: B023  called at once

    def uncertainty(self) -> NDArray[np.float32]:
        """How unsure the class of each pixel is: the entropy of its :meth:`posteriors`, in bits, 0 to log2 k.

        (H, W), float32; NaN where there is no label.
        """
        return self._posterior_map(lambda posteriors, _: compute_entropy(posteriors), float("nan"))

    def confidence(self) -> NDArray[np.float32]:
        """Probability of each pixel's own class by :meth:`posteriors`: (H, W), float32; NaN where there is no label.

        Where the clean-up has changed the label, it is that of the class given instead, and may be small.
        """
        labels, size = self.label_image, (self.working.width, self.working.height)
        if labels.shape[::-1] != size:
            labels = load_cv2().resize(labels, size, interpolation=load_cv2().INTER_NEAREST_EXACT)
        own = np.maximum(labels, 1).reshape(-1) - np.uint8(1)
        values = self._posterior_map(lambda posteriors, at: posteriors[np.arange(len(at)), own[at]], float("nan"))
        values[self.label_image == 0] = np.nan
        return values

    def _posterior_map(self, function: Callable[[Maps, Indices], Maps], nothing: float) -> Maps:
        """What a function of the posteriors (n, k) of some pixels and their numbers (n,) is at each pixel: (H, W)."""
        if self.n_classes == 0:
            return np.full(self.label_image.shape, nothing, dtype=np.float32)
        values = np.empty(self.working.valid.size, dtype=np.float32)
        for start in range(0, values.size, _BLOCK):
            at = np.arange(start, min(start + _BLOCK, values.size))
            values[at] = function(self._posteriors_at(at), at)
        return self._enlarged(values.reshape(self.working.valid.shape), nothing)

    @cached_property
    def _posteriors_at(self) -> Callable[[Indices], Maps]:
        """The posteriors (n, k) of some pixels of `working`, given by their numbers in row order."""
        if self.whole is not None:
            return self.whole.posteriors_at(self.model, self.groups)
        if self.config.has_field:
            smoothness = self.config.smoothness
            return coherent_posteriors(self.model, self.groups, self.space, self.working, smoothness=smoothness)
        return ColorIndex(self.working).make_pixel_lookup(
            lambda colors: compute_class_posteriors(self.model, self.groups, self.space.make_cells(colors)).astype(
                np.float32
            )
        )

    def log_likelihood(self) -> NDArray[np.float32]:
        """Log density of the mixture at each pixel's color, before clean-up: (H, W), float32.

        In nats, the density being per unit of the feature space; NaN where there is no label. The mean over the pixels
        is the log likelihood of the class model's training, if the mixture was fitted to all pixels: without the field,
        or to an image that is its own working copy. Low values are the colors that the mixture explains worst.
        """
        if self.n_classes == 0:
            return np.full(self.label_image.shape, np.nan, dtype=np.float32)
        index = ColorIndex(self.working)
        values = index.map_to_pixels(lambda colors: self.model.score_samples(self.space.make_cells(colors)).astype(np.float32))
        return self._enlarged(values, np.nan)

    def _enlarged(self, values: Maps, nothing: float) -> Maps:
        """A map of `working` at the size of the image, and `nothing` where there is no label."""
        if not self.working.valid.all():
            values[~self.working.valid] = nothing
        return enlarge(values, self.image, fill_value=nothing).astype(np.float32, copy=False)

    def panel(self) -> NDArray[np.uint8]:
        """The original and the segmented image beside each other with a legend: RGB, (h, w, 3), sized for a screen."""
        return cast(NDArray[np.uint8], load_output("result_pictures").draw_panel(self))

    def legend(self) -> list[tuple[str, NDArray[np.uint8]]]:
        """Number, name and share of each class in words, and its color."""
        return cast("list[tuple[str, NDArray[np.uint8]]]", load_output("result_pictures").describe_classes(self))

    def overlay(self) -> NDArray[np.uint8]:
        """The image with each class tinted in its color: RGB, (H, W, 3)."""
        return cast(NDArray[np.uint8], load_output("result_pictures").draw_overlay(self))

    def contours(self) -> NDArray[np.uint8]:
        """The image with the outlines of the classes in their colors: RGB, (H, W, 3)."""
        return cast(NDArray[np.uint8], load_output("result_pictures").draw_contours(self))

    def cutout(self, label: int) -> NDArray[np.uint8]:
        """The pixels of one class, all others transparent: RGBA, (H, W, 4)."""
        return cast(NDArray[np.uint8], load_output("result_pictures").draw_cutout(self, label))

    def posterior_panel(self) -> NDArray[np.uint8]:
        """The probability of each class, white where it is sure, on one sheet: RGB, (h, w, 3), sized for a screen."""
        return cast(NDArray[np.uint8], load_output("result_pictures").draw_posterior_panel(self))

    def uncertainty_panel(self) -> NDArray[np.uint8]:
        """How unsure the class of each pixel is, bright where it is, above a scale in bits: RGB, (h, w, 3)."""
        return cast(NDArray[np.uint8], load_output("result_pictures").draw_uncertainty_panel(self))

    def anomaly_panel(self) -> NDArray[np.uint8]:
        """How usual each pixel is, bright where it is not, above a scale in nats: RGB, (h, w, 3), for a screen."""
        return cast(NDArray[np.uint8], load_output("result_pictures").draw_anomaly_panel(self))

    def shapes(self) -> Any:
        """The outlines of the classes, for :mod:`segment.output.vectors`. Found once."""
        with _ONE_AT_A_TIME:
            return self._shapes

    def class_table(self) -> Table:
        """What there is to measure of each class. Taken once, together with :meth:`region_table`.

        Columns by name, each an array with a value for every row: see :mod:`segment.output.measurements`. Beside those
        described there ``posterior``, the mean probability of the pixels' own class, and ``uncertainty`` in bits.
        """
        with _ONE_AT_A_TIME:
            return self._measurements[0]

    def region_table(self) -> Table:
        """The same for each connected region."""
        with _ONE_AT_A_TIME:
            return self._measurements[1]

    @cached_property
    def _shapes(self) -> Any:
        return load_output("vectors").trace_classes(self.label_image)

    @cached_property
    def _measurements(self) -> tuple[Table, Table]:
        return cast("tuple[Table, Table]", load_output("measurements").measure_result(self))

    def report(self) -> str:
        """A page about all this, to read in a browser: HTML that needs no other file."""
        return cast(str, load_output("report.page").render_page(self))

    def save(self, folder: str | PathLike[str] | BinaryIO, *, stem: str = "image", suffix: str = ".png") -> list[Path]:
        """Write what `config.save` names into a folder, or into a pipe.

        Parameters
        ----------
        folder : path or binary file
            Made if it is not there. Into a binary file the contents are written one after the other.
        stem : str
            What file names begin with.
        suffix : {".png", ".jpg"}
            Format of the panel, overlay and contours. All other pictures are PNG.

        Raises
        ------
        OutputError
            If a file exists and `config.overwrite` is False, or cannot be written. Nothing is left behind then.
        """
        return cast("list[Path]", load_output("products").save_products(self, folder, stem=stem, suffix=suffix))
