"""``--config`` and ``--save config`` in every command: the same settings make the same files."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image as PilImage
from program_runs import Program, hash_tree, take_one_line

import segment
from segment.cli.commands import cli

COMMANDS = {
    "run": ["run", "a.png", "--save", "panel,labels,model,config"],
    "report": ["report", "a.png", "--save", "config"],
    "batch": ["batch", "in", "--jobs", "1", "--save", "labels,config"],
    "fit": ["fit", "a.png", "--save", "config"],
    "apply": ["apply", "m.json", "a.png", "--save", "labels,config"],
    "compare": ["compare", "a.png", "--save", "config"],
    "raster": ["raster", "a.tif", "--save", "config"],
}
SETTINGS = ["--max-size", "30", "--smoothness", "3", "-k", "3", "--n-init", "2"]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_run_with_the_settings_it_wrote_makes_the_same_files(command: str, run_program: Program) -> None:
    if command == "raster":
        pytest.importorskip("rasterio")
        PilImage.open("a.png").save("a.tif")
    if command == "batch":
        Path("in").mkdir()
        Path("a.png").rename("in/a.png")
    if command == "apply":
        segment.save_class_model(segment.fit_classes(["a.png"], k=2, n_init=2), "m.json")
    settings = SETTINGS[2 if command == "raster" else 0 : 4 if command == "apply" else None]
    words, save = COMMANDS[command][:-2], COMMANDS[command][-2:]
    outputs = [["-o", f"{folder}/model.json" if command == "fit" else folder] for folder in ("first", "second")]
    first = run_program(*words, *save, *settings, *outputs[0])
    assert first.code == 0, first.err
    (written,) = Path("first").glob("*_config.toml")
    second = run_program(*words, "--config", str(written), *outputs[1])
    assert second.code == 0, second.err
    # Nothing is said of settings that are not used: the command wrote those that it uses.
    assert "config.toml" not in second.err
    made = [hash_tree(Path(folder)) for folder in ("first", "second")]
    for files in made:
        for name in [name for name in files if name.endswith((".html", ".csv", ".jsonl"))]:
            files[name] = "it tells the time"
    assert made[0] == made[1]


def test_every_command_with_settings_has_the_option() -> None:
    # The page writes it among its downloads, explore has no one k, and relabel takes labels.
    assert {*COMMANDS, "serve", "explore", "relabel"} == set(cli.commands) - {"doctor"}
    for name in set(cli.commands) - {"doctor"}:
        assert "config" in {param.name for param in cli.commands[name].params}


def test_options_go_before_the_file(run_program: Program, image_folder: Path) -> None:
    Path("s.toml").write_text('k = 2\nn_init = 2\nname = ["1=dark"]\nsave = ["config"]\n')
    assert run_program("run", "a.png", "--config", "s.toml", "-k", "3", "-o", "out").code == 0
    assert Path("out/a_config.toml").read_text().splitlines()[1:] == [
        "k = 3",
        'name = ["1=dark"]',
        "n_init = 2",
        'save = ["config"]',
    ]


def test_labels_of_a_raster_are_a_geotiff_whatever_is_the_default_of_others(run_program: Program) -> None:
    pytest.importorskip("rasterio")
    PilImage.open("a.png").save("a.tif")
    Path("s.toml").write_text('k = 2\nn_init = 2\nspatial = "none"\nlabels_format = "png"\n')
    result = run_program("raster", "a.tif", "--config", "s.toml")
    assert (result.code, result.out.splitlines()[0]) == (0, "outputs/a_labels.tif")
    refused = run_program("raster", "a.tif", "--labels-format", "png", "-o", "other")
    assert refused.code == 2
    assert "not used by segment raster; got png. Leave it out: the labels are written as a GeoTIFF." in refused.err
    assert "got report. Choose of labels, panel" in run_program("raster", "a.tif", "--save", "report").err


def test_a_setting_of_the_file_that_the_command_does_not_use_is_said(run_program: Program) -> None:
    Path("s.toml").write_text("k = 2\nn_init = 2\nmin_region = 0.01\n")
    result = run_program("fit", "a.png", "--config", "s.toml", "-o", "m.json")
    assert result.code == 0
    expected = "min_region (--min-region): not used by segment fit; got 0.01. Use it to apply the model."
    assert take_one_line(result.err) == f"Warning: s.toml: {expected}"
    # On the command line the same is refused.
    assert run_program("fit", "a.png", "--min-region", "0.01", "-o", "n.json").code == 2
    # A model to start from has its own starts.
    result = run_program("run", "a.png", "--start", "m.json", "--config", "s.toml", "-o", "out")
    assert (result.code, result.err.count("Warning: s.toml: n_init")) == (0, 1)


def test_a_setting_of_the_file_that_an_option_makes_useless_is_left_out(run_program: Program) -> None:
    Path("s.toml").write_text('k = 2\nn_init = 2\nsave = ["objects"]\ngroup_distance = "5px"\n')
    result = run_program("run", "a.png", "--config", "s.toml", "--save", "masks", "-o", "out")
    expected = "only with objects or numbers in save; got 5px. Give --save objects too. It is left out."
    assert result.code == 0
    assert take_one_line(result.err) == f"Warning: s.toml: group_distance (--group-distance): {expected}"
    assert run_program("run", "a.png", "--config", "s.toml", "-o", "out").code == 0
    # What contradicts itself is refused still.
    Path("s.toml").write_text('k = 2\nsave = ["masks"]\ngroup_distance = "5px"\n')
    assert run_program("run", "a.png", "--config", "s.toml", "--save", "labels", "-o", "out").code == 2


def test_a_setting_for_which_the_command_has_an_option_of_its_own_is_said(run_program: Program) -> None:
    Path("s.toml").write_text("k = 2\nn_init = 2\n")
    result = run_program("explore", "a.png", "-k", "2..3", "--config", "s.toml", "-o", "out")
    assert (result.code, result.err.count("Warning: s.toml: k: segment explore has an option of its own")) == (0, 1)


def test_what_is_wrong_in_the_file_is_refused_before_any_work(run_program: Program) -> None:
    Path("s.toml").write_text("smothness = 2\n")
    result = run_program("run", "missing.png", "--config", "s.toml")
    assert result.code == 2
    assert take_one_line(result.err) == "Error: s.toml: smothness: no such setting. Did you mean smoothness?"


def test_existing_settings_are_not_replaced(run_program: Program) -> None:
    Path("m_config.toml").write_text("mine")
    result = run_program("fit", "a.png", "-k", "2", "--save", "config", "-o", "m.json")
    assert result.code == 1
    assert "m_config.toml: exists already" in result.err
    assert not Path("m.json").exists()


@pytest.mark.parametrize("option", ["--mask", "--roi", "--crop", "--nodata", "--bands", "--pixel-size", "--background"])
def test_an_empty_text_is_refused_as_an_unset_variable_gives_it(option: str, run_program: Program) -> None:
    result = run_program("run", "a.png", "-k", "2", option, "")
    assert result.code == 2
    assert f"({option}): " in take_one_line(result.err)
    assert "; got nothing. Leave it out for none." in result.err


def test_an_empty_text_takes_back_what_the_file_gives(run_program: Program) -> None:
    Path("a.toml").write_text('roi = "grid:1x2"\n', encoding="utf-8")
    words = ["run", "a.png", "-k", "2", "--save", "labels", "--config", "a.toml"]
    assert "r1c2" in run_program(*words).out
    assert "r1c2" not in run_program(*words, "--roi", "", "--overwrite").out


def test_a_text_that_is_given_twice_is_refused(run_program: Program) -> None:
    result = run_program("run", "a.png", "-k", "2", "--nodata", "0", "--nodata", "255")
    assert result.code == 2
    assert take_one_line(result.err) == "Error: nodata (--nodata): given once; got 0 and 255. Leave one out."
    # What a file gives is replaced, as by an option of any kind.
    Path("a.toml").write_text('roi = "grid:1x2"\n', encoding="utf-8")
    assert "r2c1" in run_program("run", "a.png", "-k", "2", "--config", "a.toml", "--roi", "grid:2x1").out
