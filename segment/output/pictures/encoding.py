"""Encode pictures as PNG or JPEG."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from segment.output.result_mark import mark_result

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["encode_picture"]


def encode_picture(picture: NDArray[np.uint8], *, suffix: str) -> bytes:
    """An RGB picture (H, W, 3), uint8, as the bytes of a ``.png`` or ``.jpg`` file; RGBA (H, W, 4) as a ``.png``.

    It carries the mark of our results.
    """
    from PIL import Image as PilImage

    buffer = io.BytesIO()
    image = PilImage.fromarray(picture)
    if suffix == ".jpg":
        image.save(buffer, "JPEG", quality=92, subsampling=0, **mark_result(suffix))
    else:
        image.save(buffer, "PNG", compress_level=4, **mark_result(suffix))
    return buffer.getvalue()
