"""Encode results and save them."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from os import PathLike
from pathlib import Path
from typing import Any, BinaryIO

from segment.config.products import File, plan_files
from segment.core.atomic_files import write_files, write_to_pipe
from segment.output.pictures.encoding import encode_picture

__all__ = ["encode_product", "save_products"]


def _picture(picture: Any, file: File) -> bytes:
    return encode_picture(picture, suffix=file.suffix)


def _geojson(result: Any) -> bytes:
    from segment.output.vectors import geojson

    place = result.image.georeference
    return "".join(geojson(result.shapes(), result.names, result.colors, place)).encode()


def _svg(result: Any) -> bytes:
    from segment.output.vectors import svg

    title = result.image.file_name or "segments"
    return "".join(svg(result.shapes(), result.names, result.colors, title=title)).encode()


def _coco(result: Any) -> bytes:
    from segment.output.vectors import coco

    return coco(result.label_image, result.names, file_name=result.image.file_name).encode()


def _labels(result: Any, file: File) -> bytes:
    from segment.output.label_formats import labels_as_npz, labels_as_png, labels_as_tiff

    if file.suffix == ".npz":
        return labels_as_npz(result.label_image, result.posterior_maps(), result.n_classes)
    if file.suffix == ".tif":
        return labels_as_tiff(result.label_image, result.colors, result.image.georeference)
    return labels_as_png(result.label_image, result.colors)


def _means(result: Any) -> bytes:
    from segment.output.label_formats import labels_as_png

    return labels_as_png(result.label_image, result.mean_colors)


def _ucm(result: Any) -> bytes:
    from segment.output.label_formats import shares_as_png

    return shares_as_png(result.contour_map())


def _table(table: Any) -> bytes:
    from segment.output.tables import to_csv

    return to_csv(table).encode()


def _measurements(result: Any) -> bytes:
    from segment.output.tables import to_json, to_rows

    classes, regions = (to_rows(table) for table in (result.class_table(), result.region_table()))
    image = {"file_name": result.image.file_name, "height": result.image.height, "width": result.image.width}
    return to_json({"image": image, "classes": classes, "regions": regions}).encode()


_AT_ONCE = 2  # files that are made at the same time: each may need a map of the whole image


_ENCODERS: dict[str, Callable[[Any, File], bytes]] = {
    "panel": lambda r, f: _picture(r.panel(), f),
    "overlay": lambda r, f: _picture(r.overlay(), f),
    "contours": lambda r, f: _picture(r.contours(), f),
    "labels": _labels,
    "mean": lambda r, _: _means(r),
    "posterior": lambda r, f: _picture(r.posterior_panel(), f),
    "uncertainty": lambda r, f: _picture(r.uncertainty_panel(), f),
    "anomaly": lambda r, f: _picture(r.anomaly_panel(), f),
    "cutouts": lambda r, f: _picture(r.cutout(f.label), f),
    "geojson": lambda r, _: _geojson(r),
    "svg": lambda r, _: _svg(r),
    "coco": lambda r, _: _coco(r),
    "classes": lambda r, _: _table(r.class_table()),
    "regions": lambda r, _: _table(r.region_table()),
    "measurements": lambda r, _: _measurements(r),
    "report": lambda r, _: r.report().encode(),
    "ucm": lambda r, _: _ucm(r),
    "model": lambda r, _: r.class_model.to_json().encode(),
    "compared": lambda c, f: _picture(c.panel(), f),
}


def encode_product(result: Any, file: File) -> bytes:
    """Encode the content of one file of a result.

    Parameters
    ----------
    result : Segmentation, RegionSegmentation or Comparison
        What is saved.
    file : File
        The product, and the class that the file shows.

    Returns
    -------
    bytes
        The content of the file.
    """
    return _ENCODERS[file.product.name](result, file)


def save_products(result: Any, folder: str | PathLike[str] | BinaryIO, *, stem: str, suffix: str) -> list[Path]:
    """Make and write what the settings of a result name.

    Parameters
    ----------
    result : Segmentation or RegionSegmentation
        Its `config.save` names the products.
    folder : path or binary file
        Made if it is not there. Into a binary file the contents are written one after the other.
    stem : str
        What file names begin with.
    suffix : {".png", ".jpg"}
        Format of the pictures that can be either.

    Returns
    -------
    list of Path
        What was written; empty for a binary file.

    Raises
    ------
    OutputError
        If a file exists and `config.overwrite` is False, or cannot be written. Nothing is left behind then.
    """
    config = result.config
    files = plan_files(stem, config.save, picture=suffix, n_classes=result.n_classes, labels=f".{config.labels_format}")
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        parts = pool.map(lambda file: encode_product(result, file), files)
        contents = dict(zip((file.name for file in files), parts, strict=True))
    if not isinstance(folder, (str, PathLike)):
        write_to_pipe(folder, contents.values())
        return []
    return write_files(Path(folder), contents, overwrite=config.overwrite)


def save_comparison(comparison: Any, folder: str | PathLike[str], *, stem: str, suffix: str) -> list[Path]:
    """Write the panel of a comparison.

    Parameters
    ----------
    comparison : Comparison
    folder : path
        Made if it is not there.
    stem : str
        What the file name begins with.
    suffix : {".png", ".jpg"}
        Format of the panel.

    Returns
    -------
    list of Path
        The file that was written.

    Raises
    ------
    OutputError
        If the file exists and `overwrite` is not set, or cannot be written. Nothing is left behind then.
    """
    result = comparison.result
    (file,) = plan_files(stem, ("compared",), picture=suffix, n_classes=result.n_classes)
    contents = {file.name: encode_product(comparison, file)}
    return write_files(Path(folder), contents, overwrite=result.config.overwrite)
