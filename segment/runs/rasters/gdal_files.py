"""Open files with GDAL, in bounded memory, once in each thread, and nothing but the files that were named.

GDAL looks for more beside a file (overviews, masks, statistics, world files), and metadata in the file itself can name
overviews anywhere, on the network too. All of it is switched off for every file that is opened here.
"""

from __future__ import annotations

import os
import stat
import tempfile
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

from segment.core.errors import (
    DependencyError,
    ImageError,
    SegmentError,
    describe_fault,
    describe_os_error,
    lacks_memory,
    printable_path,
)
from segment.loader.decoders.band_scales import GDAL_METADATA
from segment.loader.decoders.tiff_high_depth import open_with_tifffile

__all__ = [
    "GDAL_LOCK",
    "configure_rasterio",
    "explain_errors",
    "find_envi_header",
    "forbid_other_files",
    "open_file",
    "open_in_thread",
]

GDAL_LOCK = threading.RLock()
"""GDAL's block cache is shared by all files and not thread-safe: a read can flush another file's changed blocks."""
CACHE_MEGABYTES = 64  # decoded blocks that GDAL keeps
_OPENED = threading.local()  # a file of GDAL's must not be used by several threads

# No list of the files beside a raster, so none of them is found; no .aux.xml, and no world file. They hold for the
# thread that sets them.
_NOTHING_ELSE = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "GDAL_PAM_ENABLED": "NO",
    "GDAL_GEOREF_SOURCES": "INTERNAL",
    "GDAL_VRT_ENABLE_PYTHON": "NO",
    "RAW_CHECK_FILE_SIZE": "YES",
}
_NO_OVERVIEWS = {"OVERVIEW_LEVEL": "NONE"}
_PIXELS_ELSEWHERE, _MAX_ENTRIES = b"externalrasterdms", 10_000  # of an HFA file
_MAX_PAGES = 64  # that are looked at for metadata that name overviews


@contextmanager
def configure_rasterio() -> Iterator[None]:
    """Limit the memory of GDAL's cache within a block, and close at its end the files that this thread has opened.

    Raises
    ------
    DependencyError
        If rasterio is not installed, or memory is too small for it.
    """
    try:
        import rasterio
    except ImportError as error:
        if lacks_memory(error):
            raise DependencyError(f"rasters: {describe_fault(error)}") from error
        raise DependencyError(
            f"rasters: need rasterio, which cannot be loaded; {error}. Run: pip install 'gmm-segment[geo]'."
        ) from error
    with rasterio.Env(GDAL_CACHEMAX=CACHE_MEGABYTES, **_NOTHING_ELSE), warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        try:
            yield
        finally:
            vars(_OPENED).clear()


def forbid_other_files() -> Any:
    """Let GDAL open no file but those that are named to it, in this thread.

    Returns
    -------
    context manager
    """
    import rasterio

    return rasterio.Env(**_NOTHING_ELSE)


def open_in_thread(name: str, driver: str = "GTiff", vrt: str = "") -> Any:
    """Open a file once in each thread.

    Parameters
    ----------
    name, driver, vrt : str
        As for :func:`open_file`.

    Returns
    -------
    rasterio.DatasetReader
    """
    # A file that was closed by the end of configure_rasterio is opened again.
    if getattr(_OPENED, "key", ()) != (name, driver, vrt) or _OPENED.file.closed:
        _OPENED.file = open_file(name, driver, vrt)
        _OPENED.key = (name, driver, vrt)
    return _OPENED.file


def open_file(name: str, driver: str = "GTiff", vrt: str = "") -> Any:
    """Open a file, and no other.

    Parameters
    ----------
    name : str
        Its absolute path.
    driver : {"GTiff", "JP2OpenJPEG", "HFA", "ENVI", "VRT"}
        GDAL's name of its format; no other is tried.
    vrt : str
        The text of a virtual raster, whose sources are checked; see
        :mod:`segment.runs.rasters.virtual_rasters`.

    Returns
    -------
    rasterio.DatasetReader
    """
    import rasterio

    with forbid_other_files():
        if vrt:
            return rasterio.open(vrt, driver="VRT", **_NO_OVERVIEWS)
        if driver in ("ENVI", "HFA"):
            return _open_alone(name, driver)
        # The file's own overviews make thumbnails fast; a file that names others gets none.
        status = os.stat(name)  # noqa: PTH116
        keeps_overviews = driver == "GTiff" and not _names_overviews(name, status.st_mtime_ns, status.st_size)
        return rasterio.open(name, driver=driver, **({} if keeps_overviews else _NO_OVERVIEWS))


@contextmanager
def explain_errors(name: str) -> Iterator[None]:
    """Raise errors that name the file that cannot be read, and let GDAL open nothing else meanwhile.

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
        with forbid_other_files():
            yield
    except ImageError as error:
        raise ImageError(f"{printable_path(name)}: {error}") from error
    except SegmentError:
        raise
    except (RasterioError, OSError, ValueError) as error:
        reason = describe_os_error(error).rstrip(".")
        raise ImageError(
            f"{printable_path(name)}: the raster is damaged or of an unknown kind; {reason}. Export it again."
        ) from error


def _open_alone(name: str, driver: str) -> Any:
    """Open a file of a format that looks for other files by their names, in a folder where there are none."""
    import rasterio

    if driver == "HFA" and _names_pixels(name):
        raise ImageError("the raster has its pixels in another file (.ige). Write it as a TIFF: gdal_translate.")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        links = {"raster.dat": name, **({"raster.hdr": find_envi_header(name)} if driver == "ENVI" else {})}
        for link, target in links.items():
            Path(folder, link).symlink_to(target)
        # The header is found by its name, for which GDAL has to look.
        with rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="TRUE"):
            return rasterio.open(os.path.join(folder, "raster.dat"), driver=driver, **_NO_OVERVIEWS)  # noqa: PTH118


def find_envi_header(name: str) -> str:
    """Find the header that belongs to the pixels of an ENVI file.

    Parameters
    ----------
    name : str
        Path of the file with the pixels.

    Returns
    -------
    str
        Empty if there is none.
    """
    stem = os.path.splitext(name)[0]  # noqa: PTH122
    for candidate in (f"{name}.hdr", f"{stem}.hdr", f"{name}.HDR", f"{stem}.HDR"):
        try:
            # Not a pipe, for which opening would wait.
            if not stat.S_ISREG(os.stat(candidate).st_mode):  # noqa: PTH116
                continue
            with open(candidate, "rb") as file:  # noqa: PTH123  a path may hold any bytes
                if file.read(4) == b"ENVI":
                    return candidate
        except (OSError, ValueError):
            continue
    return ""


def _names_pixels(name: str) -> bool:
    """Return whether an HFA file may name another that holds its pixels: one of its entries is called so."""
    with open(name, "rb") as file:  # noqa: PTH123
        # The header has the place of a second one, and that the place of the first entry.
        file.seek(16)
        file.seek(int.from_bytes(file.read(4), "little") + 8)
        left, seen = [int.from_bytes(file.read(4), "little")], {0}
        while left:
            if (place := left.pop()) in seen:
                continue
            seen.add(place)
            # Places of the next entry, of two others and of the first below it, two numbers, and the name.
            file.seek(place)
            head = file.read(88)
            if head[24:].lower().startswith(_PIXELS_ELSEWHERE) or len(seen) > _MAX_ENTRIES:
                return True
            left += [int.from_bytes(head[at : at + 4], "little") for at in (0, 12)]
    return False


@lru_cache(maxsize=64)
def _names_overviews(name: str, modified: int, size: int) -> bool:  # noqa: ARG001  a changed file is looked at again
    """Return whether a TIFF may name files that hold its overviews, in its metadata of GDAL."""
    try:
        with open(name, "rb") as stream, open_with_tifffile(stream) as file:  # noqa: PTH123
            pages = list(islice(file.pages, _MAX_PAGES + 1))
            texts = [page.tags.get(GDAL_METADATA) for page in pages if hasattr(page, "tags")]
            found = "".join(str(tag.value) for tag in texts if tag is not None).upper()
    except Exception:  # what tifffile cannot read GDAL may read all the same
        return True
    # A letter may be written as the number of its character.
    return len(pages) > _MAX_PAGES or "OVERVIEW" in found or "&#" in found
