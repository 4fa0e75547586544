"""Draw results as pictures."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segment.output.palette import pick_class_colors, pick_ramp_colors
from segment.output.pictures.layout import Legend, legend
from segment.output.pictures.maps import anomaly_panel, posterior_panel, uncertainty_panel
from segment.output.pictures.overlays import contoured, cutout, overlaid
from segment.output.pictures.panels import compared, regions_beside, side_by_side
from segment.pipeline.comparison import Comparison
from segment.pipeline.region_pipeline import RegionSegmentation
from segment.pipeline.result import Segmentation

__all__ = [
    "choose_class_colors",
    "compute_mean_colors",
    "describe_classes",
    "draw_anomaly_panel",
    "draw_comparison",
    "draw_contours",
    "draw_cutout",
    "draw_overlay",
    "draw_panel",
    "draw_posterior_panel",
    "draw_regions",
    "draw_uncertainty_panel",
]

Picture = NDArray[np.uint8]


def choose_class_colors(result: Segmentation) -> Picture:
    """Choose the color that stands for each class by `config.palette`: RGB, (k, 3)."""
    if result.config.palette == "category":
        return pick_class_colors(result.n_classes)
    if result.config.palette == "mean":
        return compute_mean_colors(result)
    return pick_ramp_colors(result.config.palette, result.n_classes)


def compute_mean_colors(result: Segmentation) -> Picture:
    """Compute the mean color of each class, 8-bit RGB from the image's black to its white: (k, 3)."""
    image = result.image
    middle = (image.black + image.white) / 2  # for a class without pixels
    means = np.array([np.broadcast_to(row.mean or middle, 3) for row in result.classes]).reshape(-1, 3)
    light = (means - image.black) / (image.white - image.black)
    return np.rint(255 * np.clip(light, 0, 1)).astype(np.uint8)


def describe_classes(result: Segmentation) -> Legend:
    """List number, name and share of each class in words, and its color."""
    return legend(result.names, [row.share for row in result.classes], result.colors)


def draw_panel(result: Segmentation) -> Picture:
    """Draw the original and the segmented image beside each other with a legend: RGB, (h, w, 3)."""
    return side_by_side(result.image, result.label_image, describe_classes(result))


def draw_overlay(result: Segmentation) -> Picture:
    """Draw the image with each class tinted in its color: RGB, (H, W, 3)."""
    return overlaid(result.image, result.label_image, result.colors)


def draw_contours(result: Segmentation) -> Picture:
    """Draw the image with the outlines of the classes in their colors: RGB, (H, W, 3)."""
    return contoured(result.image, result.label_image, result.colors)


def draw_cutout(result: Segmentation, label: int) -> Picture:
    """Draw the pixels of one class, all others transparent: RGBA, (H, W, 4)."""
    return cutout(result.image, result.label_image, label)


def draw_posterior_panel(result: Segmentation) -> Picture:
    """Draw the probability of each class, white where it is 1, on one sheet: RGB, (h, w, 3)."""
    titles = [words for words, _ in describe_classes(result)]
    maps = (np.where(result.image.valid, part, np.float32(np.nan)) for part in result.posterior_maps())
    return posterior_panel(maps, titles, (result.image.width, result.image.height))


def draw_uncertainty_panel(result: Segmentation) -> Picture:
    """Draw the entropy of the posteriors above a scale in bits, bright where it is high: RGB, (h, w, 3)."""
    return uncertainty_panel(result.uncertainty(), result.n_classes)


def draw_anomaly_panel(result: Segmentation) -> Picture:
    """Draw the log density of the pixels above a scale in nats, bright where it is low: RGB, (h, w, 3)."""
    return anomaly_panel(result.log_likelihood())


def draw_regions(result: RegionSegmentation) -> Picture:
    """Draw the original with the borders beside the regions in their mean colors: RGB, (h, w, 3)."""
    return regions_beside(result.image, result.label_image)


def draw_comparison(comparison: Comparison) -> Picture:
    """Draw the original and the segmentations of all methods with their titles and a legend: RGB, (h, w, 3)."""
    pictures = [
        (
            method.name if method is comparison.methods[-1] else f"{method.name}, agreement {method.agreement:.2f}",
            labels,
        )
        for method, labels in ((method, method.label_image) for method in comparison.methods)
    ]
    return compared(comparison.result.image, pictures, comparison.result.n_classes)
