"""The mark of results: every picture of a result has it, and no other file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as PilImage
from PIL.PngImagePlugin import PngInfo
from program_runs import run_main

import segment
from segment.config.products import CLASS_PRODUCTS, REGION_PRODUCTS
from segment.output.result_mark import MARK, has_mark
from segment.runs.batch.folder_search import find_images

PICTURES = {".png", ".jpg", ".tif"}
HEADS = [b"\x89PNG", b"\xff\xd8", b"II*\0", b"MM\0*", b"II*\0\x08\0\0\0", b"MM\0+\0\x08\0\0" + bytes(7) + b"\x10"]


def is_marked(path: Path) -> bool:
    with path.open("rb") as file:
        return has_mark(file)


@pytest.mark.parametrize(("suffix", "labels_format"), [(".png", "png"), (".jpg", "tif")])
def test_every_picture_among_the_products_is_marked(
    tmp_path: Path, quadrants: np.ndarray, suffix: str, labels_format: str
) -> None:
    result = segment.segment_image(quadrants, k=4, n_init=2, save=CLASS_PRODUCTS, labels_format=labels_format)
    divided = segment.segment_regions(quadrants, save=REGION_PRODUCTS, regions=4)
    paths = result.save(tmp_path, stem="classes", suffix=suffix) + divided.save(tmp_path, stem="regions", suffix=suffix)
    pictures = [path for path in paths if path.suffix in PICTURES]
    assert len(pictures) >= 15
    assert [path.name for path in pictures if not is_marked(path)] == []
    assert not any(is_marked(path) for path in paths if path not in pictures)


@pytest.mark.parametrize("how", [{}, {"byteorder": ">"}, {"bigtiff": True}, {"bigtiff": True, "byteorder": ">"}])
def test_every_kind_of_tiff_can_be_marked(tmp_path: Path, how: dict[str, object]) -> None:
    for software, expected in ((MARK, True), ("segment", False), (MARK.upper(), False), (None, False)):
        path = tmp_path / "a.tif"
        tifffile.imwrite(path, np.zeros((300, 300, 3), np.uint8), software=software, photometric="rgb", **how)
        assert is_marked(path) is expected


def test_a_raster_of_labels_is_marked(tmp_path: Path) -> None:
    pytest.importorskip("rasterio", reason="rasters need rasterio")
    pixels = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="rgb")
    found = segment.segment_raster(tmp_path / "a.tif", tmp_path / "labels.tif", k=2, n_init=1)
    assert is_marked(found.path)
    assert not is_marked(tmp_path / "a.tif")


def test_pictures_of_other_programs_are_not_marked(tmp_path: Path, landscape: Path) -> None:
    picture = PilImage.new("RGB", (30, 20))
    for software in ("segment", "Adobe Photoshop", f"after {MARK}"):
        info = PngInfo()
        info.add_text("Software", software)
        info.add_text("Comment", MARK)
        picture.save(tmp_path / "a.png", pnginfo=info)
        picture.save(tmp_path / "a.jpg", comment=software.encode())
        assert not is_marked(tmp_path / "a.png")
        assert not is_marked(tmp_path / "a.jpg")
    assert not is_marked(landscape)


@given(st.sampled_from(HEADS), st.binary(max_size=200))
def test_damaged_files_are_not_marked(tmp_path_factory: pytest.TempPathFactory, head: bytes, rest: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged"
    path.write_bytes(head + rest)
    assert not is_marked(path)


def test_marked_results_are_not_taken_for_images_of_a_folder(
    tmp_path: Path, quadrants: np.ndarray, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("a.png", "b.jpg"):
        PilImage.fromarray(np.kron(quadrants, np.ones((3, 3, 1), np.uint8))).save(folder / name)
        result = segment.segment_image(folder / name, k=2, n_init=1)
        result.save(folder / "results", stem=name[0], suffix=name[1:])
    found = find_images(folder, recursive=True)
    assert [path.name for path in found.images] == ["a.png", "b.jpg"]
    assert [path.name for path in found.results] == ["a_labels.png", "a_panel.png", "b_labels.png", "b_panel.jpg"]
    options = ("-k", "2", "--n-init", "1", "--save", "labels", "-o", str(tmp_path / "out"))
    assert run_main("batch", str(folder), "-r", *options) == 0
    captured = capsys.readouterr()
    assert len(captured.out.splitlines()) == 2
    first = folder / "results" / "a_labels.png"
    assert f"Passed over as results of segment, by their mark: {first} and 3 more." in captured.err
    assert run_main("batch", str(folder / "results"), "-k", "2", "-o", str(tmp_path / "other")) == 1
    assert "no image in this folder, but 4 results of segment" in capsys.readouterr().err
