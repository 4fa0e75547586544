"""How an image file is to be read."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ReadOptions"]


@dataclass(frozen=True)
class ReadOptions:
    """The options of :func:`segment.loader.loader.load_image`, which describes them.

    Attributes
    ----------
    max_pixels : int, pixels
        A larger image is refused before it is decoded.
    allow_truncated : bool
        Read what there is of a file that ends too early. Decoders that read complete files only refuse it all the same.
    keep_profile : bool
        Keep the color values of the file instead of converting them to sRGB.
    page : int
        Page of a TIFF or picture of an animation, from 1; always 1 for other kinds of files.
    bands : tuple of int
        Bands to use, from 1; empty for all. Only a decoder of TIFF chooses them, the loader in other images.
    dpi : bool
        Take the size of a pixel from the resolution that the file says, which the loader reads.
    """

    max_pixels: int = 200_000_000
    allow_truncated: bool = False
    keep_profile: bool = False
    page: int = 1
    bands: tuple[int, ...] = ()
    dpi: bool = False
