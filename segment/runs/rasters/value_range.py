"""Black and white of a raster whose values do not tell: from the extremes of all its tiles."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from segment.core.image import infer_scale
from segment.runs.rasters.reader import Raster
from segment.runs.rasters.tiles import Window

__all__ = ["Extremes", "extremes", "scaled"]


@dataclass(frozen=True)
class Extremes:
    """The smallest and largest values of a part of a raster: of its valid pixels; NaN and False where there are none.

    Attributes
    ----------
    low, high : float
    by_256, by_257 : bool
        Whether all are multiples of 256, or of 257.
    """

    low: float = math.nan
    high: float = math.nan
    by_256: bool = True
    by_257: bool = True

    def united(self, other: Extremes) -> Extremes:
        """Those of both parts."""
        return Extremes(
            float(np.fmin(self.low, other.low)),
            float(np.fmax(self.high, other.high)),
            self.by_256 and other.by_256,
            self.by_257 and other.by_257,
        )


def extremes(raster: Raster, window: Window) -> Extremes:
    """The extremes of a window's values, as they are in the file."""
    values = raster.values(window)
    if values.size == 0:
        return Extremes()
    if values.dtype.kind in "iu" and values.dtype.itemsize > 1:
        spread = [not np.any(values % values.dtype.type(factor)) for factor in (256, 257)]
        return Extremes(float(values.min()), float(values.max()), spread[0], spread[1])
    return Extremes(float(values.min()), float(values.max()))


def scaled(raster: Raster, found: Extremes) -> Raster:
    """The raster with what its values are read as, now that their extremes are known."""
    kind = raster.dtype
    if kind != "uint16":
        whole = np.dtype(raster.dtype).kind in "iu" and found.low >= 0 and found.high <= 65535
        kind = ("uint8" if found.high <= 255 else "uint16") if whole else "float32"
    low, high = (float(np.float32(value)) for value in (found.low, found.high))
    is_spread = 255 < high < 2**14 and (found.by_256 or found.by_257)
    black, white, notes = infer_scale(kind, low, high, is_spread=is_spread)
    return replace(raster, kind=kind, black=black, white=white, notes=notes)
