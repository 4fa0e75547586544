"""What worker processes do with an image: describe it, show it, segment it, write its results.

Each function is called in a process of its own, so that an image that ends it takes nothing with it. It makes the
folder of the image the current one: results name their files without folders, as those of a command called there.
"""

from __future__ import annotations

import os
import secrets
import shutil
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from segment.config.config import SegmentConfig
from segment.core.errors import ImageError, OutputError, describe_os_error
from segment.core.image import Image
from segment.core.opencv import load_cv2, resize_to_nearest
from segment.loader.loader import load_image
from segment.output.pictures.encoding import encode_picture
from segment.output.pictures.scaling import convert_to_rgb, stretch_for_display
from segment.pipeline.result import Segmentation
from segment.pipeline.shown_image import choose_shown_image
from segment.preprocessor.preprocessor import shrink
from segment.runs.class_source import ClassSource
from segment.runs.image_job import run_job, segment_job
from segment.runs.job import plan_jobs
from segment.segmenter.class_model.storage import load_class_model
from segment.web.preview import load_picture, make_view
from segment.web.view_description import describe_view

__all__ = ["describe_picture", "draw_picture", "look_up_pixel", "make_products", "segment_for_page", "store_labels"]

MAX_PNG_PIXELS = 2**16  # of an image that is sent without loss: it is enlarged on the screen


def describe_picture(path: Path, config: SegmentConfig) -> dict[str, Any]:
    """Describe an image.

    Parameters
    ----------
    path : Path
        Its file.
    config : SegmentConfig

    Returns
    -------
    dict
        Its size, bands and notes.
    """
    image = load_picture(_enter_folder(path), config)
    return {
        "width": image.width,
        "height": image.height,
        "bands": list(image.band_names),
        "depth": image.pixels.dtype.name,
        "notes": [*image.notes, *_describe_display(choose_shown_image(image, config)[0])],
    }


def _enter_folder(path: Path) -> Path:
    """Make the folder of an image the current one; return the path of the image in it."""
    os.chdir(path.parent)
    return Path(path.name)


def _describe_display(image: Image) -> tuple[str, ...]:
    """Say that an image is too dark, bright or flat to be shown as it is."""
    if stretch_for_display(image) is image:
        return ()
    return ("the image fills little of the range from black to white; its display is stretched",)


def draw_picture(path: Path, config: SegmentConfig, size: int) -> bytes:
    """Draw an image for the screen.

    Parameters
    ----------
    path : Path
        Its file.
    config : SegmentConfig
    size : int, pixels
        Longer side.

    Returns
    -------
    bytes
        A JPEG; of a small image, whose single pixels are seen, a PNG.
    """
    image = load_picture(_enter_folder(path), config)
    is_small = image.valid.size <= MAX_PNG_PIXELS and max(image.valid.shape) <= size
    shown = stretch_for_display(choose_shown_image(shrink(image, max_size=size), config)[0])
    return encode_picture(convert_to_rgb(shown), suffix=".png" if is_small else ".jpg")


def segment_for_page(path: Path, config: SegmentConfig, size: int, quick: bool, model: str) -> dict[str, Any]:
    """Segment an image and describe the result for JSON.

    Parameters
    ----------
    path : Path
        Its file.
    config : SegmentConfig
    size : int, pixels
        Longer side of the labels; 0 for those of the whole image.
    quick : bool
        Whether the classes of another smoothness will do.
    model : str
        A file of classes; empty for classes of its own.
    """
    begin = time.perf_counter()
    view = make_view(_enter_folder(path), config, size=size, quick=quick, model=model)
    return {**describe_view(view, size), "seconds": round(time.perf_counter() - begin, 4)}


def look_up_pixel(path: Path, config: SegmentConfig, size: int, model: str, x: int, y: int) -> dict[str, Any]:
    """Look up the color, the class and the posteriors of a pixel.

    Parameters
    ----------
    path, config, size, model
        As for :func:`segment_for_page`.
    x, y : int, pixels
        Column and row in the whole image.
    """
    view = make_view(_enter_folder(path), config, size=size, model=model)
    image, found = view.image, view.result
    if not (0 <= x < image.width and 0 <= y < image.height):
        raise ImageError(f"pixel: in the image of {image.width} x {image.height}; got {x}, {y}.")
    row, column = _scale_place(found.label_image.shape, image, x, y)
    values = np.atleast_1d(image.pixels[y, x]).tolist() if image.valid[y, x] else []
    about: dict[str, Any] = {"x": x, "y": y, "values": values, "label": int(found.label_image[row, column])}
    if isinstance(found, Segmentation) and found.n_classes and about["label"]:
        row, column = _scale_place(found.preprocessed.valid.shape, image, x, y)
        at = np.array([row * found.preprocessed.width + column])
        posteriors = found.look_up_posteriors(at)[0]
        about["posteriors"] = [round(float(value), 5) for value in posteriors]
    return about


def make_products(path: Path, config: SegmentConfig, model: str) -> tuple[dict[str, bytes], tuple[str, ...]]:
    """Segment an image and make its files, as the command does.

    Parameters
    ----------
    path : Path
        Its file.
    config : SegmentConfig
        Its `save` names the products.
    model : str
        A file of classes; empty for classes of its own.

    Returns
    -------
    files : dict of str to bytes
        Their contents by their names.
    warnings : tuple of str
        A sentence each.

    Raises
    ------
    ImageError
        If the image cannot be segmented.
    OutputError
        If the files cannot be written.
    """
    source = _enter_folder(path)
    output = Path(f"results-{secrets.token_hex(4)}")
    try:
        (job,) = plan_jobs([source], output, config)
        # The very function of the command, so that the files are the same.
        work = partial(segment_job, classes=ClassSource(load_class_model(model) if model else None))
        outcome = run_job(job, config, work)
        if outcome.error:
            raise (OutputError if outcome.is_stuck else ImageError)(outcome.error)
        return {path.name: path.read_bytes() for path in outcome.paths}, outcome.warnings
    finally:
        shutil.rmtree(output, ignore_errors=True)


def store_labels(path: Path, config: SegmentConfig, labels_name: str, target: str, is_mask: bool) -> None:
    """Bring a mask or regions of interest, drawn at any size on the image or its part, to the size of the image.

    Parameters
    ----------
    path : Path
        The file of the image.
    config : SegmentConfig
        With `crop` the labels are of that part; files of the command are of the whole image.
    labels_name : str
        A gray picture in the same folder.
    target : str
        The file to write there: a PNG whose values are those of the picture; of a mask 0 and 255.
    is_mask : bool
    """
    source = _enter_folder(path)
    part = load_picture(source, config)
    drawn = load_image(labels_name, max_pixels=config.max_pixels)
    if not drawn.is_gray or drawn.pixels.dtype != np.uint8:
        raise ImageError("labels: a gray picture of 8 bits, such as a PGM; got another one. Convert it.")
    pixels = resize_to_nearest(drawn.pixels, (part.width, part.height))
    if is_mask:
        pixels = np.where(pixels, np.uint8(255), np.uint8(0))
    if not pixels.any():
        raise ImageError("labels: at least one pixel that is not zero; got none. Draw something first.")
    if config.crop:
        left, top, right, bottom = config.crop_box
        whole = load_picture(source, replace(config, crop=""))
        labels = np.zeros((whole.height, whole.width), np.uint8)
        labels[top:bottom, left:right] = pixels
        pixels = labels
    done, data = load_cv2().imencode(".png", pixels)
    if not done:
        raise OutputError("labels: cannot be encoded.")
    try:
        Path(target).write_bytes(data.tobytes())
    except OSError as error:
        raise OutputError(
            f"labels: cannot be kept; {describe_os_error(error)}. Free some space in the temporary folder."
        ) from error


def _scale_place(shape: tuple[int, ...], image: Image, x: int, y: int) -> tuple[int, int]:
    """Find the row and the column of an array of this shape where a pixel of the image lies."""
    return y * shape[0] // image.height, x * shape[1] // image.width
