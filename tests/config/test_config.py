"""The configuration: made from values, unchangeable, documented."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import pytest

from segment.config.config import SegmentConfig, list_settings
from segment.config.setting import Setting, Span
from segment.config.setting_names import SPELLINGS
from segment.core.errors import SettingsError


def test_configuration_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        SegmentConfig().k = 5  # type: ignore[misc]


@pytest.mark.parametrize("wrong", [10, 0, "k=4", {}, ""])
def test_other_types_than_a_configuration_are_refused(wrong: Any) -> None:
    with pytest.raises(SettingsError, match="config: a SegmentConfig; got "):
        SegmentConfig.resolve(wrong, {})


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("shrinkag", "Did you mean shrinkage?"),
        ("denoising", "Did you mean denoise?"),
        ("n_classes", "Did you mean k?"),
        ("colour", "Did you mean features?"),
        ("random_state", "Did you mean seed?"),
        ("xyz", "Known are k, k_range, "),
    ],
)
def test_unknown_name_is_refused_with_the_nearest_known_one(name: str, hint: str) -> None:
    with pytest.raises(SettingsError, match=f"^{name}: no such setting. {re.escape(hint)}"):
        SegmentConfig.from_values(**{name: 1})


def test_from_values_keeps_the_other_defaults() -> None:
    assert SegmentConfig.from_values() == SegmentConfig()
    assert SegmentConfig.from_values(k=7, save="labels") == SegmentConfig(k=7, save=("labels",))


def test_a_configuration_shows_what_is_not_the_default() -> None:
    config = SegmentConfig(k="auto", k_range=(2, 5), name="1=sky")
    assert repr(config) == "SegmentConfig(k='auto', k_range=Span(low=2, high=5), name=('1=sky',))"
    assert repr(SegmentConfig()) == "SegmentConfig()"


def test_other_spellings_are_accepted() -> None:
    config = SegmentConfig.from_values(grayscale=True, seed_colour="#123456", palette="gray")
    assert config == SegmentConfig(greyscale=True, seed_color=("#123456",), palette="grey")
    with pytest.raises(SettingsError, match=r"^greyscale: a setting is given once; got grayscale too\."):
        SegmentConfig.from_values(greyscale=True, grayscale=False)
    assert set(SPELLINGS.values()) <= {"grey", *(setting.name for setting in list_settings())}


def test_other_spelling_replaces_the_default_of_a_model() -> None:
    assert SegmentConfig.resolve(None, {"grayscale": False}, greyscale=True, k=7) == SegmentConfig(k=7)


def test_configuration_and_single_settings_are_refused_together() -> None:
    with pytest.raises(SettingsError, match=r"^config: a configuration or single settings, not both; got k too\."):
        SegmentConfig.resolve(SegmentConfig(), {"k": 3})


@pytest.mark.parametrize("setting", list_settings(), ids=lambda setting: setting.name)
def test_docstring_describes_the_setting(setting: Setting) -> None:
    text = " ".join((SegmentConfig.__doc__ or "").split())
    assert f"{setting.name} : " in text
    assert " ".join(setting.help.split()) in text
    (entry,) = re.findall(rf"^{setting.name} : (.*)$", SegmentConfig.__doc__ or "", re.MULTILINE)
    default = tuple(setting.default) if setting.type is Span else setting.default
    assert entry.endswith(f", default {default!r}")
    assert all(repr(choice) in entry for choice in setting.choices)


def test_texts_of_numbers_are_split() -> None:
    config = SegmentConfig(crop="1,2,30,40", nodata="0,-9.5", roi="grid:4x6", bands="3,1", pixel_size="0.2x0.3um")
    assert (config.crop_box, config.nodata_values, config.roi_grid) == ((1, 2, 30, 40), (0, -9.5), (4, 6))
    assert (config.band_numbers, config.pixel_sides, config.roi_circle) == ((3, 1), (0.2, 0.3, "um"), ())
    assert SegmentConfig(roi="circle:1,2.5,30").roi_circle == (1, 2.5, 30)
    nothing = SegmentConfig(roi="circle")
    assert not any((nothing.crop_box, nothing.nodata_values, nothing.roi_grid, nothing.roi_circle))


def test_a_circle_has_a_positive_radius() -> None:
    with pytest.raises(SettingsError, match=r"circle:X,Y,RADIUS with a positive radius; got 'circle:1,2,-5'"):
        SegmentConfig(roi="circle:1,2,-5")
