"""A run as one JSON document on stdout."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image as PilImage
from program_runs import Program

import segment


def test_json_prints_one_document_on_stdout(run_program: Program) -> None:
    result = run_program("run", "a.png", "missing.png", "-k", "4", "-o", "out", "--json", "--save", "labels")
    assert result.code == 1
    assert result.err.splitlines()[0].startswith("Error: missing.png: ")
    found = json.loads(result.out)
    assert found["version"] == segment.__version__
    assert segment.SegmentConfig.from_values(**found["settings"]) == segment.SegmentConfig(k=4, save=("labels",))
    good, bad = found["images"]
    assert (good["input"], good["outputs"], good["k"], good["error"]) == ("a.png", ["out/a_labels.png"], 4, "")
    assert good["classes"][0] == {
        **{
            "label": 1,
            "name": "class 1",
            "colour": f"#{segment.segment_image('a.png', k=4).colors[0].tobytes().hex()}",
        },
        **{"pixels": 40, "share": 40 / 240, "mean": [20, 30, 90]},
        **{"expected_share": pytest.approx(40 / 240), "expected_share_sd": pytest.approx(0.0005, abs=1e-5)},
    }
    assert sum(row["pixels"] for row in good["classes"]) == 240
    assert (good["warnings"], good["changed"], good["choice"]) == ([], 0, "")
    assert 0 < good["seconds"] < 60
    assert (bad["outputs"], bad["k"], bad["classes"]) == ([], 0, [])
    assert bad["error"] == result.err.splitlines()[0].removeprefix("Error: ")


def test_json_has_groups_and_null_for_classes_that_an_image_lacks(run_program: Program, image_folder: Path) -> None:
    segment.save_class_model(segment.fit_classes(["a.png"], k=4), "m.json")
    (image_folder / "in").mkdir()
    with PilImage.open("a.png") as picture:
        picture.crop((8, 0, 20, 12)).save("in/right.png")
    options = ("-k", "2", "--align", "m.json", "--group", "light=3,4")
    result = run_program("batch", "in", *options, "-o", "out", "--json")
    assert result.code == 0
    (image,) = json.loads(result.out)["images"]
    shares = [None, None, 60 / 144, 84 / 144]
    assert [row["share"] for row in image["classes"]] == shares
    assert [row["pixels"] for row in image["classes"]] == [None, None, 60, 84]
    groups = [(row["group"], row["name"], row["share"]) for row in image["groups"]]
    assert groups == [("light", "class 3", shares[2]), ("light", "class 4", shares[3])]


@pytest.mark.parametrize("command", ["batch", "apply"])
def test_batch_and_apply_print_json(run_program: Program, image_folder: Path, command: str) -> None:
    segment.save_class_model(segment.fit_classes(["a.png"], k=2), "m.json")
    (image_folder / "in").mkdir()
    Path("a.png").replace("in/a.png")
    arguments = ["batch", "in", "-k", "2"] if command == "batch" else ["apply", "m.json", "in/a.png"]
    result = run_program(*arguments, "-o", "out", "--json")
    assert (result.code, result.err) == (0, "")
    (image,) = json.loads(result.out)["images"]
    assert (image["input"], image["k"]) == ("in/a.png", 2)
