"""What a user should know of a TIFF that GDAL does not tell: pages, orientation, and colors that are not converted."""

from __future__ import annotations

from typing import Any

from segment.core.errors import ImageError
from segment.loader.decoders.color_profile import describe_unused_profile
from segment.loader.decoders.frame_count import list_tiff_pages
from segment.loader.decoders.tiff_high_depth import check_color_space, describe_absent, open_with_tifffile
from segment.loader.decoders.tiff_samples import get_tag

__all__ = ["describe_tiff"]

# Numbers of tags.
_ORIENTATION, _PROFILE = 274, 34675
_UPRIGHT = 1
_PREMULTIPLIED_ALPHA = 1


def describe_tiff(name: str) -> tuple[str, ...]:
    """Describe how a TIFF is read as a raster where ``segment run`` reads it otherwise.

    Parameters
    ----------
    name : str
        Its path.

    Returns
    -------
    tuple of str
        A sentence each.

    Raises
    ------
    ImageError
        If its numbers are no amounts of light or ink.
    """
    try:
        with open(name, "rb") as stream:  # noqa: PTH123  a path may hold any bytes
            n_pages = sum(page.is_image for page in list_tiff_pages(stream))
            with open_with_tifffile(stream) as file:
                page = file.pages[0]
                check_color_space(page)
                return (*_describe_pages(n_pages), *_describe_page(page))
    except ImageError:
        raise
    except Exception:  # what tifffile cannot read GDAL may read all the same
        return ()


def _describe_pages(n: int) -> tuple[str, ...]:
    """Note that only the first of several pages is used."""
    if n < 2:
        return ()
    return (f"page 1 of {n} is used: 'segment run' takes others (--page), and the channels of a microscope as bands",)


def _describe_page(page: Any) -> tuple[str, ...]:
    """Note what the tags of the page say."""
    notes: tuple[str, ...] = ()
    orientation = get_tag(page, _ORIENTATION) or _UPRIGHT
    if orientation != _UPRIGHT:
        notes += (
            f"rows and columns are as they are stored: the file asks to be shown turned or mirrored (orientation "
            f"{orientation}), as 'segment run' reads it",
        )
    profile = get_tag(page, _PROFILE)
    if isinstance(profile, bytes):
        notes += describe_unused_profile(profile)
    if _PREMULTIPLIED_ALPHA in tuple(map(int, page.extrasamples)):
        notes += (
            "the colors are multiplied by the opacity, as they are stored: pixels that are partly transparent are "
            "darker than in 'segment run'",
        )
    return notes + describe_absent(page)
