"""Pixel features and weighted cells of an image."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.core.image import Image
from segment.features.color_index import FLOAT_STEPS, ColorIndex
from segment.features.color_space import FeatureSpace
from segment.features.pixel_sample import PixelSample
from segment.mixture.cells import Cells, concatenate
from segment.mixture.streaming_bins import StreamingBins

__all__ = ["PixelFeatures", "collect_cells", "extract_features", "warn_of_narrow_bands"]

# Standard deviation of a band, in steps of the rounding of floats, below which it is told: classes that are six
# deviations apart are right down to .35 steps, and not with .1.
MIN_SPREAD = 2.0
MAX_MEASURED_PIXELS = 2**16


@dataclass(frozen=True, eq=False)
class PixelFeatures:
    """The features of the pixels of an image, each distinct value once.

    Attributes
    ----------
    image : Image
        The image that has these features.
    index : ColorIndex
        Its distinct colors, and the way back from them to the pixels.
    space : FeatureSpace
        How a color becomes a feature vector.
    """

    image: Image
    index: ColorIndex
    space: FeatureSpace

    @cached_property
    def cells(self) -> Cells:
        """One cell for each distinct color, weighted by its number of pixels; collected when first asked for.

        There is no cell if no pixel is valid. Images with more colors than memory should hold have cells that stand for
        boxes of colors, and those with many bands cells of some of their pixels.
        """
        if self.index.is_sampled:
            return self.sample_cells()
        return collect_cells(self.space, self.index.iterate_parts(), exact=self.index.is_tabled)

    def sample_cells(self, max_pixels: int | None = None) -> Cells:
        """Make cells of an even sample of the valid pixels, weighted by how many of these each stands for.

        Parameters
        ----------
        max_pixels : int, >= 1, optional
            By default as many as :class:`segment.features.pixel_sample.PixelSample` keeps.

        Returns
        -------
        Cells
            One for each distinct color of the sample; their weights sum to the number of all valid pixels.
        """
        sample = PixelSample(self.index.n_channels, max_pixels=max_pixels)
        for colors, places in self.index.iterate_pixels():
            sample.add(colors, places)
        return sample.to_cells(self.space)


def extract_features(image: Image, features: str) -> PixelFeatures:
    """Extract the features of all valid pixels of an image as weighted cells.

    Parameters
    ----------
    image : Image
        Pixels of shape (H, W) or (H, W, C). It is not changed.
    features : {"rgb", "lab", "hsv", "intensity"}
        The color coordinates.

    Returns
    -------
    PixelFeatures
        Its cells are collected when they are first asked for.

    Examples
    --------
    Six pixels of two gray values are two cells.

    >>> import numpy as np
    >>> pixels = np.array([[10, 10, 10], [10, 200, 200]], dtype=np.uint8)
    >>> extract_features(Image.from_array(pixels), "rgb").cells.weights
    array([4., 2.])
    """
    index = ColorIndex(image)
    space = FeatureSpace(features, index.n_channels, index.black, index.white)
    return PixelFeatures(image, index, space)


def collect_cells(
    space: FeatureSpace, parts: Iterable[tuple[NDArray[Any], NDArray[np.int64]]], *, exact: bool
) -> Cells:
    """Collect the cells of colors that come in parts.

    Parameters
    ----------
    space : FeatureSpace
        How a color becomes a feature vector.
    parts : iterable of (colors, counts)
        Arrays of shape (m, n_channels) and (m,), integers.
    exact : bool
        True keeps one cell for each color given. False merges colors into boxes as they come, for images with more
        distinct colors than memory should hold; the result does not depend on how the colors are divided into parts.

    Returns
    -------
    Cells
        In d dimensions, d being the number of features.
    """
    if not exact:
        boxes = StreamingBins(space.n_channels, int(space.white).bit_length())
        for colors, counts in parts:
            boxes.add(colors, space.make_cells(colors, counts))
        return boxes.to_cells(len(space.feature_names))
    # The cells of no color come first: they give the number of dimensions where there is no part.
    cells = [space.make_cells(colors, counts) for colors, counts in parts]
    return concatenate(space.make_cells(np.zeros((0, space.n_channels), dtype=np.uint8)), *cells)


def warn_of_narrow_bands(image: Image) -> tuple[str, ...]:
    """Say which bands of floats have values so close together that they are rounded to a few steps.

    Parameters
    ----------
    image : Image
        All its bands share one scale from black to white.

    Returns
    -------
    tuple of str
        A sentence, if there is something to say. Of bands of one value there is not.

    Examples
    --------
    >>> bands = np.random.default_rng(0).normal([290, 0.001], [5, 0.0002], (40, 60, 2))
    >>> warn_of_narrow_bands(Image.from_array(bands))[0].partition(":")[0].rpartition(", ")[2]
    'the values differ in band 2 by 0.043'
    """
    if image.pixels.dtype.kind != "f" or image.is_gray or not image.valid.any():
        return ()
    step = max(1, image.valid.size // MAX_MEASURED_PIXELS)
    values = image.pixels[image.valid][::step].astype(np.float64)
    spreads = values.std(axis=0) * FLOAT_STEPS / (image.white - image.black)
    narrow = np.flatnonzero((spreads < MIN_SPREAD) & (np.ptp(values, axis=0) > 0))
    if not len(narrow):
        return ()
    bands = ", ".join(f"band {number + 1} by {spreads[number]:.2g}" for number in narrow)
    return (
        f"of the {FLOAT_STEPS} steps from black to white that float values are rounded to, the values differ in "
        f"{bands}: multiply these, so that their range is more like that of the other bands",
    )
