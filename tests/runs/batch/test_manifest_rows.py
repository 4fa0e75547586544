"""Rows of the manifest."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from segment.pipeline.class_table import ClassRow
from segment.runs.batch.manifest_rows import JOURNAL, MANIFEST, build_row, list_recorded_outputs, read_rows
from segment.runs.fingerprint import Fingerprint
from segment.runs.job import Job
from segment.runs.outcome import Outcome


def test_a_row_has_all_that_is_known_of_an_image(tmp_path: Path) -> None:
    path = tmp_path / "sub" / "a_labels.png"
    path.parent.mkdir()
    path.write_bytes(b"123")
    outcome = Outcome(
        Job(tmp_path / "a.png", path.parent, "a"),
        (path,),
        (ClassRow(1, 9, 0.25, (3.0,), "sky"),),
        ((0, 16, 255),),
        warnings=("dark",),
        drift=0.12345678,
        seconds=0.123456,
        fingerprint=Fingerprint(7, 99, "ab"),
    )
    assert build_row(outcome, "a.png", "cd", tmp_path) == {
        **{"input": "a.png", "sha256": "ab", "bytes": 7, "modified": 99, "settings": "cd"},
        **{"status": "done", "error": "", "warnings": ["dark"], "seconds": 0.1235},
        **{"drift": 0.123457, "uncertainty": None},
        "classes": [{"label": 1, "name": "sky", "colour": "#0010ff", "share": 0.25}],
        "outputs": [{"file": "sub/a_labels.png", "bytes": 3}],
    }


def test_lines_that_are_no_rows_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / MANIFEST
    path.write_text('{"input": "a.png"}\n[1]\n{"input": 3}\n\n{"input": "b.p')
    assert list(read_rows(path)) == [{"input": "a.png"}]
    assert list(read_rows(tmp_path / "nothing")) == []


@pytest.mark.parametrize(
    "change",
    [
        {"outputs": [{"file": "/etc/passwd", "bytes": 1}]},
        {"earlier": [{"file": "../../a.png"}]},
        {"outputs": [3]},
        {"outputs": 3},
        {"warnings": [{}]},
        {"classes": ["sky"]},
        {"bytes": "7"},
        {"settings": None},
    ],
)
def test_rows_of_other_types_are_left_out(tmp_path: Path, change: dict[str, object]) -> None:
    row = {
        **{"input": "a.png", "sha256": "", "bytes": None, "modified": None, "settings": "", "status": "done"},
        **{"error": "", "warnings": [], "drift": None, "classes": [], "outputs": [], "earlier": []},
    }
    (tmp_path / MANIFEST).write_text(f"{json.dumps({**row, **change})}\n{json.dumps(row)}\n")
    assert list(read_rows(tmp_path / MANIFEST)) == [row]


def test_a_manifest_that_is_no_regular_file_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / MANIFEST)
    (tmp_path / JOURNAL).symlink_to("/dev/zero")
    assert list_recorded_outputs(tmp_path) == set()


def test_outputs_of_the_manifest_and_of_a_journal_are_recorded(tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_text('{"input": "a.png", "outputs": [{"file": "sub/a_labels.png"}]}\n')
    (tmp_path / JOURNAL).write_text('{"input": "b.png", "earlier": [{"file": "b_labels.png"}]}\n')
    assert list_recorded_outputs(tmp_path) == {f"{tmp_path}/sub/a_labels.png", f"{tmp_path}/b_labels.png"}
