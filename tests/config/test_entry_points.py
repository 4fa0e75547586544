"""Every function and command with every setting: it is used, or it is refused."""

from __future__ import annotations

import contextlib
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as PilImage
from setting_values import CHANGED, NEEDED, write_option

import segment
from segment.cli.commands import cli
from segment.config.config import SegmentConfig, list_settings
from segment.config.entry_points import ENTRY_POINTS, START
from segment.core.errors import SettingsError

SETTINGS = {setting.name: setting for setting in list_settings()}
FUNCTIONS = [name for name in ENTRY_POINTS if name.startswith(("segment_", "fit_", "apply_", "compare_", "relabel_"))]
COMMANDS = [name for name in ENTRY_POINTS if name not in FUNCTIONS]
# Commands that have options of the settings.
SETTING_COMMANDS = [name for name in cli.commands if name in ENTRY_POINTS]
# Settings for which a command has an option of its own, which its tests cross.
OWN_OPTIONS = {"explore": {"k", "k_range"}}
# Properties of a configuration, with the settings that they stand for.
PROPERTIES = {
    "merges": {"merge"},
    "namings": {"name"},
    "color_namings": {"name"},
    "max_classes": {"k", "k_range"},
    "band_numbers": {"bands"},
    "crop_box": {"crop"},
    "nodata_values": {"nodata"},
    "roi_grid": {"roi"},
    "roi_circle": {"roi"},
    "pixel_sides": {"pixel_size"},
    "palette_colors": {"palette"},
    "class_groups": {"group"},
}
# Settings with which a function reads all that it uses, in one run or another.
RUNS: tuple[dict[str, Any], ...] = (
    {"k": "auto", "k_range": (1, 3), "prior": "conjugate", "n_init": 1},
    {"k": 2, "denoise": "gaussian", "seed_color": "#000000", "save": "labels,geojson,svg,objects", "n_init": 1},
    {"k": 2, "coherence": "region", "n_init": 1},
)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a picture, labels for it and a model of its classes."""
    folder = tmp_path_factory.mktemp("files")
    gray = np.kron(np.array([[40, 200], [90, 140]], np.uint8), np.ones((6, 10), np.uint8))
    PilImage.fromarray(np.dstack([gray, gray // 2, 255 - gray])).save(folder / "a.tif")
    PilImage.fromarray((gray > 100).astype(np.uint8) + np.uint8(1)).save(folder / "labels.png")
    segment.save_class_model(segment.fit_classes([folder / "a.tif"], k=2), folder / "m.json")
    return folder


@pytest.fixture
def picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: Path) -> str:
    shutil.copytree(files, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return "a.tif"


COMMAND_LINES = {
    "run": ["run", "a.tif"],
    "report": ["report", "a.tif"],
    "batch": ["batch", "."],
    "batch --model shared": ["batch", ".", "--model", "shared"],
    "batch --model FILE": ["batch", ".", "--model", "m.json"],
    "raster": ["raster", "a.tif"],
    "raster --model FILE": ["raster", "a.tif", "--model", "m.json"],
    "fit": ["fit", "a.tif", "-o", "new.json"],
    "apply": ["apply", "m.json", "a.tif"],
    "relabel": ["relabel", "a.tif"],
    "compare": ["compare", "a.tif"],
    "explore": ["explore", "a.tif"],
    "serve": ["serve", "a.tif"],
}
# Where the work of each command begins.
WORK = (
    "cli.commands.run_jobs",
    "cli.relabel.run_jobs",
    "runs.batch.folder_run.FolderRun",
    "pipeline.shared_classes.fit_and_select",
    "web.server.run_server",
)


def call_function(entry_point: str, picture: str, *config: SegmentConfig, **settings: Any) -> None:
    """Call a function of the library with a file, and save what it makes."""
    function: Callable[..., Any] = getattr(segment, entry_point.split(maxsplit=1)[0])
    if entry_point == "segment_raster":
        pytest.importorskip("rasterio")
        function(picture, "out.tif", *config, **settings)
    elif entry_point == "segment_raster with a model":
        pytest.importorskip("rasterio")
        function(picture, "out.tif", *config, model=segment.load_class_model("m.json"), **settings)
    elif entry_point == "fit_classes":
        function([picture], *config, **settings)
    elif entry_point == "apply_classes":
        function(segment.load_class_model("m.json"), picture, *config, **settings).save("out")
    elif entry_point == "relabel_classes":
        function("labels.png", picture, *config, **settings).save("out")
    else:
        function(picture, *config, **settings).save("out")


def record_reads(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The settings that are read outside the checks of configurations, from now on."""
    reads: set[str] = set()

    def read(config: SegmentConfig, name: str) -> Any:
        if name in SETTINGS or name in PROPERTIES:
            module = sys._getframe(1).f_globals["__name__"]
            if module.split(".")[0] == "segment" and not module.startswith("segment.config"):
                reads.update(PROPERTIES.get(name, {name}))
        return object.__getattribute__(config, name)

    monkeypatch.setattr(SegmentConfig, "__getattribute__", read)
    return reads


@pytest.mark.parametrize("entry_point", FUNCTIONS)
def test_function_reads_every_setting_that_it_uses(
    entry_point: str, picture: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    used = {name for name, setting in SETTINGS.items() if ENTRY_POINTS[entry_point].is_used(setting)}
    reads = record_reads(monkeypatch)
    for run in RUNS:
        settings = {name: value for name, value in run.items() if name in used}
        if entry_point == "segment_regions":  # regions make no objects
            settings = {name: "labels,geojson,svg" if name == "save" else value for name, value in settings.items()}
        if "overwrite" in used:
            settings["overwrite"] = True
        call_function(entry_point, picture, **settings)
    assert used - reads == set()


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("entry_point", FUNCTIONS)
def test_function_refuses_every_other_setting(entry_point: str, name: str, picture: str) -> None:
    if ENTRY_POINTS[entry_point].is_used(SETTINGS[name]):
        return
    values = {name: CHANGED[name], **NEEDED[name]}
    form = r"^\w+ \(-[-\w]+\): .*; got .*\. [A-Z].*\.$"
    with pytest.raises(SettingsError, match=form) as refused:
        call_function(entry_point, picture, **values)
    assert re.match(rf"({'|'.join(values)}) ", str(refused.value))
    with pytest.raises(SettingsError, match=form):
        call_function(entry_point, picture, SegmentConfig(**values))
    assert not Path("out").exists()
    assert not Path("out.tif").exists()


class ReachedError(Exception):
    """The work of a command would begin."""


@pytest.fixture
def configs(monkeypatch: pytest.MonkeyPatch) -> list[SegmentConfig]:
    """The configurations with which commands begin their work, which is not done."""
    seen: list[SegmentConfig] = []

    def stop(*arguments: Any, **_: Any) -> None:
        seen.extend(argument for argument in arguments if isinstance(argument, SegmentConfig))
        raise ReachedError

    for place in WORK:
        monkeypatch.setattr(f"segment.{place}", stop)
    return seen


def test_every_command_is_crossed() -> None:
    assert set(COMMAND_LINES) == set(COMMANDS)
    assert {words[0] for words in COMMAND_LINES.values()} == set(SETTING_COMMANDS)


@pytest.mark.parametrize("entry_point", COMMAND_LINES)
def test_command_uses_or_refuses_every_option(entry_point: str, picture: str, configs: list[SegmentConfig]) -> None:
    for name, setting in SETTINGS.items():
        if name in OWN_OPTIONS.get(entry_point, ()):
            continue
        if ENTRY_POINTS[entry_point].is_used(setting):
            values = {name: CHANGED[name], **NEEDED[name]}
            # A command that writes more when asked takes `save` for that alone.
            takes_save = {"save"} if ENTRY_POINTS[entry_point].products else set()
            used = {
                other: value
                for other, value in values.items()
                if other in takes_save or ENTRY_POINTS[entry_point].is_used(SETTINGS[other])
            }
            words = [word for other, value in used.items() for word in write_option(SETTINGS[other], value)]
            with contextlib.suppress(ReachedError):
                cli.main(args=[*COMMAND_LINES[entry_point], *words], standalone_mode=False)
            assert getattr(configs.pop(), name) == CHANGED[name]
        else:
            # A product that none of these commands writes.
            words = write_option(setting, ("cutouts",) if name == "save" else CHANGED[name])
            message = (
                re.escape(f"{name} ({setting.option}): not used by {ENTRY_POINTS[entry_point].text}; got ")
                + r".*\. [A-Z].*\.$"
            )
            with pytest.raises(SettingsError, match=message):
                cli.main(args=[*COMMAND_LINES[entry_point], *words], standalone_mode=False)
        assert not configs


def test_no_other_command_has_options_of_the_settings() -> None:
    for name in set(cli.commands) - set(SETTING_COMMANDS):
        assert not {param.name for param in cli.commands[name].params} & set(SETTINGS), name


@pytest.mark.parametrize("command", SETTING_COMMANDS)
def test_help_shows_the_options_that_are_used(command: str) -> None:
    hidden = {param.name for param in cli.commands[command].params if getattr(param, "hidden", False)}
    unused = {name for name, setting in SETTINGS.items() if not ENTRY_POINTS[command].is_used(setting)}
    unused -= OWN_OPTIONS.get(command, set())
    assert hidden == unused - ({"save"} if ENTRY_POINTS[command].products else set())


@pytest.mark.parametrize("name", START.leave_out)
def test_start_refuses_what_the_model_has(name: str, picture: str, configs: list[SegmentConfig]) -> None:
    words = write_option(SETTINGS[name], CHANGED[name])
    message = re.escape(f"{name} ({SETTINGS[name].option}): not used by a fit that starts from a model; got ")
    with pytest.raises(SettingsError, match=message):
        cli.main(args=["run", "a.tif", "--start", "m.json", *words], standalone_mode=False)
    # Regions are nothing for this function anyway.
    message = message.replace(re.escape("a fit that starts from a model"), ".*")
    with pytest.raises(SettingsError, match=message):
        segment.segment_image(picture, start=segment.load_class_model("m.json"), **{name: CHANGED[name]})


def test_settings_of_a_model_are_not_refused(picture: str) -> None:
    model = segment.fit_classes([picture], k=3, features="lab", greyscale=True)
    config = SegmentConfig.from_values(**model.settings)
    assert config.reject_unused_by("apply_classes", model.settings) is config
    with pytest.raises(SettingsError, match=r"^k \(-k\): not used by apply_classes; got 3\."):
        config.reject_unused_by("apply_classes")
    with pytest.raises(SettingsError, match=r"^k \(-k\): not used by apply_classes; got 5\."):
        segment.apply_classes(model, picture, SegmentConfig(k=5))


def test_fixed_values_are_not_refused() -> None:
    config = SegmentConfig(save=("labels",), labels_format="tif")
    assert config.reject_unused_by("segment_raster") is config
