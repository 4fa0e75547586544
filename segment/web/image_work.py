"""What worker processes do with an image: describe it, show it, segment it, write its results.

Each function is called in a process of its own, so that an image that ends it takes nothing with it. It makes the
folder of the image the current one: results name their files without folders, as those of a command called there.
"""

from __future__ import annotations

import base64
import os
import secrets
import shutil
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.config.config import SegmentConfig
from segment.core.errors import ImageError, OutputError, describe_os_error
from segment.core.hex_colors import format_hex_color
from segment.core.image import Image
from segment.core.opencv import load_cv2, resize_to_nearest
from segment.loader.loader import load_image
from segment.mixture.cells import Cells
from segment.output.density_chart import compute_histogram, take_feature, take_feature_density
from segment.output.label_formats import encode_label_png
from segment.output.pictures.encoding import encode_picture
from segment.output.pictures.scaling import convert_to_rgb, stretch_for_display
from segment.pipeline.region_pipeline import RegionSegmentation
from segment.pipeline.result import Segmentation
from segment.preprocessor.preprocessor import shrink
from segment.runs.class_source import ClassSource
from segment.runs.image_job import run_job, segment_job
from segment.runs.job import plan_jobs
from segment.segmenter.class_model.storage import load_class_model
from segment.web.preview import LruCache, View, load_picture, make_view

__all__ = ["describe_picture", "draw_picture", "look_up_pixel", "make_products", "segment_for_page", "store_labels"]

MAX_PNG_PIXELS = 2**16  # of an image that is sent without loss: it is enlarged on the screen
MAX_SCREEN_LABELS = 255  # more are sent as colors of two bytes
_N_CURVE = 128  # points of a density curve
_HISTOGRAMS = LruCache(4)  # of this process: counting takes a fifth of the time of a quick answer


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
        "notes": [*image.notes, *_describe_display(image)],
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
    shown = stretch_for_display(shrink(image, max_size=size))
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

    Returns
    -------
    dict
    """
    begin = time.perf_counter()
    view = make_view(_enter_folder(path), config, size=size, quick=quick, model=model)
    labels = _fit_labels(view, size)
    found = view.result
    described = {
        "width": view.image.width,
        "height": view.image.height,
        "shown": [labels.shape[1], labels.shape[0]],
        "is_exact": view.is_exact,
        "is_sampled": not (view.is_full or (view.is_exact and _has_all_pixels(view))),
        "k": found.n_classes,
        "channels": list(view.image.band_names),
        "warnings": list(found.warnings),
        "labels_png": base64.b64encode(_encode_labels(labels, found.n_classes)).decode(),
        **(_describe_regions(found) if isinstance(found, RegionSegmentation) else _describe_classes(found, view)),
    }
    return {**described, "seconds": round(time.perf_counter() - begin, 4)}


def look_up_pixel(path: Path, config: SegmentConfig, size: int, model: str, x: int, y: int) -> dict[str, Any]:
    """Look up the color, the class and the posteriors of a pixel.

    Parameters
    ----------
    path, config, size, model
        As for :func:`segment_for_page`.
    x, y : int, pixels
        Column and row in the whole image.

    Returns
    -------
    dict
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
    try:
        Path(target).write_bytes(_encode_png(pixels))
    except OSError as error:
        raise OutputError(
            f"labels: cannot be kept; {describe_os_error(error)}. Free some space in the temporary folder."
        ) from error


def _encode_png(pixels: NDArray[np.uint8]) -> bytes:
    """Encode gray values (H, W), or colors (H, W, 3) in OpenCV's order, as PNG."""
    done, data = load_cv2().imencode(".png", pixels)
    if not done:
        raise OutputError("labels: cannot be encoded.")
    return bytes(data.tobytes())


def _scale_place(shape: tuple[int, ...], image: Image, x: int, y: int) -> tuple[int, int]:
    """Find the row and the column of an array of this shape where a pixel of the image lies."""
    return y * shape[0] // image.height, x * shape[1] // image.width


def _fit_labels(view: View, size: int) -> NDArray[np.integer[Any]]:
    """Sample the labels of the whole image at the size of the screen."""
    labels: NDArray[np.integer[Any]] = view.result.label_image
    if not view.is_full or size == 0 or max(labels.shape) <= size:
        return labels
    height, width = shrink(replace(view.image, interest=None), max_size=size).valid.shape
    rows = (np.arange(height) * 2 + 1) * labels.shape[0] // (2 * height)
    columns = (np.arange(width) * 2 + 1) * labels.shape[1] // (2 * width)
    sampled: NDArray[np.integer[Any]] = labels[rows][:, columns]
    return sampled


def _has_all_pixels(view: View) -> bool:
    """Tell whether each pixel of the image has its label: labels of small images are not sampled."""
    return view.result.label_image.shape == view.image.valid.shape


def _encode_labels(labels: NDArray[np.integer[Any]], n: int) -> bytes:
    """Encode labels so that a browser can read them from a canvas: red is the low byte, green the high one."""
    if n <= MAX_SCREEN_LABELS:
        # A palette in which each color is its own number.
        return encode_label_png(labels, np.repeat(np.arange(1, n + 1, dtype=np.uint8)[:, None], 3, axis=1))
    return _encode_png(np.stack([np.zeros_like(labels), labels >> 8, labels & 255], axis=-1).astype(np.uint8))


def _describe_regions(found: RegionSegmentation) -> dict[str, Any]:
    """Describe the regions of an image."""
    colors = [format_hex_color(color) for color in found.colors]
    return {"n_regions": found.n_regions, "colors": colors, "classes": [], "histograms": []}


def _describe_classes(found: Segmentation, view: View) -> dict[str, Any]:
    """Describe the classes of an image."""
    scale = view.image.width * view.image.height / found.label_image.size
    classes = [
        {
            "label": row.label,
            "name": row.name,
            "color": format_hex_color(color),
            "pixels": round(row.pixels * scale),
            "share": row.share,
            "mean": list(row.mean),
            "mean_color": format_hex_color(mean),
        }
        for row, color, mean in zip(found.classes, found.colors, found.mean_colors, strict=True)
    ]
    selection = found.selection
    about: dict[str, Any] = {
        "classes": classes,
        "changed": found.changed,
        "rejected": found.rejected,
        "histograms": _describe_histograms(found),
    }
    if selection.candidates:
        about["choice"] = selection.sentence
        about["curve"] = {
            "criterion": selection.criterion,
            "chosen": selection.chosen,
            "values": [[candidate.n_classes, candidate.value] for candidate in selection.candidates],
        }
    return about


def _describe_histograms(found: Segmentation) -> list[dict[str, Any]]:
    """Describe the histogram of each feature, and the density of each class over it."""
    cells, model = found.spatial.data.cells, found.model
    if not found.n_classes or not len(cells):
        return []
    # The cells are kept beside their histograms, so that no others get their id.
    _, histograms = _HISTOGRAMS.get(id(cells), lambda: (cells, _count_features(cells)))
    charts = []
    for number, (name, (heights, edges)) in enumerate(zip(found.space.feature_names, histograms, strict=True)):
        x = np.linspace(edges[0], edges[-1], _N_CURVE)
        parts = np.exp(take_feature_density(model, number).log_joint(x[:, None]))
        # Components of one class make one curve.
        curves = [parts[:, found.groups == label].sum(axis=1) for label in range(found.n_classes)]
        charts.append(
            {
                "feature": name,
                "low": float(edges[0]),
                "high": float(edges[-1]),
                "bars": _round_values(heights),
                "curves": [_round_values(curve) for curve in curves],
            }
        )
    return charts


def _count_features(cells: Cells) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Compute the histogram of each feature: heights and edges of the bins."""
    return [compute_histogram(take_feature(cells, number)) for number in range(cells.n_features)]


def _round_values(values: NDArray[np.float64]) -> list[float]:
    """Round values to four digits, which is more than a chart shows."""
    return [float(f"{value:.4g}") for value in values.tolist()]
