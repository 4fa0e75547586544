"""The last stage with its settings: the labels of an image, or of a window of it, are cleaned up."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from segment.config.config import SegmentConfig
from segment.config.sizes import compute_area_share, compute_radius_share
from segment.core.image import Image
from segment.features.color_index import ColorIndex
from segment.features.color_space import FeatureSpace
from segment.postprocessor.connected_regions import tally_labels
from segment.postprocessor.postprocessor import CleanedLabels, postprocess
from segment.preprocessor.working_copy import compute_field_step
from segment.segmenter.class_mixture import ClassMixture
from segment.segmenter.field.calibration import compute_weight_power
from segment.segmenter.pixel_evidence import make_color_evidence

__all__ = [
    "CleanUpSizes",
    "LabelCleaner",
    "count_cleanup_moves",
    "count_pixels_and_regions",
    "is_cleanup_by_evidence",
    "resolve_sizes",
]

MIN_COUNTED_PIXELS = 9  # of the working copy, of a region that counts: smaller ones come and go with noise


class CleanUpSizes(NamedTuple):
    """What is cleaned up whatever its colors, as shares of the whole image.

    Attributes
    ----------
    radius : float
        Of the disc that opens and closes, as a share of the diagonal.
    min_region, max_hole : float
        As shares of the area.
    """

    radius: float
    min_region: float
    max_hole: float


def resolve_sizes(config: SegmentConfig, shape: tuple[int, int], pixel_area: float) -> CleanUpSizes:
    """Convert the sizes of the settings to shares of the image.

    Parameters
    ----------
    config : SegmentConfig
        The settings `smooth_radius`, `min_region` and `max_hole` count.
    shape : (height, width)
        Of the image as it was read, in pixels.
    pixel_area : float
        Of one of its pixels, in square meters; NaN where it is not known.

    Raises
    ------
    SettingsError
        If a size is in meters and the area of a pixel is not known.

    Examples
    --------
    >>> resolve_sizes(SegmentConfig(min_region="50px", max_hole=0.1), (100, 100), float("nan"))
    CleanUpSizes(radius=0.0, min_region=0.005, max_hole=0.1)
    """
    return CleanUpSizes(
        compute_radius_share(config.smooth_radius, shape, pixel_area, "smooth_radius"),
        compute_area_share(config.min_region, shape, pixel_area, "min_region"),
        compute_area_share(config.max_hole, shape, pixel_area, "max_hole"),
    )


@dataclass(frozen=True, eq=False)
class LabelCleaner:
    """Clean-up of the labels of an image, the same in each window of it.

    Attributes
    ----------
    classes : ClassMixture
        k classes. Ties go to the heavier one.
    space : FeatureSpace
        How a color becomes a feature vector.
    config : SegmentConfig
        The settings `clean_up` and `smoothness` count.
    sizes : CleanUpSizes
        What is cleaned up whatever its colors.
    shape : (height, width)
        Of the whole image.
    design_effect : float, >= 1
        Of the whole image: how many neighboring pixels count as one witness. 0 where no color is in doubt: then there
        is no clean-up by evidence.
    """

    classes: ClassMixture
    space: FeatureSpace
    config: SegmentConfig
    sizes: CleanUpSizes
    shape: tuple[int, int]
    design_effect: float = 1.0

    def clean(self, raw: NDArray[np.uint8], image: Image, index: ColorIndex | None = None) -> CleanedLabels:
        """Clean up the labels of the image or of a window of it.

        Parameters
        ----------
        raw : ndarray of shape (h, w), uint8
            Labels 1..k, 0 for none. Not changed.
        image : Image
            The pixels that were labeled, h x w.
        index : ColorIndex, optional
            Of these pixels, where it is known.

        Returns
        -------
        CleanedLabels
            (h, w) labels, and the share of the labeled pixels that changed.
        """
        evidence = None
        if self.config.clean_up == "evidence" and self.classes.n_classes > 1 and self.design_effect:
            # Evidence divided by the design effect, against the field's smoothness, is evidence against the product.
            evidence = make_color_evidence(
                self.classes,
                self.space,
                image,
                self.shape,
                smoothness=self.config.smoothness * self.design_effect,
                weight_power=compute_weight_power(self.design_effect, self.config.smoothness),
                index=index,
            )
        # Shares of the whole image; `postprocess` takes those of what it gets.
        share = math.prod(self.shape) / max(1, raw.size)
        return postprocess(
            raw,
            radius=self.sizes.radius * math.hypot(*self.shape) / max(1.0, math.hypot(*raw.shape)),
            min_region=self.sizes.min_region * share,
            max_hole=self.sizes.max_hole * share,
            precedence=self.classes.rank_classes(),
            evidence=evidence,
        )


def count_pixels_and_regions(
    label_image: NDArray[np.integer], n_classes: int, shape: tuple[int, int]
) -> NDArray[np.int64]:
    """Count the pixels of each class and its regions, without the smallest ones.

    Parameters
    ----------
    label_image : ndarray of shape (h, w), integers
        Labels 1..k, 0 for none: of an image or of a window of it.
    n_classes : int
        k.
    shape : (height, width)
        Of the whole image: regions of fewer than 9 pixels of its working copy do not count.

    Returns
    -------
    ndarray of shape (2, k), int64
        Pixels, and regions.
    """
    min_area = math.ceil(MIN_COUNTED_PIXELS * compute_field_step(shape) ** 2)
    return tally_labels(label_image, n_classes, min_area)


def count_cleanup_moves(before: NDArray[np.uint8], after: NDArray[np.uint8], n_classes: int) -> NDArray[np.int64]:
    """Count how many pixels each class has more after clean-up.

    Parameters
    ----------
    before, after : ndarray of shape (H, W), uint8
        Labels 1..n_classes, 0 for none.
    n_classes : int

    Returns
    -------
    ndarray of shape (n_classes,), int64
        Negative where a class has lost pixels.

    Examples
    --------
    >>> count_cleanup_moves(np.array([[1, 1, 2, 2]], np.uint8), np.array([[1, 1, 1, 2]], np.uint8), 2)
    array([ 1, -1])
    """
    at = np.flatnonzero(before != after)
    was, now = (np.bincount(part.reshape(-1)[at], minlength=n_classes + 1)[1:] for part in (before, after))
    return np.asarray(now - was, dtype=np.int64)


def is_cleanup_by_evidence(config: SegmentConfig) -> bool:
    """Check whether clean-up changes labels by evidence alone, and by no size that was asked for.

    Examples
    --------
    >>> is_cleanup_by_evidence(SegmentConfig()), is_cleanup_by_evidence(SegmentConfig(min_region="50px"))
    (True, False)
    """
    return config.clean_up == "evidence" and not (config.smooth_radius or config.min_region or config.max_hole)
