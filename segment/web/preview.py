"""Segment an image for the screen: the classes of the whole image, its labels at the size of the screen.

What is computed is cached for the next request about the same image: its pixels, its cells, the fits, the results.
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
from segment.features.pixel_features import extract_features
from segment.loader.loader import LoadedFile
from segment.pipeline.pipeline import make_class_model, segment_image
from segment.pipeline.preparation import preprocess, read_image
from segment.pipeline.provenance import Provenance
from segment.pipeline.region_pipeline import RegionSegmentation, segment_regions
from segment.pipeline.result import Segmentation
from segment.pipeline.result_building import build_result, clean_labels
from segment.pipeline.shared_classes import label_with_model
from segment.preprocessor.preprocessor import shrink
from segment.preprocessor.working_copy import make_working_copy
from segment.segmenter.class_fitting import FittedClasses, fit_image_classes
from segment.segmenter.class_model.storage import load_class_model
from segment.segmenter.fit_data import FitData, find_few_colors
from segment.segmenter.spatial_model import (
    ColorsAlone,
    PixelField,
    RegionClasses,
    SpatialModel,
    choose_spatial_type,
)
from segment.web.image_store import stamp_file

__all__ = ["LruCache", "View", "load_picture", "make_view"]

QUICK_PIXELS = 2**17  # of the copy on which the random field is solved where the answer is to be quick
MAX_FITS = 16  # of other smoothness that are kept
MIN_SIZE, MAX_SIZE = 64, 4096  # longer side of what is shown, in pixels

Value = TypeVar("Value")
_PIXELS = ("Loading",)
_FEATURES = ("Loading", "Preprocessing", "Features")
_FIT = (*_FEATURES, "Classes", "Mixture", "Space")


class LruCache:
    """A cache that drops the least recently used value.

    Parameters
    ----------
    max_values : int
    """

    def __init__(self, max_values: int) -> None:
        self._max_values = max_values
        self._values: OrderedDict[Hashable, Any] = OrderedDict()

    def __contains__(self, key: Hashable) -> bool:
        return key in self._values

    @property
    def newest(self) -> Any:
        """The value that was used last; None where there is none."""
        return next(reversed(self._values.values()), None)

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """Get a value, which is made if the cache does not have it."""
        value: Value = self._values.pop(key) if key in self._values else make()
        self._values[key] = value
        if len(self._values) > self._max_values:
            self._values.popitem(last=False)
        return value


class _ImageCaches:
    """The caches of one image: they go all at once, because results hold the pixels that they are of."""

    def __init__(self) -> None:
        self.images, self.prepared, self.screens = LruCache(2), LruCache(3), LruCache(3)
        self.fits, self.results = LruCache(16), LruCache(8)


# The caches of this process, by path and time. The pixels of 12 megapixels take 50 MB, all else less than 20.
_CACHES = LruCache(4)


def _get_caches(source: Path) -> _ImageCaches:
    """Get the caches of an image: empty ones where its file was written anew."""
    return _CACHES.get((str(source.absolute()), *stamp_file(source)), _ImageCaches)


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
    """Load an image, or take it from its cache.

    Parameters
    ----------
    source : Path
        In the current folder.
    config : SegmentConfig
    """
    # The bands are selected while the file is read.
    key = (*_make_key(config, _PIXELS), config.bands)
    return _get_caches(source).images.get(key, lambda: read_image(source, config))


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
    """
    image, caches = load_picture(source, config), _get_caches(source)
    result_key = (_make_key(config, (*_FIT, "Clean-up")), config.palette)
    # Averages of few colors are others: thin lines of a scan of black and white are gray at the size of the screen.
    has_few = find_few_colors(image, config) is not None
    # Regions are found in the whole image.
    has_regions = config.regions != 0 or choose_spatial_type(config) is RegionClasses
    if has_regions or model or size == 0 or has_few:
        full = caches.results.get((*result_key, model), lambda: _segment_in_full(source, image, config, model))
        return View(full, image, is_exact=True, is_full=True)
    size = min(max(size, MIN_SIZE), MAX_SIZE)
    features_key = _make_key(config, _FEATURES)
    prepared = caches.prepared.get((*features_key, choose_spatial_type(config)), lambda: _prepare(image, config))
    # Shrinking 12 megapixels takes a third of the time of a quick answer.
    screen = caches.screens.get(
        (*features_key, size),
        lambda: _Screen(shrink(image, max_size=size), shrink(prepared.preprocessed, max_size=size)),
    )
    fit_key = _make_key(config, _FIT)
    # The fits with all but the smoothness the same; the last one is at hand for a quick answer.
    any_smoothness = replace(config, smoothness=1.0) if config.spatial == "field" else config
    fits = caches.fits.get(_make_key(any_smoothness, _FIT), lambda: LruCache(MAX_FITS))
    # The choice of the number of classes takes longer than all else, so there is no quick answer for `auto`.
    if quick and fit_key not in fits and config.k != "auto" and choose_spatial_type(config) is PixelField:
        # Without the random field and with the default shrinkage a fit takes a third of the time.
        similar = fits.newest or fit_image_classes(prepared.data, replace(config, spatial="none"))
        near = _label(image, prepared, screen, similar, config, quick=True)
        return View(near, image, is_exact=False, is_full=False)
    found = fits.get(fit_key, lambda: fit_image_classes(prepared.data, config))
    result = caches.results.get((*result_key, size), lambda: _label(image, prepared, screen, found, config))
    return View(result, image, is_exact=True, is_full=False)


@dataclass(frozen=True, eq=False)
class _Prepared:
    """The preprocessed image and what classes are fitted to."""

    preprocessed: Image
    data: FitData
    small: Image  # the copy for quick answers


@dataclass(frozen=True, eq=False)
class _Screen:
    """An image at the size of the screen."""

    shown: Image
    preprocessed: Image


def _make_key(config: SegmentConfig, groups: tuple[str, ...]) -> tuple[Hashable, ...]:
    """Make the key of what depends on the settings of some groups."""
    return tuple(getattr(config, setting.name) for setting in list_settings() if setting.group in groups)


def _prepare(image: Image, config: SegmentConfig) -> _Prepared:
    """Preprocess an image and extract its features, as :func:`segment.segment_image` does."""
    preprocessed = preprocess(image, config)
    copy = choose_spatial_type(config).make_fit_copy(preprocessed, config)
    features = extract_features(copy, config.features)
    data = FitData(features.space, features.cells, (copy,))
    return _Prepared(preprocessed, data, make_working_copy(preprocessed, QUICK_PIXELS))


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
    preprocessed, data = screen.preprocessed, prepared.data
    spatial: SpatialModel
    if choose_spatial_type(config) is PixelField:
        copy = prepared.small if quick else data.copies[0]
        spatial = PixelField(preprocessed, data, copy, config.smoothness)
    else:
        spatial = ColorsAlone(preprocessed, data, ColorIndex(preprocessed))
    unmerged = found.classes.unmerged
    labeled = spatial.label(unmerged, reject=config.reject)
    cleaned = clean_labels(labeled, unmerged, spatial, config, image)
    model = make_class_model(image, found, spatial, config)
    return build_result(screen.shown, spatial, labeled, cleaned, found, model, config, Provenance())


def _segment_in_full(
    source: Path, image: Image, config: SegmentConfig, model: str
) -> Segmentation | RegionSegmentation:
    """Segment the whole image, as the command does."""
    # The pixels that count were chosen when the image was read.
    chosen = replace(config, crop="", nodata="", mask="", roi="", page=1, bands="")
    loaded = LoadedFile(str(source), image, 0.0)
    if config.regions != 0:
        return segment_regions(loaded, chosen)
    if model:
        return label_with_model(load_class_model(model), loaded, chosen, on_stage=lambda _: None)
    return segment_image(loaded, chosen)
