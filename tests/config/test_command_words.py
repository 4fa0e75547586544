"""Settings as words of a command line are read back as the same settings."""

from __future__ import annotations

from segment.config.command_words import list_options
from segment.config.config import SegmentConfig
from segment.config.entry_points import ENTRY_POINTS


def test_each_kind_of_value_has_its_words() -> None:
    config = SegmentConfig(k="auto", k_range=(2, 9), greyscale=True, save=("labels", "panel"), merge=("1,2", "3,4"))
    assert list_options(config, ENTRY_POINTS["run"], with_k=True) == (
        *("-k", "auto", "--k-range", "2..9", "--merge", "1,2", "--merge", "3,4", "--greyscale"),
    )
    config = SegmentConfig(smoothness=3.0, simplify=0.5, save="svg,model")
    assert list_options(config, ENTRY_POINTS["run"], with_k=False) == (
        *("--smoothness", "3", "--save", "svg,model", "--simplify", "0.5"),
    )
    assert list_options(config, ENTRY_POINTS["fit"], with_k=False) == ("--smoothness", "3")
