"""Where the images of a folder get their classes from."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as PilImage
from program_runs import run_main

from segment.config.config import SegmentConfig
from segment.core.errors import ImageError
from segment.pipeline.pipeline import segment_image
from segment.runs.batch.class_plan import SHARED_MODEL, ClassPlan
from segment.runs.batch.folder_workers import start_workers
from segment.runs.class_source import ClassSource
from segment.segmenter.class_model.storage import load_class_model

CONFIG = SegmentConfig(k=2, n_init=1, spatial="none")

Prepare = Callable[..., ClassSource]


@pytest.fixture
def prepare(tmp_path: Path) -> Prepare:
    """Prepare a plan for three images, of which the first is damaged."""
    (tmp_path / "out").mkdir()
    sources = [tmp_path / f"{name}.png" for name in "abc"]
    sources[0].write_bytes(b"no image")
    for number, source in enumerate(sources[1:]):
        pixels = np.repeat([20 + 10 * number, 200 + 10 * number], 8)[None].repeat(10, axis=0)
        PilImage.fromarray(pixels.astype(np.uint8)).save(source)
    workers = partial(start_workers, cluster=None, n_workers=1)

    def prepare(plan: ClassPlan, known: Any = ()) -> ClassSource:
        return plan.prepare(sources, tmp_path / "out", CONFIG, workers, known)

    return prepare


def test_images_have_their_own_classes_unless_a_plan_says_otherwise(prepare: Prepare, tmp_path: Path) -> None:
    plan = ClassPlan()
    assert not plan.is_fitted
    assert prepare(plan) == ClassSource()
    assert list((tmp_path / "out").iterdir()) == []


def test_a_shared_model_is_fitted_to_all_images_that_can_be_read(prepare: Prepare, tmp_path: Path) -> None:
    found = prepare(ClassPlan(shared=True))
    assert found.model is not None
    assert found.model.training.images == 2
    assert not found.adapt
    saved = load_class_model(tmp_path / "out" / SHARED_MODEL)
    np.testing.assert_allclose(np.sort(saved.mixture.means.ravel()), np.sort(found.model.mixture.means.ravel()))


def test_a_fitted_model_is_used_again_until_something_changes(prepare: Prepare, tmp_path: Path) -> None:
    plan = ClassPlan(shared=True)
    path = tmp_path / "out" / SHARED_MODEL
    key = prepare(plan).key
    os.utime(path, (1, 1))
    assert prepare(plan, {key}).key == key
    assert path.stat().st_mtime == 1  # not written again
    os.utime(tmp_path / "b.png", (1, 1))
    changed = prepare(plan, {key})
    assert changed.key != key
    assert path.stat().st_mtime != 1


def test_classes_to_align_to_are_those_of_the_first_image_that_can_be_read(prepare: Prepare, tmp_path: Path) -> None:
    found = prepare(ClassPlan(align=True))
    assert found.model is None
    assert found.reference is not None
    expected = segment_image(tmp_path / "b.png", CONFIG).class_model
    np.testing.assert_array_equal(found.reference.mixture.means, expected.mixture.means)


def test_what_decides_the_classes_is_in_their_identity(prepare: Prepare) -> None:
    reference = prepare(ClassPlan(align=True)).reference
    sources = [
        ClassSource(),
        ClassSource(reference),
        ClassSource(reference, adapt=True),
        ClassSource(None, False, reference),
    ]
    assert len({source.identity for source in sources}) == 4
    assert ClassSource(reference, key="a").identity == ClassSource(reference, key="b").identity


@pytest.mark.parametrize("plan", [ClassPlan(shared=True), ClassPlan(align=True)], ids=["shared", "align"])
def test_a_folder_without_a_readable_image_is_an_error(tmp_path: Path, plan: ClassPlan) -> None:
    (tmp_path / "a.png").write_bytes(b"no image")
    with pytest.raises(ImageError, match="none of its images can be read"):
        plan.prepare([tmp_path / "a.png"], tmp_path, CONFIG, partial(start_workers, cluster=None, n_workers=1), ())


def test_shared_classes_are_merged_and_named_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("in").mkdir()
    for name in "ab":
        PilImage.fromarray(np.repeat([20, 90, 160, 230], 8)[None].repeat(10, axis=0).astype(np.uint8)).save(
            f"in/{name}.png"
        )
    settings = ("--merge", "land=1,2", "--name", "4=snow", "--name", "rock=darkest", "--save", "labels")
    assert run_main("batch", "in", "-k", "4", "--model", "shared", "--jobs", "1", *settings) == 0
    for name in "ab":
        with PilImage.open(f"outputs/{name}_labels.png") as picture:
            assert np.asarray(picture)[0, ::8].tolist() == [1, 1, 2, 3]
    assert load_class_model(tmp_path / "outputs" / SHARED_MODEL).names == ("land", "class 2", "snow")
