"""What every decoder needs: the pixel limit, the word for a truncated file, the right way up."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from segment.core.errors import ImageError

if TYPE_CHECKING:
    import numpy as np

__all__ = ["TRUNCATED_NOTE", "TruncatedError", "check_size", "frames_note", "stderr_closed"]


_Scalar = TypeVar("_Scalar", bound="np.generic")
TRUNCATED_NOTE = "the file is truncated: the missing part of the picture is blank"


class TruncatedError(ImageError):
    """The file ends before the picture does.

    Parameters
    ----------
    detail : str
        What is missing, in a few words.
    """

    def __init__(self, detail: str = "the picture is incomplete") -> None:
        super().__init__(
            f"the file is truncated; {detail}. Fetch it again, or allow truncated files (--allow-truncated)."
        )


def check_size(width: int, height: int, max_pixels: int) -> None:
    """Refuse an image without pixels, or with more pixels than allowed.

    Call it with the size from the header, before anything is decoded or allocated.

    Raises
    ------
    ImageError
        If ``width`` or ``height`` is less than 1 or their product is more than `max_pixels`.
    """
    if width < 1 or height < 1:
        raise ImageError(f"an image has at least one pixel; got {width} x {height}. Export it again.")
    if width * height > max_pixels:
        raise ImageError(
            f"at most {max_pixels} pixels are read; got {width} x {height} = {width * height}. "
            "Raise the limit (--max-pixels) if you trust the file, or give a TIFF to 'segment raster'."
        )


def frames_note(frames: int, *, at_least: bool = False) -> tuple[str, ...]:
    """Return the remark that only the first of several frames or pages is used; nothing for one frame."""
    more = frames - 1
    if more < 1:
        return ()
    many = "at least " if at_least else ""
    return (f"only the first frame is used: the file holds {many}{more} more",)


@contextmanager
def stderr_closed() -> Iterator[None]:
    """Send what C libraries write on file descriptor 2 nowhere.

    Pillow and imagecodecs leave no other way to silence libtiff and libpng.
    """
    try:
        kept = os.dup(2)
    except OSError:  # there is no descriptor 2, so nobody hears anything
        yield
        return
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)
        os.close(nowhere)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
