"""Settings as a text: what is written is read again, and nothing else is taken."""

from __future__ import annotations

from dataclasses import replace

import pytest
from setting_values import CHANGED, NEEDED

from segment.config.config import SegmentConfig
from segment.config.config_file import format_config, parse_config
from segment.core.errors import SettingsError


@pytest.mark.parametrize("name", CHANGED)
def test_every_setting_is_written_and_read_again(name: str) -> None:
    config = SegmentConfig(**{name: CHANGED[name], **NEEDED[name]})
    read = SegmentConfig.from_values(**parse_config(format_config(config)))
    # Whether files may be replaced is decided anew in each run.
    assert read == replace(config, overwrite=False)


def test_only_what_is_not_the_default_is_written() -> None:
    lines = format_config(SegmentConfig(smoothness=3.5)).splitlines()
    assert lines[0].startswith("# Settings of segment ")
    assert lines[1:] == ["k = 4", "smoothness = 3.5"]
    assert "k = " not in format_config(SegmentConfig(regions=3))


def test_texts_survive_quotes_and_control_characters() -> None:
    path = 'C:\\masks\\a "b"\n\x7f\x01é😀.png'
    assert parse_config(format_config(SegmentConfig(mask=path)))["mask"] == path
    with pytest.raises(SettingsError, match=r"^save \(--save\): config holds paths in Unicode; got .*\. Rename it"):
        format_config(SegmentConfig(mask="a\udc80.png"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("color-space = 'lab'", r"^color-space: no such setting\. Did you mean features\?$"),
        ("smothness = 3", r"^smothness: no such setting\. Did you mean smoothness\?$"),
        ("min-regions = 3", r"^min-regions: no such setting\. Did you mean min_region\?$"),
        ("xyzzy = 3", r"^xyzzy: no such setting\. Known are k, k_range, "),
        ("k = 0", r"^k \(-k\): a whole number from 1 to 255 or auto; got 0\.$"),
        ("[classes]\nk = 3", r"^classes: no such setting\."),
        (
            "greyscale = true\ngrayscale = true",
            r"^greyscale: a setting is given once; got grayscale too\.",
        ),
        ("k = " + 9999 * "[", r"^a file of settings is TOML, such as k = 6; got .*recursion.*\. Mend that line\.$"),
        ("k = \nseed = 1", r"^a file of settings is TOML, such as k = 6; got .*line 1.*\. Mend that line\.$"),
    ],
)
def test_what_is_no_setting_is_refused(text: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        parse_config(text)


def test_other_spellings_are_read() -> None:
    assert parse_config('grayscale = true\npalette = "gray"') == {"greyscale": True, "palette": "grey"}
