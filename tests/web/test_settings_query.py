"""Settings in a query: what is described, what is read, what is refused."""

from __future__ import annotations

import json
from urllib.parse import parse_qsl, urlencode

import pytest
from setting_values import CHANGED, NEEDED

from segment.config.config import SegmentConfig, list_settings
from segment.core.errors import SettingsError
from segment.web.settings_query import describe_settings, make_plain, read_settings

NOT_OFFERED = {"mask", "overwrite"}


@pytest.mark.parametrize("setting", list_settings(), ids=lambda setting: setting.name)
def test_every_setting_is_described_and_read_as_it_is_described(setting: object) -> None:
    name = setting.name
    described = {each["name"]: each for each in describe_settings(SegmentConfig(k=6))["settings"]}
    if name in NOT_OFFERED:
        assert name not in described
        with pytest.raises(SettingsError, match=f"^{name}: no path of a client is opened; got "):
            read_settings([(name, "a")])
        return
    row = described[name]
    assert (row["help"], row["option"], row["group"]) == (setting.help, setting.option, setting.group)
    assert row["default"] == make_plain(setting.default)
    assert row["value"] == (6 if name == "k" else row["default"])
    values = {name: CHANGED[name], **NEEDED[name]}
    pairs = []
    for key, value in values.items():
        plain = make_plain(value)
        parts = plain if isinstance(plain, list) else [plain]
        pairs += [(key, str(part).lower() if isinstance(part, bool) else str(part)) for part in parts]
    read = read_settings(parse_qsl(urlencode(pairs)))
    assert SegmentConfig.from_values(**read) == SegmentConfig.from_values(**values)


def test_what_is_described_is_json() -> None:
    about = describe_settings(SegmentConfig())
    assert json.loads(json.dumps(about, allow_nan=False)) == about
    assert {product["name"] for product in about["products"]} >= {"labels", "config"}
    # What no request may have is not offered.
    choices = {setting["name"]: setting["choices"] for setting in about["settings"]}
    assert (choices["page"], choices["k"]) == ([], ["auto"])


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ([("kk", "3")], r"^kk: no such setting\. Did you mean k\?$"),
        ([("k", "many")], r"^k \(-k\): a whole number from 1 to 255 or auto; got 'many'\.$"),
        ([("k", "3"), ("k", "4")], r"^k: given once; got 2 values\. Leave the others out\.$"),
        ([("greyscale", "1"), ("grayscale", "1")], r"^greyscale: a setting is given once; got grayscale too\."),
        ([("roi", "/etc/passwd")], r"^roi: no path of a client is opened; got '/etc/passwd'\. Draw it on the page"),
        ([("roi", "circle/../a.png")], r"^roi: no path of a client is opened; got 'circle/\.\./a\.png'\."),
        ([("greyscale", "perhaps")], r"^greyscale \(--greyscale\): True or False; got 'perhaps'\.$"),
        ([("k", "1_0")], r"k \(-k\): a whole number from 1 to 255 or auto; got '1_0'"),
    ],
)
def test_what_is_refused(pairs: list[tuple[str, str]], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        read_settings(pairs)


def test_parameters_of_requests_are_no_settings() -> None:
    assert read_settings([("image", "x"), ("size", "9"), ("grayscale", "on"), ("roi", "grid:2x2")]) == {
        "greyscale": True,
        "roi": "grid:2x2",
    }


def test_the_page_is_told_what_has_no_effect() -> None:
    rules = {setting["name"]: setting["unused_when"] for setting in describe_settings(SegmentConfig())["settings"]}
    assert rules["k_range"] == [[["regions", 0, False]], [["k", "auto", False]]]
    # Clean-up by evidence uses it without the random field too.
    assert [["spatial", "none", True]] not in rules["smoothness"]
    assert [["spatial", "none", True], ["clean_up", "none", True]] in rules["smoothness"]
    assert rules["regions"] == rules["page"] == []
