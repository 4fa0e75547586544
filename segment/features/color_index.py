"""The distinct colors of an image, and the way back from them to its pixels.

A photograph of 12 megapixels has some hundred thousand distinct colors, and whatever is a function of a pixel's color
needs computing only once for each of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.core.image import Image
from segment.core.opencv import load_cv2
from segment.core.threads import run_in_threads

__all__ = ["ColorCounts", "ColorIndex", "sum_counts"]

FLOAT_STEPS = 65535  # float pixels are read as this many steps between black and white
CHUNK_PIXELS = 2**16  # pixels handled at once
PAGE_BITS = 8  # bits of a code that a page of a sparse table is for
PIECE_PIXELS = 2**20  # pixels that one thread counts or fills at a time


class ColorIndex:
    """The valid pixels of an image by color.

    Gray images and 8-bit color have a table with a place for every possible color; the distinct colors of the whole
    image are found once. 16-bit and float color is handled in blocks of pixels, so memory stays flat.

    Parameters
    ----------
    image : Image

    Attributes
    ----------
    n_channels : int
        1 for gray, 3 for RGB, or the number of bands.
    black, white : float
        The scale of the colors given out: that of the image, or 0 and 65535 for float pixels.
    is_tabled : bool
        Whether :meth:`iterate_parts` has one part, with every color in it once.
    """

    def __init__(self, image: Image) -> None:
        self._shape = image.pixels.shape[:2]
        self._valid = image.valid
        self._all_valid = bool(image.valid.all())
        self.n_channels = 1 if image.is_gray else int(image.pixels.shape[2])
        self.black, self.white = image.black, image.white
        pixels = image.pixels
        if pixels.dtype.kind == "f":
            pixels = _quantize_floats(image)
            self.black, self.white = 0.0, float(FLOAT_STEPS)
        self._pixels = pixels.reshape(-1, self.n_channels)
        self._bits = 8 * pixels.dtype.itemsize
        self.is_tabled = self._bits * self.n_channels <= 24
        self._is_wide = self._bits * self.n_channels > 64  # more than a number holds: hardly two pixels are alike
        self._table = self._count_colors() if self.is_tabled else None

    def iterate_parts(self) -> Iterator[tuple[NDArray[Any], NDArray[np.int64]]]:
        """The distinct colors, (m, n_channels) integers, with the number of pixels of each, (m,), in parts."""
        if self._table is not None:
            yield self._decode(self._table[0]), self._table[1]
            return
        for rows in self._iterate_blocks():
            if self._is_wide:
                colors = self._pixels[rows][self._valid.reshape(-1)[rows]]
                yield colors, np.ones(len(colors), dtype=np.int64)
                continue
            codes, counts = _count_codes(self._encode_valid(rows))
            if codes.size:
                yield self._decode(codes), counts

    @property
    def pixels(self) -> NDArray[Any]:
        """The color of each pixel, row by row: (H * W, n_channels) integers."""
        return self._pixels

    def map_to_pixels(self, function: Callable[[NDArray[Any]], NDArray[Any]]) -> NDArray[Any]:
        """The value that a function has for every pixel's color.

        Parameters
        ----------
        function : callable
            Takes colors, (m, n_channels) integers, and returns an array of shape (m,) or (m, k).

        Returns
        -------
        ndarray of shape (H, W) or (H, W, k), of the function's dtype
            0 where the pixel is not valid.
        """
        first = function(np.zeros((1, self.n_channels), dtype=self._pixels.dtype))
        out = np.zeros((len(self._pixels), *first.shape[1:]), dtype=first.dtype)
        if self._table is not None:
            codes = self._table[0]
            table = np.zeros((int(codes[-1]) + 1 if codes.size else 1, *first.shape[1:]), dtype=first.dtype)
            table[codes] = function(self._decode(codes)) if codes.size else 0

            def fill(piece: slice) -> None:
                for rows in self._iterate_blocks(piece):
                    np.take(table, self._encode(self._pixels[rows]).astype(np.intp), axis=0, out=out[rows], mode="clip")

            self._map_pieces(fill)
        elif self._is_wide:
            for rows in self._iterate_blocks():
                out[rows] = function(self._pixels[rows])
        else:
            for rows in self._iterate_blocks():
                codes, place = np.unique(self._encode(self._pixels[rows]), return_inverse=True)
                out[rows] = function(self._decode(codes))[place.reshape(-1)]
        if not self._all_valid:
            out[~self._valid.reshape(-1)] = 0
        return out.reshape(*self._shape, *first.shape[1:])

    def make_pixel_lookup(
        self, function: Callable[[NDArray[Any]], NDArray[Any]]
    ) -> Callable[[NDArray[np.intp]], NDArray[Any]]:
        """The same for some pixels at a time.

        Parameters
        ----------
        function : callable
            Takes colors, (m, n_channels) integers, and returns an array of shape (m, k).

        Returns
        -------
        callable
            Takes numbers of pixels in row order, (n,), and returns the function's values at their colors, (n, k). What
            it gives for pixels that are not valid has no meaning.
        """
        if self._is_wide:
            return lambda where: function(self._pixels[where])
        if self._table is None:

            def find_values(where: NDArray[np.intp]) -> NDArray[Any]:
                codes, place = np.unique(self._encode(self._pixels[where]), return_inverse=True)
                return function(self._decode(codes))[place.reshape(-1)]

            return find_values
        codes = self._table[0]
        find = _make_code_finder(codes)
        values = function(self._decode(codes)) if codes.size else function(np.zeros((1, self.n_channels), np.uint8))
        return lambda where: values.take(find(self._encode(self._pixels.take(where, axis=0))), axis=0)

    def _count_colors(self) -> tuple[NDArray[Any], NDArray[np.int64]]:
        """The distinct codes in ascending order and the number of pixels of each."""
        parts = self._map_pieces(lambda piece: _count_codes(self._encode_valid(piece)))
        codes, counts = (np.concatenate(column) for column in zip(*parts, strict=True))
        order = np.argsort(codes, kind="stable")
        codes, starts = _find_runs(codes[order])
        return codes, np.add.reduceat(counts[order], starts) if codes.size else counts

    def _map_pieces(self, work: Callable[[slice], Any]) -> list[Any]:
        """Do the work for every piece of the pixels, several at a time."""
        pieces = [slice(start, start + PIECE_PIXELS) for start in range(0, max(1, len(self._pixels)), PIECE_PIXELS)]
        return run_in_threads(work, pieces)

    def _iterate_blocks(self, piece: slice = slice(None)) -> Iterator[slice]:
        start, stop, _ = piece.indices(len(self._pixels))
        return (slice(at, min(at + CHUNK_PIXELS, stop)) for at in range(start, stop, CHUNK_PIXELS))

    def _encode_valid(self, rows: slice) -> NDArray[Any]:
        """One number for the color of each valid pixel."""
        pixels = self._pixels[rows]
        return self._encode(pixels if self._all_valid else pixels[self._valid.reshape(-1)[rows]])

    def _encode(self, pixels: NDArray[Any]) -> NDArray[Any]:
        """One number for each color (n, n_channels), the first channel in its lowest bits."""
        if (
            self._bits == 8 and self.n_channels == 3 and len(pixels)
        ):  # a fourth byte makes each pixel a number as it stands
            cv2 = load_cv2()
            codes: NDArray[Any] = cv2.cvtColor(pixels[None], cv2.COLOR_RGB2RGBA).view("<u4").reshape(-1)
            codes &= np.uint32(0xFFFFFF)
            return codes
        return _pack_codes(pixels, self._bits)

    def _decode(self, codes: NDArray[Any]) -> NDArray[Any]:
        """The colors (n, n_channels) of such numbers."""
        return _unpack_codes(codes, self._bits, self.n_channels).astype(self._pixels.dtype)


class ColorCounts:
    """How often each color occurs in the parts of what is too large to be held: as :class:`ColorIndex`, added up.

    Parameters
    ----------
    dtype : {"uint8", "uint16"}
        Of the colors.
    n_channels : int
        So many that a color has at most 24 bits.
    """

    def __init__(self, dtype: str, n_channels: int) -> None:
        self._dtype = np.dtype(dtype)
        self._bits = 8 * self._dtype.itemsize
        self._n_channels = n_channels
        self._counts = np.zeros(2 ** (self._bits * n_channels), dtype=np.int64)

    def add(self, colors: NDArray[Any], counts: NDArray[np.int64]) -> None:
        """Count colors (m, n_channels), no two alike, so many times each."""
        self._counts[_pack_codes(colors, self._bits)] += counts

    def iterate_parts(self) -> Iterator[tuple[NDArray[Any], NDArray[np.int64]]]:
        """The distinct colors with their counts, in one part: those of :meth:`ColorIndex.iterate_parts` of the whole."""
        codes = np.flatnonzero(self._counts)
        yield _unpack_codes(codes, self._bits, self._n_channels).astype(self._dtype), self._counts[codes]

    def make_lookup(self, function: Callable[[NDArray[Any]], NDArray[Any]]) -> Callable[[NDArray[Any]], NDArray[Any]]:
        """The function (m, n_channels) -> (m,) with its values at the counted colors looked up."""
        ((colors, _),) = self.iterate_parts()
        known = function(colors)
        values = np.zeros(len(self._counts), dtype=known.dtype)
        values[_pack_codes(colors, self._bits)] = known
        bits = self._bits
        return lambda asked: values.take(_pack_codes(asked, bits))


def _make_code_finder(codes: NDArray[Any]) -> Callable[[NDArray[Any]], NDArray[np.int32]]:
    """A function that finds numbers of 24 bits at most among the ascending `codes`, which all are to be of.

    It looks them up in a table with a page for each 256 numbers in a row, if there is a code among them: of a table of
    all numbers every code would touch another page of memory, which takes longer than all else. What it says of a
    number that is none of the codes has no meaning.
    """
    high, low = codes >> codes.dtype.type(PAGE_BITS), codes & codes.dtype.type(2**PAGE_BITS - 1)
    is_first = np.ones(codes.size, dtype=bool)
    np.not_equal(high[1:], high[:-1], out=is_first[1:])
    page = np.cumsum(is_first, dtype=np.int32)  # from 1: page 0 is for numbers that are none of the codes
    page_of = np.zeros(int(high[-1]) + 1 if codes.size else 1, dtype=np.int32)
    page_of[high] = page
    places = np.zeros((int(page[-1]) + 1 if codes.size else 1) << PAGE_BITS, dtype=np.int32)
    places[(page << PAGE_BITS) | low] = np.arange(codes.size, dtype=np.int32)

    def find(numbers: NDArray[Any]) -> NDArray[np.int32]:
        at = page_of.take(numbers >> numbers.dtype.type(PAGE_BITS), mode="clip")
        at <<= PAGE_BITS
        at |= (numbers & numbers.dtype.type(2**PAGE_BITS - 1)).astype(np.int32)
        return np.asarray(places.take(at))

    return find


def sum_counts(
    parts: Iterable[tuple[NDArray[Any], NDArray[np.int64]]],
) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Colors (m, c) with their counts (m,), added up over parts: each color once."""
    colors, counts = (np.concatenate(column) for column in zip(*parts, strict=True))
    codes = _pack_codes(colors, 8 * colors.dtype.itemsize)
    order = np.argsort(codes, kind="stable")
    _, starts = _find_runs(codes[order])
    return colors[order[starts]], np.add.reduceat(counts[order], starts) if counts.size else counts


def _pack_codes(colors: NDArray[Any], bits: int) -> NDArray[Any]:
    """One number for each color (n, c) of `bits` a channel, the first channel in its lowest bits."""
    dtype: Any = np.uint32 if bits * colors.shape[1] <= 24 else np.uint64
    codes = colors[:, 0].astype(dtype)
    for channel in range(1, colors.shape[1]):
        codes |= colors[:, channel].astype(dtype) << dtype(channel * bits)
    return codes


def _unpack_codes(codes: NDArray[Any], bits: int, n_channels: int) -> NDArray[Any]:
    """The colors (n, c) of such numbers, as wide as those."""
    shifts = np.arange(n_channels, dtype=codes.dtype) * codes.dtype.type(bits)
    return np.asarray((codes[:, None] >> shifts) & codes.dtype.type(2**bits - 1))


def _quantize_floats(image: Image) -> NDArray[np.uint16]:
    """Float pixels in whole steps from 0 at black to FLOAT_STEPS at white."""
    steps = np.empty(image.pixels.shape, dtype=np.uint16)
    factor = FLOAT_STEPS / (image.white - image.black)
    for row, values in zip(steps, image.pixels, strict=True):
        row[:] = np.clip(np.rint((values.astype(np.float64) - image.black) * factor), 0, FLOAT_STEPS)
    return steps


def _count_codes(codes: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """The distinct codes in ascending order and how often each occurs. Sorts its argument."""
    codes.sort()
    distinct, starts = _find_runs(codes)
    return distinct, np.diff(np.append(starts, codes.size))


def _find_runs(codes: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.intp]]:
    """The distinct codes of an ascending sequence and where each begins."""
    first = np.ones(codes.size, dtype=bool)
    np.not_equal(codes[1:], codes[:-1], out=first[1:])
    starts = np.flatnonzero(first)
    return codes[starts], starts
