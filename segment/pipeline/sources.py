"""What is segmented: what messages call it, by which path its mask is found, and its pages."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from os import PathLike
from typing import BinaryIO

from numpy.typing import ArrayLike

from segment.config.config import SegmentConfig
from segment.core.errors import SegmentError, SettingsError, printable_path
from segment.core.image import Image
from segment.loader.loader import FilePage, count_pages
from segment.loader.mask_files import PageOfImage

__all__ = ["Source", "get_page", "get_page_name", "get_source_name", "get_source_path", "list_pages", "name_page"]

Source = ArrayLike | Image | BinaryIO | str | PathLike[str]


def get_source_name(source: object) -> str:
    """Get what messages call an image.

    Parameters
    ----------
    source : object
        What is segmented.

    Returns
    -------
    str
        Its path, or "image" for an array.

    Examples
    --------
    >>> get_source_name("photo.jpg")
    'photo.jpg'
    """
    return printable_path(source) if isinstance(source, (str, PathLike)) else "image"


def get_page_name(source: object) -> str:
    """Get what messages call an image that may be one of the pages of a file.

    Parameters
    ----------
    source : object
        What is segmented.

    Returns
    -------
    str
        As from :func:`get_source_name`, with the number of the page where the file has several.

    Examples
    --------
    >>> get_page_name(FilePage("stack.tif", 2, 9))
    'stack.tif, page 2'
    """
    name = get_source_name(source)
    return f"{name}, page {source.number}" if isinstance(source, FilePage) and source.n_pages > 1 else name


@contextmanager
def name_page(source: object) -> Iterator[None]:
    """Let an error about one of the pages of a file name the page, not the file alone.

    Parameters
    ----------
    source : object
        What is segmented.
    """
    try:
        yield
    except SegmentError as error:
        file, page = get_source_name(source), get_page_name(source)
        if file == page or not str(error).startswith(f"{file}: "):
            raise
        raise type(error)(page + str(error).removeprefix(file)) from error


def get_source_path(source: object, image: Image) -> str:
    """Get the path by which the mask of an image is found in a folder.

    Parameters
    ----------
    source : object
        What is segmented.
    image : Image
        The same, loaded.

    Returns
    -------
    str
        Its path, or the name of the file that an Image was loaded from; empty for an array.
    """
    return os.fsdecode(source) if isinstance(source, (str, PathLike)) else image.file_name


def get_page(source: object, config: SegmentConfig) -> PageOfImage:
    """Get which page of its file an image is, for a mask that has a page for each.

    Parameters
    ----------
    source : object
        What is segmented.
    config : SegmentConfig
        Its `page` counts where not all pages are segmented.
    """
    if isinstance(source, FilePage):
        return PageOfImage(source.number, source.n_pages)
    return PageOfImage(config.page if isinstance(config.page, int) else 1)


def list_pages(sources: Iterable[Source], config: SegmentConfig) -> list[Source]:
    """List what is segmented: each source or, where the settings ask for all pages, each page of each file.

    Parameters
    ----------
    sources : iterable of path, binary file, array_like or Image
    config : SegmentConfig
        Its `page` counts.

    Raises
    ------
    ImageError
        If a file cannot be read.
    SettingsError
        If all pages are asked for of what is no path.
    """
    if config.page != "all":
        return list(sources)
    pages: list[Source] = []
    for source in sources:
        if not isinstance(source, (str, PathLike)):
            raise SettingsError("page (--page): all pages of a file that has a path; got other pixels. Leave it out.")
        n_pages = count_pages(source)
        pages += [FilePage(os.fsdecode(source), number, n_pages) for number in range(1, n_pages + 1)]
    return pages
