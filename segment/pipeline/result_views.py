"""What a result shows of itself: masks of its classes, pictures, tables for pandas, files, and itself in a notebook.

The functions that draw and write lie one layer above; see :mod:`segment.pipeline.output_loader`.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from functools import cached_property
from operator import index
from os import PathLike
from pathlib import Path
from threading import RLock
from typing import Any, BinaryIO, Literal, cast

import numpy as np
from numpy.typing import NDArray

from segment.config.config import SegmentConfig
from segment.core.class_names import list_names
from segment.core.errors import SettingsError
from segment.core.image import Image
from segment.pipeline.class_table import ClassRow
from segment.pipeline.output_loader import load_output
from segment.pipeline.shown_image import choose_shown_image

__all__ = ["ClassMasks", "LabelViews", "ResultViews", "list_shares"]

Picture = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Table = dict[str, NDArray[Any]]


class ClassMasks(Mapping[str, Mask]):
    """The mask of each class by its name; a number finds it too. Each mask is made when it is asked for.

    Parameters
    ----------
    result : LabelViews
        Whose classes they are.
    """

    def __init__(self, result: LabelViews) -> None:
        self._result = result

    def __getitem__(self, key: str | int) -> Mask:
        try:
            return self._result.mask(key)
        except SettingsError as error:
            # What a mapping raises where it has no such key.
            raise KeyError(str(error)) from error

    def __iter__(self) -> Iterator[str]:
        return iter(self._result.names)

    def __len__(self) -> int:
        return len(self._result.names)

    def __repr__(self) -> str:
        return f"<masks of {list_names(self._result.names)}>"


class LabelViews:
    """What every result shows of its labels, whether they are classes or regions."""

    image: Image
    label_image: NDArray[Any]

    @property
    def names(self) -> tuple[str, ...]:
        """The name of each label, in their order."""
        raise NotImplementedError

    @property
    def colors(self) -> Picture:
        """The color that stands for each label, RGB: (k, 3)."""
        raise NotImplementedError

    @property
    def labels(self) -> NDArray[Any]:
        """The label image, shape (H, W): 1..k, 0 where there is no label. The same array as `label_image`."""
        return self.label_image

    @property
    def masks(self) -> ClassMasks:
        """The mask of each class by its name, in the order of the labels: a mapping to bool arrays (H, W)."""
        return ClassMasks(self)

    def mask(self, which: str | int) -> Mask:
        """Find the pixels of one class.

        Parameters
        ----------
        which : str or int
            The name of a class, such as ``"sky"``, or its label 1..k.

        Returns
        -------
        ndarray of shape (H, W), bool
            True where the label is that of the class.

        Raises
        ------
        SettingsError
            If there is no such class.
        """
        return cast(Mask, self.label_image == self.find_label(which))

    def find_label(self, which: str | int) -> int:
        """Find the label of a class.

        Parameters
        ----------
        which : str or int
            The name of a class, or its label 1..k.

        Returns
        -------
        int

        Raises
        ------
        SettingsError
            If there is no such class.
        """
        names = self.names
        if isinstance(which, str):
            if which in names:
                return names.index(which) + 1
            near = difflib.get_close_matches(which, names, n=1, cutoff=0.5)
            hint = f" Did you mean {near[0]}?" if near else ""
            raise SettingsError(f"class: one of {list_names(names)}, or a number; got {which!r}.{hint}")
        try:
            label = 0 if isinstance(which, (bool, np.bool_)) else index(which)
        except TypeError:
            label = 0
        if not 1 <= label <= len(names):
            raise SettingsError(f"class: a name, or a number from 1 to {len(names)}; got {which!r}.")
        return label

    def region_table(self) -> Table:
        """Measure each connected region."""
        raise NotImplementedError

    def panel(self) -> Picture:
        """Draw the original and the segmented image beside each other."""
        raise NotImplementedError

    def to_pandas(self) -> Any:
        """Make a table for pandas: a row for each region.

        Returns
        -------
        pandas.DataFrame
            The columns of :meth:`region_table`.

        Raises
        ------
        DependencyError
            If pandas is not installed.
        """
        return load_output("tables").to_dataframe(self.region_table())

    def save(
        self,
        folder: str | PathLike[str] | BinaryIO,
        *,
        stem: str = "image",
        suffix: str = ".png",
        overwrite: bool = False,
    ) -> list[Path]:
        """Write what `config.save` names into a folder or a pipe.

        Parameters
        ----------
        folder : path or binary file
            Made if it is not there. Into a binary file the contents are written one after the other.
        stem : str
            What file names begin with; no path.
        suffix : {".png", ".jpg"}
            Format of the panel, overlay and contours. All other pictures are PNG.
        overwrite : bool, default False
            Replace files that exist, also where `config.overwrite` is False.

        Returns
        -------
        list of Path
            The files that were written; empty for a binary file.

        Raises
        ------
        OutputError
            If a file exists and is not to be replaced, or a file cannot be written. Nothing is left behind then.
        SettingsError
            If the stem or the suffix is none of a file name.

        Notes
        -----
        Labels are 8-bit palette PNG up to 255 classes or regions and 16-bit gray PNG above. The contour map of regions
        is a 16-bit gray PNG with 65535 for a difference of 1.
        """
        save = load_output("products").save_products
        return cast("list[Path]", save(self, folder, stem=stem, suffix=suffix, overwrite=overwrite))

    def _repr_png_(self) -> bytes:
        """Draw itself in a notebook that shows no HTML."""
        return cast(bytes, load_output("notebook").encode_notebook_png(self))

    def _describe_image(self) -> str:
        """Describe the image in a few words: its name, if it has one, and its size."""
        size = f"{self.image.width} x {self.image.height} pixels"
        return f"{self.image.file_name}, {size}" if self.image.file_name else size


class ResultViews(LabelViews):
    """What every result with classes shows of itself, beside its labels."""

    warnings: tuple[str, ...]
    classes: tuple[ClassRow, ...]
    config: SegmentConfig
    absent: tuple[int, ...] = ()

    @property
    def old_numbers(self) -> tuple[str, ...]:
        """The numbers that each class has without the setting `merge`, such as ``2+3``; empty without merges."""
        return ()

    @property
    def k(self) -> int:
        """Number of classes; less than was asked for where the image has fewer distinct colors."""
        return len(self.names)

    def __getstate__(self) -> dict[str, Any]:
        # A pickle has neither the lock nor the cached values, which are computed again where they are needed.
        return {item.name: getattr(self, item.name) for item in fields(self)}  # type: ignore[arg-type]  # a dataclass

    @property
    def _lock(self) -> Any:
        """The lock of this result: files are made in threads, and several may ask for one cached value at once."""
        # setdefault is atomic, and no field of the result that is compared or pickled.
        return self.__dict__.setdefault("_own_lock", RLock())

    def shapes(self) -> Any:
        """Trace the outlines of the classes, for :mod:`segment.output.shapes`; done once.

        Returns
        -------
        Shapes
        """
        with self._lock:
            return self._shapes

    def class_table(self) -> Table:
        """Measure each class; done once, together with :meth:`region_table`.

        Returns
        -------
        dict of str to ndarray
            Columns of :mod:`segment.output.measurements`, a value for every class. A result with posteriors has
            ``posterior`` too, the mean probability of the pixels' own class, and ``uncertainty`` in bits.
        """
        with self._lock:
            return self._tables[0]

    def region_table(self) -> Table:
        """Measure each connected region; done once, together with :meth:`class_table`.

        Returns
        -------
        dict of str to ndarray
            Columns as in :meth:`class_table`, with a value for every region.

        Raises
        ------
        ImageError
            If there are more regions than a table may have rows.
        """
        with self._lock:
            table = self._tables[1]
        return cast("Table", load_output("result_tables").require_regions(table, self.label_image, self.image))

    @cached_property
    def _shapes(self) -> Any:
        return load_output("shapes").trace_classes(self.label_image)

    @cached_property
    def _tables(self) -> tuple[Table, Table]:
        """The tables of the classes and of the connected regions."""
        raise NotImplementedError

    def to_pandas(self, table: Literal["classes", "regions"] = "classes") -> Any:
        """Make a table for pandas: a row for each class, or for each connected region of a class.

        Parameters
        ----------
        table : {"classes", "regions"}
            The table.

        Returns
        -------
        pandas.DataFrame
            The columns of :meth:`class_table` or of :meth:`region_table`, names as they are.

        Raises
        ------
        DependencyError
            If pandas is not installed.
        SettingsError
            If there is no such table.
        """
        if table not in ("classes", "regions"):
            raise SettingsError(f"table: classes or regions; got {table!r}.")
        return load_output("tables").to_dataframe(self.class_table() if table == "classes" else self.region_table())

    def _repr_html_(self) -> str:
        """Show itself in a notebook: a small panel above a short table of the classes."""
        return cast(str, load_output("notebook").render_notebook_html(self))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._describe_image()}: {list_shares(self.names, self.classes)}>"

    def panel(self) -> Picture:
        """Draw the original and the segmented image beside each other with a legend.

        Returns
        -------
        ndarray of shape (h, w, 3), uint8
            RGB, sized for a screen.
        """
        draw = load_output("pictures.panels").draw_side_by_side
        image, title = choose_shown_image(self.image, self.config)
        return cast(Picture, draw(image, self.label_image, self.legend(), title=title))

    def legend(self) -> list[tuple[str, list[int]]]:
        """Describe number, name and share of each class in words.

        Returns
        -------
        list of (str, list of 3 int)
            The words and the color, RGB, of each class.
        """
        shares = [row.share for row in self.classes]
        entries = load_output("pictures.layout").list_legend_entries(self.names, shares, self.colors)
        return cast("list[tuple[str, list[int]]]", entries)

    def overlay(self) -> Picture:
        """Draw the image with each class tinted in its color.

        Returns
        -------
        ndarray of shape (H, W, 3), uint8
            RGB.
        """
        draw = load_output("pictures.overlays").draw_tinted_classes
        image, _ = choose_shown_image(self.image, self.config)
        return cast(Picture, draw(image, self.label_image, self.colors))

    def contours(self) -> Picture:
        """Draw the image with the outlines of the classes in their colors.

        Returns
        -------
        ndarray of shape (H, W, 3), uint8
            RGB.
        """
        draw = load_output("pictures.overlays").draw_class_contours
        image, _ = choose_shown_image(self.image, self.config)
        return cast(Picture, draw(image, self.label_image, self.colors))

    def cutout(self, label: str | int) -> Picture:
        """Draw the pixels of one class, all others transparent.

        Parameters
        ----------
        label : int or str
            The class, 1..k, or its name.

        Returns
        -------
        ndarray of shape (H, W, 4), uint8
            RGBA.
        """
        draw = load_output("pictures.overlays").cut_out_class
        return cast(Picture, draw(self.image, self.label_image, self.find_label(label)))


def list_shares(names: Sequence[str], classes: Sequence[ClassRow]) -> str:
    """List the names of the first classes with their shares in one line."""
    # A class that does not count has no share.
    shares = [
        name if math.isnan(row.share) else f"{name} {100 * row.share:.1f} %"
        for name, row in zip(names, classes, strict=True)
    ]
    return list_names(shares) or "no class"
