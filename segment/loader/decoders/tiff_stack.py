"""Decode one plane of a TIFF stack, such as of a microscope: its channels are bands, depths and times are pages.

The axes come from the metadata of OME-TIFF, ImageJ and tifffile. The letters are tifffile's: C for channels, S for the
samples of a pixel, Z for depths, T for times; Y and X are rows and columns.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, BinaryIO

import numpy as np

from segment.core.errors import ImageError
from segment.core.image import Image
from segment.core.pixel_arrays import select_bands
from segment.loader.decoders.checks import TRUNCATED_NOTE, TruncatedError, check_size, describe_page, select_page
from segment.loader.decoders.frame_count import TiffPage
from segment.loader.decoders.tiff_high_depth import (
    decode_page,
    make_image,
    open_with_tifffile,
    read_place,
)
from segment.loader.decoders.tiff_samples import DecodedPage, convert_samples
from segment.loader.read_options import ReadOptions

__all__ = ["count_planes", "decode_plane", "may_be_stack"]

# How descriptions of stacks begin. tifffile describes single pages too.
_DESCRIPTIONS = (b"ImageJ=", b"<?xml", b"<OME")
# tifffile writes the shape first, and its older versions the axes.
_DESCRIPTIONS_OF_PAGES = (b'{"shape"', b'{"axes"', b"shape=")
# Names of axes in messages.
_NAMES = {"Z": "depth", "T": "time"}
# A stack has at most this many bands: more would be the axis of something else.
_MAX_BANDS = 4096


@dataclass(frozen=True)
class _Stack:
    """The axes of a series of pages.

    Attributes
    ----------
    axes, shape : str, tuple of int
        Letters and lengths of the axes before those of a page.
    """

    axes: str
    shape: tuple[int, ...]

    @property
    def plane_axes(self) -> list[tuple[str, int]]:
        """Letters and lengths of the axes along which planes are counted."""
        return [(axis, n) for axis, n in zip(self.axes, self.shape, strict=True) if axis not in "CS"]

    @property
    def n_planes(self) -> int:
        """Number of planes."""
        return math.prod(n for _, n in self.plane_axes)

    def list_pages(self, plane: int) -> tuple[list[int], str]:
        """List the numbers of the pages of a plane, one for each channel, and describe the plane."""
        lengths = [n for _, n in self.plane_axes]
        places = iter(np.unravel_index(plane, lengths) if lengths else ())
        ranges: list[Sequence[int]] = []
        words = []
        for axis, n in zip(self.axes, self.shape, strict=True):
            if axis in "CS":
                ranges.append(range(n))
                continue
            place = int(next(places))
            ranges.append([place])
            words += [f"{_NAMES[axis]} {place + 1} of {n}"] if axis in _NAMES else []
        pages = [int(np.ravel_multi_index(index, self.shape)) for index in product(*ranges)] if self.shape else [0]
        return pages, ", ".join(words)


def may_be_stack(images: Sequence[TiffPage]) -> bool:
    """Say whether a TIFF may hold a stack, so that its metadata have to be read.

    Parameters
    ----------
    images : sequence of TiffPage
        The pages that are images, at least one.

    Examples
    --------
    >>> may_be_stack([TiffPage(0, 0, (4, 3), b"ImageJ=1.54f")]), may_be_stack([TiffPage(0, 0, (4, 3), b"")])
    (True, False)
    """
    description = images[0].description.lstrip()
    if description.startswith(_DESCRIPTIONS):
        return True
    if len(images) < 2 or not description.startswith(_DESCRIPTIONS_OF_PAGES):
        return False
    # Where pages were written one by one, each is a series of its own, and tifffile compares all with each other.
    width, height = images[0].size
    shape = tuple(map(int, re.findall(rb"\d+", description.partition(b"]")[0])))
    return shape not in ((height, width), *((height, width, n) for n in (1, 3, 4)))


def count_planes(stream: BinaryIO) -> int:
    """Count the planes of a stack.

    Parameters
    ----------
    stream : binary file
        A TIFF.

    Returns
    -------
    int
        0 if the file has no more than its pages say.
    """
    with open_with_tifffile(stream) as file:
        stack = _describe_stack(file.series[0])
        return 0 if stack is None else stack.n_planes


def decode_plane(stream: BinaryIO, options: ReadOptions) -> Image | None:
    """Decode one plane of a stack.

    Parameters
    ----------
    stream : binary file
        It is moved.
    options : ReadOptions
        Its `page` is the number of the plane in the order of the file.

    Returns
    -------
    Image or None
        None if the file has no more than its pages say: one channel and one plane.

    Raises
    ------
    ImageError
        If the plane is too large, truncated, in another file, or of a kind that cannot be converted.
    SettingsError
        If there is no such plane or band.
    """
    with open_with_tifffile(stream) as file:
        series = file.series[0]
        stack = _describe_stack(series)
        if stack is None:
            _check_imagej_planes(file, allow_truncated=options.allow_truncated)
            return None
        n = stack.n_planes
        numbers, words = stack.list_pages(select_page(options.page, n) - 1)
        reader = _PlaneReader(series, stream, options)
        decoded = reader.decode_bands(numbers)
        place = read_place(series.keyframe)
        notes = _describe_plane(options.page, n, words, len(numbers), len(file.series))
    return make_image(decoded, place, notes)


def _describe_stack(series: Any) -> _Stack | None:
    """Describe the axes of a series; None where it is a single page."""
    n_page_axes = len(series.keyframe.shape)
    axes, shape = series.axes[:-n_page_axes], tuple(int(n) for n in series.shape[:-n_page_axes])
    page_axes = series.axes[-n_page_axes:]
    if math.prod(shape) == 1 or {"Y", "X"} & set(axes) or not {"Y", "X"} <= set(page_axes):
        return None
    return _Stack(axes, shape)


def _check_imagej_planes(file: Any, *, allow_truncated: bool) -> None:
    """Refuse a file of ImageJ that lacks planes: tifffile then shows its first page alone."""
    n = (file.imagej_metadata or {}).get("images", 1) if file.is_imagej else 1
    if n > len(file.pages) and not allow_truncated:
        raise TruncatedError(f"some of its {n} planes are missing")


def _describe_plane(page: int, n: int, words: str, n_channels: int, n_series: int) -> tuple[str, ...]:
    """Write notes on what was taken of a stack."""
    notes = describe_page(page, n, words)
    if n_channels > 1:
        notes += (f"the {n_channels} channels of the file are bands",)
    if n_series > 1:
        notes += (f"only the first image is used: the file holds {n_series - 1} more",)
    return notes


@dataclass(frozen=True)
class _PlaneReader:
    """Reads pages of a series."""

    series: Any
    stream: BinaryIO
    options: ReadOptions

    def decode_bands(self, pages: Sequence[int]) -> DecodedPage:
        """Decode the channels of a plane, one on each page, as bands."""
        if len(pages) > _MAX_BANDS:
            raise ImageError(f"a stack has at most {_MAX_BANDS} channels; got {len(pages)}. Save some of them.")
        bands = self.options.bands
        if len(pages) == 1:
            return self._decode(pages[0], bands)
        first = self._decode(pages[0], ())
        n_each = first.array.shape[2] - first.has_alpha
        n = n_each * len(pages)
        # Refuses bands that do not exist before other pages are decoded.
        select_bands(np.zeros((1, 1, n), dtype=np.uint8), bands)
        wanted = [band - 1 for band in bands] or range(n)
        parts = {0: first, **{i: self._decode(pages[i], ()) for i in {band // n_each for band in wanted} - {0}}}
        array = np.dstack([parts[band // n_each].array[..., band % n_each] for band in wanted])
        used = [parts[i] for i in sorted({band // n_each for band in wanted})]
        valid = np.logical_and.reduce([part.valid for part in used])
        found = [values for band in wanted if (values := parts[band // n_each].stored) is not None]
        # The channels of a palette are not stored one by one.
        stored = np.dstack(found) if n_each == 1 and len(found) == len(wanted) else None
        own_notes = dict.fromkeys(note for part in used for note in part.notes)
        return replace(first, array=array, valid=valid, has_alpha=False, notes=tuple(own_notes), stored=stored)

    def _decode(self, number: int, bands: tuple[int, ...]) -> DecodedPage:
        """Decode a page of the series."""
        # ImageJ writes large stacks as one page with the pixels of all others behind its own.
        if self.series.is_truncated and number:
            return self._decode_behind(number, bands)
        page = self.series[number]
        if page is None:
            raise ImageError("this part of the stack lies in another file or is missing. Name that file.")
        page = page.aspage() if hasattr(page, "aspage") else page
        return decode_page(page, self.stream, replace(self.options, bands=bands))

    def _decode_behind(self, number: int, bands: tuple[int, ...]) -> DecodedPage:
        """Decode a page that has no entry of its own: its pixels follow those of the first page."""
        first = self.series.keyframe
        check_size(first.imagewidth, first.imagelength, self.options.max_pixels)
        n_bytes = first.nbytes
        self.stream.seek(first.dataoffsets[0] + number * n_bytes)
        data = self.stream.read(n_bytes)
        if len(data) < n_bytes and not self.options.allow_truncated:
            raise TruncatedError
        dtype = first.dtype.newbyteorder(first.parent.byteorder)
        shaped = np.frombuffer(data.ljust(n_bytes, b"\0"), dtype).astype(first.dtype).reshape(first.shaped)
        samples = np.moveaxis(shaped, 0, -1)[0].reshape(*shaped.shape[2:4], -1)
        # The rows that the file still holds, of pixels that lie together.
        n_rows = len(data) * shaped.shape[2] // n_bytes
        present = np.zeros(samples.shape[:2], dtype=bool)
        present[:n_rows] = True
        notes = () if len(data) == n_bytes else (TRUNCATED_NOTE,)
        return convert_samples(first, samples, present, bands, notes)
