"""The command for folders."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PilImage
from program_runs import Program, hash_tree, read_labels, take_one_line, write_photograph

MANIFEST = ("segment_manifest.csv", "segment_manifest.jsonl", "segment_shares.csv")


def make_flat(*shape: int) -> np.ndarray:
    return np.full(shape, 77, np.uint8)


def test_batch_keeps_the_structure_and_isolates_failures(run_program: Program) -> None:
    for name in ("in/sub/deeper", "in/.hidden"):
        Path(name).mkdir(parents=True)
        PilImage.open("a.png").save(f"{name}/a.png")
    PilImage.open("a.png").save("in/b.gif")
    Path("in/bad.png").write_bytes(b"no image")
    Path("in/notes.txt").write_bytes(b"no image")
    before = hash_tree(Path("in"))
    result = run_program("batch", "in", "-r", "-k", "2", "-o", "out")
    assert result.code == 1
    assert result.out.splitlines() == [
        "out/b_panel.png",
        "out/b_labels.png",
        "out/sub/deeper/a_panel.png",
        "out/sub/deeper/a_labels.png",
    ]
    error, last = result.err.splitlines()
    assert error.startswith("Error: in/bad.png: an image is JPEG, PNG,")
    assert last == "2 of 3 images segmented, 1 failed."
    assert hash_tree(Path("in")) == before
    assert {name for name, kind in hash_tree(Path("out")).items() if kind != "other"} == {
        *MANIFEST,
        *(line.removeprefix("out/") for line in result.out.splitlines()),
    }


def test_images_that_are_not_read_are_counted_with_the_remedy(run_program: Program) -> None:
    Path("in").mkdir()
    PilImage.open("a.png").save("in/a.jfif", "JPEG")
    Path("in/a.psd").write_bytes(b"8BPS\0\1")
    for more in ((), ("--resume",)):
        result = run_program("batch", "in", "-k", "2", "-o", "out", "--save", "labels", *more)
        assert result.code == 1
        assert result.out == ("" if more else "out/a_labels.png\n")
        error, tally, unread = result.err.splitlines()
        assert error.endswith(
            "in/a.psd: an image is JPEG, PNG, TIFF, WebP, GIF, BMP, PPM, AVIF, JPEG XL, JPEG 2000, HEIC or "
            "camera RAW; got a Photoshop document (PSD). Save it as PNG or TIFF."
        )
        assert tally == f"{int(not more)} of 2 images segmented, {'1 kept from before, ' if more else ''}1 failed."
        assert unread.startswith("1 image not read, of a kind that is not supported: 1 Photoshop document (PSD).")
    rows = Path("out/segment_manifest.csv").read_text().splitlines()
    assert [row.split(",")[:2] for row in rows[1:]] == [["a.jfif", "done"], ["a.psd", "failed"]]
    Path("in/a.jfif").unlink()
    # A shared model is fitted to images that can be read: here none.
    assert run_program("batch", "in", "--model", "shared", "-k", "2", "-o", "other").code == 1


def test_batch_says_why_it_does_one_image_at_a_time(run_program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("joblib._multiprocessing_helpers.mp", None)
    Path("in").mkdir()
    for name in "ab":
        PilImage.open("a.png").save(f"in/{name}.png")
    result = run_program("batch", "in", "-k", "2", "-o", "out", "--save", "labels")
    assert result.code == 0
    assert result.out.splitlines() == ["out/a_labels.png", "out/b_labels.png"]
    warning, tally = result.err.splitlines()
    assert warning.startswith("Warning: One image at a time: there are no POSIX semaphores. Make /dev/shm writable to")
    assert tally == "2 of 2 images segmented."


def test_batch_counts_warnings(run_program: Program) -> None:
    PilImage.fromarray(make_flat(3, 3)).save("b.png")
    result = run_program("batch", ".", "-k", "2", "-o", "out")
    assert result.code == 0
    assert result.err.splitlines()[-1] == "2 of 2 images segmented, 1 with a warning."


def test_batch_skips_earlier_results_below_its_folder(run_program: Program) -> None:
    arguments = ("batch", ".", "-r", "-k", "2", "-o", "results", "--overwrite")
    first = run_program(*arguments)
    assert run_program(*arguments) == first
    names = ("a_panel.png", "a_labels.png", *MANIFEST)
    assert hash_tree().keys() == {"a.png", "results", *(f"results/{name}" for name in names)}


@pytest.mark.parametrize(
    ("folder", "words"),
    [
        ("missing", "missing: there is no such folder."),
        ("a.png", "a.png: not a folder."),
        ("sub", "sub: no image in this folder"),
    ],
)
def test_batch_without_images_is_an_error(run_program: Program, folder: str, words: str) -> None:
    Path("sub").mkdir()
    result = run_program("batch", folder, "-k", "2", "-o", "out")
    assert (result.code, result.out) == (1, "")
    assert take_one_line(result.err).startswith(f"Error: {words}")
    assert not Path("out").exists()


def test_align_of_regions_is_refused(run_program: Program) -> None:
    result = run_program("batch", ".", "--align", "first", "--regions", "auto", "-o", "out")
    assert result.code == 2
    assert take_one_line(result.err) == "Error: align (--align): only with classes; got --regions auto. Leave one out."


def test_shared_model_of_a_chosen_number_of_merged_classes(run_program: Program) -> None:
    arguments = ("-k", "auto", "--k-range", "3..4", "--merge", "ground=1,2", "--save", "labels", "-o", "out")
    result = run_program("batch", ".", "--model", "shared", *arguments)
    assert result.code == 0
    assert result.err.startswith("All images: ")
    assert result.err.count("\n") == 1
    assert read_labels("out/a_labels.png").max() in (2, 3)


def test_shared_model_of_whole_regions_differs_from_no_field(run_program: Program) -> None:
    write_photograph("a.png", 20)
    for name, words in (("regions", ["--coherence", "region"]), ("none", ["--spatial", "none"])):
        arguments = ("-k", "3", "--save", "labels", "-o", name, *words)
        assert run_program("batch", ".", "--model", "shared", *arguments).code == 0
    assert (read_labels("regions/a_labels.png") != read_labels("none/a_labels.png")).any()


def test_batch_goes_on_where_nobody_reads_stdout(run_program: Program) -> None:
    del run_program  # it makes the folder
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "segment", "batch", ".", "-k", "2", "-o", "out", "--save", "labels", "--jobs", "1"]
    PilImage.open("a.png").save("b.png")
    process = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, check=False, timeout=60)
    os.close(writer)
    assert process.returncode == 0
    assert process.stderr.splitlines()[0] == "Nobody reads stdout any more: the run goes on without it."
    assert {path.name for path in Path("out").glob("*.png")} == {"a_labels.png", "b_labels.png"}


def test_batch_needs_no_stdout_and_stderr(run_program: Program) -> None:
    del run_program  # it makes the folder
    command = f"{sys.executable} -m segment batch . -k 2 -o out --save labels >&- 2>&-"
    assert subprocess.run(["sh", "-c", command], check=False, timeout=60).returncode == 0
    assert len(list(Path("out").glob("*.png"))) == 1


def test_an_empty_path_is_not_the_current_folder(run_program: Program) -> None:
    result = run_program("run", "a.png", "-k", "2", "-o", "")
    assert result.code == 2
    assert "a path has at least one character; got none" in take_one_line(result.err)
