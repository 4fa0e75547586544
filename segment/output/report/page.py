"""Render a segmentation as one page: pictures, tables and curves in a single file."""

from __future__ import annotations

import base64
import re
import shlex
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from numpy.typing import NDArray

from segment.config.command_words import list_options
from segment.config.config import SegmentConfig, list_settings
from segment.config.entry_points import ENTRY_POINTS
from segment.core.errors import pluralize
from segment.core.hex_colors import format_hex_color
from segment.core.version import __version__, find_version
from segment.features.color_index import ColorIndex
from segment.features.pixel_features import PixelFeatures
from segment.output.density_chart import draw_density_chart, take_feature, take_feature_density
from segment.output.pictures.encoding import encode_picture
from segment.output.pictures.maps import draw_entropy_map, draw_log_density_map
from segment.output.pictures.panels import scale_pair
from segment.output.pictures.scaling import stretch_for_display
from segment.output.report.line_chart import draw_line_chart
from segment.output.tables import format_area, format_expected_share, format_number, format_share
from segment.pipeline.class_table import ClassRow
from segment.pipeline.interest_table import tabulate_interest
from segment.pipeline.shown_image import choose_shown_image
from segment.preprocessor.logarithms import LOG_RANGE

if TYPE_CHECKING:
    from segment.pipeline.result import Segmentation

__all__ = ["encode_picture_url", "render_page", "render_template"]

# Largest width and height of a map, in pixels: its text is 12 pixels high where it is shown 352 pixels wide.
_MAP_ROOM = (640, 640)
_LIBRARIES = ("numpy", "scipy", "opencv-python", "pillow", "scikit-learn", "scikit-image", "tifffile", "imagecodecs")


def render_page(result: Segmentation) -> str:
    """Render a page about a segmentation.

    Parameters
    ----------
    result : Segmentation
        A segmented image.

    Returns
    -------
    str
        HTML that needs no other file and no network. The same for the same image and settings, but for the seconds and
        the versions.
    """
    shown, _ = choose_shown_image(result.image, result.config)
    original, segments = scale_pair(shown, result.label_image, result.colors)
    return render_template(
        "page.html",
        title=result.provenance.source,
        about=_describe_image(result),
        warnings=result.warnings,
        original=encode_picture_url(original, suffix=".jpg"),
        segments=encode_picture_url(segments, suffix=".png"),
        size=original.shape[1::-1],
        class_heads=_name_columns(result),
        classes=[_make_class_row(result, row) for row in result.classes],
        interest=_make_interest_rows(result),
        histograms=_draw_histograms(result),
        bars=_describe_bars(result),
        scale=_describe_scale(result),
        curves=_draw_fit_curves(result) + _draw_class_count_curve(result),
        maps=_draw_maps(result),
        command=shlex.join(_build_command(result)),
        settings=_list_settings(result.config, is_default=False),
        defaults=_list_settings(result.config, is_default=True),
        is_logarithmic=result.config.log_scale,
        is_stretched=stretch_for_display(shown) is not shown,
        seconds=result.provenance.seconds,
        versions=[("segment", __version__), *((name, find_version(name)) for name in _LIBRARIES)],
    )


def render_template(template: str, **values: Any) -> str:
    """Render a template; text that is no markup is escaped.

    Parameters
    ----------
    template : str
        File name in the folder ``templates``.
    **values
        Every variable of the template; a missing one is an error.

    Returns
    -------
    str
        HTML.
    """
    return _load_environment().get_template(template).render(version=__version__, **values)


def encode_picture_url(picture: NDArray[np.uint8], *, suffix: str) -> str:
    """Encode a picture as a ``data:`` URL, so that it is inside the page itself.

    Parameters
    ----------
    picture : ndarray of shape (h, w, 3), uint8
        RGB.
    suffix : {".png", ".jpg"}
        Format.

    Returns
    -------
    str
        The URL.
    """
    kind = {".jpg": "jpeg", ".png": "png"}[suffix]
    return f"data:image/{kind};base64,{base64.b64encode(encode_picture(picture, suffix=suffix)).decode()}"


@cache
def _load_environment() -> Environment:
    """Load the templates of this package."""
    environment = Environment(
        loader=PackageLoader("segment.output.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters["mark_options"] = _mark_options
    return environment


def _mark_options(text: str) -> Markup:
    """Mark the options that a text names, so that no line ends within one."""
    return Markup(re.sub(r"(?<![\w-])--[a-z-]+", r'<span class="option">\g<0></span>', str(escape(text))))


def _describe_image(result: Segmentation) -> str:
    """Describe the image and the result in one line."""
    image = result.image
    kind = {1: "gray", 3: "RGB"}.get(image.n_bands, f"{image.n_bands} bands")
    unlabeled = float(np.mean(result.label_image == 0))
    words = f"{image.width} x {image.height} pixels, {kind}, {image.pixels.dtype}; "
    words += pluralize(result.n_classes, "class")
    words += f"; {100 * unlabeled:.2f} % of the pixels without a label" if unlabeled else ""
    return words + f"; clean-up changed {100 * result.changed:.2f} % of the labeled pixels"


def _name_columns(result: Segmentation) -> tuple[str, ...]:
    """Name the columns of the table of classes; areas are there if the size of the pixels is known."""
    area = (f"area in {result.image.grid.unit}\u00b2",) if result.image.grid else ()
    expected = ("expected share",) if result.calibration else ()
    group = ("share in group",) if result.config.group else ()
    return ("class", "pixels", *area, "share", *expected, *group, *(f"mean {name}" for name in result.image.band_names))


def _make_class_row(result: Segmentation, row: ClassRow) -> dict[str, Any]:
    """Make a row of the table of classes."""
    means = tuple(map(format_number, row.mean)) or ("-",) * len(result.image.band_names)
    # What a class has that the image has no counterpart of is not known, which is not 0.
    is_absent = row.label in result.absent
    area = () if row.area is None else ("-" if is_absent else format_area(row.area),)
    about = format_expected_share(row.expected_share, row.expected_share_sd).replace("+-", "\u00b1")
    expected = (about,) if result.calibration else ()
    within = f"{row.group}: {format_share(row.group_share)}" if row.group else "-"
    group = (within,) if result.config.group else ()
    pixels = "-" if is_absent else f"{row.pixels:,}"
    cells = (pixels, *area, format_share(row.share), *expected, *group, *means)
    return {
        "color": format_hex_color(result.colors[row.label - 1]),
        "name": result.names[row.label - 1],
        "cells": cells,
    }


def _make_interest_rows(result: Segmentation) -> list[dict[str, Any]]:
    """Make the rows of the table of regions of interest: one for each of them and each class."""
    items = tabulate_interest(result.label_image, result.image, result.classes)
    return [{"roi": item.roi, **_make_class_row(result, item.row)} for item in items]


def _draw_histograms(result: Segmentation) -> list[tuple[str, str]]:
    """Draw each feature: its name, and the URL of its histogram with the density of the mixture over it."""
    if result.n_classes == 0:
        return []
    cells = _find_fitted_pixels(result).cells
    pictures = []
    for number, name in enumerate(result.space.feature_names):
        picture = draw_density_chart(
            take_feature(cells, number),
            take_feature_density(result.model, number),
            label=name,
            groups=result.class_mixture.groups,
            names=result.names,
            colors=result.colors,
        )
        pictures.append((name, encode_picture_url(picture, suffix=".png")))
    return pictures


def _find_fitted_pixels(result: Segmentation) -> PixelFeatures:
    """Find the pixels that the classes were fitted to, which in a large image are those of a smaller copy."""
    source = result.spatial.data.source
    if isinstance(source, PixelFeatures):
        return source
    # Cells of regions are their means.
    return PixelFeatures(result.preprocessed, ColorIndex(result.preprocessed), result.space)


def _describe_bars(result: Segmentation) -> str:
    """Say which pixels the histograms count."""
    copy, image = _find_fitted_pixels(result).image, result.preprocessed
    if copy.valid.shape == image.valid.shape:
        return "histogram of the pixels"
    return (
        f"histogram of a copy of {copy.width} x {copy.height} pixels, to whose averaged colors the classes are fitted"
    )


def _describe_scale(result: Segmentation) -> str:
    """Say what the features count from black to white where it is not what the image counts; else nothing."""
    black, white = result.image.black, result.image.white
    if result.config.log_scale:
        return (
            f"The axes are logarithmic: they count 0 for {white / LOG_RANGE:.4g} and less, and 255 for {white:g}, the "
            "white of the image and the table."
        )
    if (black, white) == (0, 255) or result.space.name == "lab":
        return ""
    return (
        f"The axes count 0 for black and 255 for white, which are {black:g} and {white:g} in the image and the table."
    )


def _draw_maps(result: Segmentation) -> list[tuple[str, str, str]]:
    """Draw the maps: heading, URL of the picture, note."""
    if result.n_classes == 0:
        return []
    pictures = [
        (
            "Uncertainty",
            draw_entropy_map(result.uncertainty(), result.n_classes, room=_MAP_ROOM),
            "Bright: several classes are about equally probable.",
        ),
        (
            "Unusual pixels",
            draw_log_density_map(result.log_likelihood(), room=_MAP_ROOM),
            "Bright: colors of low density under the mixture.",
        ),
    ]
    return [(head, encode_picture_url(picture, suffix=".png"), note) for head, picture, note in pictures]


def _draw_fit_curves(result: Segmentation) -> list[tuple[str, Any, str]]:
    """Draw the log likelihood by iteration of the last stage of the fit, and the log posterior where there is a prior.

    Each curve has a heading, the chart and a note.
    """
    fit = result.fit
    if fit.finish.n_iter < 1:
        return []
    # The note tells how much the result depends on the start: the range of the best starts.
    starts = f", from the best of {fit.restarts.size} starts" if fit.restarts.size > 1 else ""
    end = "converged" if fit.converged else "not converged"
    spread = ""
    if fit.finalists.size > 1:
        spread = f" The {fit.finalists.size} best starts ended {np.ptp(fit.finalists):.2g} nats apart on coarse cells."
    values = fit.finish.log_likelihoods
    note = f"Nats per pixel, over all colors{starts}; {values[-1]:.6g} at the end, {end}.{spread}"
    curves = [("Log likelihood", values, note)]
    # EM raises the posterior, not the likelihood, where there is a prior. Without one the two are equal.
    if not np.array_equal(values, fit.finish.objectives):
        prior = f"--shrinkage {fit.shrinkage:g}" if result.config.prior == "pooled" else "--prior conjugate"
        note = f"Nats per pixel: the log likelihood plus the log prior of {prior}, which EM raises in each iteration."
        curves.append(("Log posterior", fit.finish.objectives, note))
    return [
        (head, draw_line_chart(range(len(y)), y.tolist(), x_label="iteration", y_label=head), words)
        for head, y, words in curves
    ]


def _draw_class_count_curve(result: Segmentation) -> list[tuple[str, Any, str]]:
    """Draw the criterion for every number of classes that was tried: heading, chart, note."""
    selection = result.selection
    if not selection.candidates:
        return []
    chart = draw_line_chart(
        [candidate.n_classes for candidate in selection.candidates],
        [candidate.value for candidate in selection.candidates],
        x_label="number of classes",
        y_label=selection.criterion_name,
        marked=[selection.chosen],
    )
    return [("Number of classes", chart, f"{selection.criterion_name}: lower is better. {selection.sentence}.")]


def _build_command(result: Segmentation) -> tuple[str, ...]:
    """Build the command line that makes the same result; empty where there is none."""
    command = result.provenance.command
    if not command:
        return ()
    # `apply` has no settings of the fit, and with --start the model gives the number of classes.
    options = list_options(result.config, ENTRY_POINTS[command[0]], with_k="--start" not in command)
    return ("segment", *command, *options)


def _list_settings(config: SegmentConfig, *, is_default: bool) -> list[tuple[str, str]]:
    """List option and value of the settings that have their default value, or of the others."""
    return [
        (item.option, item.format(getattr(config, item.name)) or "none")
        for item in list_settings()
        if (getattr(config, item.name) == item.default) == is_default
    ]
