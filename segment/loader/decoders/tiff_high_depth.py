"""Decode TIFF with tifffile: 16 bits and more, floats, signed numbers, BigTIFF, and truncated files."""

from __future__ import annotations

import logging
import zlib
from dataclasses import replace
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from segment.core.errors import ImageError
from segment.core.image import Image
from segment.loader.decoders.checks import TRUNCATED_NOTE, TruncatedError, check_size, check_tile_size
from segment.loader.decoders.geotiff import read_georeference
from segment.loader.decoders.orientation import apply_orientation

__all__ = ["decode_with_tifffile", "mask_nodata"]

# Values of the tag for photometric interpretation; the second line lists those that need a color profile.
_WHITE_IS_ZERO, _RGB, _PALETTE, _CMYK, _YCBCR = 0, 2, 3, 5, 6
_NEEDS_A_PROFILE = {8: "CIELAB", 9: "ICCLAB", 10: "ITULAB", 32844: "LogL", 32845: "LogLuv"}
# Values of the tag for compression.
_UNCOMPRESSED = 1
_JPEG = {6, 7, 34892, 33007}
_DEFLATE = {8, 32946}
# Values of the tag for extra samples: alpha that the colors are multiplied with, and alpha that they are not.
_PREMULTIPLIED_ALPHA, _PLAIN_ALPHA = 1, 2
# Numbers of tags.
_NODATA, _ORIENTATION = 42113, 274
# A strip may be longer than its pixels before compression, but not by more bytes than this.
_MAX_EXTRA_BYTES = 1 << 20


def decode_with_tifffile(stream: BinaryIO, *, max_pixels: int, allow_truncated: bool, notes: tuple[str, ...]) -> Image:
    """Decode the first page of a TIFF with tifffile.

    Parameters
    ----------
    stream, max_pixels, allow_truncated
        As in :func:`segment.loader.loader.load_image`.
    notes : tuple of str
        The first notes of the image.

    Returns
    -------
    Image
        The page at its depth, upright, with its georeference.

    Raises
    ------
    ImageError
        If the page is larger than `max_pixels`, truncated, or of a kind that cannot be converted to gray or RGB.
    """
    import tifffile

    logging.getLogger("tifffile").addHandler(logging.NullHandler())
    stream.seek(0)
    with tifffile.TiffFile(stream) as file:
        page: Any = file.pages[0]
        _check_page(page, max_pixels)
        is_complete = _is_complete(page, stream)
        if not is_complete and not allow_truncated:
            raise TruncatedError
        # tifffile's five axes: planes, depth, height, width, samples of a pixel.
        if is_complete:
            shaped = page.asarray(squeeze=False, maxworkers=1)
            present = np.ones(shaped.shape[2:4], dtype=bool)
        else:
            shaped, present = _decode_present_parts(page, stream)
            notes = (*notes, TRUNCATED_NOTE)
        samples = np.moveaxis(shaped, 0, -1)[0].reshape(*shaped.shape[2:4], -1)
        valid = present & mask_nodata(samples, _get_tag(page, _NODATA))
        array, white = _convert_colors(page, samples)
        orientation = _get_tag(page, _ORIENTATION)
        georeference = read_georeference(lambda tag: _get_tag(page, tag))
    upright, upright_valid = apply_orientation(array, orientation), apply_orientation(valid, orientation)
    image = Image.from_array(upright, valid=upright_valid, white=white, notes=notes)
    return replace(image, georeference=georeference.apply_orientation(orientation, image.height, image.width))


def _get_tag(page: Any, tag: int) -> Any:
    """Return the value of a tag, None if the page has no such tag."""
    return getattr(page.tags.get(tag), "value", None)


def mask_nodata(samples: NDArray[np.generic], nodata: object) -> NDArray[np.bool_]:
    """Mark the pixels that have GDAL's nodata value in all their channels as not valid.

    Parameters
    ----------
    samples : ndarray of shape (H, W) or (H, W, C)
        Pixels of any type.
    nodata : object
        Content of the tag, such as ``"-9999"``; anything that is not a number marks nothing.

    Returns
    -------
    ndarray of shape (H, W), bool
        False where a pixel has no data.

    Examples
    --------
    >>> mask_nodata(np.array([[7, 8, 9]]), "8")
    array([[ True, False,  True]])
    """
    try:
        value = float(str(nodata).strip("\0 "))
    except ValueError:
        value = float("nan")
    if np.isnan(value):
        return np.ones(samples.shape[:2], dtype=bool)
    return np.asarray((samples.reshape(*samples.shape[:2], -1) != value).any(axis=2))


def _check_page(page: Any, max_pixels: int) -> None:
    """Refuse a page that is too large or of a kind that cannot be converted, before it is decoded."""
    check_size(page.imagewidth, page.imagelength, max_pixels)
    if page.imagedepth > 1:
        raise ImageError(f"a TIFF page has one layer; got {page.imagedepth}. Save the layers one by one.")
    check_tile_size(max(page.tilewidth, 1) * max(page.tilelength, 1), max_pixels)
    # Extra samples beyond alpha are ignored, but bands without any meaning are no image.
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


def _is_complete(page: Any, stream: BinaryIO) -> bool:
    """Whether every strip or tile lies within the file."""
    size = stream.seek(0, 2)
    if page.is_contiguous:
        return bool(page.dataoffsets[0] + page.nbytes <= size)
    return all(offset + count <= size for offset, count in zip(page.dataoffsets, page.databytecounts, strict=False))


def _decode_present_parts(page: Any, stream: BinaryIO) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
    """Decode the strips or tiles that a truncated file still holds; return them and True where a pixel is there."""
    shaped = np.zeros(page.shaped, dtype=page.dtype)
    present = np.zeros(page.shaped[2:4], dtype=bool)
    for index, (offset, count) in enumerate(zip(page.dataoffsets, page.databytecounts, strict=False)):
        stream.seek(offset)
        data = stream.read(min(count, page.nbytes + _MAX_EXTRA_BYTES))
        if not data:
            continue
        data, share = _pad_part(page, data, count)
        try:
            part, (plane, _, top, left, _), (_, rows, columns, _) = page.decode(
                data, index, jpegtables=page.jpegtables
            )[:3]
        except Exception:  # this codec cannot decode an incomplete strip
            continue
        if part is None:
            continue
        # Tiles at the right and at the bottom are larger than what is left of the image.
        rows, columns = min(rows, shaped.shape[2] - top), min(columns, shaped.shape[3] - left)
        shaped[plane, 0, top : top + rows, left : left + columns] = part[0, :rows, :columns]
        # A pixel is present if it is present in every plane; the rows that were padded are not.
        present_rows = int(rows * share)
        if plane == 0:
            present[top : top + present_rows, left : left + columns] = True
        present[top + present_rows : top + rows, left : left + columns] = False
    if not present.any():
        raise TruncatedError("no part of the picture can be read")
    return shaped, present


def _pad_part(page: Any, data: bytes, count: int) -> tuple[bytes, float]:
    """Fill up an incomplete strip or tile with zeros if its compression allows it; return it and the share present."""
    if len(data) >= count:
        return data, 1.0
    if page.compression == _UNCOMPRESSED:
        return data.ljust(count, b"\0"), len(data) / count
    # Deflate gives all pixels up to the cut: decompress them, fill them up, and compress them again.
    if page.compression in _DEFLATE:
        height, width = page.chunks[-3:-1] if len(page.chunks) > 2 else page.chunks[:2]
        size = int(height * width * page.bitspersample // 8) * (page.samplesperpixel if page.planarconfig == 1 else 1)
        raw = zlib.decompressobj().decompress(data, size)
        return zlib.compress(raw.ljust(size, b"\0"), 0), len(raw) / size
    return data, 1.0


def _convert_colors(page: Any, samples: NDArray[Any]) -> tuple[NDArray[np.generic], float | None]:
    """Convert the samples of a page to gray, RGB or RGBA, and return the value of white if the file tells it."""
    kind, bits = page.photometric, int(page.bitspersample)
    if kind == _PALETTE and page.colormap is not None:
        # Palettes have 16 bits, of which the lower 8 repeat the upper ones.
        table = (np.asarray(page.colormap).T >> 8).astype(np.uint8)
        return table[np.minimum(samples[..., 0], len(table) - 1)], None
    colors, extra = _split_off_extra_samples(kind, samples)
    is_unsigned = samples.dtype.kind == "u"
    if kind == _WHITE_IS_ZERO:
        colors = _invert(colors, bits)
    if kind == _CMYK:
        colors = _convert_cmyk_to_rgb(colors)
    elif is_unsigned and bits < 8:  # spread to 0..255
        colors = np.rint(colors * (255 / (2**bits - 1))).astype(np.uint8)
    alpha_kind = int(page.extrasamples[0]) if page.extrasamples else 0
    if extra.shape[2] and alpha_kind in (_PREMULTIPLIED_ALPHA, _PLAIN_ALPHA):
        alpha = extra[..., :1]
        if alpha_kind == _PREMULTIPLIED_ALPHA and colors.dtype.kind in "uf":
            colors = _divide_by_alpha(colors, alpha)
        colors = np.concatenate([colors, alpha.astype(colors.dtype)], axis=2)
    return colors, float(2**bits - 1) if is_unsigned and 8 < bits < 16 else None


def _split_off_extra_samples(kind: int, samples: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Separate the channels of color from alpha and other extra samples."""
    count = samples.shape[2]
    n_colors = 4 if kind == _CMYK else min(count, 3) if kind in (_RGB, _YCBCR) or count >= 3 else 1
    return samples[..., :n_colors], samples[..., n_colors:]


def _invert(values: NDArray[Any], bits: int) -> NDArray[Any]:
    """Exchange black and white."""
    # Floats have no fixed white: mirror them within their own range.
    if values.dtype.kind == "f":
        finite = values[np.isfinite(values)]
        return np.asarray(finite.min() + finite.max() - values) if finite.size else values
    if values.dtype.kind in "ib":  # ~v = -1 - v exchanges the smallest and the largest number
        return np.asarray(~values)
    return np.asarray(values.dtype.type(2**bits - 1) - values)


def _convert_cmyk_to_rgb(values: NDArray[Any]) -> NDArray[Any]:
    """Convert inks to light: (1 - ink) (1 - black), as Pillow does."""
    if values.dtype.kind != "u" or values.shape[2] < 4:
        raise ImageError(f"CMYK values are unsigned integers; got {values.dtype}. Save it as RGB.")
    full = np.iinfo(values.dtype).max
    light: NDArray[Any] = (full - values).astype(np.float64)
    return np.asarray(np.rint(light[..., :3] * (light[..., 3:] / full)).astype(values.dtype))


def _divide_by_alpha(colors: NDArray[Any], alpha: NDArray[Any]) -> NDArray[Any]:
    """Undo the multiplication of the colors by alpha; fully transparent pixels become 0."""
    full = float(np.iinfo(alpha.dtype).max) if alpha.dtype.kind == "u" else 1.0
    with np.errstate(divide="ignore", invalid="ignore"):
        light = colors / (alpha / full)
    light = np.where(alpha > 0, light, 0)
    if colors.dtype.kind == "f":
        return light.astype(colors.dtype)
    return np.minimum(np.rint(light), full).astype(colors.dtype)
