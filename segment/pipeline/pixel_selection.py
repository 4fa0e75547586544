"""Choose the pixels of an image that count, by the settings: crop, no data, mask and regions of interest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.config.config import SegmentConfig
from segment.config.text_forms import is_path
from segment.core.errors import DependencyError, ImageError, SettingsError, pluralize, printable_path
from segment.core.georeference import Georeference
from segment.core.image import Image
from segment.core.interest import RegionsOfInterest
from segment.core.nodata_notes import NodataNote
from segment.core.pixel_arrays import convert_selection
from segment.loader.mask_files import FIRST_PAGE, PageOfImage, read_interest, read_mask
from segment.loader.polygon_files import PolygonFile
from segment.loader.polygon_places import describe_extent, locate_polygons
from segment.loader.stem_files import find_stem_file
from segment.preprocessor.interest import Circle, find_picture_circle, label_polygons, make_circle, make_grid
from segment.preprocessor.masking import crop, find_flat_border, keep_interest, keep_masked, mask_nodata

__all__ = [
    "NO_ARRAYS",
    "SelectionArrays",
    "describe_circle",
    "describe_empty_regions",
    "describe_other_place",
    "describe_overlap",
    "select_pixels",
    "take_arrays",
    "warn_of_flat_border",
]

MIN_OVERLAP = 1e-6  # of a pixel, by which places of two georeferenced files may differ


@dataclass(frozen=True, eq=False)
class SelectionArrays:
    """What the settings `mask` and `roi` name as files, given as arrays instead.

    Attributes
    ----------
    mask : ndarray of shape (H, W), optional
        A pixel counts where it is not 0.
    roi : ndarray of shape (H, W), integers, optional
        The region of interest of each pixel, 0 for none.
    """

    mask: NDArray[Any] | None = None
    roi: NDArray[Any] | None = None

    def __bool__(self) -> bool:
        """Whether there is an array."""
        return self.mask is not None or self.roi is not None


NO_ARRAYS = SelectionArrays()


def take_arrays(settings: Mapping[str, Any]) -> tuple[dict[str, Any], SelectionArrays]:
    """Take the arrays out of the settings of a function: a mask and regions of interest may be arrays or paths.

    Parameters
    ----------
    settings : mapping of str to value
        As they were given.

    Returns
    -------
    settings : dict
        All others.
    arrays : SelectionArrays

    Raises
    ------
    SettingsError
        If an array has another shape or type than a mask or a label image.

    Examples
    --------
    >>> others, arrays = take_arrays({"k": 4, "mask": np.ones((2, 3), bool)})
    >>> others, arrays.mask.shape
    ({'k': 4}, (2, 3))
    """
    others, found = dict(settings), {}
    for name, kinds in (("mask", "buif"), ("roi", "bui")):
        if others.get(name) is None:
            others.pop(name, None)
        elif not isinstance(others[name], (str, PathLike)):
            array = convert_selection(others.pop(name))
            if array.ndim != 2 or array.dtype.kind not in kinds:
                what = "numbers" if name == "mask" else "whole numbers"
                raise SettingsError(
                    f"{name} (--{name}): a path, or an array of {what} of shape (H, W); got {array.dtype} of shape "
                    f"{array.shape}. Convert it."
                )
            found[name] = array
    return others, SelectionArrays(**found)


def select_pixels(
    image: Image,
    config: SegmentConfig,
    source: str,
    arrays: SelectionArrays = NO_ARRAYS,
    page: PageOfImage = FIRST_PAGE,
) -> Image:
    """Choose the pixels that count, as the settings say.

    Parameters
    ----------
    image : Image
        As it was read. It is not changed.
    config : SegmentConfig
        The settings `crop`, `nodata`, `mask`, `roi` and `max_pixels` count.
    source : str
        Path of the image, by which masks are found in a folder; empty for an array.
    arrays : SelectionArrays
        Mask and regions of interest that are not in files.
    page : PageOfImage
        Which page of its file the image is.

    Returns
    -------
    Image
        All other pixels are not valid. Notes say what is guessed, and where a flat border may have to be left out.

    Raises
    ------
    ImageError
        If a mask or region does not fit the image, or no pixel is left; the message begins with the source.
    """
    try:
        selected = _select(image, config, source, arrays, page)
    except DependencyError:
        raise
    except ImageError as error:
        raise ImageError(f"{printable_path(source) or 'image'}: {error}") from error
    warnings = warn_of_flat_border(selected)
    # Later steps change the size and the values of the pixels alone.
    is_changed = warnings or selected.stored is not None
    return replace(selected, notes=selected.notes + warnings, stored=None) if is_changed else selected


def warn_of_flat_border(image: Image) -> tuple[str, ...]:
    """Say what to do if a flat border is no part of the picture.

    Parameters
    ----------
    image : Image

    Returns
    -------
    tuple of str
        A sentence, if there is such a border and no note of the image names the remedy.
    """
    flat = find_flat_border(image)
    # An image whose pixels were chosen before has the note already; 65535 far above all other values is told as that.
    if flat is None or any(isinstance(note, NodataNote) and note.is_about(flat.values) for note in image.notes):
        return ()
    note = (
        f"one color, {flat.text}, fills {100 * flat.share:.0f} % of the image and lies at its border; if it is no part "
        f"of the picture, give --nodata {flat.text}, or --roi circle for a round picture"
    )
    return (NodataNote(note, flat.values),)


def _select(image: Image, config: SegmentConfig, source: str, arrays: SelectionArrays, page: PageOfImage) -> Image:
    """Choose the pixels that count; files are for the whole image, a circle to find and a grid for the cropped one."""
    had_pixels = bool(image.valid.any())
    # Values are looked for before other steps replace those of pixels that do not count.
    if config.nodata:
        image = mask_nodata(image, config.nodata_values)
    if arrays.mask is not None:
        image = keep_masked(image, arrays.mask != 0)
    elif config.mask:
        image = _apply_mask_file(image, config, source, page)
    if arrays.roi is not None:
        image = keep_interest(image, RegionsOfInterest.from_labels(arrays.roi))
    elif config.roi_circle:
        image = keep_interest(image, make_circle((image.height, image.width), config.roi_circle))
    elif is_path(config.roi):
        image = _apply_interest_file(image, config, source, page)
    if config.crop:
        image = crop(image, config.crop_box)
    if config.roi == "circle":
        image = _keep_found_circle(image)
    elif config.roi_grid:
        image = keep_interest(image, make_grid((image.height, image.width), *config.roi_grid))
    if had_pixels and not image.valid.any():
        raise ImageError(
            "some pixel counts; got none that --crop, --nodata, --mask and --roi all leave. Leave out one of them."
        )
    return _note_empty_regions(image)


def _apply_mask_file(image: Image, config: SegmentConfig, source: str, page: PageOfImage) -> Image:
    """Let only the pixels of the mask of an image count."""
    path = find_stem_file(config.mask, source)
    file = read_mask(path, max_pixels=config.max_pixels, page=page)
    try:
        image = keep_masked(image, file.counts)
    except ImageError as error:
        raise ImageError(f"{printable_path(path)}: {error}") from error
    image = replace(image, notes=image.notes + file.notes)
    return _note_other_place(image, file.georeference, path)


def _apply_interest_file(image: Image, config: SegmentConfig, source: str, page: PageOfImage) -> Image:
    """Let only the pixels of the regions of interest of an image count."""
    shape, path = (image.height, image.width), find_stem_file(config.roi, source)
    file = read_interest(path, max_pixels=config.max_pixels, page=page)
    try:
        if not isinstance(file, PolygonFile):
            image = keep_interest(image, file.interest)
            image = replace(image, notes=image.notes + file.notes)
            return _note_other_place(image, file.georeference, path)
        regions, note = locate_polygons(file, image.georeference, shape)
        labels, n_shared = label_polygons(regions, shape)
        interest = RegionsOfInterest(labels, file.names).drop_empty()
        image = keep_interest(image, interest)
    except ImageError as error:
        raise ImageError(f"{printable_path(path)}: {error}") from error
    said = (note, *describe_extent(regions, file.names, interest.names, shape), describe_overlap(n_shared))
    return replace(image, notes=image.notes + tuple(note for note in said if note))


def _keep_found_circle(image: Image) -> Image:
    """Let only the pixels of the circle of a round picture count."""
    circle, is_found = find_picture_circle(image)
    note = describe_circle(circle, is_found=is_found)
    image = keep_interest(image, make_circle((image.height, image.width), circle))
    return replace(image, notes=(*image.notes, note))


def describe_circle(circle: Circle, *, is_found: bool) -> str:
    """Describe the circle of a picture, which is a guess.

    Parameters
    ----------
    circle : Circle
    is_found : bool
        Whether it was found by its surround.

    Returns
    -------
    str
        A sentence without its period.
    """
    x, y, radius = (f"{value:.1f}".removesuffix(".0") for value in circle)
    how = "found by its surround of one color" if is_found else "the largest one in the middle: no surround was found"
    return f"the region of interest is the circle of center {x},{y} and radius {radius} pixels, {how}"


def describe_overlap(n_shared: int) -> str:
    """Describe that regions of interest overlap.

    Parameters
    ----------
    n_shared : int, pixels

    Returns
    -------
    str
        A sentence without its period; empty where they do not overlap.
    """
    if not n_shared:
        return ""
    return f"regions of interest overlap: {pluralize(n_shared, 'pixel')} of several count for the last of them"


def _note_other_place(image: Image, place: Georeference, path: str) -> Image:
    """Note where a mask or label image lies elsewhere on the earth than its image."""
    notes = describe_other_place(image.georeference, place, path)
    return replace(image, notes=image.notes + notes) if notes else image


def describe_other_place(image_place: Georeference, place: Georeference, path: str) -> tuple[str, ...]:
    """Describe that a mask or label image lies elsewhere on the earth than its image.

    Parameters
    ----------
    image_place, place : Georeference
        Of the image, and of the mask.
    path : str
        Of the mask.

    Returns
    -------
    tuple of str
        A sentence without its period; none where both lie at the same place, or one of them at none.
    """
    if not place or not image_place:
        return ()
    tolerance = MIN_OVERLAP * max(1.0, abs(image_place.determinant) ** 0.5)
    is_same = np.allclose(place.transform, image_place.transform, rtol=1e-9, atol=tolerance)
    if is_same and (place.crs == image_place.crs or not place.crs or not image_place.crs):
        return ()
    return (
        f"{printable_path(path)} lies at another place on the earth than the image; its pixels are taken one by one",
    )


def _note_empty_regions(image: Image) -> Image:
    """Note regions of interest in which no pixel counts."""
    if image.interest is None:
        return image
    note = describe_empty_regions(image.interest.names, image.interest.count_pixels(image.valid).tolist())
    return replace(image, notes=(*image.notes, note)) if note else image


def describe_empty_regions(names: Sequence[str], counts: Sequence[float]) -> str:
    """Describe regions of interest in which no pixel counts.

    Parameters
    ----------
    names : sequence of str
        All regions.
    counts : sequence of float
        Pixels that count in each.

    Returns
    -------
    str
        A sentence without its period; empty where there are none.

    Examples
    --------
    >>> describe_empty_regions(["a", "b"], [3, 0])
    '1 region of interest has no pixel that counts: b'
    """
    empty = [name for name, count in zip(names, counts, strict=True) if count == 0]
    if not empty:
        return ""
    shown = ", ".join(empty[:3]) + (", ..." if len(empty) > 3 else "")
    has = "has" if len(empty) == 1 else "have"
    return f"{pluralize(len(empty), 'region')} of interest {has} no pixel that counts: {shown}"
