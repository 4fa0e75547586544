"""Settings: complete, checked by name, and the same on the command line."""

from __future__ import annotations

import dataclasses
import math
import re
from typing import Any

import click
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segment.cli.commands import cli
from segment.config.config import GROUPS, SegmentConfig, list_settings
from segment.config.products import PRODUCTS
from segment.config.setting import Setting, Span
from segment.core.errors import SettingsError
from segment.preprocessor.preprocessor import DENOISERS

KINDS = ", ".join(product.name for product in PRODUCTS)

SETTINGS = {setting.name: setting for setting in list_settings()}
COMMANDS = ("run", "batch")
OF_COMMANDS = {"scheduler", "as_json", "inputs", "folder", "recursive", "start", "output", "debug"}
OF_COMMANDS |= {"jobs", "resume", "timeout", "watch", "model_option", "align"}
each_setting = pytest.mark.parametrize("setting", SETTINGS.values(), ids=SETTINGS)


def context_of(command: str, **given: int) -> click.Context:
    """The context of a command below its program, from which Click takes, once and for all, the names of its help."""
    program = click.Context(cli, **cli.context_settings)
    return click.Context(cli.commands[command], parent=program, info_name=command, **given)


def help_of(command: str) -> str:
    """The help of a command, unwrapped to one line."""
    return " ".join(cli.commands[command].get_help(context_of(command)).split())


@each_setting
def test_every_setting_is_described_and_its_default_within_its_range(setting: Setting) -> None:
    assert setting.group in GROUPS
    assert re.fullmatch(r"[A-Z].*\.", setting.help)
    assert setting.checked(setting.default) == setting.default
    if setting.default in setting.choices and setting.type is not str:  # a word that stands for a number
        assert setting.type(setting.checked(setting.low)) == setting.low
        return
    assert type(setting.checked(setting.default)) is setting.type
    if setting.type in (int, float):
        assert setting.low <= setting.default <= setting.high
    if setting.type is float:
        assert setting.choices == ()
    if setting.type in (str, tuple):
        assert len(set(setting.choices)) == len(setting.choices) > (1 if setting.default else -1)


def test_settings_are_the_fields_in_the_order_of_the_groups() -> None:
    assert list(SETTINGS) == [field.name for field in dataclasses.fields(SegmentConfig)]
    places = [GROUPS.index(setting.group) for setting in list_settings()]
    assert places == sorted(places)
    assert set(places) == set(range(len(GROUPS)))


def test_a_configuration_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        SegmentConfig().k = 5  # type: ignore[misc]


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("k", 0, "k (-k): a whole number from 1 to 255 or auto; got 0."),
        ("k", 256, "k (-k): a whole number from 1 to 255 or auto; got 256."),
        ("k", 2.5, "k (-k): a whole number from 1 to 255 or auto; got 2.5."),
        ("k", "4", "k (-k): a whole number from 1 to 255 or auto; got '4'."),
        ("k", "Auto", "k (-k): a whole number from 1 to 255 or auto; got 'Auto'."),
        ("k", True, "k (-k): a whole number from 1 to 255 or auto; got True."),
        ("k", None, "k (-k): a whole number from 1 to 255 or auto; got None."),
        ("k", [4], "k (-k): a whole number from 1 to 255 or auto; got [4]."),
        *[
            ("k_range", wrong, f"k_range (--k-range): LOW..HIGH, whole numbers from 1 to 255; got {wrong!r}.")
            for wrong in ("0..3", "3..2", "1..256", "4", "1..2..3", "a..b", "", (1, 2.5), (1,), 5, None, ("1", "2"))
        ],
        ("seed", 2**32, "seed (--seed): a whole number from 0 to 4294967295; got 4294967296."),
        ("max_pixels", math.inf, "max_pixels (--max-pixels): a whole number of at least 1; got inf."),
        ("tol", math.nan, "tol (--tol): a number of at least 0; got nan."),
        ("tol", math.inf, "tol (--tol): a number of at least 0; got inf."),
        ("tol", -1e-9, "tol (--tol): a number of at least 0; got -1e-09."),
        ("max_hole", 1.5, "max_hole (--max-hole): a number from 0 to 1; got 1.5."),
        ("denoise", "blur", "denoise (--denoise): one of none, gaussian, median, bilateral; got 'blur'."),
        ("features", None, "features (--features): one of rgb, lab, hsv, intensity; got None."),
        ("greyscale", 1, "greyscale (--greyscale): True or False; got 1."),
        ("greyscale", "yes", "greyscale (--greyscale): True or False; got 'yes'."),
        (
            "seed_color",
            "blue",
            "seed_color (--seed-color): colors written #RRGGBB, with six hexadecimal digits; got 'blue'.",
        ),
        (
            "seed_color",
            ["#12345g"],
            "seed_color (--seed-color): colors written #RRGGBB, with six hexadecimal digits; got '#12345g'.",
        ),
        ("seed_color", 5, "seed_color (--seed-color): colors written #RRGGBB, with six hexadecimal digits; got 5."),
        ("save", "", f"save (--save): one or more of {KINDS}; got ''."),
        ("save", (), f"save (--save): one or more of {KINDS}; got ()."),
        (
            "save",
            "labels,picture",
            f"save (--save): one or more of {KINDS}; got 'labels,picture'.",
        ),
        ("save", 5, f"save (--save): one or more of {KINDS}; got 5."),
        ("save", [["labels"]], f"save (--save): one or more of {KINDS}; got [['labels']]."),
    ],
)
def test_a_wrong_value_is_refused_by_name(name: str, value: Any, rule: str) -> None:
    with pytest.raises(SettingsError, match=f"^{re.escape(rule)}$"):
        SegmentConfig(**{name: value})


@pytest.mark.parametrize("wrong", [10, 0, "k=4", {}, ""])
def test_what_is_no_configuration_is_refused(wrong: Any) -> None:
    with pytest.raises(SettingsError, match="config: a SegmentConfig; got "):
        SegmentConfig.either(wrong, {})


@pytest.mark.parametrize("given_", ["2..9", (2, 9), [2, 9], (2.0, np.int64(9))])
def test_a_span_is_two_whole_numbers(given_: Any) -> None:
    span = SegmentConfig(k="auto", k_range=given_).k_range
    assert (span, str(span)) == ((2, 9), "2..9")
    assert [type(part) for part in span] == [int, int]


@pytest.mark.parametrize(
    ("values", "rule"),
    [
        ({"k": 5, "k_range": (2, 9)}, "k_range (--k-range): only with k = auto, but k is 5; got 2..9. Give -k auto."),
        ({"criterion": "icl"}, "criterion (--criterion): only with k = auto, but k is 4; got icl. Give -k auto."),
        (
            {"k": "auto", "criterion": "entropy", "components_per_class": 2},
            "components_per_class (--components-per-class): 1 with the criterion entropy, which finds the number "
            "itself; got 2.",
        ),
        (
            {"k": "auto", "criterion": "variational", "components_per_class": 3},
            "components_per_class (--components-per-class): 1 with the criterion variational, which finds the number "
            "itself; got 3.",
        ),
        (
            {"k": "auto", "criterion": "variational", "covariance_type": "tied"},
            "covariance_type (--covariance-type): full with the criterion variational; got tied.",
        ),
        (
            {"labels_format": "tif", "save": ("panel",)},
            "labels_format (--labels-format): only with labels in save; got tif. Give --save labels too.",
        ),
    ],
)
def test_what_would_be_ignored_is_refused(values: dict[str, Any], rule: str) -> None:
    with pytest.raises(SettingsError, match=f"^{re.escape(rule)}$"):
        SegmentConfig(**values)


def test_an_array_is_no_setting() -> None:
    with pytest.raises(SettingsError, match=r"^features \(--features\): one of"):
        SegmentConfig(features=np.array(["lab", "rgb"]))  # type: ignore[arg-type]


def test_a_number_too_large_for_a_float_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"^tol \(--tol\)"):
        SegmentConfig(tol=10**400)


def test_numbers_and_flags_of_numpy_become_those_of_python() -> None:
    config = SegmentConfig(k=np.int64(3), tol=np.float32(0.5), max_iter=20.0, overwrite=np.True_)  # type: ignore[arg-type]
    assert (config.k, config.tol, config.max_iter, config.overwrite) == (3, 0.5, 20, True)
    assert [type(value) for value in (config.k, config.tol, config.max_iter, config.overwrite)] == [
        int,
        float,
        int,
        bool,
    ]


@pytest.mark.parametrize("given_", ["labels,panel", ["labels", "panel"], ("panel", "labels", "labels")])
def test_several_choices_come_once_and_in_their_own_order(given_: Any) -> None:
    assert SegmentConfig(save=given_).save == ("panel", "labels")


@given(st.sampled_from([s for s in list_settings() if s.type in (int, float)]), st.floats() | st.integers())
def test_a_number_is_accepted_just_within_its_range(setting: Setting, value: float) -> None:
    whole = math.isfinite(value) and value == int(value)
    good = math.isfinite(value) and setting.low <= value <= setting.high and (whole or setting.type is float)
    if good:
        assert SegmentConfig(**{setting.name: value}) == dataclasses.replace(SegmentConfig(), **{setting.name: value})
    else:
        with pytest.raises(SettingsError, match=f"^{setting.name} "):
            SegmentConfig(**{setting.name: value})


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("shrinkag", "Did you mean shrinkage?"),
        ("denoising", "Did you mean denoise?"),
        ("xyz", "Known are k, k_range, "),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest_known_one(name: str, hint: str) -> None:
    with pytest.raises(SettingsError, match=f"^{name}: no such setting. {re.escape(hint)}"):
        SegmentConfig.of(**{name: 1})


def test_of_gives_the_defaults_with_the_given_values() -> None:
    assert SegmentConfig.of() == SegmentConfig()
    assert SegmentConfig.of(k=7, save="labels") == SegmentConfig(k=7, save=("labels",))


def test_the_preprocessor_knows_the_noise_filters_of_the_settings() -> None:
    assert SETTINGS["denoise"].choices == DENOISERS


@pytest.mark.parametrize("command", COMMANDS)
def test_options_are_the_settings_and_those_of_the_command(command: str) -> None:
    params = {param.name: param for param in cli.commands[command].params}
    assert params.keys() - OF_COMMANDS == SETTINGS.keys()
    for name, setting in SETTINGS.items():
        assert params[name].opts == [setting.option]
        assert params[name].required is False


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_has_help_that_shows_its_default(command: str) -> None:
    options = [param for param in cli.commands[command].params if isinstance(param, click.Option)]
    text = help_of(command)
    assert "-h, --help" in text
    for option in options:
        assert option.help
        assert " ".join(option.help.split()) in text
    for setting in list_settings():
        if setting.type is bool:
            assert setting.default is False  # a flag that is not given is off
        else:
            shown = ",".join(setting.default) or "none" if setting.type is tuple else setting.default
            (tail,) = re.findall(re.escape(setting.help) + r" \[default: ([^]]*)\]", text)
            if setting.type is Span:
                assert setting.checked(tail) == setting.default
            else:
                assert setting.type is tuple or tail in setting.choices or setting.type(tail) == setting.default
                assert (setting.type is not tuple and tail not in setting.choices) or tail == shown


@pytest.mark.parametrize("command", COMMANDS)
def test_help_lists_the_groups_in_order_and_each_option_under_its_own(command: str) -> None:
    context = context_of(command, max_content_width=200, terminal_width=200)
    lines = cli.commands[command].get_help(context).splitlines()
    headings = [line[:-1] for line in lines if re.fullmatch(r"\S.*:", line)]
    assert headings == [*GROUPS, "Other"]
    for setting in list_settings():
        (place,) = [i for i, line in enumerate(lines) if re.match(rf"  {re.escape(setting.option)}( |$)", line)]
        heading = max(i for i, line in enumerate(lines[:place]) if re.fullmatch(r"\S.*:", line))
        assert lines[heading] == f"{setting.group}:"


def test_an_option_on_the_command_line_reaches_the_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[SegmentConfig] = []
    monkeypatch.setattr("segment.cli.commands._work", lambda _jobs, config, *_, **__: seen.append(config) or 0)
    other: dict[str, Any] = {}
    arguments = ["run", "a.png"]
    # with these, some others have no effect
    alone = {"regions": "auto", "coherence": "region", "prior": "conjugate", "spatial": "none"}
    together = [setting for setting in list_settings() if setting.name not in alone]
    for setting in together:
        if setting.type is bool:
            other[setting.name] = True
            arguments.append(setting.option)
            continue
        if setting.type is tuple and not setting.choices:
            pairs = {"seed_color": ("#0a0b0c", "#FFeedd"), "name": ("1=a", "2=b"), "merge": ("1,2", "x=4,3")}
            first, word = pairs[setting.name]
            other[setting.name] = (first, word.lower())
            arguments += [setting.option, first]
        elif setting.type is tuple:
            other[setting.name] = tuple(choice for choice in setting.choices[1:] if choice != "ucm")
            word = ",".join(other[setting.name])
        elif setting.type is int and setting.choices:
            other[setting.name] = word = setting.choices[0]
        elif setting.type is Span:
            other[setting.name] = Span(setting.default.low + 1, setting.default.high - 1)
            word = str(other[setting.name])
        elif setting.type is str:
            other[setting.name] = next(choice for choice in setting.choices if choice != setting.default)
            word = other[setting.name]
        else:
            other[setting.name] = setting.type(
                setting.default + 1
                if setting.type is int
                else 0.25
                if setting.default in setting.choices
                else setting.default / 2 or 0.25
            )
            word = repr(other[setting.name])
        arguments += [setting.option, word]
    cli.main(args=arguments, standalone_mode=False)
    for name, value in alone.items():
        cli.main(args=["run", "a.png", f"--{name}", value], standalone_mode=False)
    assert seen == [SegmentConfig(**other), *(SegmentConfig(**{name: value}) for name, value in alone.items())]
    assert all(getattr(seen[0], s.name) != s.default for s in together)
