"""Files of class models."""

from __future__ import annotations

from pathlib import Path

import pytest
from class_models import make_class_model

import segment
from segment.core.errors import ModelError, OutputError
from segment.segmenter.class_model.storage import check_model_path


def test_a_model_comes_back_from_its_file(tmp_path: Path) -> None:
    model = make_class_model()
    path = segment.save_class_model(model, tmp_path / "new" / "m.json")
    assert segment.load_class_model(path) == model
    before = path.read_bytes()
    with pytest.raises(OutputError, match="exists already"):
        segment.save_class_model(model.rename_classes(*"abcd"), path)
    assert path.read_bytes() == before
    segment.save_class_model(model.rename_classes(*"abcd"), path, overwrite=True)
    assert segment.load_class_model(path).names == tuple("abcd")
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))  # as some editors save it
    assert segment.load_class_model(path).names == tuple("abcd")


def test_a_file_that_is_not_text_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xd8\xff\xe0")
    for name, words in (
        ("missing", "the model cannot be opened; no such file or directory"),
        ("binary", "a model is JSON text; got other bytes"),
        ("", "a model is a regular file; got something else"),
        ("nul\0", "the model cannot be opened; "),
    ):
        with pytest.raises(ModelError, match=words):
            segment.load_class_model(tmp_path / name)
    monkeypatch.setattr("segment.segmenter.class_model.storage._MAX_BYTES", 3)
    with pytest.raises(ModelError, match="at most 3 bytes; got 4"):
        segment.load_class_model(tmp_path / "binary")


def test_a_loaded_model_knows_its_file(tmp_path: Path) -> None:
    path = segment.save_class_model(make_class_model(), tmp_path / "m.json")
    assert path == tmp_path / "m.json"
    assert segment.load_class_model(path).file == str(path)


def test_a_path_that_a_model_cannot_be_saved_to_is_refused(tmp_path: Path) -> None:
    image, model = tmp_path / "a.png", tmp_path / "m.json"
    image.write_bytes(b"an image")
    check_model_path(model, [image])
    with pytest.raises(OutputError, match="is a folder, and a model is one file"):
        check_model_path(tmp_path, [image])
    model.write_bytes(b"a model")
    with pytest.raises(OutputError, match="exists already"):
        check_model_path(model, [image])
    check_model_path(model, [image, tmp_path / "missing.png"], overwrite=True)
    with pytest.raises(OutputError, match="is an input, and the model would replace it"):
        check_model_path(tmp_path / "." / "a.png", [image], overwrite=True)
