"""Images, labels and values as 8-bit RGB, at the size at which they are looked at."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segment.core.image import Image
from segment.core.opencv import load_cv2

__all__ = [
    "Picture",
    "checkerboard",
    "color_labels",
    "display",
    "fitting_size",
    "scaled_image",
    "scaled_labels",
    "scaled_values",
]

Picture = NDArray[np.uint8]

_SMALL = 320  # pictures whose longer side is shorter are enlarged to this
_THIN = 16  # least width and height, in pixels


def color_labels(
    label_image: NDArray[np.integer], colors: Picture, nothing: tuple[int, int, int] = (255, 255, 255)
) -> Picture:
    """A label image (H, W) with the color (k, 3) of each class, and `nothing` where there is no label: (H, W, 3)."""
    table = np.zeros((256, 1, 3), dtype=np.uint8)
    table[0] = nothing
    table[1 : len(colors) + 1, 0] = colors
    labels = np.ascontiguousarray(label_image, dtype=np.uint8)
    return np.asarray(load_cv2().applyColorMap(labels, table))


def display(image: Image) -> Picture:
    """An image as 8-bit RGB (H, W, 3) from its black to its white, on a light checkerboard where it is not valid."""
    pixels = image.to_uint8()
    if image.is_gray:
        pixels = np.repeat(pixels[..., None], 3, axis=2)
    if image.valid.all():
        return pixels.astype(np.uint8, copy=False)
    return np.where(image.valid[..., None], pixels, checkerboard(image.height, image.width)[..., None]).astype(np.uint8)


def checkerboard(height: int, width: int, square: int = 8) -> Picture:
    """Light gray and nearly white squares: what lies below where nothing is. (H, W), uint8."""
    rows, columns = np.arange(height)[:, None] // square, np.arange(width) // square
    return np.where((rows + columns) % 2, np.uint8(225), np.uint8(250))


def fitting_size(height: int, width: int, room: tuple[int, int]) -> tuple[int, int]:
    """Width and height, in pixels, of an image that is shown in a room of that width and height."""
    factor = min(room[0] / width, room[1] / height, 1.0)
    if max(width, height) < _SMALL:
        factor = _SMALL / max(width, height)
    return max(_THIN, round(width * factor)), max(_THIN, round(height * factor))


def scaled_image(image: Image, size: tuple[int, int]) -> Picture:
    """The image at the given width and height: means of valid pixels, single pixels where it is enlarged."""
    cv2 = load_cv2()
    smaller = size[0] < image.width or size[1] < image.height
    method = cv2.INTER_AREA if smaller else cv2.INTER_NEAREST
    if image.valid.all():
        pixels = image.pixels
        while min(pixels.shape[1] / size[0], pixels.shape[0] / size[1]) >= 4:  # halving is much the quickest
            pixels = cv2.resize(pixels, (pixels.shape[1] // 2, pixels.shape[0] // 2), interpolation=method)
        pixels = cv2.resize(pixels, size, interpolation=method)
        return display(Image(pixels, np.ones(size[::-1], dtype=bool), image.black, image.white))
    pixels = cv2.resize(image.pixels, size, interpolation=method)
    # Pixels that are not valid hold 0: what is left is to be divided by the share of the valid ones.
    share = cv2.resize(image.valid.view(np.uint8) * np.uint8(255), size, interpolation=method)
    weight = np.maximum(share, 1) / np.float32(255)
    mean = pixels / (weight if image.is_gray else weight[..., None])
    if pixels.dtype.kind == "u":
        mean = np.minimum(np.rint(mean), np.iinfo(pixels.dtype).max)
    return display(Image(mean.astype(pixels.dtype), share >= 128, image.black, image.white))


def scaled_labels(label_image: NDArray[np.integer], colors: Picture, size: tuple[int, int]) -> Picture:
    """The colored label image at the given size; its borders are smoothed by sampling twice as fine."""
    cv2 = load_cv2()
    labels = label_image.astype(np.uint8, copy=False)
    fine = cv2.resize(labels, (2 * size[0], 2 * size[1]), interpolation=cv2.INTER_NEAREST)
    colored = color_labels(fine, colors)
    if not fine.all():
        missing = fine == 0
        colored[missing] = checkerboard(*fine.shape)[missing][:, None]
    return cv2.resize(colored, size, interpolation=cv2.INTER_AREA)  # type: ignore[no-any-return]


def scaled_values(values: NDArray[np.floating], size: tuple[int, int]) -> NDArray[np.floating]:
    """Values at the given size: means of those that are not NaN, and NaN where that is less than half."""
    cv2 = load_cv2()
    smaller = size[0] < values.shape[1] or size[1] < values.shape[0]
    method = cv2.INTER_AREA if smaller else cv2.INTER_NEAREST
    known = np.isfinite(values)
    share = cv2.resize(known.astype(np.float32), size, interpolation=method)
    total = cv2.resize(np.where(known, values, 0).astype(np.float32), size, interpolation=method)
    return np.where(share >= 0.5, total / np.maximum(share, 0.5), np.nan)
