"""The result of a segmentation: labels, classes, and everything that can be computed from them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from segment.config.config import SegmentConfig
from segment.core.equality import EqualByValue
from segment.core.image import Image
from segment.core.opencv import resize_to_nearest
from segment.features.color_index import ColorIndex
from segment.features.color_space import FeatureSpace
from segment.mixture.component_merging import pool_posteriors
from segment.mixture.mixture_fit import MixtureFit
from segment.mixture.model import MixtureModel
from segment.mixture.selection import Selection
from segment.pipeline.class_shares import assign_shares
from segment.pipeline.class_table import ClassRow
from segment.pipeline.output_loader import load_output
from segment.pipeline.provenance import Provenance
from segment.pipeline.result_views import ResultViews
from segment.preprocessor.preprocessor import enlarge
from segment.segmenter.class_mixture import ClassMixture, choose_chunk_pixels, compute_entropy
from segment.segmenter.class_model.class_model import ClassModel
from segment.segmenter.field.share_estimate import Calibration
from segment.segmenter.spatial_model import SpatialModel

__all__ = ["Segmentation"]

Maps = NDArray[np.float32]
Indices = NDArray[np.intp]
Picture = NDArray[np.uint8]
Table = dict[str, NDArray[Any]]

MAX_MAP_VALUES = 2**24  # of the maps of posteriors that are computed together with another one: 64 MB


@dataclass(frozen=True, eq=False, repr=False)
class Segmentation(ResultViews, EqualByValue):
    """A segmented image.

    Two results are equal if their images, settings, classes and labels are; how long they took does not count. A result
    can be pickled, and shows itself in a notebook.

    Attributes
    ----------
    image : Image
        The image as it was read.
    label_image : ndarray of shape (H, W), uint8
        1..k by the setting `order` (1 is the darkest by default) or as a model numbers them; 0 where there is none.
    class_mixture : ClassMixture
        The mixture, in the features of `space`, and the class of each of its components.
    selection : Selection
        How many classes were chosen and why, with the criterion for every number that was tried.
    classes : tuple of ClassRow
        Name, area, share and mean color of each class.
    fit : MixtureFit
        How the mixture of colors alone was found. With the random field EM goes on from there to `model`.
    spatial : SpatialModel
        What neighbors counted for; it holds the image `preprocessed`.
    changed : float
        Share of the labeled pixels whose label the clean-up changed.
    rejected : float
        Share of the valid pixels without a label because their colors are the least likely.
    warnings : tuple of str
        What is not as one would expect, a sentence each.
    config : SegmentConfig
        The settings.
    class_model : ClassModel
        The same classes for other images: a model to save, or the one that was applied.
    provenance : Provenance
        What was segmented, by which command, and how long it took.
    color_model : ClassModel, optional
        The model whose first classes have the colors that this image shares with others; by default `class_model`.
    absent : tuple of int
        Labels of the classes of a reference, with which the image was aligned, that have no counterpart in it.
    calibration : Calibration, optional
        How sure the posteriors of a random field may be.

    Examples
    --------
    >>> import numpy as np, segment
    >>> pixels = np.repeat(np.array([[10, 10, 200], [10, 10, 200]], dtype=np.uint8), 8, axis=0)
    >>> result = segment.segment_image(pixels, k=2)
    >>> [(row.label, row.pixels) for row in result.classes]
    [(1, 32), (2, 16)]
    >>> result
    <Segmentation of 3 x 16 pixels: class 1 66.7 %, class 2 33.3 %>
    >>> int(result.mask("class 2").sum()), result.masks["class 1"].shape, result.k
    (16, (16, 3), 2)
    """

    image: Image
    label_image: NDArray[np.uint8]
    class_mixture: ClassMixture
    selection: Selection
    classes: tuple[ClassRow, ...]
    fit: MixtureFit
    spatial: SpatialModel = field(compare=False)
    changed: float
    rejected: float
    warnings: tuple[str, ...]
    config: SegmentConfig
    class_model: ClassModel
    provenance: Provenance = field(default_factory=Provenance, compare=False)
    color_model: ClassModel | None = field(default=None, compare=False)
    absent: tuple[int, ...] = ()
    calibration: Calibration | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        # The names are those of the model, which may have been given others.
        rows = [replace(row, name=name) for row, name in zip(self.classes, self.names, strict=True)]
        object.__setattr__(self, "classes", assign_shares(rows, self.config, self.absent))

    @property
    def model(self) -> MixtureModel:
        """The mixture, its components in the order of their classes."""
        return self.class_mixture.model

    @property
    def groups(self) -> NDArray[np.intp]:
        """The class of each component, label - 1: shape (n_components,), ascending."""
        return self.class_mixture.groups

    @property
    def space(self) -> FeatureSpace:
        """What the features are."""
        return self.spatial.data.space

    @property
    def preprocessed(self) -> Image:
        """The preprocessed image that was segmented."""
        return self.spatial.image

    @property
    def n_classes(self) -> int:
        """Number of classes; less than was asked for where the image has fewer distinct colors."""
        return self.class_mixture.n_classes

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the classes, in the order of the labels."""
        return self.class_model.names

    @property
    def old_numbers(self) -> tuple[str, ...]:
        """The numbers that each class has without the setting `merge`, such as ``2+3``; empty without merges."""
        return self.class_mixture.old_numbers

    @property
    def colors(self) -> Picture:
        """The color that stands for each class in pictures, by `config.palette`, RGB: (k, 3)."""
        return self._colors.copy()

    @property
    def mean_colors(self) -> Picture:
        """The mean color of each class, 8-bit RGB from black to white: (k, 3). Gray for a class without pixels."""
        return cast(Picture, load_output("result_pictures").compute_mean_colors(self))

    def posteriors(self) -> Maps:
        """Compute the probability of each class at each pixel, before clean-up.

        Given are a pixel's color and, with ``spatial="field"``, its neighbors; with ``coherence="region"`` its region.

        Returns
        -------
        ndarray of shape (H, W, k), float32
            Sums to 1 at each pixel; 0 where a pixel is not valid. Calibrated to be right about single pixels, so that
            the mean of a class is not its expected share. Computed once and kept, so it cannot be written to: copy it
            to change it.
        """
        with self._lock:
            return self._posteriors

    def posterior_maps(self) -> Iterator[Maps]:
        """Compute the probability of each class in turn, a few maps at a time so that they need little memory.

        Yields
        ------
        ndarray of shape (H, W), float32
            As in :meth:`posteriors`.
        """
        # First what looks posteriors up: solving the field takes more memory than it leaves, and maps come beside that.
        if self.n_classes and "_posteriors" not in self.__dict__:
            self._prepare_look_up()
        # Several maps at once: each pass computes all classes of a pixel, and solves the field of a large image again.
        step = 1 + MAX_MAP_VALUES // self.preprocessed.valid.size
        for first in range(0, self.n_classes, step):
            numbers = range(first, min(first + step, self.n_classes))
            if "_posteriors" in self.__dict__:
                yield from (self._posteriors[..., number].copy() for number in numbers)
                continue
            # Arrays of their own, each given away: a caller that keeps one map does not keep the others in memory.
            maps = [np.empty(self.preprocessed.valid.size, dtype=np.float32) for _ in numbers]
            for at, posteriors in self._iterate_posteriors():
                for values, own in zip(maps, posteriors[:, numbers.start : numbers.stop].T, strict=True):
                    values[at[0] : at[-1] + 1] = own
            del values
            while maps:
                yield self._enlarge_map(maps.pop(0).reshape(self.preprocessed.valid.shape), 0.0)

    def uncertainty(self) -> Maps:
        """Compute how uncertain the class of each pixel is: the entropy of its :meth:`posteriors`.

        Returns
        -------
        ndarray of shape (H, W), float32
            In bits, 0 to log2 k; NaN where there is no label.
        """
        return self._map_posteriors(lambda posteriors, _: compute_entropy(posteriors), float("nan"))

    def confidence(self) -> Maps:
        """Compute the probability of each pixel's own class by :meth:`posteriors`.

        It may be small where clean-up has changed the label.

        Returns
        -------
        ndarray of shape (H, W), float32
            0 to 1; NaN where there is no label.
        """
        own = np.maximum(self.resize_labels_to_preprocessed(), 1).reshape(-1) - np.uint8(1)
        values = self._map_posteriors(lambda posteriors, at: posteriors[np.arange(len(at)), own[at]], float("nan"))
        values[self.label_image == 0] = np.nan
        return values

    def resize_labels_to_preprocessed(self) -> NDArray[np.uint8]:
        """Bring the labels to the size of the preprocessed image, which the posteriors belong to.

        Returns
        -------
        ndarray of shape (h, w), uint8
        """
        labels, size = self.label_image, (self.preprocessed.width, self.preprocessed.height)
        if labels.shape[::-1] == size:
            return labels
        return cast("NDArray[np.uint8]", resize_to_nearest(labels, size))

    def log_likelihood(self) -> Maps:
        """Compute the log density of the mixture at each pixel's color, before clean-up: low for unusual colors.

        If the mixture was fitted to all pixels, the mean is the log-likelihood of the class model's training.

        Returns
        -------
        ndarray of shape (H, W), float32
            In nats, the density being per unit of the feature space; NaN where there is no label.
        """
        if self.n_classes == 0:
            return np.full(self.label_image.shape, np.nan, dtype=np.float32)

        def score_colors(colors: NDArray[Any]) -> Maps:
            return self.model.score_samples(self.space.make_cells(colors)).astype(np.float32)

        return self._enlarge_map(ColorIndex(self.preprocessed).map_to_pixels(score_colors), np.nan)

    @cached_property
    def _posteriors(self) -> Maps:
        """The posteriors of all pixels, (H, W, k), read-only: everybody who asks gets the same array."""
        maps = np.empty((*self.label_image.shape, self.n_classes), dtype=np.float32)
        for number, part in enumerate(self.posterior_maps()):
            maps[..., number] = part
        maps.flags.writeable = False
        return maps

    @cached_property
    def look_up_posteriors(self) -> Callable[[Indices], Maps]:
        """What gives the posteriors (n, k) of pixels of `preprocessed` by their numbers in row order."""
        classes = self.class_mixture
        look_up = self.spatial.prepare_posteriors(classes.unmerged)
        if classes.parts is None:
            return look_up
        # Those of merged classes are sums.
        return lambda at: pool_posteriors(look_up(at), classes.merged_numbers)

    def _prepare_look_up(self) -> Callable[[Indices], Maps]:
        """Prepare :attr:`look_up_posteriors` once, whichever thread asks first."""
        with self._lock:
            return self.look_up_posteriors

    def _iterate_posteriors(self) -> Iterator[tuple[Indices, Maps]]:
        """Iterate over the numbers of some pixels each time, and their posteriors (n, k)."""
        # In chunks: all posteriors of 12 megapixels and 8 classes would take 400 MB.
        size, chunk = self.preprocessed.valid.size, choose_chunk_pixels(self.class_mixture.unmerged.n_classes)
        look_up = self._prepare_look_up()
        for start in range(0, size, chunk):
            at = np.arange(start, min(start + chunk, size))
            yield at, look_up(at)

    def _map_posteriors(self, function: Callable[[Maps, Indices], Maps], nothing: float) -> Maps:
        """Map a function of the posteriors (n, k) of some pixels and of their numbers (n,) to the image: (H, W)."""
        if self.n_classes == 0:
            return np.full(self.label_image.shape, nothing, dtype=np.float32)
        values = np.empty(self.preprocessed.valid.size, dtype=np.float32)
        for at, posteriors in self._iterate_posteriors():
            values[at] = function(posteriors, at)
        return self._enlarge_map(values.reshape(self.preprocessed.valid.shape), nothing)

    def _enlarge_map(self, values: Maps, nothing: float) -> Maps:
        """Bring a map of `preprocessed` to the size of the image, with `nothing` where there is no label."""
        if not self.preprocessed.valid.all():
            values[~self.preprocessed.valid] = nothing
        return enlarge(values, self.image, fill_value=nothing).astype(np.float32, copy=False)

    def posterior_panel(self) -> Picture:
        """Draw the probability of each class on one sheet, white where it is 1.

        Returns
        -------
        ndarray of shape (h, w, 3), uint8
            RGB, sized for a screen.
        """
        return cast(Picture, load_output("result_pictures").draw_posterior_panel(self))

    def uncertainty_panel(self) -> Picture:
        """Draw how uncertain the class of each pixel is, bright where it is, above a scale in bits.

        Returns
        -------
        ndarray of shape (h, w, 3), uint8
            RGB, sized for a screen.
        """
        return cast(Picture, load_output("pictures.maps").draw_entropy_map(self.uncertainty(), self.n_classes))

    def anomaly_panel(self) -> Picture:
        """Draw how unusual the color of each pixel is, bright where it is, above a scale in nats.

        Returns
        -------
        ndarray of shape (h, w, 3), uint8
            RGB, sized for a screen.
        """
        return cast(Picture, load_output("pictures.maps").draw_log_density_map(self.log_likelihood()))

    def report(self) -> str:
        """Write a page about the result that a browser shows without other files.

        Returns
        -------
        str
            HTML.
        """
        return cast(str, load_output("report.page").render_page(self))

    @cached_property
    def _colors(self) -> Picture:
        return cast(Picture, load_output("result_pictures").choose_class_colors(self))

    @cached_property
    def _tables(self) -> tuple[Table, Table]:
        return cast("tuple[Table, Table]", load_output("result_tables").measure_result(self))
