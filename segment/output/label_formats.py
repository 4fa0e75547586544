"""Encode label images as files: PNG for viewers, TIFF and GeoTIFF for maps, NPZ for NumPy. Labels are exact."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from segment.core.class_names import make_default_names
from segment.core.georeference import NOWHERE, Georeference
from segment.output.pictures.encoding import encode_picture
from segment.output.result_mark import MARK, make_mark_options

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "NOTHING",
    "encode_label_npz",
    "encode_label_png",
    "encode_label_tiff",
    "encode_mask_png",
    "encode_share_png",
    "format_label_text",
]

NOTHING: Mapping[str, Any] = MappingProxyType({})
NAMES_KEY = "Description"  # of the text in a PNG, one of those that the standard knows

_CHUNK_COLUMNS = 256  # of a probability map that are compressed at once

# Numbers of TIFF tags: GDAL's nodata value, and those of GeoTIFF (OGC 19-008).
_NODATA, _TRANSFORMATION, _KEYS, _DOUBLES, _TEXT = 42113, 34264, 34735, 34736, 34737
_ASCII, _SHORT, _DOUBLE = 2, 3, 12  # types of the values of TIFF tags
_RASTER_TYPE, _PIXEL_IS_AREA = 1025, 1  # a GeoTIFF key and its value: coordinates refer to the corners of pixels


def encode_label_png(
    label_image: NDArray[np.integer],
    colors: NDArray[np.uint8],
    names: Sequence[str] = (),
    reading: Mapping[str, Any] = NOTHING,
) -> bytes:
    """Encode a label image as a PNG whose pixel values are the labels.

    Parameters
    ----------
    label_image : ndarray of shape (H, W), integers 0..65535
        Labels up to 255 make a palette PNG of 8 bits, more a gray PNG of 16 bits, which has no colors.
    colors : ndarray of shape (k, 3), uint8
        The color that a viewer shows for each class. Label 0, no label, is transparent.
    names : sequence of k str
        Written as text beside the pixels, where classes have names of their own.
    reading : mapping of str to value
        Settings with which the image was read, written beside them.

    Returns
    -------
    bytes
        The content of the file.
    """
    from PIL import Image as PilImage

    labels = _convert_to_smallest_type(label_image)
    image = PilImage.fromarray(labels)
    # Readers take the transparent entry of a palette for "no label"; without such pixels it is left out.
    hidden = {}
    if labels.itemsize == 1:
        # All 256 entries: with fewer, Pillow packs several labels into a byte, which not every reader unpacks.
        image.putpalette(((colors[:1].tobytes() or bytes(3)) + colors.tobytes()).ljust(768, b"\0"))
        hidden = {} if labels.all() else {"transparency": 0}
    buffer = io.BytesIO()
    options = make_mark_options(".png")
    if text := format_label_text(names, reading):
        options["pnginfo"].add_text(NAMES_KEY, text)
    image.save(buffer, "PNG", compress_level=1, **options, **hidden)
    return buffer.getvalue()


def format_label_text(names: Sequence[str], reading: Mapping[str, Any] = NOTHING) -> str:
    """Write what `segment relabel` needs to know beside the labels as JSON; empty where it needs nothing.

    Parameters
    ----------
    names : sequence of k str
        The names of the classes, in the order of the labels. They are left out where all are "class" and the number.
    reading : mapping of str to value
        Settings with which the image was read.

    Examples
    --------
    >>> format_label_text(["class 1", "sky"]), format_label_text(["class 1"])
    ('{"classes": ["class 1", "sky"]}', '')
    >>> format_label_text(["class 1"], {"page": 2})
    '{"reading": {"page": 2}}'
    """
    is_default = tuple(names) == make_default_names(len(names))
    parts = {"classes": [] if is_default else list(names), "reading": dict(reading)}
    found = {key: value for key, value in parts.items() if value}
    return json.dumps(found) if found else ""


def encode_mask_png(mask: NDArray[np.bool_]) -> bytes:
    """Encode a mask as a gray PNG of 8 bits in black and white.

    Parameters
    ----------
    mask : ndarray of shape (H, W), bool
        True is stored as 255, white, and False as 0.

    Returns
    -------
    bytes
        The content of the file.
    """
    import numpy as np

    # 8 bits: some readers take the values of a PNG of 1 bit for 0 and 1, which look black.
    return encode_picture(mask.astype(np.uint8) * np.uint8(255), suffix=".png")


def encode_share_png(values: NDArray[np.floating]) -> bytes:
    """Encode a map of shares as a gray PNG of 16 bits.

    Parameters
    ----------
    values : ndarray of shape (H, W), float, 0..1
        1 is stored as 65535.

    Returns
    -------
    bytes
        The content of the file.
    """
    import numpy as np

    return encode_picture(np.rint(np.clip(values, 0, 1) * 65535).astype(np.uint16), suffix=".png")


def encode_label_tiff(
    label_image: NDArray[np.integer],
    colors: NDArray[np.uint8],
    georeference: Georeference = NOWHERE,
    names: Sequence[str] = (),
    reading: Mapping[str, Any] = NOTHING,
) -> bytes:
    """Encode a label image as a compressed TIFF whose pixel values are the labels, with 0 as the nodata value.

    Parameters
    ----------
    label_image, colors, names, reading
        As for :func:`encode_label_png`; names and settings are in the description of the image.
    georeference : Georeference
        Makes a GeoTIFF of the file. The coordinate system is written as the input has it, key by key.

    Returns
    -------
    bytes
        The content of the file.
    """
    import numpy as np
    import tifffile

    labels = _convert_to_smallest_type(label_image)
    coloring: dict[str, Any] = {"photometric": "minisblack"}
    if labels.itemsize == 1:
        # The color table of a TIFF has 16 bits: 257 maps 0..255 to 0..65535.
        table = np.zeros((3, 256), dtype=np.uint16)
        table[:, 1 : len(colors) + 1] = colors.T * np.uint16(257)
        coloring = {"photometric": "palette", "colormap": table}
    buffer = io.BytesIO()
    tifffile.imwrite(
        buffer,
        labels,
        compression="zlib",
        rowsperstrip=256,
        metadata=None,
        description=format_label_text(names, reading) or None,
        software=MARK,
        extratags=[(_NODATA, _ASCII, 2, "0", True), *_make_geotiff_tags(georeference)],
        **coloring,
    )
    return buffer.getvalue()


def encode_label_npz(
    label_image: NDArray[np.integer],
    posteriors: Iterable[NDArray[np.float32]],
    n_classes: int,
    names: Sequence[str] = (),
    reading: Mapping[str, Any] = NOTHING,
) -> bytes:
    """Encode a label image and the class probabilities as a compressed NPZ for :func:`numpy.load`.

    Parameters
    ----------
    label_image : ndarray of shape (H, W), integers 0..65535
        The array ``labels`` of the file.
    posteriors : iterable of k ndarrays of shape (H, W), float32
        The array ``posteriors`` (H, W, k) of the file, class after class; only one map is held at a time.
    n_classes : int
        Number of classes, k.
    names : sequence of k str
        The array ``names`` of the file, where classes have names of their own.
    reading : mapping of str to value
        Settings with which the image was read: the array ``reading``, a text in JSON.

    Returns
    -------
    bytes
        The content of the file.
    """
    import numpy as np

    # A Fortran-ordered (H, W, k) has the maps one after the other, each column by column.
    header = {"descr": "<f4", "fortran_order": True, "shape": (*label_image.shape, n_classes)}
    buffer = io.BytesIO()
    # Written here instead of by numpy.savez, which would need all maps at once. Members have a fixed date, so the same
    # arrays give the same bytes.
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        with archive.open("labels.npy", "w") as file:
            np.save(file, _convert_to_smallest_type(label_image), allow_pickle=False)
        texts: dict[str, Any] = {"names": names} if format_label_text(names) else {}
        texts |= {"reading": [json.dumps(dict(reading))]} if reading else {}
        for key, values in texts.items():
            with archive.open(f"{key}.npy", "w") as file:
                np.save(file, np.array(values, dtype=str), allow_pickle=False)
        with archive.open("posteriors.npy", "w", force_zip64=True) as file:
            np.lib.format.write_array_header_1_0(file, header)
            for part in posteriors:
                for start in range(0, part.shape[1], _CHUNK_COLUMNS):
                    file.write(part[:, start : start + _CHUNK_COLUMNS].T.astype("<f4", order="C").data)
    return buffer.getvalue()


def _make_geotiff_tags(georeference: Georeference) -> list[tuple[int, int, int, Any, bool]]:
    """Make the tags of a GeoTIFF (OGC 19-008): the transform, and the keys of the coordinate system."""
    if not georeference:
        return []
    # The 4 x 4 matrix takes (column, row, 0, 1) to (x, y, 0, 1).
    a, b, c, d, e, f = georeference.transform
    matrix = (a, b, 0.0, c, d, e, 0.0, f, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0)
    tags: list[tuple[int, int, int, Any, bool]] = [(_TRANSFORMATION, _DOUBLE, 16, matrix, True)]
    numbers, doubles, text = georeference.keys
    if numbers:
        # Four numbers a key: its id, where its value lies, how many values, and the value or its place. The transform
        # above starts at the corner of the first pixel, so a raster type of the input "pixel is point" is replaced.
        keys = [numbers[i : i + 4] for i in range(0, len(numbers), 4)]
        keys = [(_RASTER_TYPE, 0, 1, _PIXEL_IS_AREA) if key[0] == _RASTER_TYPE else key for key in keys]
        tags.append((_KEYS, _SHORT, len(numbers), tuple(number for key in keys for number in key), True))
    if doubles:
        tags.append((_DOUBLES, _DOUBLE, len(doubles), doubles, True))
    if text:
        tags.append((_TEXT, _ASCII, len(text) + 1, text, True))
    return tags


def _convert_to_smallest_type(label_image: NDArray[np.integer]) -> NDArray[np.integer]:
    """Convert labels to uint8, or uint16 where one is above 255, in C order."""
    is_wide = int(label_image.max(initial=0)) > 255
    return label_image.astype("uint16" if is_wide else "uint8", order="C", copy=False)
