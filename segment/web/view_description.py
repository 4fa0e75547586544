"""What the page gets of a segmented image: labels as a picture, classes, histograms and curves."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segment.core.hex_colors import format_hex_color
from segment.output.density_chart import compute_histogram, take_feature, take_feature_density
from segment.output.label_formats import encode_label_png
from segment.output.pictures.encoding import encode_picture
from segment.output.tables import drop_nan
from segment.pipeline.region_pipeline import RegionSegmentation
from segment.pipeline.result import Segmentation
from segment.preprocessor.preprocessor import shrink
from segment.web.preview import LruCache, View

__all__ = ["describe_view"]

MAX_SCREEN_LABELS = 255  # more are sent as colors of two bytes
_N_CURVE = 128  # points of a density curve
_HISTOGRAMS = LruCache(4)  # of this process: counting takes a fifth of the time of a quick answer


def describe_view(view: View, size: int) -> dict[str, Any]:
    """Describe a segmented image for JSON.

    Parameters
    ----------
    view : View
    size : int, pixels
        Longer side of the labels; 0 for those of the whole image.
    """
    labels, found = _fit_labels(view, size), view.result
    return {
        "width": view.image.width,
        "height": view.image.height,
        "shown": [labels.shape[1], labels.shape[0]],
        "is_exact": view.is_exact,
        # Labels of small images are not sampled.
        "is_sampled": not (view.is_full or (view.is_exact and found.label_image.shape == view.image.valid.shape)),
        "k": found.n_classes,
        "channels": list(view.image.band_names),
        "warnings": list(found.warnings),
        "labels_png": base64.b64encode(_encode_labels(labels, found.n_classes)).decode(),
        **(_describe_regions(found) if isinstance(found, RegionSegmentation) else _describe_classes(found, view)),
    }


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


def _encode_labels(labels: NDArray[np.integer[Any]], n: int) -> bytes:
    """Encode labels so that a browser can read them from a canvas: red is the low byte, green the high one."""
    if n <= MAX_SCREEN_LABELS:
        # A palette in which each color is its own number.
        return encode_label_png(labels, np.repeat(np.arange(1, n + 1, dtype=np.uint8)[:, None], 3, axis=1))
    colors = np.stack([labels & 255, labels >> 8, np.zeros_like(labels)], axis=-1).astype(np.uint8)
    return encode_picture(colors, suffix=".png")


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
            "share": drop_nan(row.share),
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
    features = range(cells.n_features)
    # The cells are kept beside their histograms, so that no others get their id.
    _, histograms = _HISTOGRAMS.get(
        id(cells), lambda: (cells, [compute_histogram(take_feature(cells, number)) for number in features])
    )
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


def _round_values(values: NDArray[np.float64]) -> list[float]:
    """Round values to four digits, which is more than a chart shows."""
    return [float(f"{value:.4g}") for value in values.tolist()]
