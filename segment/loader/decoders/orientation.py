"""EXIF orientation: read it and turn the pixels upright."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image as PillowImage

__all__ = ["read_orientation", "turn_upright"]

_Scalar = TypeVar("_Scalar", bound="np.generic")


def turn_upright(array: NDArray[_Scalar], read_orientation: int) -> NDArray[_Scalar]:
    """Turn and mirror an array as its EXIF orientation says.

    Parameters
    ----------
    array : ndarray of shape (H, W) or (H, W, C)
    orientation : int
        The EXIF tag 274: 1 to 8; anything else leaves the array as it is.

    Returns
    -------
    ndarray of shape (H, W), (W, H), (H, W, C) or (W, H, C)
        A view.
    """
    if read_orientation in (5, 6, 7, 8):
        array = array.swapaxes(0, 1)
    if read_orientation in (3, 4, 7, 8):
        array = array[::-1]
    if read_orientation in (2, 3, 6, 7):
        array = array[:, ::-1]
    return array


def read_orientation(picture: PillowImage) -> int:
    """Return the EXIF orientation of a picture, 1 where there is none or the EXIF data is damaged."""
    try:
        value = picture.getexif().get(0x0112, 1)
    except Exception:  # damaged metadata of any kind never costs the pixels
        return 1
    return value if isinstance(value, int) else 1
