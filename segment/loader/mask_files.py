"""Read masks and regions of interest: pictures, arrays of NumPy, and polygons in GeoJSON."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.core.errors import ImageError, describe_os_error, printable_path
from segment.core.georeference import NOWHERE, Georeference
from segment.core.interest import MAX_REGIONS, RegionsOfInterest
from segment.loader.loader import load_image

__all__ = ["LabelFile", "MaskFile", "PolygonFile", "find_stem_file", "read_interest", "read_mask"]

Floats = NDArray[np.float64]

_NUMPY = (b"\x93NUMPY", b"PK\x03\x04")  # first bytes of .npy and .npz
_JPEG = b"\xff\xd8\xff"
JPEG_THRESHOLD = 128  # a JPEG has small values where the mask was 0
MAX_NAME_LENGTH = 60  # characters
_NAME_MEMBERS = ("name", "label", "id")  # of a feature's properties, whatever their case


@dataclass(frozen=True, eq=False)
class MaskFile:
    """A mask as it was read.

    Attributes
    ----------
    counts : ndarray of shape (H, W), bool
        True where a pixel counts.
    georeference : Georeference
        Where its pixels lie on the earth, if the file says so.
    """

    counts: NDArray[np.bool_]
    georeference: Georeference = NOWHERE


@dataclass(frozen=True, eq=False)
class LabelFile:
    """A label image of regions of interest.

    Attributes
    ----------
    interest : RegionsOfInterest
        Each region is called by its number in the file.
    georeference : Georeference
        Where its pixels lie on the earth, if the file says so.
    """

    interest: RegionsOfInterest
    georeference: Georeference = NOWHERE


@dataclass(frozen=True, eq=False)
class PolygonFile:
    """Regions of interest as polygons.

    Attributes
    ----------
    regions : tuple of tuple of ndarray of shape (m, 2), float
        The rings of each region, x and y of each vertex.
    names : tuple of str
        The names of the regions, each different.
    crs : str
        Name of the coordinate system in the file; empty where it names none.
    is_in_pixels : bool
        Whether the file says that its coordinates are pixels.
    """

    regions: tuple[tuple[Floats, ...], ...]
    names: tuple[str, ...]
    crs: str = ""
    is_in_pixels: bool = False


def find_stem_file(path: str, image: str) -> str:
    """Find the mask of an image: the path itself, or in a folder the file with the name of the image.

    Parameters
    ----------
    path : str
        A file or a folder.
    image : str
        Path or file name of the image. Of its folders those that are in the folder of masks too are followed, so that
        ``photographs/june/sea.jpg`` has the mask ``masks/june/sea.png`` rather than ``masks/sea.png``.

    Returns
    -------
    str
        The file.

    Raises
    ------
    ImageError
        If the folder has no file of this name, or several.
    """
    if not os.path.isdir(path):  # noqa: PTH112  a path may hold any bytes
        return path
    folder = printable_path(path)
    stem = Path(image).stem
    if not stem:
        raise ImageError(f"{folder}: a folder of masks needs the name of an image; got none. Name one file.")
    parents = Path(os.path.abspath(image)).parent.parts[1:]  # noqa: PTH100
    # The longest part of the image's own path that the folder of masks has too.
    for skipped in range(len(parents) + 1):
        found = _list_stems(os.path.join(path, *parents[skipped:])).get(stem, ())  # noqa: PTH118
        if len(found) > 1:
            names = ", ".join(printable_path(Path(name).name) for name in found)
            raise ImageError(f"{folder}: one file for each image; got {names}. Leave one of them.")
        if found:
            return found[0]
    raise ImageError(
        f"{folder}: a folder of masks has one for each image; got none named {printable_path(stem)}. Add it there."
    )


def _list_stems(folder: str) -> dict[str, tuple[str, ...]]:
    """List the files of a folder by their names without suffixes; empty if there is no such folder."""
    try:
        return _list_unchanged_stems(folder, os.stat(folder).st_mtime_ns)  # noqa: PTH116
    except (OSError, ValueError):
        return {}


@lru_cache(maxsize=8)
def _list_unchanged_stems(folder: str, modified: int) -> dict[str, tuple[str, ...]]:  # noqa: ARG001  part of the key
    """List the files of a folder as it was at some time; once for all images of a run."""
    stems: dict[str, tuple[str, ...]] = {}
    with os.scandir(folder) as entries:
        files = sorted(entry.path for entry in entries if entry.is_file() and not entry.name.startswith("."))
    for file in files:
        stem = Path(file).stem
        stems[stem] = (*stems.get(stem, ()), file)
    return stems


def read_mask(path: str, *, max_pixels: int) -> MaskFile:
    """Read a mask: a pixel counts where it is not 0 in every channel, and not transparent.

    Parameters
    ----------
    path : str
        A picture of any kind that :func:`segment.load_image` reads, or an array in a ``.npy`` or ``.npz`` file. Of a
        JPEG, whose zeros are not exact, pixels of at least 128 count.
    max_pixels : int
        A larger picture is refused.

    Returns
    -------
    MaskFile

    Raises
    ------
    ImageError
        If it cannot be read, or has no pixel that holds data; one line that begins with the path.
    """
    head = _read_head(path)
    if head.startswith(_NUMPY):
        return MaskFile(_reduce_channels(_read_array(path) != 0))
    image = load_image(path, max_pixels=max_pixels, keep_profile=True)
    bound = JPEG_THRESHOLD if head.startswith(_JPEG) and image.pixels.max() >= JPEG_THRESHOLD else 0
    values = image.pixels >= bound if bound else image.pixels != 0
    counts = _reduce_channels(values) & image.valid
    if not counts.any() and not image.valid.all():
        why = "; ".join(image.notes) or "others are transparent or hold no data"
        raise ImageError(
            f"{printable_path(path)}: a mask has pixels that are not zero; got none that hold data: {why}. "
            "Save it with 0 and 1."
        )
    return MaskFile(counts, image.georeference)


def read_interest(path: str, *, max_pixels: int) -> LabelFile | PolygonFile:
    """Read regions of interest.

    Parameters
    ----------
    path : str
        GeoJSON; or a label image: a gray picture, a palette picture, whose indices are the labels, or an array in a
        ``.npy`` or ``.npz`` file.
    max_pixels : int
        A larger picture is refused.

    Returns
    -------
    LabelFile or PolygonFile

    Raises
    ------
    ImageError
        If it cannot be read, or has no region; one line that begins with the path.
    """
    head = _read_head(path)
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        return _read_polygons(path)
    place = NOWHERE
    if head.startswith(_NUMPY):
        labels = _read_array(path)
    else:
        image = load_image(path, max_pixels=max_pixels, keep_profile=True)
        place = image.georeference
        indices = _read_indices(path, image.pixels.shape[:2])
        labels = image.pixels if indices is None else indices
        labels = np.where(image.valid, labels, 0) if labels.ndim == 2 else labels
    shown = printable_path(path)
    if labels.ndim == 3 and (labels == labels[..., :1]).all():
        labels = labels[..., 0]
    if labels.ndim != 2:
        raise ImageError(
            f"{shown}: a label image has one number for each pixel; got {labels.shape[2]} channels. "
            "Save it as gray or with a palette."
        )
    try:
        return LabelFile(RegionsOfInterest.from_labels(labels), place)
    except ImageError as error:
        raise ImageError(f"{shown}: {error}") from error


def _read_head(path: str) -> bytes:
    """Read the first bytes of a file; nothing of anything else, which `load_image` refuses by its own rule."""
    try:
        if not os.path.isfile(path):  # noqa: PTH113
            return b""
        with open(path, "rb") as file:  # noqa: PTH123
            return file.read(64)
    except (OSError, ValueError) as error:
        raise ImageError(
            f"{printable_path(path)}: cannot be opened; {describe_os_error(error)}. Check the path and its permissions."
        ) from error


def _read_array(path: str) -> NDArray[Any]:
    """Read an array of NumPy; of several the one that is named labels, or the first."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123
            found: Any = np.load(file, allow_pickle=False)
            if not isinstance(found, np.ndarray):
                found = found["labels" if "labels" in found.files else found.files[0]]
    except Exception as error:  # damaged archives raise many kinds
        raise ImageError(f"{printable_path(path)}: the array is damaged or of objects. Save it again.") from error
    if found.ndim not in (2, 3) or found.size == 0 or found.dtype.kind not in "buif":
        raise ImageError(
            f"{printable_path(path)}: an array of numbers of shape (H, W); got {found.dtype} of shape {found.shape}. "
            "Save it again."
        )
    return np.asarray(found)


def _reduce_channels(values: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return True where any channel is True: (H, W)."""
    return np.asarray(values if values.ndim == 2 else values.any(axis=2))


def _read_indices(path: str, shape: tuple[int, ...]) -> NDArray[Any] | None:
    """Read the indices of a palette picture, which the loader turns into colors; None for any other."""
    from PIL import Image as PilImage

    try:
        with PilImage.open(path) as picture:
            # A picture that is turned by EXIF has another shape; then its colors are refused.
            return np.asarray(picture) if picture.mode == "P" and picture.size == shape[::-1] else None
    except Exception:  # what Pillow does not read has no palette for it; the file itself has been read before
        return None


def _read_polygons(path: str) -> PolygonFile:
    """Read the polygons of a GeoJSON file."""
    shown = printable_path(path)
    try:
        document = json.loads(Path(path).read_bytes().decode("utf-8-sig"))
        features = list(_list_features(document))
        regions = tuple(tuple(_list_rings(geometry)) for geometry, _ in features)
        names = _make_names([name for _, name in features])
        crs = str(((document.get("crs") or {}).get("properties") or {}).get("name") or "")
    except ImageError as error:
        raise ImageError(f"{shown}: {error}") from error
    except (OSError, ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError) as error:
        raise ImageError(f"{shown}: the GeoJSON is damaged. Export it again.") from error
    if not regions or len(regions) > MAX_REGIONS:
        raise ImageError(f"{shown}: GeoJSON has 1 to {MAX_REGIONS} polygons; got {len(regions)}. Draw some.")
    is_in_pixels = str(document.get("coordinate_system", "")).startswith("pixels")
    return PolygonFile(regions, names, crs, is_in_pixels)


def _list_features(document: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    """List the geometries of a document with their names, which may be empty."""
    kind = document["type"]
    if kind == "FeatureCollection":
        for feature in document["features"]:
            yield from _list_features(feature)
    elif kind == "Feature":
        properties = {str(key).lower(): value for key, value in (document.get("properties") or {}).items()}
        found = (properties.get(member) for member in _NAME_MEMBERS)
        name = next((value for value in (*found, document.get("id")) if isinstance(value, (str, int, float))), "")
        if document.get("geometry") is not None:
            yield document["geometry"], str(name)
    elif kind == "GeometryCollection":
        for geometry in document["geometries"]:
            yield geometry, ""
    else:
        yield document, ""


def _list_rings(geometry: dict[str, Any]) -> Iterator[Floats]:
    """List the rings of a polygon or of several."""
    kind = geometry["type"]
    if kind not in ("Polygon", "MultiPolygon"):
        raise ImageError(f"regions of interest are polygons; got a {kind}. Leave it out.")
    polygons = [geometry["coordinates"]] if kind == "Polygon" else geometry["coordinates"]
    n_rings = 0
    for rings in polygons:
        for ring in rings:
            points = np.array([point[:2] for point in ring], dtype=float)
            if points.ndim != 2 or points.shape[1] != 2 or len(points) < 3 or not np.isfinite(points).all():
                raise ImageError("a ring of a polygon has at least three points of two numbers. Export it again.")
            n_rings += 1
            yield points
    if n_rings == 0:
        raise ImageError("a polygon has rings; got none. Leave it out.")


def _make_names(given: list[str]) -> tuple[str, ...]:
    """Make names that are short, printable and different; a region without one is called by its number."""
    names: list[str] = []
    taken: set[str] = set()
    for number, text in enumerate(given, start=1):
        name = re.sub(r"\s+", " ", "".join(part if part.isprintable() else " " for part in text)).strip()
        name = name[:MAX_NAME_LENGTH] or str(number)
        unique, count = name, 1
        while unique in taken:
            count += 1
            unique = f"{name} ({count})"
        taken.add(unique)
        names.append(unique)
    return tuple(names)
