"""GeoTIFFs for the tests of rasters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import segment

rasterio = pytest.importorskip("rasterio", reason="rasters need rasterio")

PLACE = {"crs": "EPSG:32632", "transform": rasterio.Affine(10, 0, 500_000, 0, -10, 5_000_000)}


def write(path: Path, pixels: np.ndarray, mask: np.ndarray | None = None, **how: Any) -> Path:
    """Pixels (H, W) or (H, W, bands) as a GeoTIFF, three bands as RGB; `how` goes to GDAL."""
    bands = pixels if pixels.ndim == 3 else pixels[..., None]
    how = {"photometric": "RGB" if bands.shape[2] == 3 else "MINISBLACK", **PLACE, **how}
    size = {"height": bands.shape[0], "width": bands.shape[1], "count": bands.shape[2], "dtype": bands.dtype}
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, "w", driver="GTiff", **size, **how) as file:
        file.write(np.moveaxis(bands, -1, 0))
        if mask is not None:
            file.write_mask(mask)
    return path


def read(path: Path) -> np.ndarray:
    """The first band."""
    with rasterio.open(path) as file:
        return file.read(1)


SIZE = (130, 170)


def make_scene(rng: np.random.Generator) -> np.ndarray:
    """Make three noisy areas whose colors overlap, and one band of noise: 12 bits, four bands."""
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    area = np.where(columns + 20 * np.sin(rows / 17) > 90, 2, np.where(rows > 60, 1, 0))
    near = np.array([[60, 90, 140], [120, 100, 70], [150, 180, 190]])[area]
    noisy = np.clip(near + rng.normal(0, 45, (*SIZE, 3)), 0, 255) * 16
    return np.dstack([noisy, rng.normal(2000, 30, SIZE)]).astype(np.uint16)


KINDS: dict[str, Any] = {
    "8-bit RGB": lambda scene: (scene[..., :3] // 16).astype(np.uint8),
    "16-bit gray": lambda scene: scene[..., 0],
    "float RGB": lambda scene: (scene[..., :3] / 4095).astype(np.float32),
    "4 bands of 16 bits": lambda scene: scene,
    "5 bands of 16 bits": lambda scene: np.dstack([scene, scene[..., :1]]),
    "5 bands of 8 bits": lambda scene: (np.dstack([scene, scene[..., :1]]) // 16).astype(np.uint8),
}


def build_image(pixels: np.ndarray, valid: np.ndarray | None = None) -> segment.Image:
    """Build an image in memory, with the scale that rasters of such values have."""
    white = {"uint8": 255.0, "uint16": 4095.0, "float32": 1.0}[pixels.dtype.name]
    valid = np.ones(pixels.shape[:2], dtype=bool) if valid is None else valid
    pixels = np.where(valid if pixels.ndim == 2 else valid[..., None], pixels, pixels.dtype.type(0))
    return segment.Image(pixels, valid, 0.0, white)
