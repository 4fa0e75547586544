"""Read when a picture was taken, from its EXIF data."""

from __future__ import annotations

import re
from datetime import datetime
from os import PathLike
from typing import Any

__all__ = ["format_exif_time", "read_acquisition_time"]

# Tags of EXIF 2.32: the part with data of the camera, and in it time, fraction of a second and distance from UTC, first
# those of the exposure, then those of a scan. The tag 306 is when the file was changed: it says nothing of the picture.
_CAMERA = 0x8769
_TIMES = ((0x9003, 0x9291, 0x9011), (0x9004, 0x9292, 0x9012))


def read_acquisition_time(path: str | PathLike[str]) -> str:
    """Read when the picture of a file was taken.

    Parameters
    ----------
    path : path
        Any file.

    Returns
    -------
    str
        Date and time as ISO 8601 writes them, with the distance from UTC where the file tells it; empty where the file
        tells no time or cannot be read.
    """
    try:
        tags = _read_camera_tags(path)
    except Exception:  # damaged metadata of any kind must not prevent the table
        return ""
    found = (format_exif_time(*(tags.get(tag) for tag in each)) for each in _TIMES)
    return next(filter(None, found), "")


def format_exif_time(time: object, fraction: object = None, offset: object = None) -> str:
    """Write a time of EXIF data as ISO 8601 does.

    Parameters
    ----------
    time, fraction, offset : object
        The values of the tags: texts ``YYYY:MM:DD HH:MM:SS``, the digits after the second, and ``+HH:MM``.

    Returns
    -------
    str
        Empty where the first is no time, such as the blanks of a camera without a clock.

    Examples
    --------
    >>> format_exif_time("2024:05:01 12:30:00", "25", "+02:00"), format_exif_time("    :  :     :  :  ")
    ('2024-05-01T12:30:00.25+02:00', '')
    """
    text = str(time or "").strip("\0 ")
    try:
        moment = datetime.strptime(text, "%Y:%m:%d %H:%M:%S")
    except ValueError:
        return ""
    digits, zone = (str(value or "").strip("\0 ") for value in (fraction, offset))
    part = f".{digits}" if re.fullmatch(r"\d{1,9}", digits) and int(digits) else ""
    is_zone = re.fullmatch(r"[+-]\d\d:\d\d", zone)
    return moment.isoformat() + part + (zone if is_zone else "")


def _read_camera_tags(path: str | PathLike[str]) -> dict[int, Any]:
    """Read the tags of the camera from the EXIF data of a file, without its pixels."""
    from PIL import Image as PillowImage

    if str(path).lower().endswith((".heic", ".heif", ".hif")):
        import pillow_heif

        file = pillow_heif.open_heif(path)
        exif = PillowImage.Exif()
        exif.load(file[file.primary_index].info.get("exif") or b"")
        return dict(exif.get_ifd(_CAMERA))
    with PillowImage.open(path) as picture:
        return dict(picture.getexif().get_ifd(_CAMERA))
