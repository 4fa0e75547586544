"""Label images as the bytes of files: PNG for viewers, TIFF and GeoTIFF for maps, NPZ for NumPy. Labels are exact."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from segment.core.georeference import NOWHERE, Georeference
from segment.output.result_mark import MARK, mark_result

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["labels_as_npz", "labels_as_png", "labels_as_tiff", "shares_as_png"]

_NODATA, _TRANSFORMATION, _KEYS, _DOUBLES, _TEXT = 42113, 34264, 34735, 34736, 34737
_COLUMNS = 256  # that are compressed at once
_ASCII, _SHORT, _DOUBLE = 2, 3, 12  # types of TIFF tags
_RASTER, _IS_AREA = 1025, 1


def labels_as_png(label_image: NDArray[np.integer], colors: NDArray[np.uint8]) -> bytes:
    """A PNG whose pixel values are the labels.

    Parameters
    ----------
    label_image : ndarray of shape (H, W), integers 0..65535
        Labels up to 255 make a palette PNG of 8 bits, more a gray PNG of 16 bits, which has no colors.
    colors : ndarray of shape (k, 3), uint8
        The color that a viewer shows for each class. No label, 0, is transparent.
    """
    from PIL import Image as PilImage

    labels = _packed(label_image)
    image = PilImage.fromarray(labels)
    hidden = {}
    if labels.itemsize == 1:
        # All 256 entries: with fewer, Pillow packs several labels into a byte, which not every reader unpacks.
        image.putpalette(((colors[:1].tobytes() or bytes(3)) + colors.tobytes()).ljust(768, b"\0"))
        hidden = {} if labels.all() else {"transparency": 0}
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=1, **mark_result(".png"), **hidden)
    return buffer.getvalue()


def shares_as_png(values: NDArray[np.floating]) -> bytes:
    """Values (H, W), 0 to 1, as the bytes of a gray PNG of 16 bits, with 65535 for 1."""
    import numpy as np
    from PIL import Image as PilImage

    buffer = io.BytesIO()
    image = PilImage.fromarray(np.rint(np.clip(values, 0, 1) * 65535).astype(np.uint16))
    image.save(buffer, "PNG", compress_level=1, **mark_result(".png"))
    return buffer.getvalue()


def labels_as_tiff(
    label_image: NDArray[np.integer], colors: NDArray[np.uint8], georeference: Georeference = NOWHERE
) -> bytes:
    """A compressed TIFF whose pixel values are the labels, with 0 as nodata; a GeoTIFF where the image is one.

    Parameters
    ----------
    label_image : ndarray of shape (H, W), integers 0..65535
        Labels up to 255 make a palette TIFF of 8 bits, more a gray one of 16 bits.
    colors : ndarray of shape (k, 3), uint8
    georeference : Georeference
        Its coordinate system is written as the input has it, key by key.
    """
    import numpy as np
    import tifffile

    labels = _packed(label_image)
    colored: dict[str, Any] = {"photometric": "minisblack"}
    if labels.itemsize == 1:
        table = np.zeros((3, 256), dtype=np.uint16)
        table[:, 1 : len(colors) + 1] = colors.T * np.uint16(257)
        colored = {"photometric": "palette", "colormap": table}
    buffer = io.BytesIO()
    tifffile.imwrite(
        buffer,
        labels,
        compression="zlib",
        rowsperstrip=256,
        metadata=None,
        software=MARK,
        extratags=[(_NODATA, _ASCII, 2, "0", True), *_geo_tags(georeference)],
        **colored,
    )
    return buffer.getvalue()


def labels_as_npz(label_image: NDArray[np.integer], posteriors: Iterable[NDArray[np.float32]], n_classes: int) -> bytes:
    """A compressed NPZ for :func:`numpy.load`: ``labels`` (H, W) and ``posteriors`` (H, W, k), float32.

    Parameters
    ----------
    label_image : ndarray of shape (H, W), integers 0..65535
    posteriors : iterable of k ndarrays of shape (H, W), float32
        One after the other; only one is held at a time.
    n_classes : int
        k.
    """
    import numpy as np

    # A Fortran-ordered (H, W, k) has the maps one after the other, each column by column.
    header = {"descr": "<f4", "fortran_order": True, "shape": (*label_image.shape, n_classes)}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        with archive.open("labels.npy", "w") as file:
            np.save(file, _packed(label_image), allow_pickle=False)
        with archive.open("posteriors.npy", "w", force_zip64=True) as file:
            np.lib.format.write_array_header_1_0(file, header)
            for part in posteriors:
                for start in range(0, part.shape[1], _COLUMNS):
                    file.write(part[:, start : start + _COLUMNS].T.astype("<f4", order="C").data)
    return buffer.getvalue()


def _geo_tags(georeference: Georeference) -> list[tuple[int, int, int, Any, bool]]:
    """The tags of a GeoTIFF (OGC 19-008): the transform, and the keys of the coordinate system."""
    if not georeference:
        return []
    a, b, c, d, e, f = georeference.transform
    matrix = (a, b, 0.0, c, d, e, 0.0, f, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0)
    tags: list[tuple[int, int, int, Any, bool]] = [(_TRANSFORMATION, _DOUBLE, 16, matrix, True)]
    numbers, doubles, text = georeference.keys
    if numbers:
        keys = [numbers[i : i + 4] for i in range(0, len(numbers), 4)]
        keys = [(_RASTER, 0, 1, _IS_AREA) if key[0] == _RASTER else key for key in keys]
        tags.append((_KEYS, _SHORT, len(numbers), tuple(number for key in keys for number in key), True))
    if doubles:
        tags.append((_DOUBLES, _DOUBLE, len(doubles), doubles, True))
    if text:
        tags.append((_TEXT, _ASCII, len(text) + 1, text, True))
    return tags


def _packed(label_image: NDArray[np.integer]) -> NDArray[np.integer]:
    """The labels in as few bytes as hold them, in C order."""
    wide = int(label_image.max(initial=0)) > 255
    return label_image.astype("uint16" if wide else "uint8", order="C", copy=False)
