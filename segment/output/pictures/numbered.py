"""Draw the number of each region or object into it: paint by numbers, and objects on the picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.core.class_names import make_default_name
from segment.core.opencv import load_cv2
from segment.output.pictures.layout import draw_sheet
from segment.output.pictures.scaling import Picture, enlarge_pixels

__all__ = ["draw_numbered_outline", "find_borders", "find_places", "write_numbers"]

Labels = NDArray[np.integer[Any]]

_LONG_SIDE = 1600  # pixels that an outline has at least: it is enlarged by a whole factor where it is smaller
_LINE = (96, 96, 96)  # color of contours
# Height of a number: at least so many pixels, and so small shares of the longer side, which are 6 and 30 pixels where a
# picture is shown 1200 wide.
_MIN_TEXT, _MAX_TEXT = 9, 26
_MIN_TEXT_SHARE, _MAX_TEXT_SHARE = 1 / 200, 1 / 40
_LINE_SHARE = 1 / 1600  # of the longer side: how far a line reaches from a border on either side
_CHUNK_PIXELS = 2**18  # whose regions are looked up at once
_EDGE_SHARE = 1 / 16  # of the height of a white number: the width of its dark edge
_HERSHEY_HEIGHT = 21  # pixels, of the digits of the font at scale 1


def draw_numbered_outline(regions: Labels, label: Labels, names: Sequence[str], colors: Picture) -> Picture:
    """Draw the contours of regions in white, the class number in each that has room for it, and a key of the colors.

    Parameters
    ----------
    regions : ndarray of shape (H, W), int
        The number of each pixel's connected region 1..n; 0 for none.
    label : ndarray of shape (n,), int
        The class of each region.
    names : sequence of k str
        Names of the classes.
    colors : ndarray of shape (k, 3), uint8
        RGB of each class.

    Returns
    -------
    ndarray of shape (h, w, 3), uint8
        RGB.
    """
    factor = max(1, -(-_LONG_SIDE // max(regions.shape)))
    large = enlarge_pixels(regions, factor)
    is_line = find_borders(large)
    if (reach := round(max(large.shape) * _LINE_SHARE)) > 1:
        window = np.ones((2 * reach - 1, 2 * reach - 1), np.uint8)
        is_line = load_cv2().dilate(is_line.astype(np.uint8), window) > 0
    picture = np.full((*large.shape, 3), 255, np.uint8)
    picture[is_line] = _LINE
    write_numbers(picture, large, label, dark=True)
    words = [str(i) if name == make_default_name(i) else f"{i} {name}" for i, name in enumerate(names, start=1)]
    return draw_sheet([("paint by numbers", picture)], 1, list(zip(words, colors.tolist(), strict=True)))


def write_numbers(picture: Picture, regions: Labels, numbers: Labels, *, dark: bool) -> int:
    """Write a number into the widest place of each region that has room for it.

    Parameters
    ----------
    picture : ndarray of shape (H, W, 3), uint8
        RGB; changed.
    regions : ndarray of shape (H, W), int
        1..n; 0 for none.
    numbers : ndarray of shape (n,), int
        What is written into each.
    dark : bool
        Whether numbers are dark, on a white page, or white with a dark edge, on a picture.

    Returns
    -------
    int
        How many have a number.
    """
    cv2 = load_cv2()
    count = 0
    side = max(regions.shape)
    lowest, highest = max(_MIN_TEXT, side * _MIN_TEXT_SHARE), max(_MAX_TEXT, side * _MAX_TEXT_SHARE)
    radius, rows, columns = find_places(regions, len(numbers))
    for number, room, row, column in zip(
        numbers.tolist(), radius.tolist(), rows.tolist(), columns.tolist(), strict=True
    ):
        text = str(number)
        # A text of n digits is about 0.9 n times as wide as high: its half diagonal must fit into the circle.
        height = min(int(highest), int(2 * room / np.hypot(1, 0.9 * len(text))))
        if height < lowest:
            continue
        count += 1
        scale = height / _HERSHEY_HEIGHT
        thick = max(1, round(height / 10))
        (width, _), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, thick)
        place = (int(column - width / 2), int(row + height / 2))
        edge = max(1, round(height * _EDGE_SHARE))
        # OpenCV 5 draws no lines of another thickness, so that the edge is the text moved to all sides.
        around = [] if dark else [(edge * x, edge * y) for x in (-1, 0, 1) for y in (-1, 0, 1) if x or y]
        layers = [*(((0, 0, 0), *move) for move in around), ((48, 48, 48) if dark else (255, 255, 255), 0, 0)]
        for color, x, y in layers:
            at = (place[0] + x, place[1] + y)
            cv2.putText(picture, text, at, cv2.FONT_HERSHEY_SIMPLEX, scale, color, thick, cv2.LINE_AA)
    return count


def find_places(regions: Labels, n: int) -> tuple[NDArray[np.float32], NDArray[np.intp], NDArray[np.intp]]:
    """Find the middle of the largest circle in each region.

    Parameters
    ----------
    regions : ndarray of shape (H, W), int
        1..n; 0 for none.
    n : int

    Returns
    -------
    radius, row, column : ndarray of shape (n,)
        In pixels; 0 for a region that does not occur.

    Examples
    --------
    >>> regions = np.repeat([[1] * 7 + [2] * 3], 7, axis=0)
    >>> radius, row, column = find_places(regions, 2)
    >>> row.tolist()[0], column.tolist()[0], bool(radius[0] > radius[1])
    (3, 3, True)
    """
    is_border = find_borders(regions)
    # The frame of the image is a border too, but of what is no region.
    for side in (np.s_[0], np.s_[-1], np.s_[:, 0], np.s_[:, -1]):
        is_border[side] |= regions[side] != 0
    cv2 = load_cv2()
    depth = cv2.distanceTransform(np.logical_not(is_border, out=is_border).view(np.uint8), cv2.DIST_L2, 5).reshape(-1)
    # Distances need a border pixel somewhere, and the frame of the image is always one.
    flat = regions.reshape(-1)
    radius, place = np.zeros(n + 1, np.float32), np.zeros(n + 1, np.intp)
    # In parts: numbers of regions as indices of arrays would take twice the memory of all else.
    parts = [slice(start, start + _CHUNK_PIXELS) for start in range(0, flat.size, _CHUNK_PIXELS)]
    for part in parts:
        np.maximum.at(radius, flat[part], depth[part])
    # From the last pixel to the first, so that the first of equal ones is what stays.
    for part in reversed(parts):
        deepest = np.flatnonzero(depth[part] == radius[flat[part]])[::-1] + part.start
        place[flat[deepest]] = deepest
    row, column = np.divmod(place, regions.shape[1])
    return radius[1:], row[1:], column[1:]


def find_borders(regions: Labels, *, before: bool = True, after: bool = True) -> NDArray[np.bool_]:
    """Find the pixels beside another region.

    Parameters
    ----------
    regions : ndarray of shape (H, W), int
    before, after : bool
        Whether those left of a border and above it are marked, and those right of it and below it.

    Returns
    -------
    ndarray of shape (H, W), bool

    Examples
    --------
    >>> find_borders(np.array([[1, 1, 2, 2]]), after=False).tolist()
    [[False, True, False, False]]
    """
    is_border = np.zeros(regions.shape, bool)
    for one, other in ((np.s_[:, :-1], np.s_[:, 1:]), (np.s_[:-1], np.s_[1:])):
        differs = regions[one] != regions[other]
        for side, is_marked in ((one, before), (other, after)):
            if is_marked:
                is_border[side] |= differs
    return is_border
