"""Files beside an image that other programs read with it, and that are not read here."""

from __future__ import annotations

import os
import re

from segment.core.errors import printable_path

__all__ = ["describe_side_files"]

MAX_BYTES = 2**20  # of a side file that are looked at
# What changes pixels that count, values or places; statistics and histograms, for which most such files are, do not.
_MATTERS = re.compile(rb"<(NoDataValue|Scale|Offset|SRS|GeoTransform|GCPList)\b", re.IGNORECASE)


def describe_side_files(name: str, *, has_mask: bool, has_place: bool) -> tuple[str, ...]:
    """Write notes on files beside an image that GDAL and map programs would read with it.

    Parameters
    ----------
    name : str
        Path of the image.
    has_mask : bool
        Whether the user gives a mask, so that one beside the image is not worth a word.
    has_place : bool
        Whether the image itself says where it lies on the map.

    Returns
    -------
    tuple of str
        A sentence each.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     Path(folder, "a.tif.msk").touch()
    ...     Path(folder, "a.tfw").touch()
    ...     describe_side_files(f"{folder}/a.tif", has_mask=False, has_place=True)
    ('a.tif.msk beside it is not read: give it with --mask',)
    """
    notes: tuple[str, ...] = ()
    mask, about, place = f"{name}.msk", f"{name}.aux.xml", f"{os.path.splitext(name)[0]}.tfw"  # noqa: PTH122
    if not has_mask and os.path.isfile(mask):  # noqa: PTH113  a path may hold any bytes
        notes += (f"{_show(mask)} beside it is not read: give it with --mask",)
    if _matters(about):
        notes += (f"{_show(about)} beside it is not read: gdal_translate writes what it says into a new image",)
    if not has_place and os.path.isfile(place):  # noqa: PTH113
        notes += (f"{_show(place)} beside it is not read: gdal_translate writes the place into a new image",)
    return notes


def _show(name: str) -> str:
    """Show the name of a file without its folder."""
    return printable_path(os.path.basename(name))  # noqa: PTH119


def _matters(name: str) -> bool:
    """Say whether a file of GDAL's metadata is there and has more than statistics."""
    try:
        with open(name, "rb") as file:  # noqa: PTH123
            return bool(_MATTERS.search(file.read(MAX_BYTES)))
    except (OSError, ValueError):
        return False
