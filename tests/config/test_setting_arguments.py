"""The settings that editors complete are all settings, with their types."""

from __future__ import annotations

import inspect
from typing import Literal, get_args, get_origin, get_type_hints

import pytest
from numpy.typing import ArrayLike

import segment
from segment.config.config import list_settings
from segment.config.setting import Setting
from segment.config.setting_arguments import SettingArguments
from segment.config.setting_names import SPELLINGS

HINTS = get_type_hints(SettingArguments, localns={"ArrayLike": ArrayLike})


def collect_choices(hint: object) -> set[object]:
    """The values of the Literals in a type."""
    if get_origin(hint) is Literal:
        return set(get_args(hint))
    return set().union(*map(collect_choices, get_args(hint)))


@pytest.mark.parametrize("setting", list_settings(), ids=lambda setting: setting.name)
def test_every_setting_is_an_argument_with_its_choices(setting: Setting) -> None:
    choices = collect_choices(HINTS[setting.name])
    assert choices == (set() if setting.type is tuple else set(setting.words))


def test_there_is_no_other_argument() -> None:
    names = {setting.name for setting in list_settings()}
    assert set(HINTS) == names | {other for other, usual in SPELLINGS.items() if usual in names}


@pytest.mark.parametrize(
    "function", ["segment_image", "segment_regions", "segment_raster", "fit_classes", "apply_classes", "compare_image"]
)
def test_every_function_takes_them(function: str) -> None:
    *_, last = inspect.signature(getattr(segment, function)).parameters.values()
    assert (last.kind, last.annotation) == (inspect.Parameter.VAR_KEYWORD, "Unpack[SettingArguments]")
