"""EXIF orientation: read it, and turn the pixels upright."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image as PillowImage

__all__ = ["apply_orientation", "read_orientation"]

_Scalar = TypeVar("_Scalar", bound="np.generic")


def apply_orientation(array: NDArray[_Scalar], orientation: int) -> NDArray[_Scalar]:
    """Turn and mirror an array as its EXIF orientation says.

    Parameters
    ----------
    array : ndarray of shape (H, W) or (H, W, C)
        Pixels in the order of the file.
    orientation : int
        Value of the EXIF tag 274, 1 to 8; anything else leaves the array as it is.

    Returns
    -------
    ndarray of shape (H, W), (W, H), (H, W, C) or (W, H, C)
        A view.

    Examples
    --------
    >>> import numpy as np
    >>> stored = np.array([[1, 2, 3], [4, 5, 6]])
    >>> apply_orientation(stored, 6)  # the camera was held upright: turn by 90 degrees to the right
    array([[4, 1],
           [5, 2],
           [6, 3]])
    """
    # All eight orientations are an exchange of the axes, or none, and then a mirroring of rows, of columns or of both.
    if orientation in (5, 6, 7, 8):
        array = array.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        array = array[::-1]
    if orientation in (2, 3, 6, 7):
        array = array[:, ::-1]
    return array


def read_orientation(picture: PillowImage) -> int:
    """Read the EXIF orientation of a picture.

    Parameters
    ----------
    picture : PIL.Image.Image
        It need not be loaded.

    Returns
    -------
    int
        1, the upright one, if there is none or the EXIF data are damaged.
    """
    try:
        value = picture.getexif().get(0x0112, 1)
    except Exception:  # damaged metadata of any kind must not prevent reading the pixels
        return 1
    return value if isinstance(value, int) else 1
