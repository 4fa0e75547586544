"""The index page of a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from segment.runs.batch.folder_index import INDEX, write_index
from segment.runs.batch.journal import Journal


def make_row(name: str, class_name: str, **values: Any) -> dict[str, Any]:
    return {
        **{"input": name, "status": "done", "error": "", "warnings": [], "drift": None, "uncertainty": 0.25},
        "classes": [{"label": 1, "name": class_name, "colour": "#102030", "share": 1.0}],
        "outputs": [{"file": f"{name}_labels.png"}, {"file": f"{name}_report.html"}],
        **values,
    }


def write_page(folder: Path, *rows: dict[str, Any]) -> str:
    journal = Journal(folder)
    for row in rows:
        journal.add(row)
    write_index(journal, [*(row["input"] for row in rows), "never seen.png"])
    journal.close(remove=True)
    assert [path.name for path in folder.iterdir()] == [INDEX]
    return (folder / INDEX).read_text(encoding="utf-8")


def test_each_image_leads_to_its_page(tmp_path: Path) -> None:
    page = write_page(tmp_path, make_row("a.png", "sky"), make_row("b.png", "sky", warnings=["dark"]))
    assert 'href="a.png_report.html"' in page
    assert 'href="b.png_report.html"' in page
    assert "dark" in page
    assert "2 of 2 images segmented" in page
    assert "sky" in page


def test_columns_have_numbers_where_images_have_other_classes(tmp_path: Path) -> None:
    page = write_page(tmp_path, make_row("a.png", "sky"), make_row("b.png", "sea"))
    assert "class 1" in page
    assert "sky" not in page


def test_an_image_that_failed_is_listed(tmp_path: Path) -> None:
    failed = make_row("b.png", "sky", status="failed", error="b.png: damaged", classes=[], outputs=[], uncertainty=None)
    page = write_page(tmp_path, make_row("a.png", "sky"), failed)
    assert "1 of 2 images segmented, 1 failed" in page
    assert "b.png: damaged" in page
