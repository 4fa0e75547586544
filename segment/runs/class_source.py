"""Where images get their classes from: each its own, those of a model, or numbered like those of a reference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from segment.segmenter.class_model.class_model import ClassModel

__all__ = ["ClassSource"]


@dataclass(frozen=True)
class ClassSource:
    """Where images get their classes from, with the models that are needed: by default each has its own.

    Attributes
    ----------
    model : ClassModel, optional
        Classes to find, or with `adapt` to start the fit from.
    adapt : bool
        Whether the classes are fitted to each image.
    reference : ClassModel, optional
        The image's own classes get the numbers, names and colors of the classes of this model.
    key : str
        The same for a shared model of the same images and settings; empty without one.
    choice : str
        Which number of classes was chosen for a shared model and why; empty where it was given, or chosen by an earlier
        run.
    """

    model: ClassModel | None = None
    adapt: bool = False
    reference: ClassModel | None = None
    key: str = ""
    choice: str = ""

    @property
    def is_shared(self) -> bool:
        """Whether the model was fitted to the images with the settings of the run."""
        return bool(self.key) and self.reference is None

    @property
    def identity(self) -> tuple[str, ...]:
        """All that decides the classes, as text."""
        return (*(model.to_json() if model else "" for model in (self.model, self.reference)), str(self.adapt))
