"""What all decoders check and report."""

from __future__ import annotations

import os

import pytest

from segment.core.errors import ImageError
from segment.loader.decoders.checks import (
    TILE_PIXELS,
    TruncatedError,
    check_size,
    check_tile_size,
    describe_other_frames,
    silence_stderr,
)


def test_size_up_to_the_limit_is_allowed() -> None:
    check_size(1, 1, max_pixels=1)
    check_size(30, 20, max_pixels=600)


@pytest.mark.parametrize(
    ("width", "height", "words"),
    [
        (0, 5, "at least one pixel; got 0 x 5"),
        (5, 0, "got 5 x 0"),
        (30, 20, "at most 599 pixels are read; got 30 x 20"),
    ],
)
def test_size_beyond_the_limits_is_refused(width: int, height: int, words: str) -> None:
    with pytest.raises(ImageError, match=words):
        check_size(width, height, max_pixels=599)


def test_tiles_are_limited_as_images_are_but_not_to_less_than_a_usual_tile() -> None:
    check_tile_size(TILE_PIXELS, max_pixels=1)
    check_tile_size(TILE_PIXELS + 1, max_pixels=TILE_PIXELS + 1)
    with pytest.raises(ImageError, match=f"a TIFF tile holds at most {TILE_PIXELS} pixels; got {TILE_PIXELS + 1}"):
        check_tile_size(TILE_PIXELS + 1, max_pixels=1)


def test_note_counts_the_other_frames() -> None:
    assert describe_other_frames(0) == describe_other_frames(1) == ()
    assert describe_other_frames(2) == ("only the first frame is used: the file holds 1 more",)
    assert describe_other_frames(9, at_least=True) == ("only the first frame is used: the file holds at least 8 more",)


def test_truncated_error_says_what_is_missing_and_what_to_do() -> None:
    words = "the file is truncated; 3 of 4 values are there. Fetch it again, or allow truncated files"
    assert str(TruncatedError("3 of 4 values are there")).startswith(words)


def test_stderr_is_silent_and_comes_back(capfd: pytest.CaptureFixture[str]) -> None:
    with silence_stderr():
        os.write(2, b"hidden")
    os.write(2, b"shown")
    assert capfd.readouterr().err == "shown"


def test_stderr_comes_back_after_an_error(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ZeroDivisionError), silence_stderr():
        raise ZeroDivisionError
    os.write(2, b"shown")
    assert capfd.readouterr().err == "shown"
