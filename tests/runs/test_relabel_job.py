"""Label images are relabeled from file to files by the command."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from folder_runs import run_main
from PIL import Image as PilImage


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
    assert run_main(*words, "--overwrite", "--name", "2=9", "--order", "hue") == 1
    assert run_main("relabel", "a.png", "b.png", "--image", "c.png") == 2
