"""Choose what pictures show of an image: the values that were segmented, where those of the file look like nothing."""

from __future__ import annotations

from segment.config.config import SegmentConfig
from segment.core.image import Image
from segment.preprocessor.logarithms import refuse_logarithms, to_log_scale

__all__ = ["choose_shown_image"]


def choose_shown_image(image: Image, config: SegmentConfig) -> tuple[Image, str]:
    """Choose what pictures show of an image, and what they call it.

    Tables have the values of the file; pictures of an image over several powers of ten would be black.

    Parameters
    ----------
    image : Image
        As it was read, or a smaller copy.
    config : SegmentConfig
        Its `log_scale` counts.

    Returns
    -------
    image : Image
        The image itself, or on a logarithmic scale.
    title : str
        What stands above it.

    Examples
    --------
    >>> import numpy as np
    >>> image = Image.from_array(np.array([[1, 10, 100]], dtype=np.float32))
    >>> shown, title = choose_shown_image(image, SegmentConfig(log_scale=True))
    >>> title, shown.pixels.tolist()
    ('original, log scale', [[38322, 51929, 65535]])
    """
    if not config.log_scale:
        return image, "original"
    refuse_logarithms(image)
    return to_log_scale(image), "original, log scale"
