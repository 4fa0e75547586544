"""Encode results as files, and save them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any, BinaryIO

from segment.config.config_file import collect_reading, format_config
from segment.config.products import File, plan_files
from segment.core.atomic_files import Content, write_files, write_to_pipe
from segment.core.errors import ImageError, SettingsError, printable_path
from segment.core.process_memory import return_freed_memory
from segment.core.threads import can_start_threads
from segment.output.pictures.encoding import encode_picture
from segment.pipeline.output_loader import load_output

__all__ = ["encode_product", "save_products", "save_sheet"]

MIN_PIECE = 2**20  # characters of text that are written at once
MAX_THREADS = 2  # files that are made at the same time: each may need a map of the whole image
MIN_SHARED_PIXELS = 2**18  # of an image: of a smaller one, to start threads and load their fonts takes longer
# With more classes, files are made one by one, to save memory. All products of a megapixel of noise in 16 and 128
# classes took 371 and 409 MB in pairs, and take 302 and 299 MB one by one; those of 8 classes take 298 MB in pairs.
MAX_SHARED_CLASSES = 8


def encode_product(result: Any, file: File) -> Content:
    """Encode the content of one file of a result.

    Parameters
    ----------
    result : Segmentation, RegionSegmentation, Comparison or Exploration
        What is saved.
    file : File
        The product, and the class that the file shows.

    Returns
    -------
    bytes, or iterator of bytes
        The content of the file; what may be long in pieces.
    """
    return _ENCODERS[file.product.name](result, file)


def save_products(
    result: Any, folder: str | PathLike[str] | BinaryIO, *, stem: str, suffix: str, overwrite: bool
) -> list[Path]:
    """Encode the products that the settings of a result name, and write them.

    Parameters
    ----------
    result : Segmentation or RegionSegmentation
        Its `config.save` names the products.
    folder : path or binary file
        A folder is made if it does not exist. Into a binary file the contents are written one after the other.
    stem : str
        Beginning of the file names.
    suffix : {".png", ".jpg"}
        Format of the pictures that can be either.
    overwrite : bool
        Whether files that exist may be replaced, also where `config.overwrite` is False.

    Returns
    -------
    list of Path
        The written files; empty for a binary file.

    Raises
    ------
    OutputError
        If a file exists and is not to be replaced, or a file cannot be written. No file is left behind then.
    SettingsError
        If the stem or the suffix is none of a file name.
    """
    _check_names(stem, suffix)
    if not isinstance(folder, (str, PathLike)) and not hasattr(folder, "write"):
        raise SettingsError(f"folder: a path, or a binary file; got {folder!r}. Give a path.")
    config = result.config
    # All contents are made before the first file is written: a failure leaves the folder as it was.
    n, labels = result.n_classes, f".{config.labels_format}"
    files = plan_files(stem, config.save, picture=suffix, n_classes=n, labels=labels, regions=config.regions)
    contents = dict(zip((file.name for file in files), _encode_products(result, files), strict=True))
    if not isinstance(folder, (str, PathLike)):
        write_to_pipe(folder, contents.values())
        return []
    return write_files(Path(folder), contents, overwrite=overwrite or config.overwrite)


def _encode_products(result: Any, files: Sequence[File]) -> list[Content]:
    """Encode the contents of files: some at the same time, unless the image is small or there are many classes."""
    encode = partial(encode_product, result)
    if result.config.regions == 0 and result.n_classes > MAX_SHARED_CLASSES:
        parts = []
        for file in files:
            return_freed_memory()
            parts.append(encode(file))
        return parts
    if result.label_image.size < MIN_SHARED_PIXELS:
        return list(map(encode, files))
    # Encoders spend their time in NumPy, OpenCV and zlib, which let other threads run.
    with ThreadPoolExecutor(MAX_THREADS) as pool:
        return list((pool.map if can_start_threads(MAX_THREADS) else map)(encode, files))


def save_sheet(found: Any, folder: str | PathLike[str], *, stem: str, suffix: str, overwrite: bool) -> list[Path]:
    """Write the sheet that shows several segmentations of an image.

    Parameters
    ----------
    found : Comparison or Exploration
        The segmentations.
    folder : path
        Made if it does not exist.
    stem : str
        Beginning of the file name.
    suffix : {".png", ".jpg"}
        Format of the sheet.
    overwrite : bool
        Whether a file that exists may be replaced, also where `config.overwrite` is False.

    Returns
    -------
    list of Path
        The written file.

    Raises
    ------
    OutputError
        If the file exists and is not to be replaced, or cannot be written. No file is left behind then.
    SettingsError
        If the stem or the suffix is none of a file name.
    """
    _check_names(stem, suffix)
    (file,) = plan_files(stem, (found.product,), picture=suffix, n_classes=0)  # one, however many classes there are
    content = {file.name: encode_product(found, file)}
    return write_files(Path(folder), content, overwrite=overwrite or found.config.overwrite)


def _check_names(stem: object, suffix: object) -> None:
    """Refuse a beginning or an end that no file name has, and an end that is not that of the format."""
    if not isinstance(stem, str) or not stem or "\0" in stem or Path(stem).name != stem:
        raise SettingsError(f"stem: what file names begin with; got {stem!r}. Give a name, and a path as the folder.")
    if suffix not in (".png", ".jpg"):
        raise SettingsError(f"suffix: .png or .jpg; got {suffix!r}. Give one of them.")


# The encoders import what they need only when they are called: most runs save few of the products.


def _encode_picture(picture: Any, file: File) -> bytes:
    """Encode a picture in the format of its file."""
    return encode_picture(picture, suffix=file.suffix)


def _encode_text(pieces: Iterable[str]) -> Iterator[bytes]:
    """Encode pieces of text; small ones are joined."""
    joined: list[str] = []
    size = 0
    for piece in pieces:
        joined.append(piece)
        size += len(piece)
        if size >= MIN_PIECE:
            yield "".join(joined).encode()
            joined, size = [], 0
    yield "".join(joined).encode()


def _encode_geojson(result: Any) -> Iterator[bytes]:
    """Encode the outlines of the classes as GeoJSON."""
    from segment.output.geojson import encode_geojson
    from segment.output.measurements import measure_areas
    from segment.output.world_coordinates import choose_coordinates

    image, config = result.image, result.config
    areas = measure_areas(result.label_image, image, result.n_classes)
    with _name_file(result):
        shapes = result.shapes().simplify(config.simplify).leave_out(_find_dropped_labels(result))
        coordinates = choose_coordinates(image.georeference, config.geojson_crs)
        yield from _encode_text(encode_geojson(shapes, result.names, result.colors, coordinates, areas))


def _encode_svg(result: Any) -> Iterator[bytes]:
    """Encode the outlines of the classes as SVG."""
    from segment.output.svg import encode_svg

    with _name_file(result):
        shapes = result.shapes().simplify(result.config.simplify).leave_out(_find_dropped_labels(result))
    title, is_smooth = result.image.file_name or "segments", result.config.svg_smooth
    kind = "region" if hasattr(result, "n_regions") else "class"
    return _encode_text(encode_svg(shapes, result.names, result.colors, title=title, is_smooth=is_smooth, kind=kind))


@contextmanager
def _name_file(result: Any) -> Iterator[None]:
    """Put the name of the image in front of errors."""
    try:
        yield
    except ImageError as error:
        raise ImageError(f"{printable_path(result.image.file_name or 'image')}: {error}") from error


def _find_dropped_labels(result: Any) -> list[int]:
    """Find the labels of the classes that are left out of polygons."""
    from segment.segmenter.class_naming import find_label

    return [find_label(key, result.names) for key in result.config.drop_class]


def _encode_labels(result: Any, file: File) -> bytes:
    """Encode the label image in the format of its file."""
    from segment.output.label_formats import encode_label_npz, encode_label_png, encode_label_tiff

    names = result.names if hasattr(result, "classes") else ()  # connected regions have none
    reading = collect_reading(result.config)
    if file.suffix == ".npz":
        return encode_label_npz(result.label_image, result.posterior_maps(), result.n_classes, names, reading)
    if file.suffix == ".tif":
        return encode_label_tiff(result.label_image, result.colors, result.image.georeference, names, reading)
    return encode_label_png(result.label_image, result.colors, names, reading)


def _enlarge_small(pixels: Any) -> Any:
    """Enlarge a tiny picture as an overlay is: by a whole factor."""
    from segment.output.pictures.scaling import choose_enlargement, enlarge_pixels

    return enlarge_pixels(pixels, choose_enlargement(*pixels.shape[:2]))


def _encode_hierarchy(result: Any) -> bytes:
    """Encode the merges of the regions of a result as JSON: of n regions the i-th merge, from 1, makes number n + i."""
    from segment.output.tables import to_json

    n = result.n_regions
    hierarchy = result.hierarchy.coarsen(n)
    merges = [
        {"regions": [one + 1, other + 1], "makes": number, "cost": cost}
        for number, ((one, other), cost) in enumerate(
            zip(hierarchy.merges.tolist(), hierarchy.costs.tolist(), strict=True), start=n + 1
        )
    ]
    return to_json({"regions": n, "merges": merges}).encode()


def _encode_table(table: Any) -> Iterator[bytes]:
    """Encode a table as CSV."""
    from segment.output.tables import iterate_csv

    return _encode_text(iterate_csv(table))


def _encode_objects(result: Any) -> Iterator[bytes]:
    """Encode the table of objects as CSV."""
    from segment.output.objects import measure_objects

    maps = {"posterior": result.confidence(), "uncertainty": result.uncertainty()} if hasattr(result, "fit") else {}
    return _encode_table(measure_objects(result, maps=maps))


def _draw_numbers(result: Any) -> Any:
    """Draw the numbers of the objects on the tinted picture, or of the regions on the picture."""
    if result.config.regions != 0:
        return result.numbers()
    import numpy as np

    from segment.output.objects import number_objects
    from segment.output.pictures.numbered import write_numbers
    from segment.output.pictures.scaling import enlarge_pixels

    picture, (objects, label, _) = result.overlay(), number_objects(result)
    # A small picture is enlarged.
    factor = picture.shape[0] // objects.shape[0]
    write_numbers(picture, enlarge_pixels(objects, factor), np.arange(1, len(label) + 1), dark=False)
    return picture


def _draw_outline(result: Any) -> Any:
    """Draw the contours of the regions with the numbers of their classes."""
    from segment.output.measurements import check_region_count
    from segment.output.pictures.numbered import draw_numbered_outline
    from segment.postprocessor.connected_regions import number_regions

    check_region_count(result.label_image, result.image)
    regions, label = number_regions(result.label_image)
    return draw_numbered_outline(regions, label, result.names, result.colors)


def _encode_coco(result: Any) -> bytes:
    """Encode the masks of the classes as COCO annotations."""
    from segment.output.coco import encode_coco

    name, reading = result.image.file_name, collect_reading(result.config)
    return encode_coco(result.label_image, result.names, file_name=name, reading=reading).encode()


def _encode_measurements(result: Any) -> Iterator[bytes]:
    """Encode the tables of classes and regions as one JSON document."""
    from segment.output.tables import iterate_json

    image = {"file_name": result.image.file_name, "height": result.image.height, "width": result.image.width}
    return _encode_text(iterate_json({"image": image}, classes=result.class_table(), regions=result.region_table()))


# One encoder for each row of `segment.config.products.PRODUCTS`.
_ENCODERS: dict[str, Callable[[Any, File], Content]] = {
    "panel": lambda result, file: _encode_picture(result.panel(), file),
    "overlay": lambda result, file: _encode_picture(result.overlay(), file),
    "contours": lambda result, file: _encode_picture(result.contours(), file),
    "labels": _encode_labels,
    "mean": lambda result, _: load_output("label_formats").encode_label_png(
        _enlarge_small(result.label_image), result.mean_colors
    ),
    "posterior": lambda result, file: _encode_picture(result.posterior_panel(), file),
    "uncertainty": lambda result, file: _encode_picture(result.uncertainty_panel(), file),
    "anomaly": lambda result, file: _encode_picture(result.anomaly_panel(), file),
    "cutouts": lambda result, file: _encode_picture(_enlarge_small(result.cutout(file.label)), file),
    "masks": lambda result, file: load_output("label_formats").encode_mask_png(result.mask(file.label)),
    "geojson": lambda result, _: _encode_geojson(result),
    "svg": lambda result, _: _encode_svg(result),
    "coco": lambda result, _: _encode_coco(result),
    "classes": lambda result, _: _encode_table(result.class_table()),
    "regions": lambda result, _: _encode_table(result.region_table()),
    "objects": lambda result, _: _encode_objects(result),
    "numbers": lambda result, file: _encode_picture(_draw_numbers(result), file),
    "outline": lambda result, file: _encode_picture(_draw_outline(result), file),
    "measurements": lambda result, _: _encode_measurements(result),
    "report": lambda result, _: result.report().encode(),
    "hierarchy": lambda result, _: _encode_hierarchy(result),
    "ucm": lambda result, _: load_output("label_formats").encode_share_png(result.contour_map()),
    "model": lambda result, _: result.class_model.to_json().encode(),
    "config": lambda result, _: format_config(result.config).encode(),
    "compared": lambda comparison, file: _encode_picture(comparison.panel(), file),
    "explored": lambda exploration, file: _encode_picture(exploration.panel(), file),
}
