"""Colors as integers: the channels of a color side by side in one code, the first one in the lowest bits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "PAGE_BITS",
    "count_codes",
    "find_entries",
    "find_runs",
    "make_code_finder",
    "pack_codes",
    "unpack_codes",
    "view_as_bytes",
]

# A page of a sparse table covers the codes that differ only in this many low bits.
PAGE_BITS = 5
# A table counts faster than sorting does where there are at least `MIN_TABLED` codes, at most `MAX_TABLE_RATIO` entries
# of the table for each code, and no code of more than 24 bits: the list of all pages would be large itself.
MIN_TABLED, MAX_TABLE_RATIO, END_OF_TABLE = 2**16, 8, 2**24


def pack_codes(colors: NDArray[Any], bits: int) -> NDArray[Any]:
    """Encode colors (n, c) of `bits` bits a channel as integers (n,), the first channel in the lowest bits.

    Parameters
    ----------
    colors : ndarray of shape (n, c), unsigned integers
        Values below ``2 ** bits``.
    bits : int
        Of a channel; ``bits * c`` is at most 64.

    Returns
    -------
    ndarray of shape (n,), uint32 or uint64
        uint32 where a color has at most 24 bits.
    """
    dtype: Any = np.uint32 if bits * colors.shape[1] <= 24 else np.uint64
    codes = colors[:, 0].astype(dtype)
    for channel in range(1, colors.shape[1]):
        codes |= colors[:, channel].astype(dtype) << dtype(channel * bits)
    return codes


def unpack_codes(codes: NDArray[Any], bits: int, n_channels: int) -> NDArray[Any]:
    """Decode integers (n,) to colors (n, c), in the dtype of the integers.

    Parameters
    ----------
    codes : ndarray of shape (n,), uint32 or uint64
        Of :func:`pack_codes`.
    bits : int
        Of a channel.
    n_channels : int

    Returns
    -------
    ndarray of shape (n, n_channels), of the dtype of the codes
        Values below ``2 ** bits``.
    """
    shifts = np.arange(n_channels, dtype=codes.dtype) * codes.dtype.type(bits)
    return np.asarray((codes[:, None] >> shifts) & codes.dtype.type(2**bits - 1))


def view_as_bytes(colors: NDArray[Any]) -> NDArray[np.void]:
    """View colors (n, c) of too many bits for integers as the bytes of each, (n,), which are compared as a whole."""
    # Distinct codes are found in a tenth of the time of comparing channels.
    colors = np.ascontiguousarray(colors)
    return colors.view(np.dtype((np.void, colors.dtype.itemsize * colors.shape[1]))).reshape(-1)


def count_codes(codes: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Count the codes: the distinct ones in ascending order, and their counts. May sort its argument in place.

    Parameters
    ----------
    codes : ndarray of shape (n,), uint32 or uint64
        Of :func:`pack_codes`.

    Returns
    -------
    distinct : ndarray of shape (m,), of the same dtype
        In ascending order.
    counts : ndarray of shape (m,), int64
        How often each occurs, 1 at least.
    """
    if codes.dtype == np.uint32 and codes.size >= MIN_TABLED and codes.max() < END_OF_TABLE:
        # A table of the pages that have any code.
        high = codes >> np.uint32(PAGE_BITS)
        is_used = np.zeros(int(high.max()) + 1, dtype=bool)
        is_used[high] = True
        pages = np.flatnonzero(is_used)
        if len(pages) << PAGE_BITS <= MAX_TABLE_RATIO * codes.size:
            counts = np.bincount(find_entries(np.cumsum(is_used, dtype=np.int32) - np.int32(1), codes))
            filled = np.flatnonzero(counts)
            distinct = (pages[filled >> PAGE_BITS] << PAGE_BITS) | (filled & (2**PAGE_BITS - 1))
            return distinct.astype(codes.dtype), counts[filled]
    codes.sort()
    distinct, starts = find_runs(codes)
    return distinct, np.diff(np.append(starts, codes.size))


def find_runs(codes: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.intp]]:
    """Find the runs of equal codes in an ascending sequence: the distinct codes, and the start of each run.

    After a sort this is :func:`numpy.unique`, which would load ``numpy.ma``, and takes many times as long for 64 bits.
    """
    first = np.ones(codes.size, dtype=bool)
    np.not_equal(codes[1:], codes[:-1], out=first[1:])
    starts = np.flatnonzero(first)
    return codes[starts], starts


def find_entries(page_of: NDArray[np.int32], codes: NDArray[np.uint32]) -> NDArray[np.int32]:
    """Find the entries of codes in a sparse table, whose pages are given by the high bits of the codes.

    Parameters
    ----------
    page_of : ndarray of shape (n_pages,), int32
        The page of the table for each value of the high bits, those above the lowest `PAGE_BITS`.
    codes : ndarray of shape (n,), uint32
        Of at most 24 bits; one whose high bits lie beyond the pages has an entry of the last page.

    Returns
    -------
    ndarray of shape (n,), int32
        The page times 32 and the low bits.
    """
    at = page_of.take(codes >> np.uint32(PAGE_BITS), mode="clip")
    at <<= PAGE_BITS
    at |= (codes & np.uint32(2**PAGE_BITS - 1)).view(np.int32)
    return np.asarray(at)


def make_code_finder(codes: NDArray[np.uint32]) -> Callable[[NDArray[np.uint32]], NDArray[np.int32]]:
    """Make a function that finds the positions of codes in an ascending sequence of distinct codes, by a sparse table.

    The table has pages of 32 consecutive codes, and only pages that contain a code are stored. In a dense table nearly
    every code would touch another page of memory, which takes longer than everything else. Codes have at most 24 bits;
    the result for a code that is not in the sequence is arbitrary.

    Parameters
    ----------
    codes : ndarray of shape (n,), uint32
        Distinct ones in ascending order.

    Returns
    -------
    callable
        Takes codes (m,), uint32, and returns their positions 0..n-1, (m,), int32.
    """
    # A code is split into the page (high bits) and the place in it (low bits).
    high = codes >> np.uint32(PAGE_BITS)
    is_first = np.ones(codes.size, dtype=bool)
    np.not_equal(high[1:], high[:-1], out=is_first[1:])
    # Pages are numbered from 1; page 0 is for codes that are not in the sequence.
    page = np.cumsum(is_first, dtype=np.int32)
    page_of = np.zeros(int(high[-1]) + 1 if codes.size else 1, dtype=np.int32)
    page_of[high] = page
    places = np.zeros((int(page[-1]) + 1 if codes.size else 1) << PAGE_BITS, dtype=np.int32)
    places[find_entries(page_of, codes)] = np.arange(codes.size, dtype=np.int32)
    return lambda wanted: places.take(find_entries(page_of, wanted))
