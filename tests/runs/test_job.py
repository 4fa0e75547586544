"""The results of images, planned before any work."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest
from folder_runs import touch
from hypothesis import given
from hypothesis import strategies as st

from segment.config.config import SegmentConfig
from segment.core.errors import SettingsError
from segment.runs.job import Job, plan_jobs

CONFIG = SegmentConfig(k=2)


def list_names(jobs: list[Job], config: SegmentConfig = CONFIG) -> list[list[str]]:
    return [[path.as_posix() for path in job.list_results(config)] for job in jobs]


def test_results_are_named_after_the_image() -> None:
    jobs = plan_jobs([Path("in/a.png"), Path("b.JPG"), Path("c.tar.gz"), Path("d")], Path("out"), CONFIG)
    assert list_names(jobs) == [
        ["out/a_panel.png", "out/a_labels.png"],
        ["out/b_panel.jpg", "out/b_labels.png"],
        ["out/c.tar_panel.png", "out/c.tar_labels.png"],
        ["out/d_panel.png", "out/d_labels.png"],
    ]
    assert list_names(jobs[:1], SegmentConfig(save="labels")) == [["out/a_labels.png"]]


def test_images_that_differ_in_their_suffix_keep_it() -> None:
    jobs = plan_jobs([Path("a.jpg"), Path("a.png"), Path("b.png")], Path("out"), CONFIG)
    assert [job.stem for job in jobs] == ["a.jpg", "a.png", "b"]


def test_the_structure_below_the_root_is_kept() -> None:
    jobs = plan_jobs([Path("in/a.png"), Path("in/sub/a.png")], Path("out"), CONFIG, root=Path("in"))
    assert [job.folder for job in jobs] == [Path("out"), Path("out/sub")]
    assert [job.stem for job in jobs] == ["a", "a"]


def test_the_same_name_in_two_folders_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"^two/a\.png: would share its results with one/a\.png\. Rename one"):
        plan_jobs([Path("one/a.png"), Path("two/a.png")], Path("out"), CONFIG)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("A.png", "a.png"),
        ("stra\u00dfe.png", "STRASSE.png"),
        (unicodedata.normalize("NFC", "\u00e9.png"), unicodedata.normalize("NFD", "\u00e9.png")),
    ],
    ids=["case", "sharp s", "composition"],
)
def test_names_that_a_file_system_takes_for_one_are_refused(first: str, second: str) -> None:
    assert first != second
    with pytest.raises(SettingsError, match="would share its results"):
        plan_jobs([Path(first), Path(second)], Path("out"), CONFIG)


def test_a_name_that_another_image_took_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"would share its results with a\.jpg"):
        plan_jobs([Path("a.jpg"), Path("a.png"), Path("a.jpg.png")], Path("out"), CONFIG)


def test_the_same_file_given_twice_counts_once(tmp_path: Path) -> None:
    touch(tmp_path, "a.png", "sub/b.png")
    spellings = [tmp_path / "a.png", tmp_path / "sub" / ".." / "a.png", Path(os.path.relpath(tmp_path / "a.png"))]
    assert [job.stem for job in plan_jobs(spellings, tmp_path / "out", CONFIG)] == ["a"]


def test_two_links_to_one_image_are_two_images(tmp_path: Path) -> None:
    touch(tmp_path, "a.png")
    (tmp_path / "b.png").symlink_to("a.png")
    assert [job.stem for job in plan_jobs([tmp_path / "a.png", tmp_path / "b.png"], tmp_path / "out", CONFIG)] == [
        "a",
        "b",
    ]


@pytest.mark.parametrize("output", ["in", "in/../in", "link", "IN/../in"])
def test_no_result_replaces_an_input(tmp_path: Path, output: str) -> None:
    touch(tmp_path, "in/a.png", "in/a_labels.png", "IN/x")
    (tmp_path / "link").symlink_to("in")
    inputs = [tmp_path / "in" / "a.png", tmp_path / "in" / "a_labels.png"]
    for order in (inputs, inputs[::-1]):
        with pytest.raises(SettingsError, match=r"a_labels\.png: is an input, and a result of .*a\.png would replace"):
            plan_jobs(order, tmp_path / output, SegmentConfig(overwrite=True))


def test_no_result_replaces_what_an_input_links_to(tmp_path: Path) -> None:
    touch(tmp_path, "out/a_labels.png", "a.png")
    (tmp_path / "b.png").symlink_to("out/a_labels.png")
    with pytest.raises(SettingsError, match="is an input"):
        plan_jobs([tmp_path / "a.png", tmp_path / "b.png"], tmp_path / "out", SegmentConfig(overwrite=True))


NAMES = st.text(st.sampled_from("aAb._é"), min_size=1, max_size=4).filter(lambda name: name.strip("."))
SOURCES = st.lists(st.builds(Path, st.sampled_from(["x", "y"]), NAMES.map(lambda n: n + ".png")))


@given(SOURCES)
def test_no_two_images_share_a_result_and_none_is_forgotten(sources: list[Path]) -> None:
    try:
        jobs = plan_jobs(sources, Path("out"), CONFIG, root=Path())
    except SettingsError:
        folded = {str(source).casefold() for source in sources}
        assert len(folded) < len(set(sources)) or any("_" in source.name for source in sources)
        return
    assert [job.source for job in jobs] == list(dict.fromkeys(sources))
    written = [str(path).casefold() for job in jobs for path in job.list_results(CONFIG)]
    assert len(set(written)) == len(written) == 2 * len(jobs)
