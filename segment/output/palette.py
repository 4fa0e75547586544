"""Colors of classes in pictures, and of text and frames."""

from __future__ import annotations

import colorsys

import numpy as np
from numpy.typing import NDArray

from segment.core.opencv import load_cv2

__all__ = ["BORDER", "INK", "pick_class_colors", "pick_ramp_colors"]

Picture = NDArray[np.uint8]

INK = (32, 32, 32)  # of text and frames
BORDER = (255, 64, 0)  # of the borders of regions on a photograph

# The first four are of Okabe & Ito's colors, from dark to light as classes are. The others were found by simulated
# annealing among colors of a lightness L* of 30 to 95, so that none is nearly black or white, and so that the least
# difference between any two, in normal and three kinds of color-blind vision, is large: CIEDE2000 of 20 among the first
# six, 16 among the first eight, 13 among the first twelve, 9 among all twenty. Each of the others is the one that
# differs most from those before it.
_COLORS = (
    (0, 114, 178), (213, 94, 0), (86, 180, 233), (240, 228, 66), (73, 73, 73), (146, 146, 146), (146, 36, 0),
    (182, 219, 182), (36, 73, 109), (182, 146, 109), (109, 109, 109), (73, 0, 219), (146, 109, 255), (182, 182, 182),
    (255, 146, 0), (0, 109, 73), (255, 219, 255), (109, 146, 182), (219, 182, 109), (182, 255, 182),
)  # fmt: skip
_RAMP_ENDS = (10, 245)  # first and last of the 256 levels of a ramp that are used: neither black nor white


def pick_class_colors(n_classes: int) -> Picture:
    """Pick a distinct color for each class, the same for a class in every image.

    Parameters
    ----------
    n_classes : int
        Number of classes, k.

    Returns
    -------
    ndarray of shape (k, 3), uint8
        RGB.

    Examples
    --------
    >>> pick_class_colors(2).tolist()
    [[0, 114, 178], [213, 94, 0]]
    """
    colors = list(_COLORS[:n_classes])
    turn = 0
    while len(colors) < n_classes:
        turn += 1
        # Hues a golden angle apart (0.381966 of a turn) never come close to each other; four lightnesses in turn.
        hue, light = turn * 0.381966 % 1.0, (0.35, 0.5, 0.65, 0.8)[turn % 4]
        red, green, blue = (round(255 * part) for part in colorsys.hls_to_rgb(hue, light, 0.6))
        # Rounding to 8 bits can give a color twice, which is left out.
        if (red, green, blue) not in colors:
            colors.append((red, green, blue))
    return np.array(colors, dtype=np.uint8).reshape(n_classes, 3)


def pick_ramp_colors(name: str, n_classes: int) -> Picture:
    """Pick colors from dark to light along a ramp.

    Parameters
    ----------
    name : {"viridis", "cividis", "grey"}
        The ramp.
    n_classes : int
        Number of colors, k.

    Returns
    -------
    ndarray of shape (k, 3), uint8
        RGB.
    """
    levels = np.rint(np.linspace(*_RAMP_ENDS, n_classes)).astype(np.uint8)
    if name == "grey" or n_classes == 0:
        return np.repeat(levels[:, None], 3, axis=1)
    cv2 = load_cv2()
    ramp = {"viridis": cv2.COLORMAP_VIRIDIS, "cividis": cv2.COLORMAP_CIVIDIS}[name]
    # OpenCV's colors are in the order blue, green, red.
    return np.ascontiguousarray(cv2.applyColorMap(levels[None], ramp)[0, :, ::-1])
