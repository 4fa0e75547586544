"""Read the colors of classes from a file."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import TypeGuard

from segment.core.errors import SettingsError, describe_os_error, printable_path
from segment.core.hex_colors import format_hex_color

__all__ = ["is_palette_file", "read_palette_file"]

MAX_BYTES = 1_000_000
_HEX = "#[0-9a-fA-F]{6}"


def is_palette_file(value: object) -> TypeGuard[str | os.PathLike[str]]:
    """Tell whether the value of the setting `palette` is the path of a file.

    Parameters
    ----------
    value : object
        A path, or a text that has a suffix or a folder.

    Examples
    --------
    >>> is_palette_file("colors.txt"), is_palette_file("viridis"), is_palette_file("sky=#4477aa")
    (True, False, False)
    """
    if isinstance(value, os.PathLike):
        return True
    return isinstance(value, str) and "=" not in value and ("/" in value or bool(Path(value).suffix))


def read_palette_file(path: str | os.PathLike[str]) -> str:
    """Read a palette as the setting `palette` writes it.

    Parameters
    ----------
    path : path
        A JSON object such as ``{"sky": "#4477aa"}``; a palette of GIMP, whose colors have the names of classes; or
        lines ``sky=#4477aa``, with a comma or a tab for ``=`` if you like, where ``#4477aa`` alone is the color of the
        class of the number of its line. Lines that begin with ``//``, or with ``#`` and a space, are left out.

    Returns
    -------
    str
        Such as ``sky=#4477aa,2=#228833``.

    Raises
    ------
    SettingsError
        If there is no such file, or a line is no color of a class.
    """
    shown = printable_path(path)
    try:
        with Path(path).open("rb") as file:
            text = file.read(MAX_BYTES).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = describe_os_error(error) if isinstance(error, OSError) else "it is no text"
        raise SettingsError(f"palette (--palette): a file of colors; got {shown}, {reason}.") from error
    pairs = _parse_json(text) if text.lstrip().startswith("{") else _parse_lines(text)
    for key, color in pairs:
        if not re.fullmatch(_HEX, color) or not key.strip() or set("=,") & set(key):
            raise SettingsError(
                f"palette (--palette): {shown} has lines CLASS=#RRGGBB, such as sky=#4477aa; got "
                f"{printable_path(f'{key}={color}')}."
            )
    if not pairs:
        raise SettingsError(f"palette (--palette): {shown} has lines CLASS=#RRGGBB; got none.")
    return ",".join(f"{key.strip()}={color}" for key, color in pairs)


def _parse_json(text: str) -> list[tuple[str, str]]:
    """Parse a JSON object of colors."""
    try:
        return [(str(key), str(color)) for key, color in json.loads(text).items()]
    except ValueError:
        return [(text.strip()[:40], "")]


def _parse_lines(text: str) -> list[tuple[str, str]]:
    """Parse lines of colors; those of a palette of GIMP begin with three numbers."""
    lines = [line.strip() for line in text.splitlines()]
    if lines and lines[0] == "GIMP Palette":
        rows = [re.fullmatch(r"(\d{1,3})\s+(\d{1,3})\s+(\d{1,3})\s*(.*)", line) for line in lines]
        found = [(row[4], [int(row[i]) for i in (1, 2, 3)]) for row in rows if row]
        return [
            (name if name not in ("", "Untitled") else str(number), format_hex_color(min(255, value) for value in rgb))
            for number, (name, rgb) in enumerate(found, start=1)
        ]
    pairs: list[tuple[str, str]] = []
    for line in (line for line in lines if line and not line.startswith(("//", "# "))):
        parts = [part.strip() for part in re.split(r"[=,\t]", line, maxsplit=1)]
        # A color alone is that of the class of its number.
        pairs.append((parts[0], parts[1]) if len(parts) == 2 else (str(len(pairs) + 1), parts[0]))
    return pairs
