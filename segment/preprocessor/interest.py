"""Make regions of interest: the cells of a grid, a circle, and polygons."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.core.errors import ImageError
from segment.core.image import Image
from segment.core.interest import MAX_REGIONS, RegionsOfInterest
from segment.core.opencv import load_cv2

__all__ = ["Circle", "find_picture_circle", "label_polygons", "make_circle", "make_grid", "name_cells"]

Floats = NDArray[np.float64]
Circle = tuple[float, ...]
"""X and y of the center, from the outer corner of the first pixel, and radius, in pixels."""

MAX_SURROUND_RANGE = 24  # 8-bit levels between the four corners, and within each, that are taken for one color
CORNER_SHARE = 50  # a corner is this part of the shorter side
MIN_PICTURE_SHARE = 0.6  # of the circle that is not of the color of the surround
OPENING_SIZE = 5  # pixels


def make_grid(shape: tuple[int, int], rows: int, columns: int) -> RegionsOfInterest:
    """Divide an image into the cells of a grid.

    Parameters
    ----------
    shape : tuple of 2 int, pixels
        Height and width of the image.
    rows, columns : int
        Number of cells. Their sizes differ by at most one pixel.

    Returns
    -------
    RegionsOfInterest
        Named by row and column: r1c1, r1c2, ...

    Raises
    ------
    ImageError
        If there are more rows or columns than pixels, or more than 65535 cells.

    Examples
    --------
    >>> make_grid((2, 4), 1, 2).label_image
    array([[1, 1, 2, 2],
           [1, 1, 2, 2]], dtype=uint16)
    """
    names = name_cells(shape, rows, columns)
    down, across = (np.arange(n) * parts // n for n, parts in zip(shape, (rows, columns), strict=True))
    return RegionsOfInterest((down[:, None] * columns + across + 1).astype(np.uint16), names)


def name_cells(shape: tuple[int, int], rows: int, columns: int) -> tuple[str, ...]:
    """Name the cells of a grid as :func:`make_grid` does, with the same errors.

    Parameters
    ----------
    shape, rows, columns
        As for :func:`make_grid`.

    Returns
    -------
    tuple of str
        ``r1c1``, ``r1c2`` and so on, row by row.
    """
    height, width = shape
    if rows > height or columns > width or rows * columns > MAX_REGIONS:
        raise ImageError(
            f"roi (--roi): a grid of at most {height} x {width} cells of an image of this size, {MAX_REGIONS} in all; "
            f"got {rows} x {columns}. Use fewer."
        )
    return tuple(f"r{row}c{column}" for row in range(1, rows + 1) for column in range(1, columns + 1))


def make_circle(shape: tuple[int, int], circle: Circle) -> RegionsOfInterest:
    """Make a circle the region of interest.

    Parameters
    ----------
    shape : tuple of 2 int, pixels
        Height and width of the image.
    circle : Circle
        Pixels belong to it whose centers lie in it.

    Returns
    -------
    RegionsOfInterest
        One, named circle.

    Examples
    --------
    >>> make_circle((3, 3), (1.5, 1.5, 1.0)).label_image
    array([[0, 1, 0],
           [1, 1, 1],
           [0, 1, 0]], dtype=uint16)
    """
    x, y, radius = circle
    down, across = (np.arange(n) + 0.5 - center for n, center in zip(shape, (y, x), strict=True))
    return RegionsOfInterest((down[:, None] ** 2 + across**2 <= radius**2).astype(np.uint16), ("circle",))


def find_picture_circle(image: Image) -> tuple[Circle, bool]:
    """Find the circle of a fisheye picture in its surround of one color.

    Parameters
    ----------
    image : Image

    Returns
    -------
    circle : Circle
        The largest circle in the middle of the image where no surround is found.
    is_found : bool
        Whether it was found by a surround: all four corners have one color, and the rest fills the circle around it.

    Examples
    --------
    >>> pixels = np.where(make_circle((60, 60), (32.0, 30.0, 20.0)).label_image, 200, 0).astype(np.uint8)
    >>> circle, is_found = find_picture_circle(Image.from_array(pixels))
    >>> [round(value) for value in circle], is_found
    ([32, 30, 20], True)
    """
    cv2 = load_cv2()
    height, width = image.height, image.width
    largest = (width / 2, height / 2, min(height, width) / 2)
    pixels = image.to_uint8().reshape(height, width, -1)
    side = max(1, min(height, width) // CORNER_SHARE)
    corners = np.concatenate(
        [pixels[rows, columns].reshape(side * side, -1) for rows, columns in _list_corners(side)]
    ).astype(np.int16)
    # Single pixels, such as those of a time that the camera wrote there, do not count.
    low, high = np.percentile(corners, (5, 95), axis=0)
    if (high - low).max() > MAX_SURROUND_RANGE:
        return largest, False
    color = np.median(corners, axis=0)
    is_picture = np.zeros((height, width), dtype=np.uint8)
    for i, value in enumerate(color):
        is_picture |= (np.abs(pixels[..., i].astype(np.int16) - value) > MAX_SURROUND_RANGE / 2).astype(np.uint8)
    # Opening removes specks and the ripples of JPEG. The largest part is the picture; text in the surround is another.
    disk = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (OPENING_SIZE, OPENING_SIZE))
    is_picture = cv2.morphologyEx(is_picture, cv2.MORPH_OPEN, disk)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(is_picture, connectivity=8)
    if count < 2:
        return largest, False
    part = labels == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    contours, _ = cv2.findContours(part.view(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    (x, y), radius = cv2.minEnclosingCircle(np.concatenate(contours))
    # OpenCV counts from the middle of the first pixel, and goes through the middles of the outermost pixels.
    circle = (x + 0.5, y + 0.5, radius)
    inside = make_circle((height, width), circle).label_image > 0
    filled = int(np.count_nonzero(inside & (is_picture > 0))) / max(1, int(np.count_nonzero(inside)))
    return (circle, True) if filled >= MIN_PICTURE_SHARE and not inside.all() else (largest, False)


def _list_corners(side: int) -> list[tuple[slice, slice]]:
    """List the rows and columns of the four corners of an image."""
    ends = (slice(None, side), slice(-side, None))
    return [(rows, columns) for rows in ends for columns in ends]


def label_polygons(
    regions: Sequence[Sequence[Floats]], shape: tuple[int, int], origin: tuple[int, int] = (0, 0)
) -> tuple[NDArray[np.uint16], int]:
    """Label the pixels whose centers lie in regions bounded by rings.

    Parameters
    ----------
    regions : sequence of sequence of ndarray of shape (m, 2)
        The rings of each region, x and y of each vertex in pixels, from the outer corner of the first pixel. A point is
        inside where a line from it to the outside crosses the rings an odd number of times, so rings within others are
        holes.
    shape : tuple of 2 int, pixels
        Height and width of the part of the image that is labeled.
    origin : tuple of 2 int, pixels
        Its first row and column.

    Returns
    -------
    label_image : ndarray of the shape, uint16
        The number of the last region that a pixel lies in, from 1; 0 for none.
    n_shared : int
        Number of pixels that lie in several regions.

    Examples
    --------
    >>> square = np.array([[1, 0], [3, 0], [3, 2], [1, 2]], float)
    >>> label_polygons([[square]], (2, 4))[0]
    array([[0, 1, 1, 0],
           [0, 1, 1, 0]], dtype=uint16)
    """
    labels = np.zeros(shape, dtype=np.uint16)
    n_shared = 0
    for number, rings in enumerate(regions, start=1):
        points = np.concatenate(list(rings)) - np.array(origin[::-1], float)
        # Only the rows and columns that the region reaches are looked at.
        left, top = (max(0, int(value)) for value in np.floor(points.min(axis=0)))
        right, bottom = (
            min(size, int(value) + 1) for size, value in zip(shape[::-1], np.ceil(points.max(axis=0)), strict=True)
        )
        if right <= left or bottom <= top:
            continue
        part = slice(top, bottom), slice(left, right)
        shift = np.array([origin[1] + left, origin[0] + top], float)
        inside = _find_inside([ring - shift for ring in rings], (bottom - top, right - left))
        n_shared += int(np.count_nonzero(labels[part][inside]))
        labels[part][inside] = number
    return labels, n_shared


def _find_inside(rings: Sequence[Floats], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Return True where the center of a pixel lies inside of rings: (h, w)."""
    height, width = shape
    begins = np.concatenate(list(rings))
    ends = np.concatenate([np.roll(ring, -1, axis=0) for ring in rings])
    # An edge crosses the middle of every row from the first to before the last.
    first, last = (
        np.clip(np.ceil(pick(begins[:, 1], ends[:, 1]) - 0.5), 0, height).astype(np.intp)
        for pick in (np.minimum, np.maximum)
    )
    counts = last - first
    edge = np.repeat(np.arange(len(begins)), counts)
    row = np.arange(edge.size) - np.repeat(np.cumsum(counts) - counts, counts) + first[edge]
    (x0, y0), (x1, y1) = begins[edge].T, ends[edge].T
    x = x0 + (row + 0.5 - y0) * (x1 - x0) / (y1 - y0)
    # From the first pixel whose center lies right of the crossing, inside and outside change.
    column = np.clip(np.ceil(x - 0.5), 0, width).astype(np.intp)
    changes: NDArray[Any] = np.zeros((height, width + 1), dtype=np.uint32)
    np.add.at(changes, (row, column), 1)
    return np.asarray(np.cumsum(changes, axis=1)[:, :width] % 2 == 1)
