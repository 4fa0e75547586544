"""Merge, name, order and recolor the classes of a label image, without a fit."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from io import IOBase
from os import PathLike
from typing import Any, Unpack, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segment.config.config import SegmentConfig, list_settings
from segment.config.config_file import READING
from segment.config.products import RELABEL_PRODUCTS, RELABEL_PRODUCTS_WITHOUT_IMAGE
from segment.config.setting_arguments import SettingArguments
from segment.core.class_names import MAX_CLASSES, make_default_names
from segment.core.equality import EqualByValue
from segment.core.errors import ImageError, SettingsError, printable_path
from segment.core.hex_colors import parse_hex_color
from segment.core.image import Image
from segment.features.color_space import FeatureSpace
from segment.loader.label_files import StoredLabels, read_label_file
from segment.mixture.model import MixtureModel
from segment.pipeline.class_shares import assign_shares
from segment.pipeline.class_table import ClassRow, convert_means_to_rgb, tabulate_classes
from segment.pipeline.output_loader import load_output
from segment.pipeline.preparation import load_source, read_image
from segment.pipeline.result_views import ResultViews
from segment.pipeline.result_warnings import warn_of_absent_classes, warn_of_kept_coordinates
from segment.pipeline.sources import Source
from segment.preprocessor.preprocessor import clip_floats
from segment.segmenter.class_mixture import ClassMixture
from segment.segmenter.class_naming import find_label
from segment.segmenter.class_regrouping import RegroupedClasses, regroup_classes

__all__ = ["RelabeledImage", "relabel_classes"]

# A label image of more classes than this, without names and colors, is rather a photograph or a mask of 0 and 255.
MAX_USUAL_CLASSES = 200

Picture = NDArray[np.uint8]
Table = dict[str, NDArray[Any]]


@dataclass(frozen=True, eq=False, repr=False)
class RelabeledImage(ResultViews, EqualByValue):
    """A label image whose classes were merged, named, ordered or recolored.

    Attributes
    ----------
    image : Image
        The image that was segmented; without one, black pixels of the same size.
    label_image : ndarray of shape (H, W), uint8
        1..k; 0 for no label.
    class_names : tuple of str
        The names of the classes.
    class_colors : ndarray of shape (k, 3), uint8
        The color of each class.
    classes : tuple of ClassRow
        Area, share and mean color of each class.
    warnings : tuple of str
        What is not as one would expect, a sentence each.
    config : SegmentConfig
        The settings.
    has_image : bool
        Whether `image` is the one that was segmented; else tables have no colors.
    absent : tuple of int
        Empty: what asks for it also takes results that were aligned with a reference.
    old_numbers : tuple of str
        The numbers that each class has without the setting `merge`, such as ``2+3``; empty without merges.
    """

    image: Image
    label_image: NDArray[np.uint8]
    class_names: tuple[str, ...]
    class_colors: Picture
    classes: tuple[ClassRow, ...]
    warnings: tuple[str, ...]
    config: SegmentConfig
    has_image: bool = True
    absent: tuple[int, ...] = ()
    old_numbers: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the classes, in the order of the labels."""
        return self.class_names

    @property
    def colors(self) -> Picture:
        """The color that stands for each class, RGB: (k, 3)."""
        return self.class_colors

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return len(self.class_names)

    @property
    def mean_colors(self) -> Picture:
        """The mean color of each class in the image: (k, 3)."""
        return cast(Picture, load_output("result_pictures").compute_mean_colors(self))

    def panel(self) -> Picture:
        """Draw the image and the labels beside each other with a legend; without the image the labels alone.

        Returns
        -------
        ndarray of shape (h, w, 3), uint8
            RGB, sized for a screen.
        """
        if self.has_image:
            return super().panel()
        return cast(Picture, load_output("pictures.panels").draw_labels(self.label_image, self.legend()))

    @cached_property
    def _tables(self) -> tuple[Table, Table]:
        tables = load_output("result_tables").measure_label_image(self, {})
        if self.has_image:
            return cast("tuple[Table, Table]", tables)
        colors = ("mean_", "deviation_")
        classes, regions = ({name: each[name] for name in each if not name.startswith(colors)} for each in tables)
        return classes, regions


def relabel_classes(
    labels: str | PathLike[str] | ArrayLike,
    image: Source | None = None,
    config: SegmentConfig | None = None,
    **settings: Unpack[SettingArguments],
) -> RelabeledImage:
    """Merge, name, order and recolor the classes of a label image, without a fit.

    Parameters
    ----------
    labels : path or array_like of shape (H, W), int
        What ``--save labels`` wrote, or labels 1..k, 0 for none. It is not changed.
    image : path, binary file, array_like or Image, optional
        The image that was segmented, for products and orders that need its pixels. It is read with the settings that
        the label file holds (`crop`, `page`, `bands`, `pixel_size`, `keep_profile`), unless others are given.
    config : SegmentConfig, optional
        All settings at once.
    **settings
        Single settings instead: `merge`, `name`, `order`, those of output, and with an image those of loading. Numbers
        are those in `labels`, or in the new order. Classes keep their colors unless `palette` gives others.

    Returns
    -------
    RelabeledImage

    Raises
    ------
    ImageError
        If a file cannot be read, or the image has another size than the labels.
    SettingsError
        If a setting is not used, or needs the image.

    Examples
    --------
    >>> import numpy as np
    >>> result = relabel_classes(np.array([[1, 1, 2, 3]]), merge="land=1,2", name="3=sky")
    >>> [(row.name, row.pixels) for row in result.classes]
    [('land', 3), ('sky', 1)]
    """
    if config is None:
        # Before a file is read; how many classes it has is not known yet.
        known = {"k": MAX_CLASSES} if {"name", "merge"} & settings.keys() else {}
        SegmentConfig.from_values(**{**known, **settings}).reject_unused_by("relabel_classes", known)
    else:
        # The number of classes is that of the command, which cannot know it either.
        config.reject_unused_by("relabel_classes", {"k": MAX_CLASSES})
    stored = read_label_file(labels) if isinstance(labels, (str, PathLike)) else _make_stored(np.asarray(labels))
    k = len(stored.names)
    has_save = config is not None or "save" in settings
    defaults: dict[str, Any] = {"k": max(1, k), **({} if has_save else {"save": ("labels",)})}
    config = replace(SegmentConfig.resolve(config, settings, **defaults), k=max(1, k))
    _check_products(config, has_image=image is not None)
    _check_needs(config, has_image=image is not None)
    config = _take_reading(config, stored)
    shown = _read_pixels(stored, image, labels, config)
    rows = tabulate_classes(stored.label_image, clip_floats(shown), k)
    colors = stored.colors if image is None else None  # without the image, those that stand for the classes
    means = convert_means_to_rgb(rows, shown) if colors is None else colors.astype(np.float64)
    new = _regroup(stored, rows, means, config)
    numbers = np.concatenate([[0], new.numbers + 1]).astype(np.uint8)
    label_image = numbers[stored.label_image]
    found = tabulate_classes(label_image, clip_floats(shown), len(new.names))
    named = [replace(row, name=name) for row, name in zip(found, new.names, strict=True)]
    if image is None:
        named = [replace(row, mean=()) for row in named]
    result = RelabeledImage(
        image=shown,
        label_image=label_image,
        class_names=new.names,
        class_colors=np.zeros((len(new.names), 3), np.uint8),
        classes=assign_shares(named, config),
        warnings=shown.notes
        + _warn_of_photograph(stored)
        + new.warnings
        + warn_of_absent_classes(config, new.names)
        + warn_of_kept_coordinates(config, shown.georeference),
        config=config,
        has_image=image is not None,
    )
    return replace(result, class_colors=_choose_colors(result, stored, new), old_numbers=new.classes.old_numbers)


def _make_stored(labels: NDArray[Any]) -> StoredLabels:
    """Check labels that are an array."""
    is_right = labels.ndim == 2 and labels.size and labels.dtype.kind in "ui"
    if not is_right or labels.min() < 0 or labels.max() > MAX_CLASSES:
        raise ImageError(
            f"labels: whole numbers from 0 to {MAX_CLASSES} of shape (H, W); got {labels.dtype} {labels.shape}. "
            "Of a result give the label_image."
        )
    return StoredLabels(labels.astype(np.uint8), None, make_default_names(int(labels.max())))


def _warn_of_photograph(stored: StoredLabels) -> tuple[str, ...]:
    """Say that the labels may be the grays of a picture."""
    if len(stored.names) <= MAX_USUAL_CLASSES or stored.colors is not None:
        return ()
    return (
        f"the labels go up to {len(stored.names)}, as the grays of a photograph or a mask do. If it is one, give "
        "what --save labels wrote instead",
    )


def _check_products(config: SegmentConfig, *, has_image: bool) -> None:
    """Refuse products that labels alone do not give."""
    known = RELABEL_PRODUCTS if has_image else RELABEL_PRODUCTS_WITHOUT_IMAGE
    wrong = [name for name in config.save if name not in known]
    if wrong:
        needs_image = wrong[0] in RELABEL_PRODUCTS
        cure = "It needs the image: give --image FILE" if needs_image else "It needs the fit: use segment run"
        raise SettingsError(f"save (--save): of labels one or more of {', '.join(known)}; got {wrong[0]}. {cure}.")
    if config.labels_format == "npz":
        raise SettingsError("labels_format (--labels-format): png or tif; got npz. Labels alone have no posteriors.")


def _check_needs(config: SegmentConfig, *, has_image: bool) -> None:
    """Refuse what needs the colors of the image without one."""
    if has_image:
        return
    needs: list[tuple[str, str]] = []
    if config.order in ("lightness", "hue"):
        needs.append(("order (--order)", config.order))
    needs += [("name (--name)", rule) for rule, _ in config.color_namings]
    if config.palette == "mean":
        needs.append(("palette (--palette)", "mean"))
    for what, got in needs:
        raise SettingsError(f"{what}: needs the colors of the image; got {got}. Give --image FILE.")
    for setting in list_settings():
        is_about_image = setting.group == "Loading" or setting.name == "bands"
        if is_about_image and getattr(config, setting.name) != setting.default:
            raise SettingsError(
                f"{setting.name} ({setting.option}): is about the image; got labels alone. Give --image FILE."
            )


def _take_reading(config: SegmentConfig, stored: StoredLabels) -> SegmentConfig:
    """Add the settings with which the image was read, unless others are given."""
    is_open = {
        item.name: item.name in READING and getattr(config, item.name) == item.default for item in list_settings()
    }
    try:
        return replace(config, **{name: value for name, value in stored.reading.items() if is_open.get(name)})
    except SettingsError:  # the text in the file was edited
        return config


def _read_pixels(stored: StoredLabels, image: Source | None, labels: object, config: SegmentConfig) -> Image:
    """Read the image of a label image as it was read for the labels, or make black pixels."""
    shape = stored.label_image.shape
    if image is None:
        name = printable_path(labels).rpartition("/")[2] if isinstance(labels, (str, PathLike)) else ""
        valid = stored.label_image > 0
        return Image(np.zeros(shape, np.uint8), valid, 0, 255, georeference=stored.georeference, file_name=name)
    is_file = isinstance(image, (str, PathLike, IOBase))
    whole = load_source(image, config if is_file else replace(config, page=1, bands="", pixel_size=""))
    # The image may be the part that was segmented.
    is_part = config.crop == stored.reading.get("crop") and (whole.height, whole.width) == shape
    crop, size = "" if is_part else config.crop, "" if config.pixel_size == "dpi" else config.pixel_size
    read = read_image(whole, replace(config, page=1, bands="", crop=crop, pixel_size=size))
    if (read.height, read.width) != shape:
        raise ImageError(
            f"image (--image): of the size of the labels, {shape[1]} x {shape[0]}; got {read.width} x {read.height}. "
            "Give the image that was segmented, and the --crop and --page with which it was."
        )
    return read if read.georeference else replace(read, georeference=stored.georeference)


def _regroup(
    stored: StoredLabels, rows: tuple[ClassRow, ...], means: NDArray[np.float64], config: SegmentConfig
) -> RegroupedClasses:
    """Order, merge and name the classes: each is a component at its mean color, as heavy as its area."""
    k = len(rows)
    weights = np.maximum([row.pixels for row in rows], 0.5) if k else np.zeros(0)
    weights = weights / max(1.0, float(weights.sum()))
    mixture = MixtureModel(weights, means, np.broadcast_to(np.eye(3), (k, 3, 3)).copy())
    return regroup_classes(ClassMixture(mixture, np.arange(k)), stored.names, FeatureSpace("rgb", 3, 0, 255), config)


def _choose_colors(result: RelabeledImage, stored: StoredLabels, new: RegroupedClasses) -> Picture:
    """Choose the colors of the classes: those of the file unless the palette says otherwise."""
    output = load_output("class_colors")
    mean_colors = result.mean_colors if result.config.palette == "mean" else None
    config, names = result.config, new.names
    if not names:
        return result.colors
    kept = stored.colors if config.palette == "category" or config.palette_colors else None
    if kept is None:
        return cast(Picture, output.choose_palette_colors(config, names, new.classes.compute_means(), mean_colors))
    # A merged class has the color of the first of its classes.
    _, first = np.unique(new.numbers, return_index=True)
    colors = kept[first].copy()
    for key, color in config.palette_colors:
        if label := find_label(key, names):
            colors[label - 1] = parse_hex_color(color)
    return colors
