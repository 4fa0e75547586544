"""Where the images of a folder get their classes from: each its own, shared ones, or aligned ones."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from segment.config.config import SegmentConfig
from segment.core.errors import ImageError, SegmentError, printable_path
from segment.runs.batch.folder_workers import Workers
from segment.runs.class_source import ClassSource
from segment.runs.fingerprint import compute_fingerprint, stat_file
from segment.runs.selection_files import SelectionHashes
from segment.runs.workers.lost_tasks import TaskLost

if TYPE_CHECKING:
    from segment.mixture.selection import Selection
    from segment.pipeline.multi_image_fit import ImagePart, TrainingImage
    from segment.segmenter.class_model.class_model import ClassModel

__all__ = ["SHARED_MODEL", "ClassPlan"]

SHARED_MODEL = "segment_model.json"


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
        Whether the classes are fitted to each image.
    align : bool
        Number the classes of each image like those of `reference`, or of the first image if there is none.
    reference : ClassModel, optional
        The model to align to.
    files : tuple of Path
        The files of these models, which no result may replace.
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
        """Whether a model has to be fitted to images of the folder first."""
        return self.shared or (self.align and self.reference is None)

    def prepare(
        self,
        sources: Sequence[Path],
        output: Path,
        config: SegmentConfig,
        start_workers: Callable[..., Workers],
        known: Collection[str],
    ) -> ClassSource:
        """Fit the model that the plan needs, if it needs one, and save it.

        Parameters
        ----------
        sources : sequence of Path
            The images, in order.
        output : Path
            Folder for the model.
        config : SegmentConfig
            The settings of all images.
        start_workers : callable
            Takes a function and returns workers for it.
        known : collection of str
            Keys of the models of an earlier run: its model is used again if no image and no setting has changed.

        Returns
        -------
        ClassSource
            Where all images get their classes from.

        Raises
        ------
        ImageError, ModelError
            If there is no image to fit to.
        """
        from segment.segmenter.class_model.storage import save_class_model

        if not self.is_fitted:
            return ClassSource(self.model, self.adapt, self.reference)
        # Classes to align to come from the first image alone, so no other image makes them out of date.
        wanted = list(sources) if self.shared else list(sources[:1])
        path = output / SHARED_MODEL
        key = _compute_key(wanted, config, self)
        model, choice = _load_kept_model(path, key, known), ""
        if model is None:
            if self.shared:
                model, selection = _fit_to_images(wanted, config, start_workers)
                choice = selection.sentence
            else:
                model = _fit_to_first_image(sources, config, self)
            save_class_model(model, path, overwrite=True)
        model = replace(model, file=str(path))
        # With the content of the file, so that a model that somebody has edited is not used again.
        key = f"{key}-{_hash_content(path)}"
        return (
            ClassSource(model, key=key, choice=choice)
            if self.shared
            else ClassSource(self.model, self.adapt, model, key)
        )


def _fit_to_images(
    sources: list[Path], config: SegmentConfig, start_workers: Callable[..., Workers]
) -> tuple[ClassModel, Selection]:
    """Fit one model to all images that can be read and have the features of the first; others will fail one by one."""
    from segment.pipeline.multi_image_fit import TrainingImage, fit_parts, read_on_common_scale

    def read_images(images: list[TrainingImage]) -> dict[int, ImagePart]:
        found = start_workers(partial(_read_image, config=config)).run(iter(images))
        return {image.number: part for image, part in found if part is not None and not isinstance(part, TaskLost)}

    images = [TrainingImage(source, number, len(sources)) for number, source in enumerate(sources)]
    parts = read_images(images)
    if not parts:
        raise ImageError(
            f"{printable_path(sources[0].parent)}: none of its images can be read, so no shared model can be fitted. "
            "Check the files."
        )
    parts, scale = read_on_common_scale(images, parts, read_images)
    # Images with other features, such as a gray one among others, cannot share the model. They fail when they are
    # segmented, with an error of their own.
    features = parts[min(parts)].data.space.feature_names
    alike = [number for number, part in parts.items() if part.data.space.feature_names == features]
    return fit_parts([parts[number] for number in alike], [printable_path(sources[n]) for n in alike], scale, config)


def _read_image(image: TrainingImage, *, config: SegmentConfig) -> ImagePart | None:
    """Read an image for the fit; None for an unreadable one: the error is reported when it is segmented."""
    from segment.pipeline.multi_image_fit import collect_part

    try:
        return collect_part(image, config=config)
    except (SegmentError, MemoryError):
        return None


def _fit_to_first_image(sources: Sequence[Path], config: SegmentConfig, plan: ClassPlan) -> ClassModel:
    """Fit the classes of the first image that can be segmented."""
    from segment.pipeline.pipeline import segment_image

    # An image that cannot be read is reported when its turn comes; here the next one takes its place.
    for source in sources:
        try:
            result = segment_image(source, config, start=plan.model if plan.adapt else None)
        except SegmentError:
            continue
        if result.n_classes:
            return result.class_model
    raise ImageError(
        f"{printable_path(sources[0].parent)}: none of its images can be read, so there are no classes to align to. "
        "Check the files."
    )


def _compute_key(sources: Sequence[Path], config: SegmentConfig, plan: ClassPlan) -> str:
    """Return a text that stays the same as long as no image and no setting changes."""
    stats = []
    for source in sources:
        found = stat_file(source)
        # An image that is gone is a change, too.
        stats.append((str(source.absolute()), found and (found.bytes, found.modified)))
    masks = SelectionHashes(config).hash_all(sources)
    text = json.dumps([asdict(config), plan.shared, stats, plan.model.to_json() if plan.model else "", masks])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _load_kept_model(path: Path, key: str, known: Collection[str]) -> ClassModel | None:
    """Load the model that an earlier run fitted to the same images and saved; None if there is none."""
    from segment.segmenter.class_model.storage import load_class_model

    return load_class_model(path) if f"{key}-{_hash_content(path)}" in known else None


def _hash_content(path: Path) -> str:
    """Return the first digits of a file's SHA-256; empty if it cannot be read."""
    found = compute_fingerprint(path)
    return found.sha256[:16] if found else ""
