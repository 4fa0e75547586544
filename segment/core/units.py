"""Units of length, and the sizes that pixels may have."""

from __future__ import annotations

__all__ = ["MAX_PIXEL_SIDE", "METERS_PER_UNIT", "MIN_PIXEL_SIDE"]

# That pixel sizes are given in. The command line needs them without NumPy.
METERS_PER_UNIT = {"nm": 1e-9, "um": 1e-6, "mm": 1e-3, "cm": 1e-2, "m": 1.0, "km": 1e3, "in": 0.0254}
MIN_PIXEL_SIDE, MAX_PIXEL_SIDE = 1e-12, 1e6  # meters: less than atoms, more than any map
