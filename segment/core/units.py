"""Units of length."""

from __future__ import annotations

__all__ = ["METERS_PER_UNIT"]

# That pixel sizes are given in. The command line needs them without NumPy.
METERS_PER_UNIT = {"nm": 1e-9, "um": 1e-6, "mm": 1e-3, "cm": 1e-2, "m": 1.0, "km": 1e3, "in": 0.0254}
