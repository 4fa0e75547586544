"""Class models on the command line: fit, apply and start, from files to files."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PilImage
from program_runs import Program, make_program, read_labels

import segment


@pytest.fixture
def program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], quadrants: np.ndarray
) -> Program:
    monkeypatch.chdir(tmp_path)
    PilImage.fromarray(quadrants).save("a.png")
    PilImage.fromarray(quadrants[:, ::-1]).save("b.png")
    return make_program(capsys)


def test_fit_and_apply_from_the_command_line(program: Program) -> None:
    assert program("fit", "a.png", "-k", "4", "-o", "m.json") == (0, "m.json\n", "")
    assert program("run", "a.png", "-k", "4", "-o", "run", "--save", "panel,labels,model")[0] == 0
    assert Path("run/a_model.json").read_bytes() == Path("m.json").read_bytes()
    code, out, err = program("apply", "m.json", "a.png", "b.png", "-o", "out")
    assert (code, err) == (0, "2 of 2 images segmented.\n")
    for name in ("a_panel.png", "a_labels.png"):
        assert Path("out", name).read_bytes() == Path("run", name).read_bytes()
    np.testing.assert_array_equal(read_labels("out/b_labels.png"), read_labels("out/a_labels.png")[:, ::-1])
    assert out.count("16.67 %") == 2


def test_a_default_in_place_of_what_the_model_has_is_refused(program: Program) -> None:
    program("fit", "a.png", "-k", "3", "--features", "lab", "-o", "m.json")
    model = segment.load_class_model("m.json")
    for option, name, value in (("-k", "k", 4), ("--features", "features", "rgb")):
        code, _, err = program("apply", "m.json", "a.png", option, str(value), "-o", "out")
        assert code == 2
        assert err.startswith(f"Error: {name} (")
        assert f"not used by segment apply; got {value}. Leave it out" in err
        with pytest.raises(segment.SettingsError, match=f"not used by apply_classes; got {value}"):
            segment.apply_classes(model, "a.png", **{name: value})
    Path("c.toml").write_text("k = 4\n")
    code, _, err = program("apply", "m.json", "a.png", "--config", "c.toml", "-o", "out")
    assert code == 0
    assert err.startswith("Warning: c.toml: k (-k): not used by segment apply; got 4.")
    # What the model has may be said.
    assert program("apply", "m.json", "a.png", "-k", "3", "--overwrite", "-o", "out")[0] == 0


def test_the_command_and_the_library_fit_the_same_model(program: Program) -> None:
    assert program("fit", "a.png", "b.png", "-k", "3", "--features", "lab", "-o", "sub/m.json")[0] == 0
    assert segment.load_class_model("sub/m.json") == segment.fit_classes(["a.png", "b.png"], k=3, features="lab")


def test_names_are_saved_and_printed(program: Program) -> None:
    assert program("fit", "a.png", "-k", "2", "--name", "1=forêt", "--name", "2=sky", "-o", "m.json")[0] == 0
    assert segment.load_class_model("m.json").names == ("forêt", "sky")
    code, out, _ = program("apply", "m.json", "b.png", "-o", "out")
    assert code == 0
    rows = [line for line in out.splitlines() if re.match(r" +\d", line)]
    assert [row.rsplit(maxsplit=1)[1] for row in rows] == ["forêt", "sky"]


def test_a_start_from_the_command_line(program: Program) -> None:
    model = segment.fit_classes(["a.png"], k=4).rename_classes(*"wxyz")
    turned = dataclasses.replace(model, mixture=model.mixture.reorder([3, 2, 1, 0]))
    segment.save_class_model(turned, "m.json")
    assert program("run", "a.png", "--start", "m.json", "--save", "labels,model", "-o", "out")[::2] == (0, "")
    np.testing.assert_array_equal(read_labels("out/a_labels.png"), 5 - segment.segment_image("a.png", k=4).label_image)
    assert segment.load_class_model("out/a_model.json").names == tuple("wxyz")
    assert program("batch", ".", "--start", "m.json", "-o", "again")[0] == 0
    code, _, err = program("run", "a.png", "--start", "m.json", "-k", "3", "-o", "more")
    assert (code, Path("more").exists()) == (2, False)
    assert err == "Error: k (-k): that of the model to start from, 4; got 3. Leave it out.\n"


def test_a_model_is_not_replaced_unless_asked(program: Program) -> None:
    Path("m.json").write_bytes(b"mine")
    code, out, err = program("fit", "a.png", "-k", "2", "-o", "m.json")
    assert (code, out) == (1, "")
    assert err == "Error: m.json: exists already. Replace it (--overwrite), or give another file with -o.\n"
    assert Path("m.json").read_bytes() == b"mine"
    assert program("fit", "a.png", "-k", "2", "-o", "m.json", "--overwrite")[0] == 0
    assert segment.load_class_model("m.json").n_classes == 2
    before = Path("a.png").read_bytes()
    code, _, err = program("fit", "a.png", "-k", "2", "-o", "./a.png", "--overwrite")
    assert (code, Path("a.png").read_bytes()) == (1, before)
    assert "a.png: is an input, and the model would replace it." in err
    Path("a_model.json").write_bytes(Path("m.json").read_bytes())
    code, _, err = program("apply", "a_model.json", "a.png", "--save", "model", "-o", ".", "--overwrite")
    assert (code, Path("a_model.json").read_bytes()) == (2, Path("m.json").read_bytes())
    assert "a_model.json: is an input" in err


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["fit", "-o", "m.json"], 2, "Missing argument 'INPUT...'."),
        (["fit", "a.png", "missing.png", "-k", "2"], 1, "missing.png: the file cannot be opened"),
        (["fit", "a.png", "-k", "0"], 2, "k (-k): a whole number from 1 to 255 or auto; got 0."),
        (["fit", "a.png", "-k", "2", "-o", "."], 1, ".: is a folder, and a model is one file."),
        (
            ["fit", "a.png", "-k", "2", "--name", "3=c"],
            2,
            "name (--name): the classes are 1 to 2; got 3. There is no class 3",
        ),
        (
            ["fit", "a.png", "-k", "2", "--name", "1=a", "--name", "2=a"],
            2,
            "name (--name): a name of its own",
        ),
        (["fit", "a.png", "--min-region", "9px"], 2, "min_region (--min-region): not used by segment fit; got 9px."),
        (["apply", "m.json"], 2, "Missing argument 'INPUT...'."),
        (["apply", "missing.json", "a.png"], 1, "missing.json: the model cannot be opened"),
        (["apply", "a.png", "a.png"], 1, "a.png: a model is JSON text; got other bytes."),
        (["run", "a.png", "--start", "missing.json"], 1, "missing.json: the model cannot be opened"),
    ],
)
def test_wrong_use_gives_one_line_and_writes_nothing(
    program: Program, arguments: list[str], code: int, words: str
) -> None:
    before = sorted(Path().rglob("*"))
    result = program(*arguments)
    assert (result[0], result[1]) == (code, "")
    (line,) = [line for line in result[2].splitlines() if not line.startswith("No -k given")]
    assert line.startswith(f"Error: {words}")
    assert sorted(Path().rglob("*")) == before


def test_settings_of_the_fit_are_refused_by_apply(program: Program) -> None:
    assert program("fit", "a.png", "-k", "2", "-o", "m.json")[0] == 0
    code, out, err = program("apply", "m.json", "a.png", "-k", "3", "-o", "out")
    assert (code, out, Path("out").exists()) == (2, "", False)
    assert err.startswith("Error: k (-k): not used by segment apply; got 3. Leave it out")


def test_an_image_of_other_features_does_not_stop_the_others(program: Program) -> None:
    PilImage.open("a.png").convert("L").save("gray.png")
    assert program("fit", "a.png", "-k", "2", "-o", "m.json")[0] == 0
    code, _, err = program("apply", "m.json", "gray.png", "b.png", "-o", "out")
    assert (code, err.splitlines()[-1]) == (1, "1 of 2 images segmented, 1 failed.")
    assert err.startswith("Error: gray.png: the model's features are R, G, B; got an image with intensity.")
    assert sorted(path.name for path in Path("out").iterdir()) == ["b_labels.png", "b_panel.png"]


def test_a_drifted_image_has_a_warning(program: Program, quadrants: np.ndarray) -> None:
    assert program("fit", "a.png", "-k", "4", "-o", "m.json")[0] == 0
    PilImage.fromarray(255 - quadrants).save("c.png")
    code, _, err = program("apply", "m.json", "c.png", "-o", "out")
    assert code == 0
    assert err.startswith("Warning: c.png: the model explains this image badly: log-likelihood ")


def test_the_model_keeps_the_preprocessing_of_its_fit(program: Program) -> None:
    assert program("fit", "a.png", "-k", "2", "--greyscale", "--max-size", "10", "-o", "m.json")[0] == 0
    assert program("apply", "m.json", "a.png", "-o", "out")[0] == 0
    assert program("run", "a.png", "-k", "2", "--greyscale", "--max-size", "10", "-o", "run")[0] == 0
    np.testing.assert_array_equal(read_labels("out/a_labels.png"), read_labels("run/a_labels.png"))
