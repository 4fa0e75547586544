"""Which files of a folder are images."""

from __future__ import annotations

import inspect
import io
import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from folder_runs import touch
from PIL import Image as PilImage

from segment.config.config import SegmentConfig
from segment.core.errors import ImageError
from segment.output.pictures.encoding import encode_picture
from segment.runs.batch.folder_search import describe_unread_images, find_images
from segment.runs.batch.manifest_rows import MANIFEST
from segment.runs.image_job import run_job, segment_job
from segment.runs.job import Job

CONFIG = SegmentConfig(k=2)


@pytest.fixture
def png() -> bytes:
    stream = io.BytesIO()
    PilImage.new("L", (3, 2)).save(stream, "PNG")
    return stream.getvalue()


def find_names(folder: Path, **options: Any) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in find_images(folder, **options).images]


def test_images_are_recognized_by_their_suffix_and_sorted_by_name(tmp_path: Path) -> None:
    touch(tmp_path, "b.jpg", "a.PNG", "a.jpg", "c.TiF", "notes.txt", "d.png.part", "e", "10.webp", "9.webp")
    assert find_names(tmp_path) == ["10.webp", "9.webp", "a.PNG", "a.jpg", "b.jpg", "c.TiF"]


@pytest.mark.parametrize("suffix", ["jpg", "jpeg", "png", "tif", "tiff", "webp", "gif", "bmp", "ppm", "pgm", "pbm"])
def test_every_format_that_can_be_read_is_find_names(tmp_path: Path, suffix: str) -> None:
    touch(tmp_path, f"a.{suffix}")
    assert find_names(tmp_path) == [f"a.{suffix}"]


def test_first_bytes_decide_whatever_the_suffix(tmp_path: Path, png: bytes) -> None:
    names = ("a", "a.jfif", "a.png_original", "b.jpg~", "sea.2024", ".hidden", "c.tif.part", "scene.ovr")
    for name in names:
        (tmp_path / name).write_bytes(png)
    for name, content in {
        "README": b"P1 is first",
        "data.bin": b"(\0\0\0" + bytes(30),
        "Thumbs.db": b"\xd0\xcf",
    }.items():
        (tmp_path / name).write_bytes(content)
    os.mkfifo(tmp_path / "pipe")
    assert find_names(tmp_path) == ["a", "a.jfif", "a.png_original", "b.jpg~", "sea.2024"]


def test_images_of_kinds_that_are_not_read_are_listed_apart(
    tmp_path: Path, png: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    heic = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"
    contents = {"a.jpg": heic, "b.HEIC": heic, "c": b"8BPS\0\1", "d.tga": b"\0\0\2", "e.psd": png, "f.txt": b"8BPS"}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    found = find_images(tmp_path)
    assert [path.name for path in found.images] == ["e.psd"]
    assert [image.path.name for image in found.unread] == ["a.jpg", "b.HEIC", "c", "d.tga"]
    assert describe_unread_images(found.unread) == [
        "2 images not read: 2 HEIC. Run: pip install 'gmm-segment[heif]'.",
        "2 images not read, of a kind that is not supported: 1 TGA, 1 Photoshop document (PSD). Save them as PNG or "
        "TIFF.",
    ]


def test_what_a_manifest_names_is_a_result_only_if_it_has_the_mark(tmp_path: Path, png: bytes) -> None:
    (tmp_path / "mine.png").write_bytes(png)
    (tmp_path / "a_labels.png").write_bytes(encode_picture(np.zeros((4, 6, 3), np.uint8), suffix=".png"))
    outputs = [{"file": "mine.png", "bytes": len(png)}, {"file": "a_labels.png", "bytes": 9}]
    (tmp_path / MANIFEST).write_text(json.dumps({"input": "a.png", "outputs": outputs}))
    found = find_images(tmp_path)
    assert [path.name for path in found.images] == ["mine.png"]
    assert found.results == []


def test_folders_nested_deeper_than_functions_can_be(tmp_path: Path) -> None:
    place = tmp_path.joinpath(*["f"] * 150)
    place.mkdir(parents=True)
    (place / "a.png").write_bytes(b"x")
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack(0)) + 100)
    try:
        found = find_images(tmp_path, recursive=True)
    finally:
        sys.setrecursionlimit(before)
    assert found.images == [place / "a.png"]


def test_folders_below_only_when_asked(tmp_path: Path) -> None:
    touch(tmp_path, "z.png", "sub/a.png", "sub/deeper/b.png", "folder.png/inner.png")
    assert find_names(tmp_path) == ["z.png"]
    assert find_names(tmp_path, recursive=True) == ["folder.png/inner.png", "sub/a.png", "sub/deeper/b.png", "z.png"]


def test_hidden_files_and_folders_are_left_out(tmp_path: Path) -> None:
    touch(tmp_path, "a.png", "._a.png", ".hidden.png", ".thumbnails/a.png", "__MACOSX/._a.png", ".png")
    assert find_names(tmp_path, recursive=True) == ["a.png"]


def test_links_to_files_are_followed_and_links_to_folders_are_not(tmp_path: Path) -> None:
    touch(tmp_path, "in/a.png", "elsewhere/b.png")
    (tmp_path / "in" / "file.png").symlink_to("../elsewhere/b.png")
    (tmp_path / "in" / "folder").symlink_to("../elsewhere")
    (tmp_path / "in" / "folder.png").symlink_to("../elsewhere")
    (tmp_path / "in" / "circle").symlink_to(".")
    assert find_names(tmp_path / "in", recursive=True) == ["a.png", "file.png"]


def test_broken_links_are_images_that_will_fail(tmp_path: Path) -> None:
    (tmp_path / "gone.png").symlink_to("nowhere.png")
    (tmp_path / "loop.png").symlink_to("loop.png")
    assert find_names(tmp_path) == ["gone.png", "loop.png"]
    outcomes = [run_job(Job(path, tmp_path, "x"), CONFIG, segment_job) for path in find_images(tmp_path).images]
    assert [bool(outcome.error) for outcome in outcomes] == [True, True]


@pytest.mark.parametrize("spelling", ["out", "sub/../out", "./out", "link"])
def test_the_folder_of_the_results_is_left_out(tmp_path: Path, spelling: str) -> None:
    touch(tmp_path, "a.png", "out/a_labels.png", "sub/out/b.png")
    (tmp_path / "link").symlink_to("out")
    (tmp_path / "root").symlink_to(".")
    for root in (tmp_path, tmp_path / "root"):
        assert find_names(root, recursive=True, leave_out=tmp_path / spelling) == ["a.png", "sub/out/b.png"]


def test_names_of_any_bytes_are_find_names(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9\n.png")
    touch(tmp_path, name)
    assert find_names(tmp_path) == [name]


@pytest.mark.parametrize(
    ("names", "rule"),
    [
        ([], "no image in this folder. Give another folder."),
        (["notes.txt", "._a.png", "sub/a.png"], "no image in this folder. Give -r"),
    ],
)
def test_a_folder_without_images_is_an_error(tmp_path: Path, names: list[str], rule: str) -> None:
    touch(tmp_path, *names)
    with pytest.raises(ImageError, match=rule):
        find_images(tmp_path)


def test_anything_but_a_folder_is_an_error(tmp_path: Path) -> None:
    touch(tmp_path, "a.png")
    for path, rule in ((tmp_path / "a.png", "not a folder"), (tmp_path / "missing", "there is no such folder")):
        with pytest.raises(ImageError, match=f"{path.name}: {rule}"):
            find_images(path)
