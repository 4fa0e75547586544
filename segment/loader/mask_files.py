"""Read masks and regions of interest: pictures, arrays of NumPy, and polygons in GeoJSON."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.core.errors import ImageError, describe_os_error, format_percent, printable_path
from segment.core.georeference import NOWHERE, Georeference
from segment.core.interest import RegionsOfInterest
from segment.loader.decoders.frame_count import iterate_webp_chunks
from segment.loader.loader import count_pages, load_image
from segment.loader.polygon_files import PolygonFile, read_polygons

__all__ = [
    "FIRST_PAGE",
    "LabelFile",
    "MaskFile",
    "PageOfImage",
    "PolygonFile",
    "count_values",
    "describe_mask",
    "read_head",
    "read_interest",
    "read_mask",
]

_NUMPY = (b"\x93NUMPY", b"PK\x03\x04")  # first bytes of .npy and .npz
LOSSY_THRESHOLD = 128  # compression with loss leaves small values where the mask was 0
# A mask is soft where it has more values than this, of which those in the middle are few beside the high ones: labels
# and codes of classes are not distributed so. The share of pixels that count and are low is worth a word.
MAX_HARD_VALUES, MAX_MIDDLE, MIN_LOW_SHARE = 8, 0.25, 0.002


@dataclass(frozen=True, eq=False)
class MaskFile:
    """A mask as it was read.

    Attributes
    ----------
    counts : ndarray of shape (H, W), bool
        True where a pixel counts.
    georeference : Georeference
        Where its pixels lie on the earth, if the file says so.
    notes : tuple of str
        What a user should know about how it was read, a sentence each.
    """

    counts: NDArray[np.bool_]
    georeference: Georeference = NOWHERE
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class LabelFile:
    """A label image of regions of interest.

    Attributes
    ----------
    interest : RegionsOfInterest
        Each region is called by its number in the file.
    georeference : Georeference
        Where its pixels lie on the earth, if the file says so.
    notes : tuple of str
        What a user should know about how it was read, a sentence each.
    """

    interest: RegionsOfInterest
    georeference: Georeference = NOWHERE
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class PageOfImage:
    """Which page of an image a mask is for.

    Attributes
    ----------
    number : int
        From 1.
    n_pages : int
        How many pages the image has, if all of them are segmented; else 0.
    """

    number: int = 1
    n_pages: int = 0


FIRST_PAGE = PageOfImage()


def read_mask(path: str, *, max_pixels: int, page: PageOfImage = FIRST_PAGE) -> MaskFile:
    """Read a mask: a pixel counts where it is not 0 in every channel, and not transparent.

    Parameters
    ----------
    path : str
        A picture of any kind that :func:`segment.load_image` reads, or an array in a ``.npy`` or ``.npz`` file. Of
        JPEG, AVIF, HEIC and WebP with loss, whose zeros are not exact, pixels of at least 128 count. Of a TIFF the
        values count that are stored, of other files with a palette the colors.
    max_pixels : int
        A larger picture is refused.
    page : PageOfImage
        Of a mask with several pages that of the same number is read.

    Raises
    ------
    ImageError
        If it cannot be read, has no pixel that holds data, or has other pages than the image; one line that begins with
        the path.
    """
    head = read_head(path)
    if head.startswith(_NUMPY):
        return MaskFile(_reduce_channels(_read_array(path) != 0))
    if _is_json(head):
        raise ImageError(f"{printable_path(path)}: a mask is a picture or an array; got JSON. Give polygons to --roi.")
    number, notes = _choose_page(path, page)
    image = load_image(path, max_pixels=max_pixels, keep_profile=True, page=number)
    pixels = image.pixels if image.stored is None else image.stored
    is_lossy = _is_lossy(path, head) and pixels.max() >= LOSSY_THRESHOLD
    values = pixels >= LOSSY_THRESHOLD if is_lossy else pixels != 0
    counts = _reduce_channels(values) & image.valid
    histogram = count_values(pixels if pixels.ndim == 2 else pixels.max(axis=2))
    is_full = bool(counts.all() and (pixels != pixels[0, 0]).any())
    notes += describe_mask(path, histogram[:0] if is_lossy else histogram, is_full=is_full)
    if not counts.any() and not image.valid.all():
        why = "; ".join(image.notes) or "others are transparent or hold no data"
        raise ImageError(
            f"{printable_path(path)}: a mask has pixels that are not zero; got none that hold data: {why}. "
            "Save it with 0 and 1."
        )
    return MaskFile(counts, image.georeference, notes)


def _is_json(head: bytes) -> bool:
    """Tell by its first bytes whether a file is JSON, as polygons are."""
    return head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{")


def _is_lossy(path: str, head: bytes) -> bool:
    """Tell whether a picture is of a format that is usually compressed with loss, or a WebP that is."""
    if head.startswith(b"RIFF"):
        with open(path, "rb") as file:  # noqa: PTH123  a color profile may come before the pixels
            return all(kind != b"VP8L" for kind, _, _ in iterate_webp_chunks(file))
    return head.startswith(b"\xff\xd8\xff") or head[4:8] == b"ftyp"  # JPEG, AVIF and HEIC


def count_values(values: NDArray[Any]) -> NDArray[np.int64]:
    """Count the pixels of a mask, or of a part of it, that have each value.

    Parameters
    ----------
    values : ndarray of shape (H, W)

    Returns
    -------
    ndarray of shape (n,), int64
        Of the values from 0 on: 256 of 8 bits, 65536 of 16; none of other types than unsigned ones of 8 and 16 bits.
    """
    if values.dtype not in (np.uint8, np.uint16):
        return np.zeros(0, dtype=np.int64)
    return np.bincount(values.reshape(-1), minlength=1 << 8 * values.dtype.itemsize)


def describe_mask(path: str, histogram: NDArray[np.int64], *, is_full: bool) -> tuple[str, ...]:
    """Note what a mask counts that may not be meant.

    Parameters
    ----------
    path : str
    histogram : ndarray of shape (n,)
        Pixels of each value, as :func:`count_values` gives them.
    is_full : bool
        Whether it leaves out no pixel though it has several values.

    Returns
    -------
    tuple of str
        That its borders are soft, or that compression has made other values of its zeros: all of it counts. That it
        leaves out nothing.
    """
    notes: tuple[str, ...] = ()
    full = int(np.flatnonzero(histogram).max(initial=0))
    counts = histogram[1 : full + 1]
    n_low, n_middle = int(counts[: full // 2].sum()), int(counts[full // 4 : 3 * full // 4].sum())
    n_high, n = int(counts[3 * full // 4 :].sum()), int(counts.sum())
    is_soft = np.count_nonzero(counts) > MAX_HARD_VALUES and n_middle <= MAX_MIDDLE * n_high
    if full >= LOSSY_THRESHOLD and is_soft and n_low >= MIN_LOW_SHARE * n:
        notes += (
            f"{format_percent(n_low, n)} of the pixels that {printable_path(path)} counts have less than half of its "
            "largest value: save it with 0 and 1",
        )
    if is_full:
        notes += (f"{printable_path(path)} leaves out no pixel: none of its values is 0",)
    return notes


def _choose_page(path: str, page: PageOfImage) -> tuple[int, tuple[str, ...]]:
    """Choose the page of a mask or label image that belongs to a page of the image, and note it where it is a guess."""
    n = count_pages(path)
    if n == 1:
        return 1, ()
    shown = printable_path(path)
    if page.number > n or page.n_pages not in (0, n):
        of = f"the {page.n_pages} pages" if page.n_pages else "the pages"
        raise ImageError(f"{shown}: a mask has one page, or one for each of {of} of its image; got {n}. Save it so.")
    return page.number, () if page.n_pages else (f"page {page.number} of {n} of {shown} is used",)


def read_interest(path: str, *, max_pixels: int, page: PageOfImage = FIRST_PAGE) -> LabelFile | PolygonFile:
    """Read regions of interest.

    Parameters
    ----------
    path : str
        GeoJSON; or a label image: a gray picture, a palette picture, whose indices are the labels, or an array in a
        ``.npy`` or ``.npz`` file.
    max_pixels : int
        A larger picture is refused.
    page : PageOfImage
        As for `read_mask`.

    Raises
    ------
    ImageError
        If it cannot be read, or has no region; one line that begins with the path.
    """
    head = read_head(path)
    if _is_json(head):
        return read_polygons(path)
    place = NOWHERE
    notes: tuple[str, ...] = ()
    if head.startswith(_NUMPY):
        labels = _read_array(path)
    else:
        number, notes = _choose_page(path, page)
        image = load_image(path, max_pixels=max_pixels, keep_profile=True, page=number)
        place = image.georeference
        indices = _read_indices(path, image.pixels.shape[:2]) if image.stored is None else image.stored
        labels = image.pixels if indices is None else indices
        labels = np.where(image.valid, labels, 0) if labels.ndim == 2 else labels
    shown = printable_path(path)
    if labels.ndim == 3 and (labels == labels[..., :1]).all():
        labels = labels[..., 0]
    if labels.ndim != 2:
        raise ImageError(
            f"{shown}: a label image has one number for each pixel; got {labels.shape[2]} channels. "
            "Save it as gray or with a palette."
        )
    try:
        return LabelFile(RegionsOfInterest.from_labels(labels), place, notes)
    except ImageError as error:
        raise ImageError(f"{shown}: {error}") from error


def read_head(path: str) -> bytes:
    """Read the first bytes of a file.

    Parameters
    ----------
    path : str

    Returns
    -------
    bytes
        At most 64; none of what is no regular file, which :func:`segment.load_image` refuses by its own rule.

    Raises
    ------
    ImageError
        If it cannot be opened.
    """
    try:
        if not os.path.isfile(path):  # noqa: PTH113
            return b""
        with open(path, "rb") as file:  # noqa: PTH123
            return file.read(64)
    except (OSError, ValueError) as error:
        raise ImageError(
            f"{printable_path(path)}: cannot be opened; {describe_os_error(error)}. Check the path and its permissions."
        ) from error


def _read_array(path: str) -> NDArray[Any]:
    """Read an array of NumPy; of several the one that is named labels, or the first."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123
            found: Any = np.load(file, allow_pickle=False)
            if not isinstance(found, np.ndarray):
                found = found["labels" if "labels" in found.files else found.files[0]]
    except Exception as error:  # damaged archives raise many kinds
        raise ImageError(f"{printable_path(path)}: the array is damaged or of objects. Save it again.") from error
    if found.ndim not in (2, 3) or found.size == 0 or found.dtype.kind not in "buif":
        raise ImageError(
            f"{printable_path(path)}: an array of numbers of shape (H, W); got {found.dtype} of shape {found.shape}. "
            "Save it again."
        )
    return np.asarray(found)


def _reduce_channels(values: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return True where any channel is True: (H, W)."""
    return np.asarray(values if values.ndim == 2 else values.any(axis=2))


def _read_indices(path: str, shape: tuple[int, ...]) -> NDArray[Any] | None:
    """Read the indices of a palette picture, which the loader turns into colors; None for any other."""
    from PIL import Image as PilImage

    try:
        with PilImage.open(path) as picture:
            # A picture that is turned by EXIF has another shape; then its colors are refused.
            return np.asarray(picture) if picture.mode == "P" and picture.size == shape[::-1] else None
    except Exception:  # what Pillow does not read has no palette for it; the file itself has been read before
        return None
