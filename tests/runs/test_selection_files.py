"""Files of masks and regions of interest in runs over folders: what is missing, what has changed."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PilImage
from program_runs import run_main

from segment.config.config import SegmentConfig
from segment.core.errors import SettingsError
from segment.runs.batch.manifest_rows import MANIFEST, read_rows
from segment.runs.selection_files import (
    SelectionHashes,
    check_selection_files,
    list_selection_paths,
    make_selection_absolute,
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator) -> Path:
    """Three images in ``in`` with masks in ``in/masks``."""
    monkeypatch.chdir(tmp_path)
    Path("in/masks").mkdir(parents=True)
    for name in "abc":
        means = np.where(np.arange(16)[None, :, None] < 8, 60, 180)
        pixels = np.clip(means + rng.normal(0, 5, (16, 16, 3)), 0, 255).astype(np.uint8)
        PilImage.fromarray(pixels).save(f"in/{name}.png")
        draw_mask(f"in/masks/{name}.png", 4)
    return tmp_path


def draw_mask(path: str, top: int) -> None:
    """A mask in which the rows from `top` on count."""
    mask = np.zeros((16, 16), dtype=np.uint8)
    mask[top:] = 255
    PilImage.fromarray(mask).save(path)


def batch(*more: str) -> int:
    return run_main(
        "batch", "in", "-r", "-k", "2", "--n-init", "2", "--jobs", "1", "--save", "labels", "-o", "out", *more
    )


def count_labels(name: str) -> int:
    """How many rows of a label image have labels."""
    with PilImage.open(f"out/{name}_labels.png") as image:
        return int(np.count_nonzero(np.asarray(image).any(axis=1)))


def test_paths_are_told_from_shapes() -> None:
    assert list_selection_paths(SegmentConfig(mask="m.png", roi="r.json")) == (Path("m.png"), Path("r.json"))
    for roi in ("", "circle", "circle:3,4,5", "grid:2x3"):
        assert list_selection_paths(SegmentConfig(roi=roi)) == ()
    config = make_selection_absolute(SegmentConfig(mask="m.png", roi="circle"))
    assert config.mask == os.path.abspath("m.png")  # noqa: PTH100
    assert config.roi == "circle"


def test_a_missing_file_is_refused_before_the_first_image(folder: Path) -> None:
    check_selection_files(SegmentConfig(mask="in/masks", roi="in/a.png"))
    with pytest.raises(SettingsError, match=r"^roi \(--roi\): a file or folder that exists; got plots\.json"):
        check_selection_files(SegmentConfig(mask="in/masks", roi="plots.json"))
    assert batch("--mask", "nothing.png") == 2
    assert not Path("out").exists()


def test_the_hash_changes_with_the_mask_of_the_image_alone(folder: Path) -> None:
    hashes = SelectionHashes(SegmentConfig(mask="in/masks"))
    before = [hashes.extend("ab", Path(f"in/{name}.png")) for name in "abc"]
    draw_mask("in/masks/b.png", 6)
    after = [hashes.extend("ab", Path(f"in/{name}.png")) for name in "abc"]
    assert [one == other for one, other in zip(before, after, strict=True)] == [True, False, True]
    assert SelectionHashes(SegmentConfig(roi="circle")).extend("ab", Path("in/a.png")) == "ab"
    assert SelectionHashes(SegmentConfig()).hash_all([Path("in/a.png")]) == ""


def test_a_resumed_run_does_again_what_has_another_mask(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert batch("--mask", "in/masks") == 0
    assert [count_labels(name) for name in "abc"] == [12, 12, 12]
    draw_mask("in/masks/b.png", 8)
    capfd.readouterr()
    assert batch("--mask", "in/masks", "--resume") == 0
    assert capfd.readouterr().out.split() == ["out/b_labels.png"]
    assert [count_labels(name) for name in "abc"] == [12, 8, 12]


def test_one_mask_for_all_is_no_image_and_a_change_of_it_changes_all(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    draw_mask("in/all.png", 2)
    more = ("--mask", "in/all.png", "--model", "shared")
    (folder / "in/masks/a.png").unlink()
    for path in (folder / "in/masks").iterdir():
        path.unlink()
    assert batch(*more) == 0
    assert sorted(path.name for path in Path("out").glob("*.png")) == [f"{name}_labels.png" for name in "abc"]
    draw_mask("in/all.png", 12)
    capfd.readouterr()
    assert batch(*more, "--resume") == 0
    assert len(capfd.readouterr().out.split()) == 3
    assert [count_labels(name) for name in "abc"] == [4, 4, 4]


def test_an_image_without_a_mask_fails_alone(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    Path("in/masks/b.png").unlink()
    assert batch("--mask", "in/masks") == 1
    error = capfd.readouterr().err
    assert (
        "Error: in/b.png: in/masks: a folder of masks has one for each image; got none named b. Add it there." in error
    )
    rows = {row["input"]: row["status"] for row in read_rows(Path("out") / MANIFEST)}
    assert rows == {"a.png": "done", "b.png": "failed", "c.png": "done"}


def test_rows_of_the_manifest_have_the_regions_of_interest(folder: Path) -> None:
    assert batch("--mask", "in/masks", "--roi", "grid:1x2") == 0
    row = next(iter(read_rows(Path("out") / MANIFEST)))
    assert [(item["roi"], item["label"], item["pixels"]) for item in row["interest"]] == [
        ("r1c1", 1, 96),
        ("r1c1", 2, 0),
        ("r1c2", 1, 0),
        ("r1c2", 2, 96),
    ]


def test_a_result_never_replaces_a_mask(folder: Path) -> None:
    draw_mask("in/a_labels.png", 2)
    assert run_main("run", "in/a.png", "--mask", "in/a_labels.png", "-k", "2", "-o", "in", "--overwrite") == 2
    assert np.asarray(PilImage.open("in/a_labels.png")).max() == 255
