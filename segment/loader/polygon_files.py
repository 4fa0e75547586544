"""Read regions of interest that are polygons in GeoJSON (RFC 7946)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.core.errors import ImageError, printable_path
from segment.core.interest import MAX_REGIONS

__all__ = ["PolygonFile", "read_polygons"]

Floats = NDArray[np.float64]

MAX_NAME_LENGTH = 60  # characters
_NAME_MEMBERS = ("name", "label", "id")  # of a feature's properties, whatever their case


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


def read_polygons(path: str) -> PolygonFile:
    """Read the polygons of a GeoJSON file.

    Raises
    ------
    ImageError
        If it is damaged or has none; one line that begins with the path.
    """
    shown = printable_path(path)
    try:
        document = json.loads(Path(path).read_bytes().decode("utf-8-sig"))
        if "type" not in document:
            raise ImageError("polygons are GeoJSON, which has a type; got other JSON. Export them as GeoJSON.")
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
