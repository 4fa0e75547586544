"""The working copy of an image: the small one that classes are fitted to, and the pixels of its random field."""

from __future__ import annotations

import math

import numpy as np

from segment.core.image import Image
from segment.preprocessor.preprocessor import compute_shrunk_shape, shrink

__all__ = [
    "MAX_FIELD_STEP",
    "WORKING_PIXELS",
    "compute_field_step",
    "compute_working_shape",
    "is_field_fine",
    "make_working_copy",
]

# The working copy of an image has about this many pixels at most; that of a large image more.
WORKING_PIXELS = 2**19
# The random field is solved on pixels of at most this side, in pixels of the image; for large images part by part.
MAX_FIELD_STEP = 6


def make_working_copy(image: Image, max_pixels: int | None = None) -> Image:
    """Shrink an image to the size at which classes are fitted and neighboring pixels are compared.

    Parameters
    ----------
    image : Image
        Of any size.
    max_pixels : int, optional
        About how many pixels the copy may have. By default `WORKING_PIXELS`; where these would be wider than
        `MAX_FIELD_STEP`, as many times more as they would be wider than that.

    Returns
    -------
    Image
        The image itself if it is small enough, or if its valid pixels are so scattered that most would be lost.
    """
    # A shrunk pixel needs half of its area valid, so scattered pixels vanish.
    copy = shrink(image, max_size=max(compute_working_shape(image.height, image.width, max_pixels)))
    left, before = (np.count_nonzero(each.valid) / max(1, each.valid.size) for each in (copy, image))
    return copy if left >= before / 2 else image


def compute_working_shape(height: int, width: int, max_pixels: int | None = None) -> tuple[int, int]:
    """Compute the size of the working copy of an image.

    Parameters
    ----------
    height, width : int, pixels
        Size of the image.
    max_pixels : int, optional
        As for :func:`make_working_copy`.

    Returns
    -------
    height, width : int, pixels
        Size of the copy.

    Examples
    --------
    >>> compute_working_shape(3000, 4000)
    (627, 836)
    """
    longer, area = max(height, width), height * width
    pixels = WORKING_PIXELS if max_pixels is None else max_pixels
    if max_pixels is None and is_field_fine((height, width)):
        # A gigapixel would have WORKING_PIXELS that are 44 pixels wide, which mix the classes of all narrower areas.
        pixels = round(pixels * math.sqrt(area / pixels) / MAX_FIELD_STEP)
    # A line of pixels gets no thinner by shrinking, so its length is limited too.
    return compute_shrunk_shape(height, width, max(1, min(pixels, round(longer * min(1.0, math.sqrt(pixels / area))))))


def is_field_fine(shape: tuple[int, int]) -> bool:
    """Check whether an image is so large that its random field is solved part by part, on a finer copy.

    Parameters
    ----------
    shape : (height, width)
        Of the image, in pixels.

    Returns
    -------
    bool
        Whether `WORKING_PIXELS` pixels would be wider than `MAX_FIELD_STEP`; never for a line of that length.

    Examples
    --------
    >>> is_field_fine((3000, 4000)), is_field_fine((5000, 5000))
    (False, True)
    """
    # A line of pixels cannot be cut into parts of some rows.
    return math.prod(shape) > WORKING_PIXELS * MAX_FIELD_STEP**2 and max(shape) <= WORKING_PIXELS


def compute_field_step(shape: tuple[int, int]) -> float:
    """Compute the side of a pixel of the copy on which the random field of an image is solved.

    Parameters
    ----------
    shape : (height, width)
        Of the image, in pixels.

    Returns
    -------
    float, 1 to `MAX_FIELD_STEP`
        In pixels of the image; 1 where the copy is the image.

    Examples
    --------
    >>> round(compute_field_step((3000, 4000)), 1)
    4.8
    """
    if is_field_fine(shape):
        return float(MAX_FIELD_STEP)
    return max(1.0, math.sqrt(math.prod(shape) / max(1, math.prod(compute_working_shape(*shape)))))
