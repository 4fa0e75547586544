"""Load a file while another thread loads the libraries that segment it.

Nothing here needs NumPy, which takes as long to load as a photograph takes to decode.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from os import PathLike
from typing import TYPE_CHECKING, Any

from segment.config.config import SegmentConfig
from segment.core.errors import SettingsError
from segment.loader.loader import load_image

if TYPE_CHECKING:
    from segment.core.image import Image

__all__ = ["collect_load_options", "load_file"]


def _load_opencv() -> None:
    """Import OpenCV, and NumPy with it."""
    from segment.core.opencv import load_cv2

    load_cv2()


def load_file(
    path: str | PathLike[str], config: SegmentConfig, load_libraries: Callable[[], object] = _load_opencv
) -> Image:
    """Load the whole image of a file.

    Parameters
    ----------
    path : str or path
    config : SegmentConfig
        Its group Loading, `bands` and `pixel_size` count.
    load_libraries : callable
        Loads what later stages need, in another thread while the file is decoded. Its errors are not raised: the stage
        that needs a library reports them, and loads it where no thread can be started.

    Returns
    -------
    Image

    Raises
    ------
    ImageError
        If the image cannot be read.
    """
    with ThreadPoolExecutor(1) as pool:
        with suppress(RuntimeError):
            pool.submit(load_libraries)
        return load_image(path, **collect_load_options(config))


def collect_load_options(config: SegmentConfig) -> dict[str, Any]:
    """Collect the arguments of :func:`segment.load_image` from the settings.

    Parameters
    ----------
    config : SegmentConfig
        Its group Loading, `bands` and `pixel_size` count.

    Returns
    -------
    dict of str to object

    Raises
    ------
    SettingsError
        If all pages are asked for.

    Examples
    --------
    >>> collect_load_options(SegmentConfig(page=2))["page"]
    2
    """
    return {
        "max_pixels": config.max_pixels,
        "allow_truncated": config.allow_truncated,
        "keep_profile": config.keep_profile,
        "page": _choose_page(config),
        "bands": config.band_numbers,
        "dpi": config.pixel_size == "dpi",
    }


def _choose_page(config: SegmentConfig) -> int:
    """Choose the page of a file, where one is segmented; raise a SettingsError if all are asked for."""
    if isinstance(config.page, str):
        raise SettingsError(
            f"page (--page): here one page at a time; got {config.page}. All pages of a file are for segment run, "
            "report, apply, fit and batch, and for segment_pages and fit_classes."
        )
    return config.page
