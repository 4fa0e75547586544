"""Values of colors that are kept from one image to the next, as for the frames of a video or the images of a folder.

A function of the color of a pixel is computed once for each color that occurs in any of the images. The next frame has
few other colors, so its values are looked up alone.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from segment.core.color_codes import PAGE_BITS, count_codes, find_entries, find_runs

__all__ = ["ColorMemory", "KeptValues"]

Values = NDArray[np.float32]

# What is kept: pages of 32 consecutive codes that have any color, 8 MB of them, and values of colors, 16 MB.
MAX_PAGES, MAX_VALUES = 2**16, 2**22
MAX_CODES = 2**24


class KeptValues(NamedTuple):
    """The values of all colors that are known, and the color of each pixel.

    Attributes
    ----------
    values : ndarray of shape (m, n), float32
        m values of n colors. Not to be changed.
    places : ndarray of shape (n_pixels,), int32
        The color of each pixel, from 0 to n - 1.
    """

    values: Values
    places: NDArray[np.int32]


class ColorMemory:
    """Values of the colors of all images so far, for one function of color at a time.

    It takes at most some 30 MB. Where there are more colors, it forgets all and begins again with the present image; of
    an image with too many colors it keeps nothing. Threads take turns. A copy, also one in another process, is empty.

    Examples
    --------
    >>> memory, asked = ColorMemory(), []
    >>> def halve(codes):
    ...     asked.extend(codes.tolist())
    ...     return (codes[:, None] / 2).astype(np.float32)
    >>> for frame in ([8, 6, 6], [6, 4, 8]):
    ...     values, places = memory.look_up("half", np.array(frame, np.uint32), halve)
    ...     print(values[0].take(places))
    [4. 3. 3.]
    [3. 2. 4.]
    >>> asked
    [6, 8, 4]
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._clear(None)

    def __reduce__(self) -> tuple[type[ColorMemory], tuple[()]]:
        return ColorMemory, ()

    def look_up(
        self, key: Hashable, codes: NDArray[np.uint32], describe: Callable[[NDArray[np.uint32]], Values]
    ) -> KeptValues | None:
        """Look up the values of the colors of an image, and compute those that are not known.

        Parameters
        ----------
        key : hashable
            Stands for the function: where it is not that of the call before, everything is forgotten.
        codes : ndarray of shape (n_pixels,), uint32
            The color of each pixel as an integer of at most 24 bits.
        describe : callable
            Takes distinct codes, (n,), and returns their values, (n, m), float32.

        Returns
        -------
        KeptValues or None
            None for an image with too many colors.
        """
        with self._lock:
            try:
                return self._look_up(key, codes, describe)
            except BaseException:
                # Ctrl-C or a time limit may have come where colors were added in part.
                self._clear(None)
                raise

    def _look_up(
        self, key: Hashable, codes: NDArray[np.uint32], describe: Callable[[NDArray[np.uint32]], Values]
    ) -> KeptValues | None:
        """Look up values as :meth:`look_up` does, while no other thread does."""
        if key != self._key:
            self._clear(key)
        places = self._find(codes)
        missing = np.flatnonzero(places < 0)
        if not missing.size:
            return KeptValues(self._values[:, : self._n_colors], places)
        was_empty = self._n_colors == 0
        if not self._add(count_codes(codes.take(missing))[0], describe):
            self._clear(key)
            if was_empty or not self._add(count_codes(codes.copy())[0], describe):
                return None
            missing = np.arange(len(codes))
        places[missing] = self._find(codes.take(missing))
        return KeptValues(self._values[:, : self._n_colors], places)

    def _clear(self, key: Hashable) -> None:
        """Forget all colors."""
        self._key = key
        self._n_colors, self._n_pages = 0, 1
        # Pages hold the place of each of their codes, -1 where that is not known. Page 0 is that of no color.
        self._page_of: NDArray[np.int32] = np.zeros(MAX_CODES >> PAGE_BITS, dtype=np.int32)
        self._pages: NDArray[np.int32] = np.full(2**PAGE_BITS, -1, dtype=np.int32)
        self._values: Values = np.empty((0, 0), dtype=np.float32)

    def _find(self, codes: NDArray[np.uint32]) -> NDArray[np.int32]:
        """Find the places of colors; -1 where they are not known."""
        return np.asarray(self._pages.take(find_entries(self._page_of, codes), mode="clip"))

    def _add(self, codes: NDArray[np.uint32], describe: Callable[[NDArray[Any]], Values]) -> bool:
        """Add colors that are not known, distinct and ascending; return False, and add none, if they are too many."""
        first, end = self._n_colors, self._n_colors + len(codes)
        high = codes >> np.uint32(PAGE_BITS)
        new_pages = find_runs(high[self._page_of.take(high) == 0])[0]
        n_pages = self._n_pages + len(new_pages)
        if n_pages > MAX_PAGES or end * max(1, len(self._values)) > MAX_VALUES:
            return False
        values = describe(codes).T
        # Only now is it known how many values the first colors have. Nothing has been changed yet.
        if end * len(values) > MAX_VALUES:
            return False
        before = self._values if first else np.empty((len(values), 0), np.float32)
        self._values = _make_room(before, first, end, MAX_VALUES // len(values))
        self._values[:, first:end] = values
        self._pages = _make_room(self._pages, *(number << PAGE_BITS for number in (self._n_pages, n_pages, MAX_PAGES)))
        self._page_of[new_pages] = np.arange(self._n_pages, n_pages)
        self._pages[find_entries(self._page_of, codes)] = np.arange(first, end)
        self._n_colors, self._n_pages = end, n_pages
        return True


def _make_room(buffer: NDArray[Any], n_used: int, n: int, n_most: int) -> NDArray[Any]:
    """Return a buffer (..., n to n_most) with the first entries of another, and -1 after them."""
    if n <= buffer.shape[-1]:
        return buffer
    # Twice the place: entries are copied a few times only. Results that hold the old buffer stay as they are.
    grown = np.full((*buffer.shape[:-1], max(n, min(2 * n_used, n_most))), -1, dtype=buffer.dtype)
    grown[..., :n_used] = buffer[..., :n_used]
    return grown
