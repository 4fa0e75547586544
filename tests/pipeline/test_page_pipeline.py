"""All pages of a file, segmented with the classes of all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image as PilImage

from segment.core.errors import ImageError, SettingsError
from segment.pipeline.page_pipeline import segment_pages
from segment.pipeline.pipeline import segment_image
from segment.pipeline.shared_classes import apply_classes, fit_classes


def make_planes() -> np.ndarray:
    """Make three planes of 20 x 30: 60 everywhere, 120 in the last two, 180 in the last."""
    planes = np.full((3, 20, 30), 60, np.uint8)
    planes[1:, :8] = 120
    planes[2, 12:] = 180
    return planes


@pytest.mark.parametrize("kind", ["z.tif", "t.ome.tif", "pages.tif", "a.gif", "a.webp"])
def test_each_page_is_segmented_with_the_classes_of_all(tmp_path: Path, kind: str) -> None:
    planes, path = make_planes(), tmp_path / kind
    pictures = [PilImage.fromarray(plane).convert("RGB") for plane in planes]
    if kind == "z.tif":
        tifffile.imwrite(path, planes, imagej=True, metadata={"axes": "ZYX"})
    elif kind == "t.ome.tif":
        tifffile.imwrite(path, planes, photometric="minisblack", metadata={"axes": "TYX"})
    else:
        options = {"lossless": True} if kind == "a.webp" else {}
        pictures[0].save(path, save_all=True, append_images=pictures[1:], **options)
    results = list(segment_pages(path, k=3))
    assert [result.label_image[[0, 10, 19], 5].tolist() for result in results] == [[1, 1, 1], [2, 1, 1], [2, 1, 3]]
    assert not any("page" in warning or "frame" in warning for result in results for warning in result.warnings)


def test_frames_that_cannot_be_pages_are_told(tmp_path: Path) -> None:
    pictures = [PilImage.fromarray(plane) for plane in make_planes()]
    pictures[0].save(tmp_path / "a.png", save_all=True, append_images=pictures[1:])
    note = "only the first frame is used: the file holds 2 more"
    assert [note in result.warnings for result in segment_pages(tmp_path / "a.png", k=1)] == [True]


def test_a_model_says_which_page_it_was_fitted_to(tmp_path: Path) -> None:
    path = tmp_path / "s.tif"
    tifffile.imwrite(path, make_planes().astype(np.uint16), photometric="minisblack")
    # What is black and white is told by the images that the model is applied to.
    assert fit_classes([path], k=1).training.notes == (f"{path}: page 1 of 3 is used; --page takes another",)
    assert fit_classes([path], k=3, page="all").training.notes == ()


def test_what_a_model_says_of_all_pages_it_says_once(tmp_path: Path) -> None:
    path = tmp_path / "s.tif"
    planes = np.stack([make_planes(), 9 - make_planes()], axis=1).astype(np.uint8)
    tifffile.imwrite(path, planes, imagej=True, metadata={"axes": "TCYX"})
    notes = fit_classes([path], k=2, page="all").training.notes
    assert notes[0] == f"{path}, page 1 and 2 more: the 2 channels of the file are bands"
    assert [note.split(":")[0] for note in notes] == [f"{path}, page 1 and 2 more"] * 2


def test_classes_of_a_model_are_found_in_each_page(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "s.tif", make_planes(), photometric="minisblack")
    model = fit_classes([tmp_path / "s.tif"], k=3, page="all")
    assert model.training.images == 3
    found = [result.label_image for result in segment_pages(tmp_path / "s.tif", model=model)]
    singly = [apply_classes(model, tmp_path / "s.tif", page=number).label_image for number in (1, 2, 3)]
    np.testing.assert_array_equal(found, singly)


def test_what_has_no_pages_is_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "s.tif", make_planes(), photometric="minisblack")
    with pytest.raises(SettingsError, match=r"all pages are segmented; got 2\. Use segment_image for one"):
        segment_pages(tmp_path / "s.tif", page=2)
    with pytest.raises(SettingsError, match="all pages of a file that has a path"):
        fit_classes([make_planes()[0]], k=3, page="all")
    (tmp_path / "a.png").write_bytes(b"no image")
    with pytest.raises(ImageError, match=r"a\.png: an image is"):
        next(segment_pages(tmp_path / "a.png", k=3))


def test_classes_of_all_pages_are_merged_and_named_once(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "s.tif", make_planes(), photometric="minisblack")
    results = list(segment_pages(tmp_path / "s.tif", k=3, merge="land=1,2", name=["3=sky"]))
    assert [result.names for result in results] == [("land", "sky")] * 3
    assert not any("no class" in warning for result in results for warning in result.warnings)


@pytest.mark.parametrize("setting", ["mask", "roi"])
def test_each_page_has_its_own_mask(tmp_path: Path, setting: str) -> None:
    planes, masks = make_planes(), np.zeros((3, 20, 30), np.uint8)
    for number in range(3):
        masks[number, 5 * number : 5 * number + 6] = 1
    for name, stack in (("s.tif", planes), ("m.tif", masks), ("two.tif", masks[:2])):
        tifffile.imwrite(tmp_path / name, stack, photometric="minisblack")
    results = list(segment_pages(tmp_path / "s.tif", k=3, **{setting: tmp_path / "m.tif"}))
    assert [(result.label_image > 0).tolist() for result in results] == (masks > 0).tolist()
    assert not any("m.tif" in warning for result in results for warning in result.warnings)
    second = segment_image(tmp_path / "s.tif", k=2, page=2, **{setting: tmp_path / "m.tif"})
    assert np.array_equal(second.label_image > 0, masks[1] > 0)
    assert any("page 2 of 3 of " in warning for warning in second.warnings)
    with pytest.raises(ImageError, match=r"s\.tif, page 1: .*two\.tif: a mask has one page, or one for each of the 3"):
        list(segment_pages(tmp_path / "s.tif", k=3, **{setting: tmp_path / "two.tif"}))
