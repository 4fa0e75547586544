"""What a segmentation can be saved as, one row for each product: the choices of ``--save`` come from here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from segment.writer import encode_picture, file_name

__all__ = [
    "CLASS_PRODUCTS",
    "LABEL_FORMATS",
    "PRODUCTS",
    "REGION_PRODUCTS",
    "File",
    "Product",
    "plan_files",
    "products_in_words",
]


@dataclass(frozen=True)
class File:
    """One file to write.

    Attributes
    ----------
    product : Product
    name : str
        Of the file, without its folder.
    suffix : str
        The end of the name from its last dot: the format.
    label : int
        The class that it shows, 1..k; 0 where it shows all of them.
    """

    product: Product
    name: str
    suffix: str
    label: int


class Product(NamedTuple):
    """One thing that a segmentation can be saved as.

    Attributes
    ----------
    name : str
        How it is asked for.
    ending : str
        How its files end: ``{picture}`` stands for ``.jpg`` or ``.png``, as the input is, ``{labels}`` for the format
        of label images; with ``{label}`` there is a file for each class.
    help : str
        What it is, in a few words.
    encode : callable
        Takes a :class:`segment.Segmentation` and the :class:`File`, and returns the bytes of the file.
    """

    name: str
    ending: str
    help: str
    encode: Callable[[Any, File], bytes]


def _picture(picture: Any, file: File) -> bytes:
    return encode_picture(picture, suffix=file.suffix)


def _geojson(result: Any) -> bytes:
    from segment.vectors import geojson

    place = result.image.georeference
    return "".join(geojson(result.shapes(), result.names, result.colours, place)).encode()


def _svg(result: Any) -> bytes:
    from segment.vectors import svg

    title = result.image.file_name or "segments"
    return "".join(svg(result.shapes(), result.names, result.colours, title=title)).encode()


def _coco(result: Any) -> bytes:
    from segment.vectors import coco

    return coco(result.label_image, result.names, file_name=result.image.file_name).encode()


def _labels(result: Any, file: File) -> bytes:
    from segment.label_formats import labels_as_npz, labels_as_png, labels_as_tiff

    if file.suffix == ".npz":
        return labels_as_npz(result.label_image, result.posterior_maps(), result.n_classes)
    if file.suffix == ".tif":
        return labels_as_tiff(result.label_image, result.colours, result.image.georeference)
    return labels_as_png(result.label_image, result.colours)


def _means(result: Any) -> bytes:
    from segment.label_formats import labels_as_png

    return labels_as_png(result.label_image, result.mean_colours)


def _ucm(result: Any) -> bytes:
    from segment.label_formats import shares_as_png

    return shares_as_png(result.contour_map())


def _table(table: Any) -> bytes:
    from segment.tables import to_csv

    return to_csv(table).encode()


def _measurements(result: Any) -> bytes:
    from segment.tables import to_json, to_rows

    classes, regions = (to_rows(table) for table in (result.class_table(), result.region_table()))
    image = {"file_name": result.image.file_name, "height": result.image.height, "width": result.image.width}
    return to_json({"image": image, "classes": classes, "regions": regions}).encode()


LABEL_FORMATS = ("png", "tif", "npz")

# To offer another product add its row. Whatever is heavy is imported by what the row calls.
PRODUCTS = (
    Product("panel", "_panel{picture}", "the original beside its segments", lambda r, f: _picture(r.panel(), f)),
    Product("overlay", "_overlay{picture}", "the classes tinted", lambda r, f: _picture(r.overlay(), f)),
    Product("contours", "_contours{picture}", "their outlines", lambda r, f: _picture(r.contours(), f)),
    Product("labels", "_labels{labels}", "the label image", _labels),
    Product("mean", "_mean.png", "each class in its mean colour", lambda r, _: _means(r)),
    Product("posterior", "_posterior.png", "how probable each class is", lambda r, f: _picture(r.posterior_panel(), f)),
    Product("uncertainty", "_uncertainty.png", "in bits", lambda r, f: _picture(r.uncertainty_panel(), f)),
    Product("anomaly", "_anomaly.png", "how unusual each pixel is", lambda r, f: _picture(r.anomaly_panel(), f)),
    Product("cutouts", "_cutout_{label}.png", "each class cut out", lambda r, f: _picture(r.cutout(f.label), f)),
    Product("geojson", "_classes.geojson", "polygons for maps", lambda r, _: _geojson(r)),
    Product("svg", "_classes.svg", "polygons for drawings", lambda r, _: _svg(r)),
    Product("coco", "_coco.json", "masks as COCO annotations", lambda r, _: _coco(r)),
    Product("classes", "_classes.csv", "a row of measurements for each class", lambda r, _: _table(r.class_table())),
    Product("regions", "_regions.csv", "the same for each connected region", lambda r, _: _table(r.region_table())),
    Product("measurements", "_measurements.json", "both as JSON", lambda r, _: _measurements(r)),
    Product("report", "_report.html", "a page about all this", lambda r, _: r.report().encode()),
    Product("ucm", "_ucm.png", "how different the parts beside each border are, with --regions", lambda r, _: _ucm(r)),
    Product("model", "_model.json", "the classes, for other images", lambda r, _: r.class_model.to_json().encode()),
)

_OF_BOTH = ("panel", "labels", "geojson", "svg", "coco", "regions")
REGION_PRODUCTS = (*_OF_BOTH, "ucm")
CLASS_PRODUCTS = tuple(product.name for product in PRODUCTS if product.name != "ucm")
_COMPARED = Product("compared", "_compared{picture}", "beside other methods", lambda c, f: _picture(c.panel(), f))
_ROWS = {product.name: product for product in (*PRODUCTS, _COMPARED)}


def products_in_words() -> str:
    """Every product with what it is, in one line."""
    return "; ".join(f"{product.name}, {product.help}" for product in PRODUCTS)


def plan_files(stem: str, save: Sequence[str], *, picture: str, n_classes: int, labels: str = ".png") -> list[File]:
    """The files in which products are saved.

    Parameters
    ----------
    stem : str
        What their names begin with.
    save : sequence of str
        The names of the products.
    picture : {".png", ".jpg"}
        The format of the pictures that can be either.
    n_classes : int
        How many classes there are, at most, where there is a file for each.
    labels : {".png", ".tif", ".npz"}
        The format of label images.
    """
    files = []
    for product in (_ROWS[name] for name in save):
        for label in range(1, n_classes + 1) if "{label}" in product.ending else (0,):
            ending = product.ending.format(picture=picture, labels=labels, label=label)
            files.append(File(product, file_name(stem, ending), ending[ending.rindex(".") :], label))
    return files
