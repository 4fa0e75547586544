"""What messages call an image."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from segment.pipeline.sources import get_source_name


def test_messages_name_a_file_by_its_path_and_an_array_as_image() -> None:
    assert get_source_name(Path("a.png")) == "a.png"
    assert get_source_name(np.zeros((2, 2))) == "image"
