"""Read label images that were saved: their labels, colors and the names of their classes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.core.class_names import MAX_CLASSES, make_default_names
from segment.core.errors import ImageError, printable_path
from segment.core.georeference import NOWHERE, Georeference

__all__ = ["StoredLabels", "read_label_file"]


@dataclass(frozen=True, eq=False)
class StoredLabels:
    """A label image from a file.

    Attributes
    ----------
    label_image : ndarray of shape (H, W), uint8
        1..k; 0 for no label.
    colors : ndarray of shape (k, 3), uint8, or None
        Color of each class, where the file has a palette.
    names : tuple of k str
        Names of the classes; ``class 1`` and so on where the file has none.
    georeference : Georeference
        Where the pixels lie, in a GeoTIFF.
    reading : mapping of str to value
        Settings with which the image was read, as far as they are not the defaults; unchecked.
    """

    label_image: NDArray[np.uint8]
    colors: NDArray[np.uint8] | None
    names: tuple[str, ...]
    georeference: Georeference = NOWHERE
    reading: Mapping[str, Any] = field(default_factory=dict)


def read_label_file(path: str | PathLike[str]) -> StoredLabels:
    """Read a label image that this program wrote: PNG, TIFF or NPZ.

    Parameters
    ----------
    path : path
        Of ``STEM_labels.png``, ``.tif`` or ``.npz``; any such file whose pixel values are labels will do.

    Raises
    ------
    ImageError
        If the file cannot be read, or its values are no labels of classes.
    """
    readers = {".npz": _read_npz, ".tif": _read_tiff, ".tiff": _read_tiff, ".png": _read_png}
    suffix = Path(path).suffix.lower()
    shown = printable_path(path)
    if suffix not in readers:
        raise ImageError(f"{shown}: a label image ends in .png, .tif or .npz; got {suffix or 'no suffix'}.")
    try:
        labels, palette, text, georeference = readers[suffix](path)
    except FileNotFoundError as error:
        raise ImageError(f"{shown}: no such file. Check the path.") from error
    except Exception as error:  # what a damaged file makes the libraries raise has no common type
        raise ImageError(f"{shown}: is no label image; {error}. Give what --save labels wrote.") from error
    if labels.ndim != 2 or labels.dtype.kind not in "ui" or not labels.size:
        raise ImageError(
            f"{shown}: a label image has one whole number for each pixel; got shape {labels.shape} of {labels.dtype}. "
            "Give what --save labels wrote."
        )
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high > MAX_CLASSES:
        raise ImageError(
            f"{shown}: labels of classes are 0 to {MAX_CLASSES}; got {low if low < 0 else high}. Regions are "
            "no classes."
        )
    about = _parse_object(text)
    names = _parse_names(about.get("classes"))
    names = (*names, *make_default_names(high)[len(names) :])
    colors = None if palette is None else palette[1 : len(names) + 1]
    reading = about.get("reading")
    return StoredLabels(
        labels.astype(np.uint8), colors, names, georeference, reading if isinstance(reading, dict) else {}
    )


Parts = tuple[NDArray[Any], NDArray[np.uint8] | None, str, Georeference]


def _read_png(path: str | PathLike[str]) -> Parts:
    """Read labels, palette and text of a PNG."""
    from PIL import Image as PillowImage

    with PillowImage.open(path) as picture:
        palette = None
        if picture.mode == "P":
            palette = np.zeros((256, 3), np.uint8)
            colors = np.array(picture.getpalette(), np.uint8).reshape(-1, 3)
            palette[: len(colors)] = colors
        return np.asarray(picture), palette, str(picture.info.get("Description", "")), NOWHERE


def _read_tiff(path: str | PathLike[str]) -> Parts:
    """Read labels, palette, description and place of a TIFF."""
    import tifffile

    from segment.loader.decoders.geotiff import read_georeference

    with tifffile.TiffFile(path) as file:
        page: Any = file.pages[0]
        table = page.colormap
        palette = None if table is None else (np.asarray(table).T // 257).astype(np.uint8)
        return page.asarray(), palette, str(page.description or ""), read_georeference(page.tags.valueof)


def _read_npz(path: str | PathLike[str]) -> Parts:
    """Read labels and text of an NPZ."""
    with np.load(path, allow_pickle=False) as archive:
        names = archive["names"].tolist() if "names" in archive else []
        reading = _parse_object(str(archive["reading"][0])) if "reading" in archive else {}
        return archive["labels"], None, json.dumps({"classes": names, "reading": reading}), NOWHERE


def _parse_object(text: str) -> dict[str, Any]:
    """Parse the text beside the labels; nothing where it is another."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _parse_names(names: object) -> tuple[str, ...]:
    """Check the names of classes; none where they are something else."""
    if not isinstance(names, list) or not all(isinstance(name, str) and name.isprintable() for name in names):
        return ()
    return tuple(names[:MAX_CLASSES]) if len(set(names)) == len(names) else ()
