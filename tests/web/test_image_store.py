"""Images of the page: random names, nothing outside of the temporary folder, forgotten after a while."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from segment.core.errors import ImageError, OutputError
from segment.web.image_store import ImageStore, StoredImage, clean_name


@pytest.fixture
def store() -> Iterator[ImageStore]:
    store = ImageStore(max_images=2, max_age=100.0)
    yield store
    store.close()
    assert not store.root.exists()


def send(store: ImageStore, name: str = "a.png") -> StoredImage:
    image = store.prepare_upload(name)
    (image.folder / image.name).write_bytes(b"content")
    store.keep(image)
    return image


def test_only_its_owner_looks_into_the_folder(store: ImageStore) -> None:
    assert stat.S_IMODE(store.root.stat().st_mode) == 0o700


def test_images_have_names_that_nobody_guesses(store: ImageStore) -> None:
    first, second = send(store), send(store)
    assert first.id != second.id
    assert len(first.id) >= 16
    assert store.find(first.id) is first
    for unknown in ("", "..", "../..", first.id[:-1]):
        with pytest.raises(ImageError, match=r"^image or model: one that the server keeps; got .*\. Send it again\.$"):
            store.find(unknown)


def test_the_one_that_was_used_longest_ago_is_forgotten(store: ImageStore) -> None:
    first, second = send(store), send(store)
    store.find(first.id)
    third = send(store)
    assert store.find(first.id)
    assert store.find(third.id)
    assert not second.folder.exists()
    with pytest.raises(ImageError):
        store.find(second.id)


def test_an_image_that_is_not_used_is_forgotten(store: ImageStore, monkeypatch: pytest.MonkeyPatch) -> None:
    image = send(store)
    used = image.used
    monkeypatch.setattr("time.monotonic", lambda: used + 99)
    store.forget_old()
    assert image.folder.exists()
    monkeypatch.setattr("time.monotonic", lambda: used + 101)
    store.forget_old()
    assert not image.folder.exists()


def test_a_file_of_this_machine_is_linked_and_kept(
    store: ImageStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.png").write_bytes(b"mine")
    image = store.add_file(tmp_path / "a.png")
    for _ in range(4):
        send(store)
    now = image.used
    monkeypatch.setattr("time.monotonic", lambda: now + 1e6)
    store.forget_old()
    assert store.list_files() == [image]
    assert (image.folder / "a.png").read_bytes() == b"mine"
    store.close()
    assert (tmp_path / "a.png").read_bytes() == b"mine"


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("sea.jpg", "sea.jpg"),
        ("/etc/passwd", "passwd"),
        ("..\\..\\x.png", "x.png"),
        ("..", "image"),
        ("-k.png", "k.png"),
        ("a\n\x1b[1mb.png", "a[1mb.png"),
        ("", "image"),
        ("x" * 400 + ".jpeg", "x" * 50 + ".jpeg"),
        ("中文 é.tif", "中文 é.tif"),
    ],
)
def test_names_are_those_of_files(given: str, name: str) -> None:
    assert clean_name(given) == name


def test_a_full_disk_is_told_of(store: ImageStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(OutputError, match=r"^image: cannot be kept; no space left on device\. Free some space in the"):
        store.prepare_upload("a.png")
