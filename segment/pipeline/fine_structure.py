"""Warn where whole regions miss what is finer than they are: in noise, and where sure classes of pixels part them."""

from __future__ import annotations

import numpy as np

from segment.config.config import SegmentConfig
from segment.features.color_index import ColorIndex
from segment.segmenter.class_fitting import fit_image_classes
from segment.segmenter.field.noise_level import smooth_noise
from segment.segmenter.fit_data import FitData
from segment.segmenter.spatial_model import RegionClasses

__all__ = ["NOISE_WARNING", "measure_fine_structure", "warn_of_fine_structure"]

NOISE_WARNING = "the image is noisy, so regions were found on a smoothed copy and miss fine things"

MAX_SAMPLE = 2**12  # pixels that are looked at
SURE = 0.99  # posterior by color alone from which on the class of a pixel is sure
# The share of stray pixels times the square of their sureness, from which on structure is told as too fine. It is less
# in photographs, where colors run into each other: tests/benchmarks/QUALITY.md.
MIN_SURELY_STRAY = 0.15


def warn_of_fine_structure(spatial: RegionClasses, n_classes: int, config: SegmentConfig) -> tuple[str, ...]:
    """Say that the image has structure that its regions do not follow.

    Parameters
    ----------
    spatial : RegionClasses
        The image and its regions.
    n_classes : int
        Number of classes that were found.
    config : SegmentConfig
        Its `k` counts, if it is a number.

    Returns
    -------
    tuple of str
        A sentence, if there is something to say.

    Examples
    --------
    >>> import segment
    >>> squares = np.kron(np.indices((16, 16)).sum(axis=0) % 2, np.ones((5, 5), int))
    >>> result = segment.segment_image(np.uint8(80 + 60 * squares), k=2, coherence="region")
    >>> result.warnings[-1].partition(":")[0]
    'structure is finer than the regions'
    """
    cure = "Give --coherence pixel to follow"
    if spatial.regions.is_smoothed:
        return (f"{NOISE_WARNING}. {cure} these",)
    stray, sure = measure_fine_structure(spatial, config.k if isinstance(config.k, int) else n_classes)
    if stray * sure**2 < MIN_SURELY_STRAY:
        return ()
    return (
        f"structure is finer than the regions: by color {100 * stray:.0f} % of the pixels are surely of another class "
        f"than most of their region. {cure} it",
    )


def measure_fine_structure(spatial: RegionClasses, n_classes: int) -> tuple[float, float]:
    """Measure how many pixels are surely of another class than most of their region, by the classes of pixels.

    Parameters
    ----------
    spatial : RegionClasses
        The image and its regions.
    n_classes : int
        Number of classes that are fitted to the colors of pixels.

    Returns
    -------
    stray : float, 0 to 1
        Share of such pixels.
    sure : float, 0 to 1
        Their share among the pixels that are of another class than most of their region, surely or not.
    """
    numbers = spatial.regions.label_image.reshape(-1)
    at = np.flatnonzero(numbers)
    # A share needs no more pixels, and the fit to their colors would cost as much as that of an image.
    at = at[:: max(1, len(at) // MAX_SAMPLE)]
    space, numbers = spatial.data.space, numbers[at]
    if not len(at):
        return 0.0, 0.0
    cells = space.make_cells(ColorIndex(smooth_noise(spatial.image, space.name)).pixels[at])
    config = SegmentConfig(k=n_classes, spatial="none", clean_up="none", n_init=2)
    posteriors = fit_image_classes(FitData(space, cells, ()), config).classes.compute_posteriors(cells)
    labels = posteriors.argmax(axis=1)
    k = posteriors.shape[1]
    counts = np.bincount(numbers * k + labels, minlength=(int(numbers.max()) + 1) * k).reshape(-1, k)
    is_other = counts.argmax(axis=1)[numbers] != labels
    is_stray = is_other & (posteriors.max(axis=1) > SURE)
    return float(is_stray.mean()), float(is_stray.sum() / max(1, is_other.sum()))
