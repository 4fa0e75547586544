"""Convert images, labels and values to 8-bit RGB, at the size at which they are looked at."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.core.image import Image
from segment.core.opencv import load_cv2

__all__ = [
    "Picture",
    "choose_enlargement",
    "colorize_labels",
    "convert_to_rgb",
    "describe_stretch",
    "enlarge_pixels",
    "fit_size",
    "make_checkerboard",
    "scale_image",
    "scale_labels",
    "scale_values",
    "stretch_for_display",
]

Picture = NDArray[np.uint8]

_MIN_LONG_SIDE = 320  # pixels: pictures whose longer side is shorter are enlarged, by a whole factor, to this or more
_MIN_SIDE = 16  # pixels: least width and height
_FULL_RANGE = 0.4  # share of black to white that the values of an image fill, below which its display is stretched
_DISPLAY_ENDS = (0.002, 0.998)  # quantiles of the values that become black and white in a stretched display
_MAX_SAMPLES = 1 << 17  # values of which the quantiles are computed


def colorize_labels(label_image: NDArray[np.integer], colors: Picture) -> Picture:
    """Draw a label image in the colors of its classes.

    Parameters
    ----------
    label_image : ndarray of shape (H, W), integers 0..k
        k is 255 at most; 0, no label, is white.
    colors : ndarray of shape (k, 3), uint8
        RGB of each class.

    Returns
    -------
    ndarray of shape (H, W, 3), uint8
        RGB.

    Examples
    --------
    >>> colorize_labels(np.array([[0, 1]]), np.array([[0, 114, 178]], np.uint8)).tolist()
    [[[255, 255, 255], [0, 114, 178]]]
    """
    # OpenCV's color map is a table of 256 colors: faster than NumPy's indexing.
    table = np.zeros((256, 1, 3), dtype=np.uint8)
    table[0] = 255
    table[1 : len(colors) + 1, 0] = colors
    labels = np.ascontiguousarray(label_image, dtype=np.uint8)
    return np.asarray(load_cv2().applyColorMap(labels, table))


def convert_to_rgb(image: Image) -> Picture:
    """Convert an image to 8-bit RGB, with a light checkerboard in place of invalid pixels.

    Parameters
    ----------
    image : Image
        Gray or color, of any depth; of other bands the first three are shown.

    Returns
    -------
    ndarray of shape (H, W, 3), uint8
        The image's black is 0 and its white 255.
    """
    image = image.show_as_rgb()
    pixels = image.to_uint8()
    if image.is_gray:
        pixels = np.repeat(pixels[..., None], 3, axis=2)
    if image.valid.all():
        return pixels.astype(np.uint8, copy=False)
    board = make_checkerboard(image.height, image.width)[..., None]
    return np.where(image.valid[..., None], pixels, board).astype(np.uint8)


def stretch_for_display(image: Image) -> Image:
    """Stretch the range of an image that is too dark, too bright or too flat to be seen.

    Parameters
    ----------
    image : Image
        Gray or color, of any depth.

    Returns
    -------
    Image
        The image itself if it has one color, or if its values, but for the most extreme 0.2 % at each end, fill 40 % of
        the range from its black to its white or more; else one whose black and white are those ends.

    Examples
    --------
    >>> dark = Image.from_array(np.arange(64, dtype=np.uint8).reshape(8, 8))
    >>> convert_to_rgb(stretch_for_display(dark)).max(), convert_to_rgb(dark).max()
    (np.uint8(255), np.uint8(63))
    """
    shown = image.show_as_rgb()
    step = int(np.ceil(np.sqrt(shown.valid.size / _MAX_SAMPLES)))
    sample = shown.pixels[::step, ::step][shown.valid[::step, ::step]]
    # One color has nothing to be seen in it, and would get another hue.
    if sample.size == 0 or (sample == sample[0]).all():
        return image
    # Between two values linearly, as np.quantile, which loads numpy.ma.
    ends = np.multiply(_DISPLAY_ENDS, sample.size - 1)
    places = sorted({*np.floor(ends).astype(int).tolist(), *np.ceil(ends).astype(int).tolist()})
    low, high = np.interp(ends, places, np.partition(sample, places, axis=None)[places]).tolist()
    if low == high or high - low >= _FULL_RANGE * (image.white - image.black):
        return image
    return replace(image, black=low, white=high)


def describe_stretch(title: str, image: Image, shown: Image) -> str:
    """Add to the title of an image that its display is stretched, if it is.

    Parameters
    ----------
    title : str
    image : Image
        The image.
    shown : Image
        What :func:`stretch_for_display` made of it.
    """
    return title if shown is image else f"{title}, display stretched"


def choose_enlargement(height: int, width: int) -> int:
    """Choose the whole factor by which pictures of a small image are enlarged.

    Parameters
    ----------
    height, width : int
        Size of the image, in pixels.

    Returns
    -------
    int
        1 unless the longer side is shorter than 320 pixels.

    Examples
    --------
    >>> choose_enlargement(24, 36), choose_enlargement(1200, 1920)
    (9, 1)
    """
    # -(-a // b) divides and rounds up.
    return -(-_MIN_LONG_SIDE // max(height, width))


def enlarge_pixels(pixels: NDArray[Any], factor: int) -> NDArray[Any]:
    """Enlarge a picture or label image by a whole factor, each pixel to a square.

    Parameters
    ----------
    pixels : ndarray of shape (H, W) or (H, W, c)
        Picture or labels.
    factor : int
        1 and more.

    Returns
    -------
    ndarray of shape (H * factor, W * factor) or with channels, of the same dtype
        The pixels themselves for a factor of 1.

    Examples
    --------
    >>> enlarge_pixels(np.array([[1, 2]], np.uint8), 2).tolist()
    [[1, 1, 2, 2], [1, 1, 2, 2]]
    """
    return pixels if factor == 1 else pixels.repeat(factor, 0).repeat(factor, 1)


def make_checkerboard(height: int, width: int, square: int = 8) -> Picture:
    """Make a checkerboard of light gray and nearly white, which stands for pixels without a value.

    Parameters
    ----------
    height, width : int
        Size, in pixels.
    square : int
        Side of a square, in pixels.

    Returns
    -------
    ndarray of shape (height, width), uint8
        Gray values 225 and 250.
    """
    # Squares alternate along rows and columns: the parity of the sum of their numbers.
    rows, columns = np.arange(height)[:, None] // square, np.arange(width) // square
    return np.where((rows + columns) % 2, np.uint8(225), np.uint8(250))


def fit_size(height: int, width: int, room: tuple[int, int]) -> tuple[int, int]:
    """Find the size at which an image is shown: as it is where it fits, smaller where not, larger if it is tiny.

    Parameters
    ----------
    height, width : int
        Size of the image, in pixels.
    room : (int, int)
        Largest width and height, in pixels.

    Returns
    -------
    width, height : int
        In pixels: the order that OpenCV and Pillow take.

    Examples
    --------
    >>> fit_size(1200, 1920, (960, 900)), fit_size(100, 200, (960, 900))
    ((960, 600), (400, 200))
    """
    enlargement = choose_enlargement(height, width)
    factor = float(enlargement) if enlargement > 1 else min(room[0] / width, room[1] / height, 1.0)
    return max(_MIN_SIDE, round(width * factor)), max(_MIN_SIDE, round(height * factor))


def scale_image(image: Image, size: tuple[int, int]) -> Picture:
    """Scale an image: means of its valid pixels where it gets smaller, single pixels where it is enlarged.

    Parameters
    ----------
    image : Image
        Gray or color, of any depth.
    size : (int, int)
        Width and height of the picture, in pixels.

    Returns
    -------
    ndarray of shape (height, width, 3), uint8
        RGB; a checkerboard where fewer than half of the pixels below are valid.
    """
    cv2 = load_cv2()
    image = image.show_as_rgb()
    smaller = size[0] < image.width or size[1] < image.height
    method = cv2.INTER_AREA if smaller else cv2.INTER_NEAREST
    if image.valid.all():
        pixels = image.pixels
        # Halving is by far the fastest of OpenCV's area means, so most of the way is gone in halves.
        while min(pixels.shape[1] / size[0], pixels.shape[0] / size[1]) >= 4:
            pixels = cv2.resize(pixels, (pixels.shape[1] // 2, pixels.shape[0] // 2), interpolation=method)
        pixels = cv2.resize(pixels, size, interpolation=method)
        return convert_to_rgb(Image(pixels, np.ones(size[::-1], dtype=bool), image.black, image.white))
    pixels = cv2.resize(image.pixels, size, interpolation=method)
    # Invalid pixels hold 0. The mean of the valid ones is therefore the mean of all over the share of the valid ones.
    share = cv2.resize(image.valid.view(np.uint8) * np.uint8(255), size, interpolation=method)
    weight = np.maximum(share, 1) / np.float32(255)
    mean = pixels / (weight if image.is_gray else weight[..., None])
    if pixels.dtype.kind == "u":
        mean = np.minimum(np.rint(mean), np.iinfo(pixels.dtype).max)
    return convert_to_rgb(Image(mean.astype(pixels.dtype), share >= 128, image.black, image.white))


def scale_labels(label_image: NDArray[np.integer], colors: Picture, size: tuple[int, int]) -> Picture:
    """Scale a label image in the colors of its classes; borders are smoothed by sampling twice as fine.

    Parameters
    ----------
    label_image : ndarray of shape (H, W), integers 0..k
        0 is no label and shown as a checkerboard.
    colors : ndarray of shape (k, 3), uint8
        RGB of each class.
    size : (int, int)
        Width and height of the picture, in pixels.

    Returns
    -------
    ndarray of shape (height, width, 3), uint8
        RGB.
    """
    labels = label_image.astype(np.uint8, copy=False)
    (columns, rest_x), (rows, rest_y) = divmod(size[0], labels.shape[1]), divmod(size[1], labels.shape[0])
    if rest_x == rest_y == 0 and labels.all():
        # All samples of a pixel have one label.
        return colorize_labels(labels.repeat(columns, axis=1).repeat(rows, axis=0), colors)
    cv2 = load_cv2()
    # Four samples a pixel, averaged by the second resize: labels themselves cannot be averaged.
    fine = cv2.resize(labels, (2 * size[0], 2 * size[1]), interpolation=cv2.INTER_NEAREST)
    picture = colorize_labels(fine, colors)
    if not fine.all():
        missing = fine == 0
        picture[missing] = make_checkerboard(*fine.shape)[missing][:, None]
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)  # type: ignore[no-any-return]


def scale_values(values: NDArray[np.floating], size: tuple[int, int]) -> NDArray[np.floating]:
    """Scale a map of values: means of the values that are not NaN.

    Parameters
    ----------
    values : ndarray of shape (H, W), float
        NaN where there is no value.
    size : (int, int)
        Width and height of the result, in pixels.

    Returns
    -------
    ndarray of shape (height, width), float
        NaN where fewer than half of the pixels below have a value.
    """
    cv2 = load_cv2()
    smaller = size[0] < values.shape[1] or size[1] < values.shape[0]
    method = cv2.INTER_AREA if smaller else cv2.INTER_NEAREST
    # As for images: the mean of the values with 0 for NaN, over the share of the values that are not NaN.
    known = np.isfinite(values)
    share = cv2.resize(known.astype(np.float32), size, interpolation=method)
    total = cv2.resize(np.where(known, values, 0).astype(np.float32, copy=False), size, interpolation=method)
    return np.where(share >= 0.5, total / np.maximum(share, 0.5), np.nan)
