"""GeoTIFFs for the tests of rasters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

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
