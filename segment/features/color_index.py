"""Index of the distinct colors of an image: compute once per color, then map to the pixels.

A photograph of 12 megapixels has some hundred thousand distinct colors: a function of the color of a pixel, such as its
class, is computed once for each. A color is encoded as one integer, its code: the channels side by side, the first one
in the lowest bits.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterator
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.core.color_codes import count_codes, make_code_finder, pack_codes, unpack_codes, view_as_bytes
from segment.core.image import Image
from segment.core.opencv import load_cv2
from segment.core.pixel_arrays import gather_planes
from segment.core.threads import run_in_threads
from segment.features.color_memory import ColorMemory, KeptValues
from segment.features.pixel_sample import is_sampled

__all__ = ["FLOAT_STEPS", "MAX_COLORS", "ColorIndex"]

FLOAT_STEPS = 65535
"""Float pixels are quantized to this many steps between black and white."""
# Pixels handled at once: their codes stay in the processor's cache. And a few, which show that there are many colors.
CHUNK_PIXELS, FEW_PIXELS = 2**16, 2**10
# Pixels that one thread counts or fills at a time.
PIECE_PIXELS = 2**20
# Distinct colors of which each has its count, some 200 MB; and how many there may be where most pixels have their own.
MAX_COLORS, MAX_COLORS_OF_NOISE = 2**21, 2**19
# Bits of a color, so that a table has an entry for each.
_TABLE_BITS = 24


class ColorIndex:
    """Distinct colors of the valid pixels of an image.

    Colors of at most 24 bits are counted once, and lookup tables have an entry for every code. Others, and noise, are
    handled in chunks of pixels: memory stays small.

    Parameters
    ----------
    image : Image
        Float pixels are quantized to 65535 steps between black and white.

    Attributes
    ----------
    n_channels : int
        1 for gray, 3 for RGB, or the number of bands.
    black, white : float
        The scale of the colors of this index: that of the image, or 0 and 65535 for float pixels.
    is_countable : bool
        Whether colors have so few bits that a table may have an entry for each.
    is_sampled : bool
        Whether colors have so many bits that classes are fitted to a sample of the pixels.

    Examples
    --------
    >>> image = Image.from_array(np.array([[0, 7], [7, 2]], dtype=np.uint8))
    >>> index = ColorIndex(image)
    >>> [(colors.ravel().tolist(), counts.tolist()) for colors, counts in index.iterate_parts()]
    [([0, 2, 7], [1, 1, 2])]
    >>> index.map_to_pixels(lambda colors: 10 * colors[:, 0]).tolist()
    [[0, 70], [70, 20]]
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
        self.is_countable = self._bits * self.n_channels <= _TABLE_BITS
        self.is_sampled = is_sampled(self._bits, self.n_channels)
        self._recalled: tuple[Hashable, KeptValues | None] = (None, None)

    @cached_property
    def _table(self) -> tuple[NDArray[Any], NDArray[np.int64]] | None:
        """Distinct codes in ascending order and their counts, when first asked for; None if not countable."""
        return self._count_colors() if self.is_countable else None

    @property
    def is_tabled(self) -> bool:
        """Whether :meth:`iterate_parts` yields one part with every color once: they are countable, not too many."""
        # Colors that are recalled are few enough for a table, so they need not be counted to know it.
        return self._recalled[1] is not None or self._table is not None

    @property
    def _is_wide(self) -> bool:
        """Whether colors have no codes, of at most 64 bits, or none that are worth counting: those of noise."""
        return self.is_sampled or (self.is_countable and not self.is_tabled)

    def iterate_parts(self) -> Iterator[tuple[NDArray[Any], NDArray[np.int64]]]:
        """Iterate over the colors of the valid pixels and their counts, in parts.

        Yields
        ------
        colors : ndarray of shape (m, n_channels), unsigned integers
            Distinct within a part, if a color has at most 64 bits.
        counts : ndarray of shape (m,), int64
            Number of pixels of each color in this part.
        """
        if self._table is not None:
            yield self._decode(self._table[0]), self._table[1]
            return
        for rows in self._iterate_blocks():
            if self._is_wide:
                colors = self._pixels[rows][self._valid.reshape(-1)[rows]]
                yield colors, np.ones(len(colors), dtype=np.int64)
                continue
            codes, counts = count_codes(self._encode_valid(rows))
            if codes.size:
                yield self._decode(codes), counts

    def iterate_pixels(self, places: NDArray[np.integer] | None = None) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
        """Iterate over the valid pixels, in parts.

        Parameters
        ----------
        places : ndarray of shape (h * w,), integers, optional
            A number for each pixel of the image; by default that of its place, from 0.

        Yields
        ------
        colors : ndarray of shape (m, n_channels), unsigned integers
        places : ndarray of shape (m,), integers
        """
        for rows in self._iterate_blocks():
            numbers = np.arange(rows.start, rows.stop) if places is None else places[rows]
            if self._all_valid:
                yield self._pixels[rows], numbers
            else:
                valid = self._valid.reshape(-1)[rows]
                yield self._pixels[rows][valid], numbers[valid]

    def has_colors(self, n_colors: int) -> bool:
        """Tell whether a part of the image has that many distinct colors."""
        for size in (FEW_PIXELS, CHUNK_PIXELS) if self.is_countable else ():
            some = slice(None, None, max(1, len(self._pixels) // size))
            if count_codes(self._encode_valid(some))[0].size >= n_colors:
                return True  # mostly a sample has them
        parts = (colors for colors, _ in self.iterate_parts())
        if self.is_sampled:  # the pixels of a part are not distinct
            parts = (np.unique(view_as_bytes(colors)) for colors in parts)
        return any(len(colors) >= n_colors for colors in parts)

    @property
    def pixels(self) -> NDArray[Any]:
        """Color of each pixel, row by row: shape (H * W, n_channels), unsigned integers."""
        return self._pixels

    def map_to_pixels(self, function: Callable[[NDArray[Any]], NDArray[Any]]) -> NDArray[Any]:
        """Compute a function of the color of each pixel.

        Parameters
        ----------
        function : callable
            Takes colors, (m, n_channels) integers, and returns an array of shape (m,) or (m, k).

        Returns
        -------
        ndarray of shape (H, W) or (H, W, k)
            Of the dtype that the function returns; 0 where a pixel is not valid.
        """
        # One black pixel tells shape and dtype of the function's values.
        first = function(np.zeros((1, self.n_channels), dtype=self._pixels.dtype))
        out = np.zeros((len(self._pixels), *first.shape[1:]), dtype=first.dtype)
        if self._table is not None:
            # A dense table: the value of each code, found by one take per pixel.
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
        self, function: Callable[[NDArray[Any]], NDArray[Any]], *, in_chunks: bool = False
    ) -> Callable[[NDArray[np.intp]], NDArray[Any]]:
        """Make a lookup of a function of the color for any subset of the pixels.

        Parameters
        ----------
        function : callable
            Takes colors, (m, n_channels) integers, and returns an array of shape (m, k).
        in_chunks : bool
            Compute the values at each call, for its pixels only, and keep no table of the values of all colors.

        Returns
        -------
        callable
            Takes indices of pixels in row order, (n,), and returns the values of the function at their colors, (n, k).
            Its values at pixels that are not valid are arbitrary.
        """
        if self._is_wide:

            def compute_values(where: NDArray[np.intp]) -> NDArray[Any]:
                starts = range(0, max(1, len(where)), CHUNK_PIXELS)
                return np.concatenate([function(self._pixels[where[at : at + CHUNK_PIXELS]]) for at in starts])

            return compute_values
        if self._table is None or in_chunks:

            def find_values(where: NDArray[np.intp]) -> NDArray[Any]:
                codes, place = np.unique(self._encode(self._pixels[where]), return_inverse=True)
                return function(self._decode(codes))[place.reshape(-1)]

            return find_values
        values, find = self._compute_of_colors(function), make_code_finder(self._table[0])
        return lambda where: values.take(find(self._encode(self._pixels.take(where, axis=0))), axis=0)

    def list_colors(self) -> tuple[NDArray[np.integer[Any]], NDArray[Any]]:
        """List the colors of an image whose pixels are all valid.

        Returns
        -------
        places : ndarray of shape (H * W,), int
            The color of each pixel, a number from 0.
        colors : ndarray of shape (m, n_channels), unsigned integers
            Distinct, unless they have no table: then they are those of the pixels.
        """
        if self._table is None:
            return np.arange(len(self._pixels)), self._pixels
        return self._places, self._decode(self._table[0])

    def map_to_planes(self, function: Callable[[NDArray[Any]], NDArray[np.float32]]) -> NDArray[np.float32]:
        """Compute a function of the color of each pixel, as planes.

        Parameters
        ----------
        function : callable
            Takes colors, (m, n_channels) integers, and returns an array of shape (m, k), float32.

        Returns
        -------
        ndarray of shape (k, H, W), float32
            Its values at pixels that are not valid are arbitrary.
        """
        if self._table is not None:
            return gather_planes(self._compute_of_colors(function), self._places).reshape(-1, *self._shape)
        # In chunks: a table of all pixels and its transpose would be in memory at once.
        look_up = self.make_pixel_lookup(function)
        first = look_up(np.arange(min(1, len(self._pixels))))
        planes = np.empty((first.shape[1], len(self._pixels)), dtype=first.dtype)
        for rows in self._iterate_blocks():
            planes[:, rows] = look_up(np.arange(rows.start, rows.stop)).T
        return planes.reshape(-1, *self._shape)

    def recall(
        self, memory: ColorMemory, key: Hashable, function: Callable[[NDArray[Any]], NDArray[np.float32]]
    ) -> KeptValues | None:
        """Look up a function of the color of each pixel in what is kept of other images.

        Parameters
        ----------
        memory : ColorMemory
            It also keeps the values of the colors of this image that are new.
        key : hashable
            Stands for the function.
        function : callable
            Takes colors, (m, n_channels) integers, and returns an array of shape (m, k), float32.

        Returns
        -------
        KeptValues or None
            None for large images, colors of more than 24 bits, and more colors than can be kept.
        """
        if not self.is_countable or not 0 < len(self._pixels) <= PIECE_PIXELS:
            return None
        key = (key, self._bits, self.n_channels)
        if self._recalled[0] != key:  # too many colors are too many the next time as well
            codes = self._encode(self._pixels)
            self._recalled = key, memory.look_up(key, codes, lambda some: function(self._decode(some)))
        return self._recalled[1]

    @cached_property
    def _places(self) -> NDArray[np.int32]:
        """Place of the color of each pixel in the table, (H * W,); only where there is a table."""
        places, find = np.empty(len(self._pixels), dtype=np.int32), make_code_finder(self._table[0])  # type: ignore[index]
        for rows in self._iterate_blocks():
            places[rows] = find(self._encode(self._pixels[rows]))
        return places

    def _compute_of_colors(self, function: Callable[[NDArray[Any]], NDArray[Any]]) -> NDArray[Any]:
        """Compute a function of all colors of the table; of black where there are none."""
        codes = self._table[0]  # type: ignore[index]  # only where there is a table
        return function(self._decode(codes if codes.size else np.zeros(1, dtype=np.uint32)))

    def _count_colors(self) -> tuple[NDArray[Any], NDArray[np.int64]] | None:
        """Count the valid pixels of each code: distinct ones in ascending order, and counts; None for noise."""
        if len(self._pixels) <= PIECE_PIXELS:
            codes, counts = count_codes(self._encode_valid(slice(None)))
            return None if self._are_too_many(codes.size) else (codes, counts)
        if self._is_noise():
            return None
        # Not merged by sorting: the codes of all pieces could be as many as the pixels.
        table, lock = np.zeros(2 ** (self._bits * self.n_channels), np.uint32), threading.Lock()

        def count_piece(piece: slice) -> None:
            codes, counts = count_codes(self._encode_valid(piece))
            with lock:
                table[codes] += counts.astype(np.uint32)

        self._map_pieces(count_piece)
        if self._are_too_many(int(np.count_nonzero(table))):
            return None
        codes = np.flatnonzero(table).astype(np.uint32)
        return codes, table[codes].astype(np.int64)

    def _is_noise(self) -> bool:
        """Say whether there are too many distinct colors, in a quarter of the memory that their counts take."""
        # A photograph is told by a sample: half of its pixels have no color of their own.
        sample = self._encode(self._pixels[:: max(1, len(self._pixels) // CHUNK_PIXELS)])
        if 2 * count_codes(sample)[0].size < sample.size:
            return False
        is_found = np.zeros(2 ** (self._bits * self.n_channels), dtype=bool)
        for rows in self._iterate_blocks():
            is_found[self._encode_valid(rows)] = True
        return self._are_too_many(int(np.count_nonzero(is_found)))

    def _are_too_many(self, n_colors: int) -> bool:
        """Say whether these are too many distinct colors to hold a count of each."""
        is_noise = n_colors > MAX_COLORS_OF_NOISE and 2 * n_colors > np.count_nonzero(self._valid)
        return n_colors > MAX_COLORS or bool(is_noise)

    def _map_pieces(self, work: Callable[[slice], Any]) -> list[Any]:
        """Call a function for every piece of the pixels, in several threads."""
        pieces = [slice(start, start + PIECE_PIXELS) for start in range(0, max(1, len(self._pixels)), PIECE_PIXELS)]
        return run_in_threads(work, pieces)

    def _iterate_blocks(self, piece: slice = slice(None)) -> Iterator[slice]:
        """Iterate over slices of `CHUNK_PIXELS` pixels."""
        start, stop, _ = piece.indices(len(self._pixels))
        return (slice(at, min(at + CHUNK_PIXELS, stop)) for at in range(start, stop, CHUNK_PIXELS))

    def _encode_valid(self, rows: slice) -> NDArray[Any]:
        """Encode the colors of the valid pixels."""
        pixels = self._pixels[rows]
        return self._encode(pixels if self._all_valid else pixels[self._valid.reshape(-1)[rows]])

    def _encode(self, pixels: NDArray[Any]) -> NDArray[Any]:
        """Encode colors (n, n_channels) as one integer each, (n,)."""
        # With a fourth byte the memory of a pixel is a 32-bit number: the fastest way for 8-bit RGB.
        if self._bits == 8 and self.n_channels == 3 and len(pixels):
            cv2 = load_cv2()
            codes: NDArray[Any] = cv2.cvtColor(pixels[None], cv2.COLOR_RGB2RGBA).view("<u4").reshape(-1)
            codes &= np.uint32(0xFFFFFF)
            return codes
        return pack_codes(pixels, self._bits)

    def _decode(self, codes: NDArray[Any]) -> NDArray[Any]:
        """Decode codes (n,) to colors (n, n_channels)."""
        return unpack_codes(codes, self._bits, self.n_channels).astype(self._pixels.dtype)


def _quantize_floats(image: Image) -> NDArray[np.uint16]:
    """Quantize float pixels to whole steps from 0 (black) to FLOAT_STEPS (white); values outside are clipped."""
    steps = np.empty(image.pixels.shape, dtype=np.uint16)
    factor = FLOAT_STEPS / (image.white - image.black)
    for row, values in zip(steps, image.pixels, strict=True):
        row[:] = np.clip(np.rint((values.astype(np.float64) - image.black) * factor), 0, FLOAT_STEPS)
    return steps
