"""The products that a segmentation can be saved as, one row each: the choices of ``--save`` come from here."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from segment.core.atomic_files import build_file_name

__all__ = [
    "CLASS_PRODUCTS",
    "PRODUCTS",
    "REGION_PRODUCTS",
    "RELABEL_PRODUCTS",
    "RELABEL_PRODUCTS_WITHOUT_IMAGE",
    "File",
    "Product",
    "describe_products",
    "plan_files",
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
        Its name in the setting `save`.
    ending : str
        How its files end: ``{picture}`` stands for ``.jpg`` or ``.png``, as the input is, ``{labels}`` for the format
        of label images, ``{kind}`` for classes or regions, whichever it holds; with ``{label}`` there is a file for
        each class.
    help : str
        What it is, in a few words.
    """

    name: str
    ending: str
    help: str


# To offer another product add its row here and its encoder in segment/output/products.py.
PRODUCTS = (
    Product("panel", "_panel{picture}", "the original beside its segments"),
    Product("overlay", "_overlay{picture}", "the classes tinted"),
    Product("contours", "_contours{picture}", "their outlines"),
    Product("labels", "_labels{labels}", "the label image"),
    Product("mean", "_mean.png", "each class in its mean color"),
    Product("posterior", "_posterior.png", "how probable each class is"),
    Product("uncertainty", "_uncertainty.png", "in bits"),
    Product("anomaly", "_anomaly.png", "how unusual each pixel is"),
    Product("cutouts", "_cutout_{label}.png", "each class cut out"),
    Product("masks", "_mask_{label}.png", "each class in white on black"),
    Product("geojson", "_{kind}.geojson", "polygons for maps"),
    Product("svg", "_{kind}.svg", "polygons for drawings"),
    Product("coco", "_coco.json", "masks as COCO annotations"),
    Product("classes", "_classes.csv", "a row of measurements for each class"),
    Product("regions", "_regions.csv", "the same for each connected region"),
    Product("objects", "_objects.csv", "the same for each object: regions near each other, by --group-distance"),
    Product(
        "numbers", "_numbers{picture}", "the numbers of the objects, or with --regions of the regions, on the picture"
    ),
    Product("outline", "_outline.png", "contours with class numbers and a key of colors, to paint by numbers"),
    Product("measurements", "_measurements.json", "both as JSON"),
    Product("report", "_report.html", "a page about all this"),
    Product("hierarchy", "_hierarchy.json", "in which order and at which cost regions are merged, with --regions"),
    Product("ucm", "_ucm.png", "how different the parts beside each border are, with --regions"),
    Product("model", "_model.json", "the classes, for other images"),
    Product("config", "_config.toml", "the settings, for --config"),
)
_OF_REGIONS = ("hierarchy", "ucm")  # alone
REGION_PRODUCTS = ("panel", "labels", "geojson", "svg", "coco", "regions", "config", "numbers", *_OF_REGIONS)
# `segment relabel` makes these from the labels alone, and these with the image too.
RELABEL_PRODUCTS_WITHOUT_IMAGE = ("labels", "masks", "geojson", "svg", "coco", "outline")
RELABEL_PRODUCTS = (
    *RELABEL_PRODUCTS_WITHOUT_IMAGE,
    *("panel", "overlay", "contours", "mean", "cutouts", "classes", "regions", "measurements"),
    *("objects", "numbers"),
)
CLASS_PRODUCTS = tuple(product.name for product in PRODUCTS if product.name not in _OF_REGIONS)
# What `segment compare` and `segment explore` write; they cannot be chosen.
_COMPARED = Product("compared", "_compared{picture}", "beside other methods")
_EXPLORED = Product("explored", "_explored{picture}", "several numbers of classes")
_ROWS = {product.name: product for product in (*PRODUCTS, _COMPARED, _EXPLORED)}


def describe_products(names: Container[str] | None = None) -> str:
    """Describe products in one line.

    Parameters
    ----------
    names : container of str, optional
        Those that are described; by default all.

    Examples
    --------
    >>> describe_products(("ucm", "svg"))
    'svg, polygons for drawings; ucm, how different the parts beside each border are, with --regions'
    """
    chosen = [product for product in PRODUCTS if names is None or product.name in names]
    return "; ".join(f"{product.name}, {product.help}" for product in chosen)


def plan_files(
    stem: str, save: Sequence[str], *, picture: str, n_classes: int, labels: str = ".png", regions: int | str = 0
) -> list[File]:
    """Plan the files in which products are saved.

    Parameters
    ----------
    stem : str
        The beginning of their names.
    save : sequence of str
        Names of the products.
    picture : {".png", ".jpg"}
        The format of the pictures that can be either.
    n_classes : int
        Largest number of classes: some products have a file for each.
    labels : {".png", ".tif", ".npz"}
        The format of label images.
    regions : int or "auto"
        The setting: polygons are named for classes where it is 0, else for regions.

    Returns
    -------
    list of File
        In the order of `save`.

    Examples
    --------
    >>> [file.name for file in plan_files("a", ["labels", "cutouts"], picture=".jpg", n_classes=2)]
    ['a_labels.png', 'a_cutout_1.png', 'a_cutout_2.png']
    """
    files, kind = [], "classes" if regions == 0 else "regions"
    # A product with {label} in its ending has one file for each class; label 0 stands for all classes.
    for product in (_ROWS[name] for name in save):
        for label in range(1, n_classes + 1) if "{label}" in product.ending else (0,):
            ending = product.ending.format(picture=picture, labels=labels, label=label, kind=kind)
            files.append(File(product, build_file_name(stem, ending), ending[ending.rindex(".") :], label))
    return files
