"""Which images, where their results go, and one image's failure kept from the rest."""

from __future__ import annotations

import os
import time
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as PilImage

from segment.config.config import SegmentConfig
from segment.core.errors import ImageError, SettingsError
from segment.loader.loader import LoadedFile, load_image
from segment.pipeline.pipeline import segment_image
from segment.runs.batch.folder_search import find_images
from segment.runs.image_job import run_job
from segment.runs.job import Job, plan

CONFIG = SegmentConfig(k=2)


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")


def found(folder: Path, **options: Any) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in find_images(folder, **options).images]


def results(jobs: list[Job], config: SegmentConfig = CONFIG) -> list[list[str]]:
    return [[path.as_posix() for path in job.results(config)] for job in jobs]


def test_images_are_told_by_their_suffix_and_sorted_by_name(tmp_path: Path) -> None:
    touch(tmp_path, "b.jpg", "a.PNG", "a.jpg", "c.TiF", "notes.txt", "d.png.part", "e", "10.webp", "9.webp")
    assert found(tmp_path) == ["10.webp", "9.webp", "a.PNG", "a.jpg", "b.jpg", "c.TiF"]


@pytest.mark.parametrize("suffix", ["jpg", "jpeg", "png", "tif", "tiff", "webp", "gif", "bmp", "ppm", "pgm", "pbm"])
def test_every_format_that_can_be_read_is_found(tmp_path: Path, suffix: str) -> None:
    touch(tmp_path, f"a.{suffix}")
    assert found(tmp_path) == [f"a.{suffix}"]


def test_folders_below_only_when_asked(tmp_path: Path) -> None:
    touch(tmp_path, "z.png", "sub/a.png", "sub/deeper/b.png", "folder.png/inner.png")
    assert found(tmp_path) == ["z.png"]
    assert found(tmp_path, recursive=True) == ["folder.png/inner.png", "sub/a.png", "sub/deeper/b.png", "z.png"]


def test_hidden_files_and_folders_are_passed_over(tmp_path: Path) -> None:
    touch(tmp_path, "a.png", "._a.png", ".hidden.png", ".thumbnails/a.png", "__MACOSX/._a.png", ".png")
    assert found(tmp_path, recursive=True) == ["a.png"]


def test_links_to_files_are_followed_and_links_to_folders_are_not(tmp_path: Path) -> None:
    touch(tmp_path, "in/a.png", "elsewhere/b.png")
    (tmp_path / "in" / "file.png").symlink_to("../elsewhere/b.png")
    (tmp_path / "in" / "folder").symlink_to("../elsewhere")
    (tmp_path / "in" / "folder.png").symlink_to("../elsewhere")
    (tmp_path / "in" / "round").symlink_to(".")
    assert found(tmp_path / "in", recursive=True) == ["a.png", "file.png"]


def test_broken_links_are_images_that_will_fail(tmp_path: Path) -> None:
    (tmp_path / "gone.png").symlink_to("nowhere.png")
    (tmp_path / "loop.png").symlink_to("loop.png")
    assert found(tmp_path) == ["gone.png", "loop.png"]
    outcomes = [run_job(Job(path, tmp_path, "x"), CONFIG) for path in find_images(tmp_path).images]
    assert [bool(outcome.error) for outcome in outcomes] == [True, True]


@pytest.mark.parametrize("spelling", ["out", "sub/../out", "./out", "link"])
def test_the_folder_of_the_results_is_left_out(tmp_path: Path, spelling: str) -> None:
    touch(tmp_path, "a.png", "out/a_labels.png", "sub/out/b.png")
    (tmp_path / "link").symlink_to("out")
    (tmp_path / "root").symlink_to(".")
    for root in (tmp_path, tmp_path / "root"):
        assert found(root, recursive=True, leave_out=tmp_path / spelling) == ["a.png", "sub/out/b.png"]


def test_names_of_any_bytes_are_found(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9\n.png")
    touch(tmp_path, name)
    assert found(tmp_path) == [name]


@pytest.mark.parametrize(
    ("names", "rule"),
    [
        ([], "no image in this folder. Give -r to look into its folders too."),
        (["notes.txt", "._a.png", "sub/a.png"], "no image in this folder. Give -r"),
    ],
)
def test_a_folder_without_images_says_so(tmp_path: Path, names: list[str], rule: str) -> None:
    touch(tmp_path, *names)
    with pytest.raises(ImageError, match=rule):
        find_images(tmp_path)


def test_what_is_no_folder_says_so(tmp_path: Path) -> None:
    touch(tmp_path, "a.png")
    for path, rule in ((tmp_path / "a.png", "not a folder"), (tmp_path / "missing", "there is no such folder")):
        with pytest.raises(ImageError, match=f"{path.name}: {rule}"):
            find_images(path)


def test_results_are_named_after_the_image() -> None:
    jobs = plan([Path("in/a.png"), Path("b.JPG"), Path("c.tar.gz"), Path("d")], Path("out"), CONFIG)
    assert results(jobs) == [
        ["out/a_panel.png", "out/a_labels.png"],
        ["out/b_panel.jpg", "out/b_labels.png"],
        ["out/c.tar_panel.png", "out/c.tar_labels.png"],
        ["out/d_panel.png", "out/d_labels.png"],
    ]
    assert results(jobs[:1], SegmentConfig(save="labels")) == [["out/a_labels.png"]]


def test_images_that_differ_in_their_suffix_keep_it() -> None:
    jobs = plan([Path("a.jpg"), Path("a.png"), Path("b.png")], Path("out"), CONFIG)
    assert [job.stem for job in jobs] == ["a.jpg", "a.png", "b"]


def test_the_structure_below_the_root_is_kept() -> None:
    jobs = plan([Path("in/a.png"), Path("in/sub/a.png")], Path("out"), CONFIG, root=Path("in"))
    assert [job.folder for job in jobs] == [Path("out"), Path("out/sub")]
    assert [job.stem for job in jobs] == ["a", "a"]


def test_the_same_name_in_two_folders_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"^two/a\.png: would share its results with one/a\.png\. Rename one"):
        plan([Path("one/a.png"), Path("two/a.png")], Path("out"), CONFIG)


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
        plan([Path(first), Path(second)], Path("out"), CONFIG)


def test_a_name_that_another_image_took_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"would share its results with a\.jpg"):
        plan([Path("a.jpg"), Path("a.png"), Path("a.jpg.png")], Path("out"), CONFIG)


def test_the_same_file_given_twice_counts_once(tmp_path: Path) -> None:
    touch(tmp_path, "a.png", "sub/b.png")
    spellings = [tmp_path / "a.png", tmp_path / "sub" / ".." / "a.png", Path(os.path.relpath(tmp_path / "a.png"))]
    assert [job.stem for job in plan(spellings, tmp_path / "out", CONFIG)] == ["a"]


def test_two_links_to_one_image_are_two_images(tmp_path: Path) -> None:
    touch(tmp_path, "a.png")
    (tmp_path / "b.png").symlink_to("a.png")
    assert [job.stem for job in plan([tmp_path / "a.png", tmp_path / "b.png"], tmp_path / "out", CONFIG)] == ["a", "b"]


@pytest.mark.parametrize("output", ["in", "in/../in", "link", "IN/../in"])
def test_no_result_replaces_an_input(tmp_path: Path, output: str) -> None:
    touch(tmp_path, "in/a.png", "in/a_labels.png", "IN/x")
    (tmp_path / "link").symlink_to("in")
    inputs = [tmp_path / "in" / "a.png", tmp_path / "in" / "a_labels.png"]
    for order in (inputs, inputs[::-1]):
        with pytest.raises(SettingsError, match=r"a_labels\.png: is an input, and a result of .*a\.png would replace"):
            plan(order, tmp_path / output, SegmentConfig(overwrite=True))


def test_no_result_replaces_what_an_input_links_to(tmp_path: Path) -> None:
    touch(tmp_path, "out/a_labels.png", "a.png")
    (tmp_path / "b.png").symlink_to("out/a_labels.png")
    with pytest.raises(SettingsError, match="is an input"):
        plan([tmp_path / "a.png", tmp_path / "b.png"], tmp_path / "out", SegmentConfig(overwrite=True))


NAMES = st.text(st.sampled_from("aAb._é"), min_size=1, max_size=4).filter(lambda name: name.strip("."))
SOURCES = st.lists(st.builds(Path, st.sampled_from(["x", "y"]), NAMES.map(lambda n: n + ".png")))


@given(SOURCES)
def test_no_two_images_share_a_result_and_none_is_lost(sources: list[Path]) -> None:
    try:
        jobs = plan(sources, Path("out"), CONFIG, root=Path())
    except SettingsError:
        folded = {str(source).casefold() for source in sources}
        assert len(folded) < len(set(sources)) or any("_" in source.name for source in sources)
        return
    assert [job.source for job in jobs] == list(dict.fromkeys(sources))
    written = [str(path).casefold() for job in jobs for path in job.results(CONFIG)]
    assert len(set(written)) == len(written) == 2 * len(jobs)


@pytest.fixture
def picture(tmp_path: Path, quadrants: np.ndarray) -> Path:
    path = tmp_path / "a.png"
    PilImage.fromarray(quadrants).save(path)
    return path


def test_a_job_writes_its_results(tmp_path: Path, picture: Path) -> None:
    stages: list[str] = []
    (job,) = plan([picture], tmp_path / "out", SegmentConfig(k=4))
    outcome = run_job(job, SegmentConfig(k=4), on_stage=stages.append)
    assert (outcome.error, outcome.warnings, outcome.changed) == ("", (), 0.0)
    assert list(outcome.paths) == job.results(CONFIG)
    assert all(path.is_file() for path in outcome.paths)
    assert stages[0] == "reading"
    assert stages[-1] == "writing"
    # areas of the quadrants from the darkest: 5 x 8, 7 x 8, 5 x 12 and 7 x 12 of 240 pixels
    assert [(label, round(share * 240), mean) for label, _, share, mean in outcome.rows] == [
        (1, 40, (20, 30, 90)),
        (2, 56, (60, 110, 40)),
        (3, 60, (90, 140, 200)),
        (4, 84, (230, 220, 190)),
    ]


def test_a_file_read_before_the_stages_are_loaded_counts_as_a_file(picture: Path) -> None:
    image, begin = load_image(picture), time.perf_counter() - 100
    result = segment_image(LoadedFile(str(picture), image, begin), k=4)
    expected = segment_image(picture, k=4)
    np.testing.assert_array_equal(result.label_image, expected.label_image)
    assert result.image is image
    assert (result.origin.source, result.origin.command) == (expected.origin.source, expected.origin.command)
    (stage, seconds), *others = result.origin.seconds
    assert stage == "reading"
    assert seconds >= 100
    assert max(seconds for _, seconds in others) < 100


def test_a_failure_is_an_outcome_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_bytes(b"no image at all")
    outcome = run_job(Job(tmp_path / "bad.png", tmp_path / "out", "bad"), CONFIG)
    assert outcome.error.startswith(f"{tmp_path}/bad.png: an image is JPEG, PNG,")
    assert (outcome.paths, outcome.rows) == ((), ())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.png"]
    with pytest.raises(ImageError):
        run_job(Job(tmp_path / "bad.png", tmp_path / "out", "bad"), CONFIG, debug=True)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ZeroDivisionError("two\nlines"), "ZeroDivisionError: two lines. This is a fault of segment; --debug shows"),
        (MemoryError(), "not enough memory. Give --max-size to segment a smaller copy."),
    ],
)
def test_an_unexpected_failure_is_an_outcome_too(
    tmp_path: Path, picture: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, words: str
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr("segment.segmenter.class_fitting.fit_mixture", broken)
    job = Job(picture, tmp_path / "out", "a")
    assert run_job(job, CONFIG).error.startswith(f"{picture}: {words}")
    assert not (tmp_path / "out").exists()
    with pytest.raises(type(error)):
        run_job(job, CONFIG, debug=True)


def test_an_interruption_is_no_outcome(tmp_path: Path, picture: Path) -> None:
    def interrupt(_: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_job(Job(picture, tmp_path / "out", "a"), CONFIG, on_stage=interrupt)
    assert not (tmp_path / "out").exists()


def test_existing_results_are_refused_before_the_work(tmp_path: Path, picture: Path) -> None:
    touch(tmp_path, "out/a_labels.png")
    stages: list[str] = []
    outcome = run_job(Job(picture, tmp_path / "out", "a"), CONFIG, on_stage=stages.append)
    assert outcome.error.startswith(f"{tmp_path}/out/a_labels.png: exists already.")
    assert stages == []
    assert (tmp_path / "out" / "a_labels.png").read_bytes() == b"x"
