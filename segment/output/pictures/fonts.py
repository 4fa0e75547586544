"""Choose the font of a text in a picture: the one that comes with Pillow has no letters but those of ASCII."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from threading import get_ident
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont, ImageFont

    Font = FreeTypeFont | ImageFont

__all__ = ["choose_font", "describe_missing_letters"]

# Files that Pillow looks for in the folders of the system: European letters first, then those of Asia.
_SYSTEM_FONTS = (
    *("DejaVuSans.ttf", "NotoSans-Regular.ttf", "LiberationSans-Regular.ttf", "arial.ttf", "Arial.ttf"),
    *("NotoSansCJK-Regular.ttc", "DroidSansFallbackFull.ttf", "wqy-zenhei.ttc", "unifont.ttf"),
    *("msyh.ttc", "YuGothR.ttc", "malgun.ttf", "Arial Unicode.ttf", "PingFang.ttc"),
)
_NO_LETTER = "\uffff"  # fonts draw the sign for a letter that they lack
_PROBE_HEIGHT = 24  # pixels


def choose_font(words: str, height: int) -> tuple[str, Font]:
    """Choose a font that has the letters of a text.

    Parameters
    ----------
    words : str
    height : int, pixels

    Returns
    -------
    words : str
        The text; where no font of the system has all its letters, accents are left out.
    font : Font
        Of this thread alone.
    """
    own = _load_font("", height, get_ident())
    letters = "".join(sorted(set(words)))
    if letters.isascii():
        return words, own
    name, n_missing = _find_font(letters)
    plain = _strip_accents(words)
    if not name or (n_missing and plain.isascii()):
        return plain, own
    return words, _load_font(name, height, get_ident())


def describe_missing_letters(texts: Iterable[str]) -> tuple[str, ...]:
    """Say which texts cannot be written in pictures.

    Parameters
    ----------
    texts : iterable of str

    Returns
    -------
    tuple of str
        One sentence about the first of them, or none.

    Examples
    --------
    >>> describe_missing_letters(["sky", "land"])
    ()
    """
    for text in texts:
        words, font = choose_font(text, _PROBE_HEIGHT)
        if not words.isascii() and _count_missing(font, words):
            return (
                f"no font of this system has all letters of {text}: pictures show boxes in their place. Install one, "
                "such as Noto Sans of that script",
            )
    return ()


@lru_cache(maxsize=32)
def _load_font(name: str, height: int, thread: int) -> Font:  # noqa: ARG001  a part of the key of the cache
    """Load a font of the system, or without a name the one that comes with Pillow, once for each thread."""
    from PIL import ImageFont

    return ImageFont.truetype(name, height) if name else ImageFont.load_default(height)


@lru_cache(maxsize=256)
def _find_font(letters: str) -> tuple[str, int]:
    """Find the font of the system that lacks fewest of some letters, and how many; no name where there is none."""
    from PIL import ImageFont

    best = ("", len(letters))
    for name in _SYSTEM_FONTS:
        try:
            font = ImageFont.truetype(name, _PROBE_HEIGHT)
        except OSError:
            continue  # not on this machine
        n_missing = _count_missing(font, letters)
        if n_missing < best[1]:
            best = (name, n_missing)
        if not n_missing:
            break
    return best


def _count_missing(font: Font, letters: str) -> int:
    """Count the letters that a font lacks."""

    def draw(letter: str) -> tuple[tuple[int, int], bytes]:
        mask = font.getmask(letter)
        return mask.size, bytes(mask)

    none = draw(_NO_LETTER)
    return sum(not letter.isspace() and draw(letter) == none for letter in letters)


def _strip_accents(words: str) -> str:
    """Leave accents out of letters: é is e, and ß is ss."""
    split = unicodedata.normalize("NFKD", words.replace("ß", "ss"))
    return "".join(letter for letter in split if not unicodedata.combining(letter))
