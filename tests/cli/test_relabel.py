"""Label images are relabeled from file to files by the command."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PilImage
from program_runs import run_main


def test_a_label_image_is_relabeled_beside_itself(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labels = np.repeat([[1, 2, 3]], 2, axis=0).astype(np.uint8)
    PilImage.fromarray(labels).save(tmp_path / "a_labels.png")
    words = ["relabel", str(tmp_path / "a_labels.png"), "--merge", "land=1,2", "--name", "3=sky", "-o", str(tmp_path)]
    assert run_main(*words, "--json") == 0
    (row,) = json.loads(capsys.readouterr().out)["images"]
    assert [(item["name"], item["pixels"]) for item in row["classes"]] == [("land", 4), ("sky", 2)]
    with PilImage.open(tmp_path / "a_relabeled_labels.png") as picture:
        assert np.asarray(picture).tolist() == [[1, 1, 2]] * 2
    assert run_main(*words) == 1  # the file exists
    assert run_main(*words, "--overwrite", "--order", "hue") == 1  # it needs the image
    assert run_main("relabel", "a.png", "b.png", "--image", "c.png") == 2


def test_a_file_of_fewer_classes_is_named_and_no_clean_up_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [tmp_path / f"{name}_labels.png" for name in "ab"]
    for number, path in enumerate(paths, start=2):
        PilImage.fromarray(np.arange(number, dtype=np.uint8)[None]).save(path)
    assert run_main("relabel", *map(str, paths), "--merge", "1,2", "-o", str(tmp_path)) == 1
    text = capsys.readouterr()
    assert f"Error: {paths[0]}: merge (--merge): the classes are 1 to 1; got 2." in text.err
    assert "clean-up" not in text.out
    assert "1 is 1+2" in text.out


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (("a.png", "a_labels.png"), "share its results with"),
        (("a_labels.png", "a_relabeled_labels.png"), "is an input"),
    ],
)
def test_no_result_replaces_another_or_an_input(
    names: tuple[str, str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [tmp_path / name for name in names]
    for path in paths:
        PilImage.fromarray(np.eye(2, dtype=np.uint8)).save(path)
    assert run_main("relabel", *map(str, paths), "-o", str(tmp_path), "--overwrite") == 2
    assert words in capsys.readouterr().err
    assert not (set(tmp_path.iterdir()) - set(paths))
