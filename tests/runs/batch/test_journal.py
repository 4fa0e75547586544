"""The journal: a lock, and rows that survive whatever stops the run."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from segment.core.errors import OutputError
from segment.runs.batch.journal import Journal
from segment.runs.batch.manifest_rows import JOURNAL, MANIFEST

DONE = {
    **{"input": "a.png", "sha256": "", "bytes": None, "modified": None, "settings": "", "status": "done", "error": ""},
    **{"warnings": [], "drift": None, "classes": [], "outputs": []},
}


def test_a_pipe_is_no_journal(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / JOURNAL)
    with pytest.raises(OutputError, match="the journal of a run is a regular file"):
        Journal(tmp_path)


def test_the_newest_row_of_an_image_counts(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.add({"input": "a.png", "earlier": []})
    journal.add({"input": "b.png", "status": "done"})
    journal.add({"input": "a.png", "status": "failed"})
    assert sorted(journal) == ["a.png", "b.png"]
    assert journal.get_row("a.png") == {"input": "a.png", "status": "failed"}
    assert journal.get_row("c.png") == {}
    assert "c.png" not in journal
    assert [row["input"] for row in journal.iterate_rows(["b.png", "a.png"])] == ["b.png", "a.png"]
    journal.close(remove=True)
    assert list(tmp_path.iterdir()) == []


def test_images_that_were_only_begun_have_no_row_to_report(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.add({"input": "a.png", "earlier": []})
    assert list(journal.iterate_rows(["a.png"])) == []
    journal.close(remove=True)


def test_an_interrupted_run_is_continued_and_its_incomplete_line_cut_off(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.add(DONE)
    journal.close(remove=False)
    with (tmp_path / JOURNAL).open("ab") as file:
        file.write(b'{"input": "b.p')
    journal = Journal(tmp_path)
    assert journal.was_interrupted
    assert list(journal) == ["a.png"]
    journal.add({"input": "b.png", "status": "done"})
    journal.close(remove=False)
    lines = (tmp_path / JOURNAL).read_text().splitlines()
    assert [json.loads(line)["input"] for line in lines] == ["a.png", "b.png"]


def test_rows_of_the_manifest_are_taken_over(tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_text(json.dumps(DONE) + "\nnot a row\n")
    journal = Journal(tmp_path)
    assert (journal.was_interrupted, journal.has_manifest) == (False, True)
    assert journal.get_row("a.png")["status"] == "done"
    journal.withdraw()
    assert [path.name for path in tmp_path.iterdir()] == [MANIFEST]


def test_a_folder_has_one_journal_at_a_time(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    with pytest.raises(OutputError, match=r"another 'segment batch' is writing there\. Wait for it"):
        Journal(tmp_path)
    journal.close(remove=True)
    Journal(tmp_path).close(remove=True)


def test_a_run_that_has_not_begun_leaves_nothing(tmp_path: Path) -> None:
    Journal(tmp_path / "new" / "out").withdraw()
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_place_of_the_folder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "out").write_bytes(b"a file")
    with pytest.raises(OutputError, match=r"out: no results can be written there; .* Give another folder with -o\."):
        Journal(tmp_path / "out")
