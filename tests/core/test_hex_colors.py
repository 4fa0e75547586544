"""Colors as text, and back."""

from __future__ import annotations

import numpy as np

from segment.core.hex_colors import format_hex_color, parse_hex_color


def test_colors_are_hexadecimal_digits() -> None:
    assert format_hex_color((0, 10, 255)) == "#000aff"
    assert format_hex_color(np.array([[1, 2, 3], [4, 5, 6]], np.uint8)[:, ::-1][0]) == "#030201"
    assert parse_hex_color("#000AFF") == (0, 10, 255)
