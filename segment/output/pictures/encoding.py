"""Encode pictures as PNG or JPEG."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from segment.output.result_mark import make_mark_options

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["encode_picture"]


def encode_picture(picture: NDArray[np.unsignedinteger], *, suffix: str) -> bytes:
    """Encode a picture as a file that carries the mark of a result (see :mod:`segment.output.result_mark`).

    Parameters
    ----------
    picture : ndarray of shape (H, W, 3), uint8
        RGB. As PNG also RGBA, (H, W, 4), and gray, (H, W), uint8 or uint16.
    suffix : {".png", ".jpg"}
        Format of the file.

    Returns
    -------
    bytes
        The content of the file.
    """
    from PIL import Image as PilImage

    buffer = io.BytesIO()
    image = PilImage.fromarray(picture)
    if suffix == ".jpg":
        # Full color resolution (no subsampling): borders between classes stay sharp.
        image.save(buffer, "JPEG", quality=92, subsampling=0, **make_mark_options(suffix))
    else:
        image.save(buffer, "PNG", compress_level=1, **make_mark_options(suffix))
    return buffer.getvalue()
