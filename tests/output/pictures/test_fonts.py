"""Letters beyond ASCII in pictures."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import ImageFont

from segment.output.pictures import fonts
from segment.output.pictures.fonts import choose_font, describe_missing_letters
from segment.output.pictures.layout import draw_sheet


@pytest.fixture
def no_system_fonts(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(fonts, "_SYSTEM_FONTS", ("no such font.ttf",))
    fonts._find_font.cache_clear()
    yield
    fonts._find_font.cache_clear()


def test_ascii_is_written_with_the_font_of_pillow() -> None:
    words, font = choose_font("sky 12 %", 24)
    assert words == "sky 12 %"
    assert font.getname() == ImageFont.load_default(24).getname()


def test_a_font_is_loaded_once_for_each_thread() -> None:
    font = choose_font("sky", 24)[1]
    assert choose_font("land", 24)[1] is font
    assert choose_font("sky", 25)[1] is not font
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(choose_font, "sky", 24).result()[1] is not font


@pytest.mark.usefixtures("no_system_fonts")
@pytest.mark.parametrize(("words", "plain"), [("forêt", "foret"), ("Straße", "Strasse"), ("ñandú", "nandu")])
def test_without_a_font_accents_are_left_out(words: str, plain: str) -> None:
    written, font = choose_font(words, 24)
    assert written == plain
    assert fonts._count_missing(font, written) == 0
    picture = np.zeros((8, 8, 3), np.uint8)
    assert np.array_equal(draw_sheet([(words, picture)], 1, []), draw_sheet([(plain, picture)], 1, []))


def test_a_font_of_the_system_has_the_letters() -> None:
    if not fonts._find_font("é")[0]:
        pytest.skip("needs a font such as DejaVu Sans")
    words, font = choose_font("forêt", 24)
    assert words == "forêt"
    assert fonts._count_missing(font, words) == 0
    # Of Pillow's own font all of these letters would be the same sign.
    assert fonts._count_missing(ImageFont.load_default(24), "éß") == 2
    picture = np.zeros((8, 8, 3), np.uint8)
    assert not np.array_equal(draw_sheet([("é", picture)], 1, []), draw_sheet([("ß", picture)], 1, []))


@pytest.mark.usefixtures("no_system_fonts")
def test_letters_that_no_font_has_are_told() -> None:
    assert describe_missing_letters(["sky", "forêt"]) == ()  # accents are left out
    (note,) = describe_missing_letters(["sky", "天空", "雲"])
    assert note.startswith("no font of this system has all letters of 天空: pictures show boxes")
