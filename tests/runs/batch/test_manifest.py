"""The manifest: rows as JSON lines and as CSV."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from segment.core.errors import OutputError
from segment.runs.batch.journal import Journal
from segment.runs.batch.manifest import open_replacement, write_manifest
from segment.runs.batch.manifest_rows import MANIFEST, MODEL_FILES, TABLE


def make_row(name: str, **values: Any) -> dict[str, Any]:
    return {
        **{"input": name, "sha256": "ab", "settings": "cd", "status": "done", "error": "", "warnings": []},
        **{"seconds": 0.5, "drift": None, "uncertainty": None},
        "classes": [{"label": 1, "name": "class 1", "colour": "#000000", "share": 1.0}],
        "outputs": [{"file": f"{name}_labels.png", "bytes": 1}],
        **values,
    }


def test_rows_are_written_in_the_order_of_the_names(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    for name in ("b.png", "a.png"):
        journal.add(make_row(name, warnings=["dark", "small"]))
    write_manifest(journal, ["a.png", "b.png", "never seen.png"])
    rows = [json.loads(line) for line in (tmp_path / MANIFEST).read_text().splitlines()]
    assert [row["input"] for row in rows] == ["a.png", "b.png"]
    head, first, _ = csv.reader((tmp_path / TABLE).read_text().splitlines())
    assert dict(zip(head, first, strict=True)) == {
        **{"input": "a.png", "status": "done", "error": "", "warnings": "dark; small", "seconds": "0.5"},
        **{"drift": "", "uncertainty": "", "sha256": "ab", "settings": "cd", "outputs": "a.png_labels.png"},
        "share_1": "1.000000",
    }
    journal.close(remove=True)


def test_images_that_are_gone_keep_a_row_while_their_results_are_there(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    for name in ("left.png", "removed.png"):
        journal.add(make_row(name))
    journal.add(make_row("older.png", outputs=[], earlier=[{"file": "older_panel.png"}]))
    journal.add(make_row(MODEL_FILES, outputs=[{"file": "model.json"}]))
    for name in ("left.png_labels.png", "older_panel.png", "model.json"):
        (tmp_path / name).touch()
    write_manifest(journal, [])
    rows = [json.loads(line) for line in (tmp_path / MANIFEST).read_text().splitlines()]
    assert [(row["input"], row["status"]) for row in rows] == [("left.png", "gone"), ("older.png", "gone")]
    assert len((tmp_path / TABLE).read_text().splitlines()) == 1
    journal.close(remove=True)


def test_a_file_that_fails_leaves_the_earlier_one(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("before")
    with pytest.raises(ZeroDivisionError), open_replacement(path) as file:  # noqa: PT012  half a file was written
        file.write("after")
        raise ZeroDivisionError
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]
    message = r"a\.txt: cannot be written; no space left on device\. Make room there"
    with pytest.raises(OutputError, match=message), open_replacement(path):
        raise OSError(28, "No space left on device")
