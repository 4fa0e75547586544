"""Segment an image for the screen: the classes of the whole image, its labels at the size of the screen.

What is computed once is kept for the next request about the same image: its pixels, its cells, the fits, the results.
Only a change of what a stage depends on runs this stage again.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from segment.config.config import SegmentConfig, list_settings
from segment.core.image import Image
from segment.features.color_index import ColorIndex
from segment.features.pixel_features import PixelFeatures, extract_features
from segment.loader.loader import LoadedFile
from segment.pipeline.pipeline import build_result, clean_labels, make_class_model, segment_image
from segment.pipeline.preparation import preprocess, read_image
from segment.pipeline.provenance import Provenance
from segment.pipeline.region_pipeline import RegionSegmentation, segment_regions
from segment.pipeline.result import Segmentation
from segment.pipeline.shared_classes import label_with_model
from segment.preprocessor.preprocessor import shrink
from segment.preprocessor.working_copy import make_working_copy
from segment.segmenter.class_fitting import FittedClasses, fit_image_classes
from segment.segmenter.class_model.storage import load_class_model
from segment.segmenter.fit_data import FitData
from segment.segmenter.spatial_model import (
    ColorsAlone,
    PixelField,
    RegionClasses,
    SpatialModel,
    choose_spatial_type,
)
from segment.web.image_store import stamp_file

__all__ = ["LastUsed", "View", "load_picture", "make_view"]

QUICK_PIXELS = 2**17  # of the copy on which the random field is solved where the answer is to be quick
MAX_FITS = 16  # of other smoothness that are kept
MIN_SIZE, MAX_SIZE = 64, 4096  # longer side of what is shown, in pixels

Value = TypeVar("Value")
_PIXELS = ("Loading",)
_FEATURES = ("Loading", "Preprocessing", "Features")
_FIT = (*_FEATURES, "Classes", "Mixture", "Space")


class LastUsed:
    """The values that were used last, by their keys.

    Parameters
    ----------
    n : int
        How many are kept.
    """

    def __init__(self, n: int) -> None:
        self._n = n
        self._values: OrderedDict[Hashable, Any] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """Get a value, which is made if it is not kept.

        Parameters
        ----------
        key : hashable
        make : callable

        Returns
        -------
        object
        """
        value: Value = self._values.pop(key) if key in self._values else make()
        self._values[key] = value
        if len(self._values) > self._n:
            self._values.popitem(last=False)
        return value


class _Kept:
    """What is kept of one image: it goes all at once, because results hold the pixels that they are of."""

    def __init__(self) -> None:
        self.images, self.features, self.screens = LastUsed(2), LastUsed(3), LastUsed(3)
        self.fits, self.views = LastUsed(16), LastUsed(8)


# Of this process, by their paths and times. A photograph of 12 megapixels takes 50 MB, all else of it less than 20.
_KEPT = LastUsed(4)


def _get_kept(source: Path) -> _Kept:
    """Get what is kept of an image: nothing of a file that was written anew."""
    kept: _Kept = _KEPT.get((str(source.absolute()), *stamp_file(source)), _Kept)
    return kept


@dataclass(frozen=True, eq=False)
class View:
    """A segmented image at the size of the screen.

    Attributes
    ----------
    result : Segmentation or RegionSegmentation
        Of the image as it is shown, or of the whole one.
    image : Image
        The whole image.
    is_exact : bool
        False where the classes are those of other settings, so that the answer is quick.
    is_full : bool
        Whether `result` is that of the whole image.
    """

    result: Segmentation | RegionSegmentation
    image: Image
    is_exact: bool
    is_full: bool


def load_picture(source: Path, config: SegmentConfig) -> Image:
    """Load an image, or take it from what is kept.

    Parameters
    ----------
    source : Path
        In the current folder.
    config : SegmentConfig

    Returns
    -------
    Image
    """
    # The bands are selected while the file is read.
    key = (*_make_key(config, _PIXELS), config.bands)
    return _get_kept(source).images.get(key, lambda: read_image(source, config))


def make_view(source: Path, config: SegmentConfig, *, size: int, quick: bool = False, model: str = "") -> View:
    """Segment an image for the screen.

    Parameters
    ----------
    source : Path
        The image, in the current folder.
    config : SegmentConfig
    size : int, pixels
        Longer side of what is shown; 0 segments the whole image.
    quick : bool
        Whether similar classes will do: those of another smoothness, if there are any, or else those of so many classes
        by color alone. The random field is solved on a smaller copy.
    model : str
        A file of classes that are found in the image; empty for classes of its own.

    Returns
    -------
    View
    """
    image, kept = load_picture(source, config), _get_kept(source)
    key: Hashable
    if not _can_be_sampled(config) or model or size == 0:
        key = (_make_key(config, (*_FIT, "Clean-up")), config.palette, model)
        full = kept.views.get(key, lambda: _segment_in_full(source, image, config, model))
        return View(full, image, is_exact=True, is_full=True)
    size = min(max(size, MIN_SIZE), MAX_SIZE)
    features_key = _make_key(config, _FEATURES)
    features = kept.features.get((*features_key, choose_spatial_type(config)), lambda: _prepare(image, config))
    # Shrinking 12 megapixels takes a third of the time of a quick answer.
    screen = kept.screens.get(
        (*features_key, size),
        lambda: _Screen(shrink(image, max_size=size), shrink(features.preprocessed, max_size=size)),
    )
    fit_key = _make_key(config, _FIT)
    # The fits with all but the smoothness the same; the last one is at hand for a quick answer.
    any_smoothness = replace(config, smoothness=1.0) if config.spatial == "field" else config
    fits: OrderedDict[Hashable, FittedClasses] = kept.fits.get(_make_key(any_smoothness, _FIT), OrderedDict)
    # To choose the number of classes takes longer than all else, so there is no quick answer for `auto`.
    if quick and fit_key not in fits and config.k != "auto" and choose_spatial_type(config) is PixelField:
        similar = fits[next(reversed(fits))] if fits else _fit_colors(features, config)
        near = _label(image, features, screen, similar, config, quick=True)
        return View(near, image, is_exact=False, is_full=False)
    found = fits.pop(fit_key) if fit_key in fits else fit_image_classes(_make_data(features), config)
    fits[fit_key] = found
    while len(fits) > MAX_FITS:
        fits.popitem(last=False)
    key = (fit_key, _make_key(config, ("Clean-up",)), config.palette, size)
    result = kept.views.get(key, lambda: _label(image, features, screen, found, config))
    return View(result, image, is_exact=True, is_full=False)


@dataclass(frozen=True, eq=False)
class _Prepared:
    """The preprocessed image and the features that classes are fitted to."""

    preprocessed: Image
    features: PixelFeatures
    small: Image  # the copy for quick answers


@dataclass(frozen=True, eq=False)
class _Screen:
    """An image at the size of the screen."""

    shown: Image
    preprocessed: Image


def _make_key(config: SegmentConfig, groups: tuple[str, ...]) -> tuple[Hashable, ...]:
    """Make the key of what depends on the settings of some groups."""
    return tuple(getattr(config, setting.name) for setting in list_settings() if setting.group in groups)


def _can_be_sampled(config: SegmentConfig) -> bool:
    """Tell whether labels at the size of the screen are those of the whole image: not where regions are found in it."""
    return config.regions == 0 and choose_spatial_type(config) is not RegionClasses


def _prepare(image: Image, config: SegmentConfig) -> _Prepared:
    """Preprocess an image and extract its features, as :func:`segment.segment_image` does."""
    preprocessed = preprocess(image, config)
    copy = choose_spatial_type(config).make_fit_copy(preprocessed, config)
    return _Prepared(
        preprocessed, extract_features(copy, config.features), make_working_copy(preprocessed, QUICK_PIXELS)
    )


def _make_data(prepared: _Prepared) -> FitData:
    """Make what classes are fitted to."""
    features = prepared.features
    return FitData(features.space, features.cells, (features.image,))


def _fit_colors(prepared: _Prepared, config: SegmentConfig) -> FittedClasses:
    """Fit classes without the random field and with the default shrinkage: a third of the time of the whole fit."""
    return fit_image_classes(_make_data(prepared), replace(config, spatial="none"))


def _label(
    image: Image,
    prepared: _Prepared,
    screen: _Screen,
    found: FittedClasses,
    config: SegmentConfig,
    *,
    quick: bool = False,
) -> Segmentation:
    """Label the image at the size of the screen."""
    preprocessed = screen.preprocessed
    data = _make_data(prepared)
    spatial: SpatialModel
    if choose_spatial_type(config) is PixelField:
        copy = prepared.small if quick else prepared.features.image
        spatial = PixelField(preprocessed, data, copy, config.smoothness)
    else:
        spatial = ColorsAlone(preprocessed, data, ColorIndex(preprocessed))
    unmerged = found.classes.unmerged
    labeled = spatial.label(unmerged, min_log_density=spatial.find_min_log_density(unmerged, config.reject))
    labeling = clean_labels(labeled, unmerged, spatial, config, image)
    model = make_class_model(found, spatial, config)
    return build_result(screen.shown, labeling, found, model, config, Provenance())


def _segment_in_full(
    source: Path, image: Image, config: SegmentConfig, model: str
) -> Segmentation | RegionSegmentation:
    """Segment the whole image, as the command does."""
    # What counts of the image was chosen when it was read.
    chosen = replace(config, crop="", nodata="", mask="", roi="", page=1, bands="")
    loaded = LoadedFile(str(source), image, 0.0)
    if config.regions != 0:
        return segment_regions(loaded, chosen)
    if model:
        return label_with_model(load_class_model(model), loaded, chosen, on_stage=lambda _: None)
    return segment_image(loaded, chosen)
