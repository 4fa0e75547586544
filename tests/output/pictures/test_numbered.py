"""Numbers stand in the regions that hold them, and an outline has a key of colors."""

from __future__ import annotations

import numpy as np

from segment.output.pictures.numbered import draw_numbered_outline, find_places, write_numbers


def test_the_place_of_a_number_is_the_middle_of_the_widest_part() -> None:
    regions = np.ones((40, 60), int)
    regions[10:31, 35:56] = 2
    radius, row, column = find_places(regions, 3)
    assert (row[1], column[1]) == (20, 45)
    assert 9 < radius[1] < 12
    assert radius[2] == 0


def test_small_regions_have_no_number_and_no_number_leaves_its_region() -> None:
    regions = np.ones((80, 120), int)
    regions[30:60, 80:110], regions[2:5, 2:5] = 2, 3
    picture = np.full((80, 120, 3), 255, np.uint8)
    assert write_numbers(picture, regions, np.array([1, 12, 3]), dark=True) == 2
    is_drawn = picture.min(axis=2) < 128
    assert is_drawn[30:60, 80:110].any()
    edge = np.zeros(regions.shape, bool)
    edge[29:61, 79:111] = True
    edge[31:59, 81:109] = False
    assert not is_drawn[edge].any()


def test_a_white_number_has_a_dark_edge_on_all_sides() -> None:
    picture = np.full((200, 200, 3), 255, np.uint8)
    write_numbers(picture, np.ones((200, 200), int), np.array([1]), dark=False)
    dark = (picture < 64).all(axis=2)
    rows, columns = np.flatnonzero(dark.any(axis=1)), np.flatnonzero(dark.any(axis=0))
    # Each row of the number begins and ends dark, and is white between.
    for row in dark[rows[3] : rows[-3]]:
        at = np.flatnonzero(row)
        assert at.size >= 2
        assert not row[at[0] : at[-1]].all()
    assert np.ptp(columns) > 8


def test_an_outline_has_contours_numbers_and_a_key() -> None:
    regions = np.repeat([[1, 2]], 40, axis=0).repeat(30, axis=1)
    colors = np.array([[200, 30, 40], [10, 120, 220]], np.uint8)
    sheet = draw_numbered_outline(regions, np.array([1, 2]), ["class 1", "sky"], colors)
    assert sheet.shape[1] > 1500
    for color in colors:
        assert (sheet == color).all(axis=2).sum() > 200  # the square of the key
    # The line between both regions runs down the whole picture.
    is_line = (sheet == 96).all(axis=2).sum(axis=0)
    assert is_line.max() > 40 * 26 * 0.98


def test_numbers_grow_with_the_picture() -> None:
    heights = []
    for width in (800, 4000):
        picture = np.full((300, width, 3), 255, np.uint8)
        assert write_numbers(picture, np.ones((300, width), int), np.array([1]), dark=True) == 1
        heights.append(np.ptp(np.flatnonzero((picture < 128).any(axis=(1, 2)))) + 1)
    # Where a picture is shown 1200 wide, they are at least 24 pixels high.
    assert heights[0] > 24
    assert heights[1] > 24 * 4000 / 1200


def test_a_page_is_large_enough_for_numbers_in_small_regions() -> None:
    regions, names, colors = np.ones((20, 900), int), ("class 1",), np.zeros((1, 3), np.uint8)
    assert draw_numbered_outline(regions, np.array([1]), names, colors).shape[1] > 1800
