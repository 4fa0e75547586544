"""Black and white of a raster whose type does not tell them: from the range of its values, tile by tile."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.core.float_range import FloatRange, find_float_range
from segment.core.float_scale import choose_float_scale, describe_lost_steps
from segment.core.nodata_notes import describe_incomplete
from segment.core.value_scale import FULL_VALUES, HIGH_SHARE, FullPixels, count_full_pixels, infer_scale
from segment.runs.rasters.reader import Raster
from segment.runs.rasters.tiles import Window
from segment.segmenter.class_model.class_model import ClassModel

__all__ = ["ValueRange", "apply_scale", "find_value_range", "take_model_scale"]

_MAX_SIDE = 1024  # pixels, of the copy by which values beyond the scale of a model are counted


@dataclass(frozen=True)
class ValueRange:
    """The smallest and the largest value of the valid pixels in a part of a raster.

    Attributes
    ----------
    low, high : float
        NaN where no pixel is valid.
    by_256, by_257 : bool
        Whether all values are multiples of 256, or of 257: 8-bit values that were spread over 16 bits.
    floats : FloatRange, optional
        The range of the values as float32, for types of which some values need it.
    full : tuple of FullPixels
        How many pixels of integers hold each of `FULL_VALUES`, if there are no larger values; counted for types of 16
        bits and more.
    n_incomplete : int
        How many pixels are NaN in some bands only.
    """

    low: float = math.nan
    high: float = math.nan
    by_256: bool = True
    by_257: bool = True
    floats: FloatRange | None = None
    full: tuple[FullPixels, ...] = (FullPixels(),) * len(FULL_VALUES)
    n_incomplete: int = 0

    def unite(self, other: ValueRange) -> ValueRange:
        """Return the range of two parts together.

        Parameters
        ----------
        other : ValueRange
            Of the other part.

        Returns
        -------
        ValueRange
            A part without valid pixels changes nothing.

        Examples
        --------
        >>> ValueRange(3.0, 8.0).unite(ValueRange(5.0, 9.0)).high
        9.0
        >>> ValueRange(3.0, 8.0).unite(ValueRange()).low
        3.0
        """
        return ValueRange(
            float(np.fmin(self.low, other.low)),
            float(np.fmax(self.high, other.high)),
            self.by_256 and other.by_256,
            self.by_257 and other.by_257,
            self.floats.unite(other.floats) if self.floats and other.floats else self.floats or other.floats,
            tuple(mine.unite(others) for mine, others in zip(self.full, other.full, strict=True)),
            self.n_incomplete + other.n_incomplete,
        )


def find_value_range(raster: Raster, window: Window) -> ValueRange:
    """Find the range of the values of a window, as they are in the file; inverted where 0 is white.

    Parameters
    ----------
    raster : Raster
        The file.
    window : Window
        The part to read.

    Returns
    -------
    ValueRange
        Over all bands.
    """
    values, n_incomplete = raster.read_values(window)
    if values.size == 0:
        return ValueRange(n_incomplete=n_incomplete)
    if raster.is_inverted:
        values = values.dtype.type(2**raster.bits - 1) - values
    low, high = float(values.min()), float(values.max())
    # Unsigned 16-bit values never become floats; only wider and signed ones may.
    floats = None
    if values.dtype != np.uint16:
        with np.errstate(over="ignore"):
            floats = find_float_range(values.astype(np.float32))
    if values.dtype.kind not in "iu":
        return ValueRange(low, high, floats=floats, n_incomplete=n_incomplete)
    return ValueRange(low, high, *_find_factors(values), floats, _count_full(values, high))


def _find_factors(values: NDArray[Any]) -> tuple[bool, bool]:
    """Return whether all integers are multiples of 256, and whether they are multiples of 257."""
    if values.dtype.itemsize == 1:
        return True, True
    by_256, by_257 = (not np.any(values % values.dtype.type(factor)) for factor in (256, 257))
    return by_256, by_257


def _count_full(values: NDArray[Any], high: float) -> tuple[FullPixels, ...]:
    """Count the pixels that hold each of `FULL_VALUES`, where the largest of all values may be that."""
    # Most tiles come near none of them.
    return tuple(
        count_full_pixels(values, value) if HIGH_SHARE * value < high <= value else FullPixels(0, 0, len(values))
        for value in FULL_VALUES
    )


def apply_scale(raster: Raster, found: ValueRange) -> Raster:
    """Decide as what type the values of a raster are read, and what is black and white.

    Parameters
    ----------
    raster : Raster
        The file.
    found : ValueRange
        The range of all its values.

    Returns
    -------
    Raster
        The same with `kind`, `black`, `white`, `notes` and `guessed_nodata`.
    """
    kind = raster.dtype
    if kind != "uint16":
        fits_16_bits = np.dtype(raster.dtype).kind in "iu" and found.low >= 0 and found.high <= 65535
        kind = ("uint8" if found.high <= 255 else "uint16") if fits_16_bits else "float32"
    # Pixels are read as float32, so the range is that of rounded values.
    if kind == "float32":
        scale = choose_float_scale(found.floats or find_float_range(np.zeros((0, 1), dtype=np.float32)))
        gaps = describe_incomplete(found.n_incomplete, raster.height * raster.width)
        return replace(
            raster,
            kind=kind,
            black=scale.black,
            white=scale.white,
            notes=raster.notes
            + gaps
            + scale.notes
            + describe_lost_steps(np.dtype(raster.dtype), scale.black, scale.white),
            guessed_nodata=(scale.low_nodata, scale.high_nodata),
        )
    # A dark 8-bit picture times 256 must not be taken for one of fewer than 14 bits.
    is_spread = 255 < found.high < 2**14 and (found.by_256 or found.by_257)
    black, white, notes = infer_scale(kind, found.high, is_spread=is_spread)
    for value, full in zip(FULL_VALUES, found.full, strict=True):
        # 8-bit values that are written in 16 bits have 65535 as their white.
        if found.high == value and not (value == FULL_VALUES[1] and found.by_257):
            notes += full.describe(value)
    return replace(raster, kind=kind, black=black, white=white, notes=raster.notes + notes)


def take_model_scale(raster: Raster, model: ClassModel) -> Raster:
    """Read the values of a raster on the scale of a model, where black and white are a guess, as those of an image.

    Parameters
    ----------
    raster : Raster
        Its black and white are found.
    model : ClassModel

    Returns
    -------
    Raster
        With the black, the white and the notes of :meth:`segment.ClassModel.rescale_image`; a small copy tells how many
        values lie beyond.
    """
    small = replace(raster.read_thumbnail(_MAX_SIDE), is_scale_inferred=not raster.is_scale_known)
    scaled = model.rescale_image(small)
    kind = scaled.pixels.dtype.name
    return replace(raster, kind=kind, black=scaled.black, white=scaled.white, notes=scaled.notes, limits=scaled.limits)
