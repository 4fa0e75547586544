"""What neighbors count for in the fit and in the labels: nothing, a random field over pixels, or whole regions.

The only place where the settings `spatial`, `smoothness` and `coherence` decide. A spatial model of an image says what
classes are fitted to, and labels the pixels; its type says how the fit goes on with the neighbors.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from segment.config.config import SegmentConfig
from segment.core.image import Image
from segment.features.color_index import ColorIndex
from segment.features.pixel_features import extract_features
from segment.mixture.cells import Cells
from segment.mixture.model import MixtureModel
from segment.mixture.prior import Prior
from segment.mixture.rejection import find_rejection_threshold
from segment.preprocessor.working_copy import WORKING_PIXELS, make_working_copy
from segment.segmenter.class_mixture import ClassMixture
from segment.segmenter.field.field_fit import fit_with_field
from segment.segmenter.field.field_solver import FieldProblem
from segment.segmenter.field.fine_field import label_with_field, prepare_posteriors
from segment.segmenter.field.share_sample import LabeledPixels
from segment.segmenter.fit_data import FitData, find_few_colors
from segment.segmenter.known_colors import recall_colors

if TYPE_CHECKING:
    from segment.segmenter.regions.region_classes import RegionCells

__all__ = [
    "ColorsAlone",
    "PixelField",
    "RegionClasses",
    "SpatialModel",
    "build_spatial_model",
    "choose_spatial_type",
]

Indices = NDArray[np.intp]
Maps = NDArray[np.float32]
MAX_PLANE_VALUES = 2**24  # pixels of a working copy times classes; a field holds some eight floats for each


@dataclass(frozen=True, eq=False)
class SpatialModel(ABC):
    """What the neighbors of a pixel count for in one image.

    Attributes
    ----------
    image : Image
        The preprocessed image that is labeled.
    data : FitData
        What classes are fitted to.
    """

    image: Image
    data: FitData

    # What a cell stands for, as messages call it.
    unit: ClassVar[str] = "distinct colors"
    # Whether `shrinkage="auto"` was shown to choose well for it.
    has_chosen_shrinkage: ClassVar[bool] = False
    # Whether clean-up applies to the labels.
    is_cleaned: ClassVar[bool] = True
    # Whether the fit needs a small copy of each image, because it looks at pixels beside each other.
    needs_copies: ClassVar[bool] = False

    @property
    def image_index(self) -> ColorIndex | None:
        """The distinct colors of the image, where they are known."""
        return None

    @classmethod
    def make_fit_copy(cls, image: Image, config: SegmentConfig) -> Image:
        """Make the copy of an image that classes are fitted to.

        Parameters
        ----------
        image, config : Image and SegmentConfig
            The preprocessed image, and the settings, of which the number of classes counts.

        Returns
        -------
        Image
            A smaller copy, or the image itself.
        """
        return image

    @classmethod
    @abstractmethod
    def explain_empty_class(cls, config: SegmentConfig) -> str:
        """Explain why a class has no pixel before clean-up, and what the user can do.

        Parameters
        ----------
        config : SegmentConfig
            The settings of the run.

        Returns
        -------
        str
            The end of a sentence: the reason. The remedy.
        """

    @classmethod
    def continue_fit(
        cls, classes: ClassMixture, prior: Prior, data: FitData, config: SegmentConfig, *, may_restart: bool = False
    ) -> MixtureModel:
        """Continue EM with the neighbors.

        Parameters
        ----------
        classes : ClassMixture
            The start: a mixture that was fitted to the cells alone.
        prior : Prior
            The prior of that fit.
        data : FitData
            One or many images.
        config : SegmentConfig
            Its `smoothness` counts.
        may_restart : bool
            Whether other classes in another order may be returned, where noise hides the classes in the colors.

        Returns
        -------
        MixtureModel
            The model of `classes` itself where neighbors change nothing.
        """
        return classes.model

    def label(self, classes: ClassMixture, *, reject: float = 0.0) -> LabeledPixels:
        """Label the pixels of the image.

        Parameters
        ----------
        classes : ClassMixture
            k classes.
        reject : float, 0 to 1
            Share of the pixels, those of the least log density, that gets no label.

        Returns
        -------
        LabeledPixels
            (H, W) labels 1..k; 0 where a pixel is not valid or rejected.
        """
        # Without a share the cells are not asked for: they may not have been collected yet.
        threshold = find_rejection_threshold(classes.model, self._collect_cells(), reject) if reject else -math.inf
        return self._label(classes, threshold)

    def _collect_cells(self) -> Cells:
        """Collect the cells of all pixels of the image."""
        return self.data.cells

    @abstractmethod
    def _label(self, classes: ClassMixture, min_log_density: float) -> LabeledPixels:
        """Label the pixels of the image; what has a log density below this, in nats, is rejected."""

    @abstractmethod
    def prepare_posteriors(self, classes: ClassMixture, *, is_tempered: bool = True) -> Callable[[Indices], Maps]:
        """Prepare the posteriors of the pixels of the image.

        Parameters
        ----------
        classes : ClassMixture
            k classes.
        is_tempered : bool
            False for those of a random field as they are: too sure of pixels, but their mean is the expected share.

        Returns
        -------
        callable
            Takes numbers of pixels in row order, (n,), and returns (n, k), float32, rows summing to 1. The values of
            pixels that are not valid have no meaning.
        """


@dataclass(frozen=True, eq=False)
class ColorsAlone(SpatialModel):
    """Neighbors count for nothing: a pixel's label depends on its color alone.

    Attributes
    ----------
    index : ColorIndex
        The distinct colors of the image.
    """

    index: ColorIndex

    @property
    def image_index(self) -> ColorIndex:
        """The distinct colors of the image."""
        return self.index

    @classmethod
    def explain_empty_class(cls, config: SegmentConfig) -> str:
        """Say that other classes have all colors; see :meth:`SpatialModel.explain_empty_class`."""
        return "each color is more probable in another class. Use fewer classes"

    def _label(self, classes: ClassMixture, min_log_density: float) -> LabeledPixels:
        """Label each distinct color once and map the labels to the pixels."""
        if min_log_density == -math.inf and (known := recall_colors(classes, self.data.space, self.index)):
            return LabeledPixels(known.map_labels(self.image.valid))

        def label_colors(colors: NDArray[Any]) -> NDArray[np.uint8]:
            return classes.label_cells(self.data.space.make_cells(colors), min_log_density=min_log_density)

        return LabeledPixels(self.index.map_to_pixels(label_colors))

    def prepare_posteriors(self, classes: ClassMixture, *, is_tempered: bool = True) -> Callable[[Indices], Maps]:
        """Compute the posteriors of each distinct color once; see :meth:`SpatialModel.prepare_posteriors`."""
        make_cells = self.data.space.make_cells
        return self.index.make_pixel_lookup(lambda some: classes.compute_posteriors(make_cells(some)).astype("f4"))


@dataclass(frozen=True, eq=False)
class PixelField(SpatialModel):
    """A random field: pixels beside each other are likely of one class.

    Attributes
    ----------
    copy : Image
        The working copy, on which the field is solved.
    smoothness : float, > 0
        Log odds in nats that neighbors of one class give a pixel.
    index : ColorIndex, optional
        Of the working copy, where it is known.
    """

    copy: Image
    smoothness: float
    index: ColorIndex | None = None

    has_chosen_shrinkage = True
    needs_copies = True

    @property
    def image_index(self) -> ColorIndex | None:
        """The distinct colors of the image, where the working copy is the image itself."""
        return self.index if self.copy is self.image else None

    @classmethod
    def make_fit_copy(cls, image: Image, config: SegmentConfig) -> Image:
        """Return the working copy: neighbors in it are neighbors at every size of the image."""
        limit = MAX_PLANE_VALUES // config.max_classes
        return make_working_copy(image, limit if limit < WORKING_PIXELS else None)

    @classmethod
    def explain_empty_class(cls, config: SegmentConfig) -> str:
        """Say that the field has outvoted the colors; see :meth:`SpatialModel.explain_empty_class`."""
        return (
            "the random field gave all its pixels to other classes. Lower --smoothness, use fewer classes, or give "
            "--spatial none"
        )

    @classmethod
    def continue_fit(
        cls, classes: ClassMixture, prior: Prior, data: FitData, config: SegmentConfig, *, may_restart: bool = False
    ) -> MixtureModel:
        """Continue EM with the random field on the copies; see :meth:`SpatialModel.continue_fit`."""
        return fit_with_field(
            classes,
            prior,
            data.space,
            data.copies,
            smoothness=config.smoothness,
            may_restart=may_restart,
            may_weaken=config.shrinkage == "auto",
        )

    def _collect_cells(self) -> Cells:
        """Collect the cells of the image, not of its copy, which has fewer pixels and mixed colors."""
        whole = self.copy is self.image
        return self.data.cells if whole else extract_features(self.image, self.data.space.name).cells

    def _label(self, classes: ClassMixture, min_log_density: float) -> LabeledPixels:
        """Solve the field and label the image."""
        return label_with_field(self._make_problem(classes), self.image, min_log_density)

    def prepare_posteriors(self, classes: ClassMixture, *, is_tempered: bool = True) -> Callable[[Indices], Maps]:
        """Solve the field; see :meth:`SpatialModel.prepare_posteriors`."""
        return prepare_posteriors(self._make_problem(classes), self.image, is_tempered=is_tempered)

    def _make_problem(self, classes: ClassMixture) -> FieldProblem:
        """Make the field of the working copy."""
        return FieldProblem(classes, self.data.space, self.copy, self.smoothness, known_index=self.index)


@dataclass(frozen=True, eq=False)
class RegionClasses(SpatialModel):
    """Each region that the image divides into is given to a class as a whole.

    Attributes
    ----------
    regions : RegionCells
        The regions, and the random field over them.
    """

    regions: RegionCells

    unit = "regions"
    is_cleaned = False

    @classmethod
    def explain_empty_class(cls, config: SegmentConfig) -> str:
        """Say that other classes have all regions; see :meth:`SpatialModel.explain_empty_class`."""
        cure = "--spatial none or --coherence pixel" if config.spatial == "field" else "--coherence pixel"
        return f"each region is more probable in another class. Use fewer classes, or give {cure}"

    @classmethod
    def continue_fit(
        cls, classes: ClassMixture, prior: Prior, data: FitData, config: SegmentConfig, *, may_restart: bool = False
    ) -> MixtureModel:
        """Continue EM with the random fields over regions; see :meth:`SpatialModel.continue_fit`."""
        # Loaded here: regions need SciPy's sparse matrices, which other runs do without.
        from segment.segmenter.regions.region_classes import fit_with_region_fields

        return fit_with_region_fields(classes, prior, data.regions)

    def _label(self, classes: ClassMixture, min_log_density: float) -> LabeledPixels:
        """Label the pixels of each region."""
        return LabeledPixels(self.regions.label_pixels(classes, min_log_density=min_log_density))

    def prepare_posteriors(self, classes: ClassMixture, *, is_tempered: bool = True) -> Callable[[Indices], Maps]:
        """Give each pixel the posteriors of its region; see :meth:`SpatialModel.prepare_posteriors`."""
        return self.regions.prepare_posteriors(classes)


def choose_spatial_type(config: SegmentConfig) -> type[SpatialModel]:
    """Choose between colors alone, a random field over pixels, and whole regions.

    Parameters
    ----------
    config : SegmentConfig
        The settings `coherence`, `spatial` and `smoothness` decide.

    Examples
    --------
    >>> choose_spatial_type(SegmentConfig(spatial="none")).__name__
    'ColorsAlone'
    """
    if config.coherence == "region":
        return RegionClasses
    return PixelField if config.spatial == "field" and config.smoothness > 0 else ColorsAlone


def build_spatial_model(
    image: Image, config: SegmentConfig, on_stage: Callable[[str], None] = lambda _: None
) -> SpatialModel:
    """Extract the features of an image, and build the spatial model that the settings ask for.

    Parameters
    ----------
    image : Image
        The preprocessed image. It is not changed.
    config : SegmentConfig
        The settings `features`, `coherence`, `spatial` and `smoothness` decide.
    on_stage : callable
        Called with the name of each stage as it begins.

    Returns
    -------
    SpatialModel
        Of colors alone too where the image has no more colors than there may be classes, while its working copy has
        averages of them.
    """
    kind = choose_spatial_type(config)
    features = extract_features(kind.make_fit_copy(image, config), config.features)
    if kind is PixelField and features.image is not image and find_few_colors(image, config) is not None:
        copy, features = features.image, extract_features(image, config.features)
        return ColorsAlone(image, FitData(features.space, features, (copy,)), features.index)
    data = FitData(features.space, features, (features.image,))
    if kind is RegionClasses:
        from segment.segmenter.regions.region_classes import find_region_cells

        smoothness = config.smoothness if config.spatial == "field" else 0.0
        # Without the random field each region is left to its own colors.
        regions = find_region_cells(image, features, smoothness=smoothness, on_stage=on_stage)
        return RegionClasses(image, FitData(features.space, regions.cells, (image,), (regions,)), regions)
    if kind is PixelField:
        return PixelField(image, data, features.image, config.smoothness, features.index)
    return ColorsAlone(image, data, features.index)
