"""Load a file while another thread loads the libraries that segment it.

Nothing here needs NumPy, which takes as long to load as a photograph takes to decode.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from os import PathLike
from typing import TYPE_CHECKING

from segment.config.config import SegmentConfig
from segment.core.errors import SettingsError
from segment.loader.loader import load_path
from segment.loader.read_options import ReadOptions

if TYPE_CHECKING:
    from segment.core.image import Image

__all__ = ["load_file", "make_read_options"]


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

    Raises
    ------
    ImageError
        If the image cannot be read.
    """
    with ThreadPoolExecutor(1) as pool:
        with suppress(RuntimeError):
            pool.submit(load_libraries)
        return load_path(path, make_read_options(config))


def make_read_options(config: SegmentConfig) -> ReadOptions:
    """Make the options of reading a file from the settings.

    Parameters
    ----------
    config : SegmentConfig
        Its group Loading, `bands` and `pixel_size` count.

    Raises
    ------
    SettingsError
        If all pages are asked for.

    Examples
    --------
    >>> make_read_options(SegmentConfig(page=2)).page
    2
    """
    return ReadOptions(
        config.max_pixels,
        config.allow_truncated,
        config.keep_profile,
        _choose_page(config),
        config.band_numbers,
        dpi=config.pixel_size == "dpi",
    )


def _choose_page(config: SegmentConfig) -> int:
    """Choose the page of a file, where one is segmented; raise a SettingsError if all are asked for."""
    if isinstance(config.page, str):
        raise SettingsError(
            f"page (--page): here one page at a time; got {config.page}. All pages of a file are for segment run, "
            "report, apply, fit and batch, and for segment_pages and fit_classes."
        )
    return config.page
