"""The list of settings: described, grouped, with types and defaults."""

from __future__ import annotations

import dataclasses
import re

import pytest

from segment.config.config import GROUPS, SegmentConfig, list_settings
from segment.config.setting import Setting

SETTINGS = {setting.name: setting for setting in list_settings()}


@pytest.mark.parametrize("setting", SETTINGS.values(), ids=SETTINGS)
def test_setting_is_described_and_its_default_is_in_range(setting: Setting) -> None:
    assert setting.group in GROUPS
    assert re.fullmatch(r"[A-Z].*\.", setting.help)
    assert setting.check(setting.default) == setting.default
    if setting.default in setting.choices and setting.type is not str:  # a word that stands for a number
        assert setting.type(setting.check(setting.low)) == setting.low
        return
    assert type(setting.check(setting.default)) is setting.type
    if setting.type in (int, float):
        assert setting.low <= setting.default <= setting.high
    if setting.type is float:
        assert setting.choices == ()
    if setting.type in (str, tuple):
        assert len(set(setting.choices)) == len(setting.choices) > (1 if setting.default else -1)


def test_settings_are_the_fields_in_order_of_groups() -> None:
    assert list(SETTINGS) == [field.name for field in dataclasses.fields(SegmentConfig)]
    places = [GROUPS.index(setting.group) for setting in list_settings()]
    assert places == sorted(places)
    assert set(places) == set(range(len(GROUPS)))
