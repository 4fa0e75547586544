"""Results to files: the products that the settings name, all of them or none."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from os import PathLike
from pathlib import Path
from typing import Any, BinaryIO

from segment.products import plan_files
from segment.writer import pipe_files, write_files

__all__ = ["save_products"]

_AT_ONCE = 2  # files that are made at the same time: each may need a map of the whole image


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
        parts = pool.map(lambda file: file.product.encode(result, file), files)
        contents = dict(zip((file.name for file in files), parts, strict=True))
    if not isinstance(folder, (str, PathLike)):
        pipe_files(folder, contents.values())
        return []
    return write_files(Path(folder), contents, overwrite=config.overwrite)
