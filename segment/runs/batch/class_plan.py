"""Whether the images of a folder share their classes, and which these are."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from segment.config.config import SegmentConfig
from segment.core.errors import ImageError, SegmentError, printable_path
from segment.runs.batch.folder_workers import AnyCrew
from segment.runs.fingerprint import fingerprint
from segment.runs.workers.processes import Lost

if TYPE_CHECKING:
    from segment.pipeline.multi_image_fit import ImagePart, ValueScale
    from segment.segmenter.class_model.class_model import ClassModel

__all__ = ["SHARED_MODEL", "ClassPlan", "Classes"]

SHARED_MODEL = "segment_model.json"


@dataclass(frozen=True)
class Classes:
    """What decides the classes of an image.

    Attributes
    ----------
    model : ClassModel, optional
        Classes to find, or with `adapt` to start from.
    adapt : bool
    like : ClassModel, optional
        Classes whose numbers, names and colors the image's own take over.
    key : str
        Tells a shared model from one of other images or settings.
    """

    model: ClassModel | None = None
    adapt: bool = False
    like: ClassModel | None = None
    key: str = ""

    @property
    def identity(self) -> tuple[str, ...]:
        """All of it as text."""
        return (*(model.to_json() if model else "" for model in (self.model, self.like)), str(self.adapt))


@dataclass(frozen=True, kw_only=True)
class ClassPlan:
    """How the images of a folder get their classes.

    Attributes
    ----------
    shared : bool
        Fit one model to all of them.
    model : ClassModel, optional
        Find the classes of this model, or with `adapt` start each fit from them.
    adapt : bool
    align : bool
        Number the classes of each image like those of `reference`, or of the first image if there is none.
    reference : ClassModel, optional
    files : tuple of Path
        Of these models: no result may replace them.
    n_extra : int
        Classes that an image may have beyond the number in the settings.
    """

    shared: bool = False
    model: ClassModel | None = None
    adapt: bool = False
    align: bool = False
    reference: ClassModel | None = None
    files: tuple[Path, ...] = ()
    n_extra: int = 0

    @property
    def is_fitted(self) -> bool:
        """Whether there is a model to be fitted to images of the folder."""
        return self.shared or (self.align and self.reference is None)

    def prepare(
        self,
        sources: Sequence[Path],
        output: Path,
        config: SegmentConfig,
        crew: Callable[..., AnyCrew],
        known: Collection[str],
    ) -> Classes:
        """The classes for all images; where they are to be fitted to them, that is done here.

        Parameters
        ----------
        sources : sequence of Path
            In order.
        output : Path
            The folder for the model that images share.
        config : SegmentConfig
        crew : callable
            Makes workers for a function.
        known : collection of str
            Keys of the models of an earlier run: used again if no image and no setting has changed.

        Raises
        ------
        ImageError, ModelError
            If there is no image to fit to.
        """
        from segment.segmenter.class_model.storage import save_class_model

        if not self.is_fitted:
            return Classes(self.model, self.adapt, self.reference)
        wanted = list(sources) if self.shared else list(sources[:1])
        path = output / SHARED_MODEL
        key = _key(wanted, config, self)
        model = _kept(path, key, known)
        if model is None:
            model = _fitted(wanted, config, crew) if self.shared else _of_first(sources, config, self)
            save_class_model(model, path, overwrite=True)
        model = replace(model, file=str(path))
        key = f"{key}-{_content(path)}"
        return Classes(model, key=key) if self.shared else Classes(self.model, self.adapt, model, key)


def _fitted(sources: list[Path], config: SegmentConfig, crew: Callable[..., AnyCrew]) -> ClassModel:
    """One model for all images that can be read and are like the first of them; the others will fail one by one."""
    from segment.pipeline.multi_image_fit import find_common_scale, fit_parts

    def gathered(tasks: list[_Reading]) -> dict[int, ImagePart]:
        found = crew(partial(_part, config=config)).perform(iter(tasks))
        return {task.number: part for task, part in found if part is not None and not isinstance(part, Lost)}

    readings = [_Reading(source, number, len(sources)) for number, source in enumerate(sources)]
    parts = gathered(readings)
    if not parts:
        raise ImageError(
            f"{printable_path(sources[0].parent)}: no image there can be read, so there is no model for all."
        )
    scale = find_common_scale([parts[number].scale for number in sorted(parts)])
    misread = [number for number in sorted(parts) if parts[number].is_misread(scale)]
    parts |= gathered([replace(readings[number], scale=scale) for number in misread])
    first = parts[min(parts)].space.feature_names
    alike = [number for number in sorted(parts) if parts[number].space.feature_names == first]
    return fit_parts([parts[number] for number in alike], [printable_path(sources[n]) for n in alike], scale, config)[0]


@dataclass(frozen=True)
class _Reading:
    source: Path
    number: int
    n_images: int
    scale: ValueScale | None = None


def _part(reading: _Reading, *, config: SegmentConfig) -> ImagePart | None:
    """What an image is for the fit; None if it cannot be read, which will be said when it is to be labeled."""
    from segment.pipeline.multi_image_fit import collect_part

    try:
        return collect_part(
            reading.source,
            config=config,
            number=reading.number,
            n_images=reading.n_images,
            scale=reading.scale,
        )
    except (SegmentError, MemoryError):
        return None


def _of_first(sources: Sequence[Path], config: SegmentConfig, plan: ClassPlan) -> ClassModel:
    """The classes of the first image that can be segmented."""
    from segment.pipeline.pipeline import segment_image

    for source in sources:
        try:
            result = segment_image(source, config, start=plan.model if plan.adapt else None)
        except SegmentError:
            continue
        if result.n_classes:
            return result.class_model
    raise ImageError(
        f"{printable_path(sources[0].parent)}: no image there can be read, so there is none to align others to."
    )


def _key(sources: Sequence[Path], config: SegmentConfig, plan: ClassPlan) -> str:
    """The same as long as no image and no setting changes."""
    stats = []
    for source in sources:
        try:
            status = source.stat()
            stats.append((str(source.absolute()), status.st_size, status.st_mtime_ns))
        except OSError:
            stats.append((str(source.absolute()), -1, -1))
    text = json.dumps([repr(config), plan.shared, stats, plan.model.to_json() if plan.model else ""])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _kept(path: Path, key: str, known: Collection[str]) -> ClassModel | None:
    """The model that an earlier run of the same images fitted and saved."""
    from segment.segmenter.class_model.storage import load_class_model

    return load_class_model(path) if f"{key}-{_content(path)}" in known else None


def _content(path: Path) -> str:
    found = fingerprint(path)
    return found.sha256[:16] if found else ""
