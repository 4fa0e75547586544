"""What a segmentation can be saved as, one row for each product: the choices of ``--save`` come from here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from segment.writer import encode_labels, encode_picture, file_name

__all__ = ["PRODUCTS", "File", "Product", "plan_files", "products_in_words"]


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
        How its files end: ``{picture}`` stands for ``.jpg`` or ``.png``, as the input is; with ``{label}`` there is a
        file for each class.
    help : str
        What it is, in a few words.
    encode : callable
        Takes a :class:`segment.Segmentation` and the :class:`File`, and returns the bytes of the file.
    """

    name: str
    ending: str
    help: str
    encode: Callable[[Any, File], bytes]


# To offer another product add its row. Whatever is heavy is imported by what the row calls.
PRODUCTS = (
    Product("panel", "_panel{picture}", "the original beside its segments", lambda r, f: _picture(r.panel(), f)),
    Product("labels", "_labels.png", "the label image", lambda r, _: encode_labels(r.label_image, r.colours)),
    Product("anomaly", "_anomaly.png", "how unusual each pixel is", lambda r, f: _picture(r.anomaly_panel(), f)),
    Product("report", "_report.html", "a page about all this", lambda r, _: r.report().encode()),
    Product("model", "_model.json", "the classes, for other images", lambda r, _: r.class_model.to_json().encode()),
)

_COMPARED = Product("compared", "_compared{picture}", "beside other methods", lambda c, f: _picture(c.panel(), f))
_ROWS = {product.name: product for product in (*PRODUCTS, _COMPARED)}


def products_in_words() -> str:
    """Every product with what it is, in one line."""
    return "; ".join(f"{product.name}, {product.help}" for product in PRODUCTS)


def plan_files(stem: str, save: Sequence[str], *, picture: str, n_classes: int) -> list[File]:
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
    """
    files = []
    for product in (_ROWS[name] for name in save):
        labels = range(1, n_classes + 1) if "{label}" in product.ending else (0,)
        for label in labels:
            ending = product.ending.format(picture=picture, label=label)
            files.append(File(product, file_name(stem, ending), ending[ending.rindex(".") :], label))
    return files


def _picture(picture: Any, file: File) -> bytes:
    return encode_picture(picture, suffix=file.suffix)
