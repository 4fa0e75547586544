"""Sheets of pictures: titles, legend and scale."""

from __future__ import annotations

import numpy as np
import pytest

from segment.output.pictures.layout import draw_sheet, list_legend_entries

MARGIN, LINE = 24, 48
PICTURE = np.full((30, 700, 3), (200, 0, 100), np.uint8)


@pytest.mark.parametrize(
    ("name", "share", "text"),
    [
        ("class 1", 0.254, "1   25.4 %"),
        ("sky", 1.0, "1 sky   100.0 %"),
        ("class 2", 0.0, "1 class 2   0.0 %"),
        ("sea", 0.0004, "1 sea   < 0.1 %"),
    ],
)
def test_an_entry_has_number_name_and_share(name: str, share: float, text: str) -> None:
    assert list_legend_entries([name], [share], np.array([[1, 2, 3]], np.uint8)) == [(text, [1, 2, 3])]


@pytest.mark.parametrize(("columns", "heading"), [(1, ""), (2, ""), (3, "heading")])
def test_pictures_are_placed_row_by_row(columns: int, heading: str) -> None:
    colors = [(200, 0, 100), (0, 200, 100), (100, 0, 200)]
    pictures = [(str(i), np.full((30, 700, 3), color, np.uint8)) for i, color in enumerate(colors)]
    sheet = draw_sheet(pictures, columns, (), heading=heading)
    line = 70 if columns == 3 else LINE  # letters grow with the width of the sheet
    top = MARGIN + line + (line if heading else 0)
    for number, color in enumerate(colors):
        row, column = divmod(number, columns)
        y, x = top + row * (line + 30 + MARGIN), MARGIN + column * (700 + MARGIN)
        assert (sheet[y : y + 30, x : x + 700] == color).all()
        assert (sheet == color).all(axis=2).sum() == 30 * 700
        assert (sheet[y - 1, x - 1 : x + 701] == 176).all()  # the frame
    assert sheet.shape == (top + -(-3 // columns) * (line + 30 + MARGIN) - line, columns * (700 + MARGIN) + MARGIN, 3)


def test_a_legend_has_a_square_for_each_entry_below_the_pictures() -> None:
    entries = [("x" * 20, (10 * i, 255, 0)) for i in range(12)]
    sheet = draw_sheet([("title", PICTURE)], 1, entries)
    bottom = MARGIN + LINE + 30 + MARGIN
    for _, color in entries:
        rows, columns = np.nonzero((sheet == color).all(axis=2))
        assert rows.min() >= bottom
        assert (np.ptp(rows), np.ptp(columns)) == (22, 22)


def test_the_longest_entry_fits_below_a_small_picture() -> None:
    entries = [("W" * 50, (255, 0, 0)), ("x", (0, 255, 0))]
    sheet = draw_sheet([("title", PICTURE[:, :30])], 1, entries)
    assert (sheet[:, -MARGIN:] == 255).all()
    # Nothing is left of the letters that a narrower sheet would have had no room for.
    assert (sheet[-2 * LINE - MARGIN :, -4 * MARGIN :] < 128).any()


def test_letters_and_gaps_grow_with_a_large_picture() -> None:
    def measure(wide: int) -> tuple[int, int, int]:
        sheet = draw_sheet([("title", np.full((600, wide, 3), (200, 0, 100), np.uint8))], 1, [("x", (0, 255, 0))])
        square, columns = np.nonzero((sheet == (0, 255, 0)).all(axis=2))
        return int(np.ptp(square)), int(columns.min()), sheet.shape[1] - wide

    assert measure(700) == (22, MARGIN + 1, 2 * MARGIN)
    # A sixtieth of the width, less the square's outline; the margins are those of the letters that are half as high.
    assert measure(4320) == (72 - 4, 2 * MARGIN + 2, 4 * MARGIN)


def test_letters_of_a_strip_are_not_as_high_as_it_is_long() -> None:
    sheet = draw_sheet([("strip", np.zeros((2, 20_000, 3), np.uint8))], 1, [("1", (0, 0, 0))])
    assert sheet.shape[0] < 300


def test_a_scale_is_below_its_sheet() -> None:
    sheet = draw_sheet([("title", PICTURE)], 1, ())
    scale = np.array([[[0, 0, 0], [255, 0, 0]]], np.uint8)
    longer = draw_sheet([("title", PICTURE)], 1, (), scale=(scale, "low", "high"))
    height, width = sheet.shape[:2]
    assert longer.shape == (height + 96, width, 3)
    np.testing.assert_array_equal(longer[:height], sheet)
    assert (longer[height + 5, MARGIN : width // 2] == 0).all()
    assert (longer[height + 5, width // 2 : width - MARGIN] == (255, 0, 0)).all()
    assert draw_sheet([("title", PICTURE)], 1, (), scale=(scale, "x" * 60, "y" * 60)).shape[1] > width
