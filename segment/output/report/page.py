"""A segmentation as a page: pictures, tables and curves in one file."""

from __future__ import annotations

import base64
import shlex
from dataclasses import replace
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from numpy.typing import NDArray

from segment.config.config import GROUPS, SegmentConfig, list_settings
from segment.core.errors import pluralize
from segment.core.version import __version__
from segment.features.color_index import ColorIndex
from segment.features.pixel_features import collect_cells
from segment.mixture.cells import Cells
from segment.mixture.model import MixtureModel
from segment.output.density_chart import draw_density_chart
from segment.output.pictures.encoding import encode_picture
from segment.output.pictures.panels import pair
from segment.output.report.line_chart import line_chart
from segment.output.tables import format_number

if TYPE_CHECKING:
    from segment.pipeline.result import Segmentation

__all__ = ["encode_picture_url", "render", "render_page"]

_LIBRARIES = ("numpy", "scipy", "opencv-python", "pillow", "scikit-learn", "tifffile", "imagecodecs")
# The groups of settings that the command of a saved model takes.
_OF_APPLY = ("Loading", "Preprocessing", "Space", "Clean-up", "Output")


def render_page(result: Segmentation) -> str:
    """All about a segmentation, as HTML that needs no other file and no network.

    Parameters
    ----------
    result : Segmentation

    Returns
    -------
    str
        The same for the same image and settings, but for the seconds and the versions.
    """
    original, segments = pair(result.image, result.label_image, result.colors)
    return render(
        "page.html",
        title=result.origin.source,
        about=_about(result),
        warnings=result.warnings,
        original=encode_picture_url(original, suffix=".jpg"),
        segments=encode_picture_url(segments, suffix=".png"),
        size=original.shape[1::-1],
        class_heads=("class", "pixels", "share", *(f"mean {name}" for name in _channels(result))),
        classes=_class_rows(result),
        histograms=_histograms(result),
        curves=_traces(result) + _choice(result),
        maps=_maps(result),
        command=shlex.join(_command(result)),
        settings=[
            (item.option, _in_words(result.config, item.name), _is_usual(result, item)) for item in list_settings()
        ],
        seconds=result.origin.seconds,
        versions=[("segment", __version__), *((name, version(name)) for name in _LIBRARIES)],
    )


def render(template: str, **values: Any) -> str:
    """A template with its values filled in; what is not markup is escaped."""
    return _environment().get_template(template).render(version=__version__, **values)


def encode_picture_url(picture: NDArray[np.uint8], *, suffix: str) -> str:
    """An RGB picture (h, w, 3) as a ``data:`` URL, so that it stands in the page itself."""
    kind = {".jpg": "jpeg", ".png": "png"}[suffix]
    return f"data:image/{kind};base64,{base64.b64encode(encode_picture(picture, suffix=suffix)).decode()}"


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("segment.output.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )


def _about(result: Segmentation) -> str:
    image = result.image
    kind = f"{'gray' if image.is_gray else 'RGB'}, {image.pixels.dtype}"
    unlabeled = float(np.mean(result.label_image == 0))
    words = f"{image.width} x {image.height} pixels, {kind}; {pluralize(result.n_classes, 'class')}"
    words += f"; {unlabeled:.2%} of the pixels without a label" if unlabeled else ""
    return words + f"; clean-up changed {result.changed:.2%} of the labeled pixels"


def _channels(result: Segmentation) -> tuple[str, ...]:
    return ("grey",) if result.image.is_gray else ("R", "G", "B")


def _class_rows(result: Segmentation) -> list[dict[str, Any]]:
    rows = []
    empty = ("-",) * len(_channels(result))
    for row, color, name in zip(result.classes, result.colors, result.names, strict=True):
        means = tuple(map(format_number, row.mean)) or empty
        hexadecimal = "#" + bytes(color.tolist()).hex()
        rows.append(
            {"color": hexadecimal, "name": name, "cells": (f"{row.pixels:,}", f"{100 * row.share:.2f} %", *means)}
        )
    return rows


def _histograms(result: Segmentation) -> list[tuple[str, str]]:
    """The picture of each feature: its histogram and the mixture's density over it."""
    if result.n_classes == 0:
        return []
    index = ColorIndex(result.working)
    cells = collect_cells(result.space, index.iterate_parts(), exact=index.is_tabled)
    pictures = []
    for number, name in enumerate(result.space.feature_names):
        one = Cells(cells.weights, cells.means[:, [number]], np.zeros((len(cells), 1)))
        picture = draw_density_chart(one, _of_one(result.model, number), label=name)
        pictures.append((name, encode_picture_url(picture, suffix=".png")))
    return pictures


def _of_one(model: MixtureModel, number: int) -> MixtureModel:
    """The mixture of one feature, no narrower than a stored value: a spike has a density that no plot can hold."""
    marginal = model.marginalize([number])
    return replace(marginal, covariances=np.maximum(marginal.covariances, 1.0 / 12.0))


def _maps(result: Segmentation) -> list[tuple[str, str, str]]:
    if result.n_classes == 0:
        return []
    pictures = [
        ("Uncertainty", result.uncertainty_panel(), "Bright where several classes are about as probable."),
        ("Unusual pixels", result.anomaly_panel(), "Bright where the mixture explains a color badly."),
    ]
    return [(head, encode_picture_url(picture, suffix=".png"), note) for head, picture, note in pictures]


def _traces(result: Segmentation) -> list[tuple[str, Any, str]]:
    """Log likelihood by iteration of the last stage of the fit, and log posterior where there is a prior."""
    fit = result.fit
    if fit.finish.n_iter < 1:
        return []
    starts = f", from the best of {fit.restarts.size} starts" if fit.restarts.size > 1 else ""
    end = "converged" if fit.converged else "not converged"
    spread = ""
    if fit.finalists.size > 1:
        spread = f" The {fit.finalists.size} best starts ended {np.ptp(fit.finalists):.2g} nats apart on coarse cells."
    values = fit.finish.log_likelihoods
    note = f"Nats a pixel on all colors{starts}; {values[-1]:.6g} at the end, {end}.{spread}"
    curves = [("Log likelihood", values, note)]
    if not np.array_equal(values, fit.finish.objectives):
        pull = f"--shrinkage {fit.shrinkage:g}" if result.config.prior == "pooled" else "--prior conjugate"
        note = f"Nats a pixel, the likelihood with the pull of {pull}: what each iteration raises."
        curves.append(("Log posterior", fit.finish.objectives, note))
    return [
        (head, line_chart(range(len(y)), y.tolist(), x_label="iteration", y_label=head), words)
        for head, y, words in curves
    ]


def _choice(result: Segmentation) -> list[tuple[str, Any, str]]:
    """The criterion for every number of classes that was tried."""
    selection = result.selection
    if not selection.candidates:
        return []
    chart = line_chart(
        [candidate.n_classes for candidate in selection.candidates],
        [candidate.value for candidate in selection.candidates],
        x_label="number of classes",
        y_label=selection.criterion,
        marked=[selection.chosen],
    )
    return [("Number of classes", chart, f"Criterion {selection.criterion}, less is better. {selection.sentence}.")]


def _command(result: Segmentation) -> tuple[str, ...]:
    """The command line that makes the same; nothing where there is none."""
    command = result.origin.command
    if not command:
        return ()
    groups = _OF_APPLY if command[0] == "apply" else GROUPS
    return ("segment", *command, *_arguments(result.config, groups, says_k="--start" not in command))


def _arguments(config: SegmentConfig, groups: tuple[str, ...], *, says_k: bool) -> tuple[str, ...]:
    """The options of the command line that say the same: those of some groups that are not the default, and -k."""
    words: list[str] = []
    for setting in list_settings():
        value = getattr(config, setting.name)
        is_said = says_k if setting.name == "k" else value != setting.default
        if setting.group not in groups or not is_said:
            continue
        if setting.type is bool:
            words.append(setting.option)
        elif setting.type is tuple and not setting.choices:
            words += [word for each in value for word in (setting.option, each)]
        else:
            words += [setting.option, ",".join(value) if setting.type is tuple else str(value)]
    return tuple(words)


def _in_words(config: SegmentConfig, name: str) -> str:
    value = getattr(config, name)
    if isinstance(value, bool):
        return "on" if value else "off"
    return ", ".join(map(str, value)) or "none" if type(value) is tuple else str(value)


def _is_usual(result: Segmentation, item: Any) -> bool:
    return bool(getattr(result.config, item.name) == item.default)
