"""Open files with GDAL, in bounded memory, once in each thread."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from segment.core.errors import DependencyError, ImageError, SegmentError, describe_os_error, printable_path

__all__ = ["configure_rasterio", "explain_errors", "open_in_thread"]

CACHE_MEGABYTES = 64  # decoded blocks that GDAL keeps
_OPENED = threading.local()  # a file of GDAL's must not be used by several threads


@contextmanager
def configure_rasterio() -> Iterator[None]:
    """Limit the memory of GDAL's cache within a block, and close at its end the files that this thread has opened.

    Raises
    ------
    DependencyError
        If rasterio is not installed.
    """
    try:
        import rasterio
    except ImportError as error:
        raise DependencyError(
            f"rasters: need rasterio, which cannot be loaded; {error}. Install it: pip install rasterio."
        ) from error
    with rasterio.Env(GDAL_CACHEMAX=CACHE_MEGABYTES), warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        try:
            yield
        finally:
            vars(_OPENED).clear()


def open_in_thread(name: str) -> Any:
    """Open a file once in each thread.

    Parameters
    ----------
    name : str
        Its absolute path.

    Returns
    -------
    rasterio.DatasetReader
    """
    # A file that was closed by the end of configure_rasterio is opened again.
    if getattr(_OPENED, "name", "") != name or _OPENED.file.closed:
        import rasterio

        _OPENED.file = rasterio.open(name, driver="GTiff")
        _OPENED.name = name
    return _OPENED.file


@contextmanager
def explain_errors(name: str) -> Iterator[None]:
    """Raise errors that name the file that cannot be read.

    Parameters
    ----------
    name : str
        Its path.

    Raises
    ------
    ImageError
        For whatever GDAL cannot read in the block.
    """
    from rasterio.errors import RasterioError

    try:
        yield
    except ImageError as error:
        raise ImageError(f"{printable_path(name)}: {error}") from error
    except SegmentError:
        raise
    except (RasterioError, OSError, ValueError) as error:
        reason = describe_os_error(error)
        raise ImageError(
            f"{printable_path(name)}: the raster is damaged or of an unknown kind; {reason}. Export it again."
        ) from error
