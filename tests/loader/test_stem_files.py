"""Folders with a mask for each image."""

from __future__ import annotations

from pathlib import Path

import pytest

from segment.core.errors import ImageError
from segment.loader.stem_files import find_stem_file


def test_a_folder_has_a_mask_for_each_stem(tmp_path: Path) -> None:
    for name in ("sea.png", "june/sea.tif", "two.png", "two.tif", ".hidden.png"):
        (tmp_path / "masks" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "masks" / name).touch()
    masks = str(tmp_path / "masks")
    assert find_stem_file(masks, "photographs/sea.jpg") == str(tmp_path / "masks/sea.png")
    # The same structure below the folders of photographs and of masks.
    assert find_stem_file(masks, "photographs/june/sea.jpg") == str(tmp_path / "masks/june/sea.tif")
    assert find_stem_file(str(tmp_path / "masks/sea.png"), "other.jpg") == str(tmp_path / "masks/sea.png")
    with pytest.raises(ImageError, match=r"one for each image; got none named lake\. Add it there"):
        find_stem_file(masks, "lake.jpg")
    with pytest.raises(ImageError, match=r"one file for each image; got two\.png, two\.tif"):
        find_stem_file(masks, "two.jpg")
    with pytest.raises(ImageError, match="needs the name of an image; got none"):
        find_stem_file(masks, "")


def test_a_mask_that_comes_later_is_found(tmp_path: Path) -> None:
    with pytest.raises(ImageError):
        find_stem_file(str(tmp_path), "sea.jpg")
    (tmp_path / "sea.png").touch()
    assert find_stem_file(str(tmp_path), "sea.jpg") == str(tmp_path / "sea.png")
