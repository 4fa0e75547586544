"""Palettes from files: lines, JSON and GIMP."""

from __future__ import annotations

from pathlib import Path

import pytest

from segment import SegmentConfig, SettingsError

WANTED = (("sky", "#4477aa"), ("2", "#228833"))


@pytest.mark.parametrize(
    "text",
    [
        "// of the project\n# of the year\nsky=#4477AA\n\n#228833\n",
        "sky,#4477aa\r\n2,#228833\r\n",
        "sky\t#4477aa\n2\t#228833",
        '\ufeff{"sky": "#4477aa", "2": "#228833"}',
        "GIMP Palette\nName: leaves\nColumns: 2\n#\n 68 119 170\tsky\n 34 136  51\tUntitled\n",
    ],
)
def test_every_kind_gives_the_same(text: str, tmp_path: Path) -> None:
    path = tmp_path / "colors.txt"
    path.write_text(text, encoding="utf-8")
    for value in (path, str(path)):
        assert SegmentConfig.from_values(palette=value).palette_colors == WANTED


@pytest.mark.parametrize("text", ["", "sky=blue\n", "{broken", "a=b=#112233", "sky=#11223344"])
def test_what_is_no_palette_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "colors.txt"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match=r"^palette \(--palette\): .*colors.txt"):
        SegmentConfig.from_values(palette=str(path))


def test_a_file_that_is_not_there_is_told() -> None:
    with pytest.raises(SettingsError, match=r"^palette \(--palette\): a file of colors; got no/such.txt, "):
        SegmentConfig(palette="no/such.txt")
