"""TIFF with tifffile: 16 bits and more, floats, signed numbers, BigTIFF, and the whole strips of a truncated file."""

from __future__ import annotations

import logging
import zlib
from dataclasses import replace
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from segment.core.errors import ImageError
from segment.core.image import Image
from segment.loader.decoders.checks import TRUNCATED_NOTE, TruncatedError, check_size
from segment.loader.decoders.geotiff import read_georeference
from segment.loader.decoders.orientation import turn_upright

__all__ = ["decode_deep", "valid_data"]

_WHITE_IS_ZERO, _RGB, _PALETTE, _CMYK, _YCBCR = 0, 2, 3, 5, 6
_NEEDS_A_PROFILE = {8: "CIELAB", 9: "ICCLAB", 10: "ITULAB", 32844: "LogL", 32845: "LogLuv"}
_JPEG = {6, 7, 34892, 33007}
_DEFLATE = {8, 32946}
_NODATA, _ORIENTATION = 42113, 274


def decode_deep(stream: BinaryIO, *, max_pixels: int, allow_truncated: bool, notes: tuple[str, ...]) -> Image:
    """Read the first page with tifffile.

    Raises
    ------
    ImageError
        If the page is larger than `max_pixels`, truncated, or of a kind that cannot be turned into gray or RGB.
    """
    import tifffile

    logging.getLogger("tifffile").addHandler(logging.NullHandler())
    stream.seek(0)
    with tifffile.TiffFile(stream) as file:
        page: Any = file.pages[0]
        _check(page, max_pixels)
        whole = _is_whole(page, stream)
        if not whole and not allow_truncated:
            raise TruncatedError
        if whole:
            shaped = page.asarray(squeeze=False, maxworkers=1)
            present = np.ones(shaped.shape[2:4], dtype=bool)
        else:
            shaped, present = _parts(page, stream)
            notes = (*notes, TRUNCATED_NOTE)
        samples = np.moveaxis(shaped, 0, -1)[0].reshape(*shaped.shape[2:4], -1)
        valid = present & valid_data(samples, _value(page, _NODATA))
        array, white = _colors(page, samples)
        way = _value(page, _ORIENTATION)
        place = read_georeference(lambda tag: _value(page, tag))
    image = Image.from_array(turn_upright(array, way), valid=turn_upright(valid, way), white=white, notes=notes)
    return replace(image, georeference=place.turned(way, image.height, image.width))


def _value(page: Any, tag: int) -> Any:
    """The value of a tag, None where there is none."""
    return getattr(page.tags.get(tag), "value", None)


def valid_data(samples: NDArray[np.generic], nodata: object) -> NDArray[np.bool_]:
    """Return True where a pixel is not GDAL's nodata value in all its channels.

    Parameters
    ----------
    samples : ndarray of shape (H, W) or (H, W, C)
    nodata : object
        The tag's text, such as ``"-9999"``; anything that is not a number marks nothing.

    Returns
    -------
    ndarray of shape (H, W), bool
    """
    try:
        value = float(str(nodata).strip("\0 "))
    except ValueError:
        value = float("nan")
    if np.isnan(value):
        return np.ones(samples.shape[:2], dtype=bool)
    return np.asarray((samples.reshape(*samples.shape[:2], -1) != value).any(axis=2))


def _check(page: Any, max_pixels: int) -> None:
    check_size(page.imagewidth, page.imagelength, max_pixels)
    if page.imagedepth > 1:
        raise ImageError(f"a TIFF page has one layer; got {page.imagedepth}. Save the layers one by one.")
    chunk = max(page.tilewidth, 1) * max(page.tilelength, 1)
    if chunk > max(max_pixels, 1 << 26):
        raise ImageError(f"a TIFF tile holds at most {max_pixels} pixels; got {chunk}. Export it again.")
    colors = 3 if page.photometric in (_RGB, _YCBCR) else 4 if page.photometric == _CMYK else 1
    if page.samplesperpixel > max(4, colors + len(page.extrasamples)) or (colors == 1 and page.samplesperpixel > 4):
        raise ImageError(f"an image has 1 to 4 channels; got {page.samplesperpixel}. Save the bands to use as RGB.")
    if page.photometric in _NEEDS_A_PROFILE:
        name = _NEEDS_A_PROFILE[page.photometric]
        raise ImageError(f"TIFF colors are gray, RGB, palette or CMYK; got {name}. Save it as RGB.")
    if page.photometric == _YCBCR and page.compression not in _JPEG:
        raise ImageError("TIFF colors are gray, RGB, palette or CMYK; got YCbCr of an unusual kind. Save it as RGB.")
    if page.dtype is None:
        raise ImageError(f"the TIFF numbers have an unknown type; {page.bitspersample} bits. Export it again.")


def _is_whole(page: Any, stream: BinaryIO) -> bool:
    """Say whether every strip or tile lies within the file."""
    size = stream.seek(0, 2)
    if page.is_contiguous:
        return bool(page.dataoffsets[0] + page.nbytes <= size)
    return all(a + b <= size for a, b in zip(page.dataoffsets, page.databytecounts, strict=False))


def _parts(page: Any, stream: BinaryIO) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
    """Decode the strips or tiles that are there; True where a pixel is."""
    shaped = np.zeros(page.shaped, dtype=page.dtype)
    present = np.zeros(page.shaped[2:4], dtype=bool)
    for index, (offset, count) in enumerate(zip(page.dataoffsets, page.databytecounts, strict=False)):
        stream.seek(offset)
        data = stream.read(min(count, page.nbytes + (1 << 20)))
        if not data:
            continue
        data, share = _padded(page, data, count)
        try:
            piece, (plane, _, row, column, _), (_, rows, columns, _) = page.decode(
                data, index, jpegtables=page.jpegtables
            )[:3]
        except Exception:  # a strip cut short, by a codec that cannot read a part of one
            continue
        if piece is None:
            continue
        rows, columns = min(rows, shaped.shape[2] - row), min(columns, shaped.shape[3] - column)
        shaped[plane, 0, row : row + rows, column : column + columns] = piece[0, :rows, :columns]
        there = slice(row, row + int(rows * share)), slice(column, column + columns)
        present[there] = True if plane == 0 else present[there]
        present[row + int(rows * share) : row + rows, column : column + columns] = False
    if not present.any():
        raise TruncatedError("no part of the picture can be read")
    return shaped, present


def _padded(page: Any, data: bytes, count: int) -> tuple[bytes, float]:
    """Complete a strip that was cut short with zeros, where that can be done; and the share of it that is there."""
    if len(data) >= count:
        return data, 1.0
    if page.compression == 1:
        return data.ljust(count, b"\0"), len(data) / count
    if page.compression in _DEFLATE:
        height, width = page.chunks[-3:-1] if len(page.chunks) > 2 else page.chunks[:2]
        size = int(height * width * page.bitspersample // 8) * (page.samplesperpixel if page.planarconfig == 1 else 1)
        raw = zlib.decompressobj().decompress(data, size)
        return zlib.compress(raw.ljust(size, b"\0"), 0), len(raw) / size
    return data, 1.0


def _colors(page: Any, samples: NDArray[Any]) -> tuple[NDArray[np.generic], float | None]:
    """Turn the samples of a page into gray, RGB or RGBA, and the value of white where the file tells it."""
    kind, bits = page.photometric, int(page.bitspersample)
    if kind == _PALETTE and page.colormap is not None:
        table = (np.asarray(page.colormap).T >> 8).astype(np.uint8)
        return table[np.minimum(samples[..., 0], len(table) - 1)], None
    colors, extra = _split(kind, samples)
    unsigned = samples.dtype.kind == "u"
    if kind == _WHITE_IS_ZERO:
        colors = _inverted(colors, bits)
    if kind == _CMYK:
        colors = _rgb_of_cmyk(colors)
    elif unsigned and bits < 8:
        colors = np.rint(colors * (255 / (2**bits - 1))).astype(np.uint8)
    alpha_kind = int(page.extrasamples[0]) if page.extrasamples else 0
    if extra.shape[2] and alpha_kind in (1, 2):
        alpha = extra[..., :1]
        if alpha_kind == 1 and colors.dtype.kind in "uf":
            colors = _divided(colors, alpha)
        colors = np.concatenate([colors, alpha.astype(colors.dtype)], axis=2)
    return colors, float(2**bits - 1) if unsigned and 8 < bits < 16 else None


def _split(kind: int, samples: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Part the channels of color from the others."""
    count = samples.shape[2]
    colors = 4 if kind == _CMYK else min(count, 3) if kind in (_RGB, _YCBCR) or count >= 3 else 1
    return samples[..., :colors], samples[..., colors:]


def _inverted(values: NDArray[Any], bits: int) -> NDArray[Any]:
    """Exchange black and white."""
    if values.dtype.kind == "f":
        finite = values[np.isfinite(values)]
        return np.asarray(finite.min() + finite.max() - values) if finite.size else values
    if values.dtype.kind in "ib":
        return np.asarray(~values)
    return np.asarray(values.dtype.type(2**bits - 1) - values)


def _rgb_of_cmyk(values: NDArray[Any]) -> NDArray[Any]:
    """Turn inks into light: (1 - ink) (1 - black), as Pillow does."""
    if values.dtype.kind != "u" or values.shape[2] < 4:
        raise ImageError(f"CMYK values are unsigned integers; got {values.dtype}. Save it as RGB.")
    full = np.iinfo(values.dtype).max
    light: NDArray[Any] = (full - values).astype(np.float64)
    return np.asarray(np.rint(light[..., :3] * (light[..., 3:] / full)).astype(values.dtype))


def _divided(colors: NDArray[Any], alpha: NDArray[Any]) -> NDArray[Any]:
    """Take away the alpha that the colors were multiplied with, where there is any."""
    full = float(np.iinfo(alpha.dtype).max) if alpha.dtype.kind == "u" else 1.0
    with np.errstate(divide="ignore", invalid="ignore"):
        light = colors / (alpha / full)
    light = np.where(alpha > 0, light, 0)
    if colors.dtype.kind == "f":
        return light.astype(colors.dtype)
    return np.minimum(np.rint(light), full).astype(colors.dtype)
