"""What is reported of results whose files have been written."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import segment
from segment.core.georeference import Georeference
from segment.core.image import Image
from segment.output.pictures import fonts
from segment.runs.job import Job
from segment.runs.result_outcome import describe_result, warn_of_lost_georeference

PLACE = Georeference((1.0, 0, 5e5, 0, -1.0, 4e6), "EPSG:32632", 1.0)


@pytest.mark.parametrize(
    ("place", "settings", "n"),
    [
        (PLACE, {}, 1),
        (Georeference(), {}, 0),
        (PLACE, {"labels_format": "tif", "save": ("labels",)}, 0),
        (PLACE, {"save": ("panel",)}, 0),
    ],
)
def test_labels_without_their_place_are_told(place: Georeference, settings: dict[str, object], n: int) -> None:
    pixels = np.zeros((8, 8, 3), np.uint8)
    pixels[:, 4:] = 200
    result = segment.segment_image(replace(Image.from_array(pixels), georeference=place), k=2, **settings)
    sentence = "labels as PNG have no georeference: give --labels-format tif to keep it"
    assert warn_of_lost_georeference(result) == (sentence,) * n
    assert sentence not in result.warnings


@pytest.mark.parametrize(("save", "n"), [(("panel",), 1), (("labels", "classes"), 0)])
def test_boxes_in_place_of_letters_are_told(save: tuple[str, ...], n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fonts, "_find_font", lambda letters: ("", len(letters)))
    result = segment.segment_image(np.repeat([[0, 200]], 4, axis=0).astype(np.uint8), k=2, name="1=天空", save=save)
    outcome = describe_result(Job(Path("a.png"), Path(), "a"), result, (), None, with_shares=False)
    assert len([note for note in outcome.warnings if "letters of 天空" in note]) == n
