"""What several segmentations of an image show of themselves: one sheet with all of them, also in a notebook."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from segment.config.config import SegmentConfig
from segment.pipeline.output_loader import load_output

__all__ = ["SheetViews"]


class SheetViews:
    """What a comparison and an exploration share."""

    product: str
    """What the sheet shows: the end of the name of its file."""

    @property
    def config(self) -> SegmentConfig:
        """The settings of all segmentations."""
        raise NotImplementedError

    def panel(self) -> NDArray[np.uint8]:
        """Draw the sheet."""
        raise NotImplementedError

    def save(
        self, folder: str | PathLike[str], *, stem: str = "image", suffix: str = ".png", overwrite: bool = False
    ) -> list[Path]:
        """Write the sheet into a folder, as ``STEM_compared`` or ``STEM_explored`` and the suffix.

        Parameters
        ----------
        folder : path
            Made if it is not there.
        stem : str
            What the file name begins with.
        suffix : {".png", ".jpg"}
            Format of the sheet.
        overwrite : bool, default False
            Replace the file if it exists, also where `overwrite` is not among the settings.

        Returns
        -------
        list of Path
            The file that was written.

        Raises
        ------
        OutputError
            If the file exists and is not to be replaced, or cannot be written. Nothing is left behind then.
        """
        save = load_output("products").save_sheet
        return cast("list[Path]", save(self, folder, stem=stem, suffix=suffix, overwrite=overwrite))

    def _repr_png_(self) -> bytes:
        """Draw itself in a notebook."""
        return cast(bytes, load_output("notebook").encode_notebook_png(self))
