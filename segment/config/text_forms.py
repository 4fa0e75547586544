"""How the texts of settings are written, and how they are split: names, colors, merges and groups."""

from __future__ import annotations

import re
from typing import NamedTuple

__all__ = [
    "BANDS",
    "BOX",
    "CLASS",
    "COLOR",
    "FREE",
    "GROUP",
    "INTEREST",
    "MERGE",
    "NAMING",
    "NUMBERS",
    "PALETTE",
    "PATH",
    "Form",
    "is_number",
    "is_path",
    "parse_group",
    "parse_merge",
    "parse_naming",
    "parse_palette",
]


class Form(NamedTuple):
    """How a value that may be given several times is written.

    Attributes
    ----------
    text : str
        In short, for the help.
    pattern : str
        A regular expression that the value matches.
    rule : str
        In words, for messages.
    """

    text: str
    pattern: str
    rule: str


# A name holds neither = nor a comma, and is not blank.
_NAME = r"[^=,]*[^=,\s][^=,]*"
FREE = Form("", ".*", "text")
COLOR = Form("#RRGGBB", "#[0-9a-fA-F]{6}", "colors written #RRGGBB, with six hexadecimal digits")
# A class may be found by this in place of its number.
_COLOR_RULE = "(brightest|darkest|reddest|greenest|bluest|yellowest|#[0-9a-fA-F]{6})"
NAMING = Form(
    "CLASS=NAME or NAME=COLOR",
    rf"[1-9][0-9]{{0,2}}={_NAME}|{_NAME}=\s*{_COLOR_RULE}",
    "names written CLASS=NAME, such as 4=sky, or NAME=COLOR, such as sky=brightest or sky=#4477aa",
)
CLASS = Form("CLASS", _NAME, "names or numbers of classes")
GROUP = Form(
    "NAME=CLASS,CLASS",
    rf"{_NAME}={_NAME}(,{_NAME})+",
    "groups of classes written NAME=CLASS,CLASS, such as leaf=healthy,lesion",
)
_COLORED = rf"{_NAME}=#[0-9a-fA-F]{{6}}"
PALETTE = Form(
    "CLASS=#RRGGBB,... or FILE",
    rf"{_COLORED}(,{_COLORED})*",
    "colors of classes written CLASS=#RRGGBB with commas between them, such as sky=#4477aa,2=#228833, or a file",
)
MERGE = Form(
    "[NAME=]A,B",
    rf"({_NAME}=)?[1-9][0-9]{{0,2}}(,[1-9][0-9]{{0,2}})+",
    "classes written NAME=A,B or A,B, such as ground=2,3",
)
# Single texts; a path may hold any characters.
PATH = Form("PATH", r"(?s:.+)", "the path of a file or folder")
_NUMBER = r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?"
_POSITIVE = r"\+?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?"
NUMBERS = Form("NUMBER,...", rf"{_NUMBER}(,{_NUMBER})*", "a number, or one for each channel with commas between them")
BANDS = Form("NUMBER,...", r"[1-9]\d{0,4}(,[1-9]\d{0,4})*", "numbers from 1 with commas between them, such as 4,3,2")
BOX = Form("LEFT,TOP,RIGHT,BOTTOM", r"\d{1,9}(,\d{1,9}){3}", "four whole numbers of pixels, LEFT,TOP,RIGHT,BOTTOM")
INTEREST = Form(
    "FILE or grid:ROWSxCOLUMNS or circle",
    rf"(?s:(?!(grid|circle):).+)|grid:[1-9]\d{{0,3}}x[1-9]\d{{0,3}}|circle:{_NUMBER},{_NUMBER},{_POSITIVE}",
    "the path of a file, grid:ROWSxCOLUMNS such as grid:4x6, circle, or circle:X,Y,RADIUS with a positive radius",
)


def is_number(text: str) -> bool:
    """Tell whether a text is a number as settings have it: int() and float() also take 1_0, and digits of any script.

    Examples
    --------
    >>> is_number("-2.5e3"), is_number("1_0"), is_number("nan")
    (True, False, False)
    """
    return re.fullmatch(_NUMBER, text.strip(), re.ASCII) is not None


def is_path(text: str) -> bool:
    """Tell whether the value of `mask` or `roi` is the path of a file or folder.

    Examples
    --------
    >>> is_path("plots.geojson"), is_path("grid:4x6"), is_path("circle"), is_path("")
    (True, False, False, False)
    """
    return text not in ("", "circle") and not text.startswith(("grid:", "circle:"))


def parse_naming(text: str) -> tuple[int | str, str]:
    """Split ``CLASS=NAME`` into label and name, or ``NAME=COLOR`` into color and name.

    Parameters
    ----------
    text : str
        Of the form :data:`NAMING`.

    Returns
    -------
    which : int or str
        The label from 1, or the color in lower case.
    name : str

    Examples
    --------
    >>> parse_naming("4=sky"), parse_naming("sky=brightest")
    ((4, 'sky'), ('brightest', 'sky'))
    """
    left, right = (part.strip() for part in text.split("="))
    return (int(left), right) if re.fullmatch("[1-9][0-9]{0,2}", left) else (right.lower(), left)


def parse_palette(text: str) -> tuple[tuple[str, str], ...]:
    """Split ``CLASS=#RRGGBB,CLASS=#RRGGBB`` into classes and colors.

    Parameters
    ----------
    text : str
        Of the form :data:`PALETTE`.

    Returns
    -------
    tuple of (str, str)
        Name or number of each class, and its color in lower case.

    Examples
    --------
    >>> parse_palette("sky=#4477AA, 2=#228833")
    (('sky', '#4477aa'), ('2', '#228833'))
    """
    parts = (part.split("=") for part in text.split(","))
    return tuple((key.strip(), color.strip().lower()) for key, color in parts)


def parse_merge(text: str) -> tuple[str, tuple[int, ...]]:
    """Split ``NAME=A,B`` into name and labels.

    Parameters
    ----------
    text : str
        Of the form :data:`MERGE`.

    Returns
    -------
    tuple of (str, tuple of int)
        The name is empty where there is none.

    Examples
    --------
    >>> parse_merge("ground=2,3"), parse_merge("2,3")
    (('ground', (2, 3)), ('', (2, 3)))
    """
    name, _, labels = text.rpartition("=")
    return name.strip(), tuple(int(label) for label in labels.split(","))


def parse_group(text: str) -> tuple[str, tuple[str, ...]]:
    """Split ``NAME=CLASS,CLASS`` into the name of a group and its classes.

    Parameters
    ----------
    text : str
        Of the form :data:`GROUP`.

    Returns
    -------
    tuple of (str, tuple of str)
        Names or numbers of the classes.

    Examples
    --------
    >>> parse_group("leaf=healthy, lesion")
    ('leaf', ('healthy', 'lesion'))
    """
    name, _, keys = text.partition("=")
    return name.strip(), tuple(key.strip() for key in keys.split(","))
