"""The commands: the files they write, images that cannot be segmented, and existing files."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as PilImage
from program_runs import Program, hash_tree, read_labels, read_rows, run_process, take_one_line, write_photograph

from segment.output.palette import pick_class_colors


def test_run_writes_panel_labels_and_table(run_program: Program) -> None:
    result = run_program("run", "a.png", "-k", "4", "-o", "out")
    assert (result.code, result.err) == (0, "")
    colors = [f"#{color.tobytes().hex()}" for color in pick_class_colors(12)[[11, 7, 0, 3]]]
    assert result.out.splitlines() == [
        "out/a_panel.png",
        "out/a_labels.png",
        "  class  color      share            expected  mean color",
        f"      1  {colors[0]}   16.67 %     16.67 +- 0.05 %  20 30 90",
        f"      2  {colors[1]}   23.33 %     23.33 +- 0.05 %  60 110 40",
        f"      3  {colors[2]}   25.00 %     25.00 +- 0.05 %  90 140 200",
        f"      4  {colors[3]}   35.00 %     35.00 +- 0.05 %  230 220 190",
        "  clean-up changed 0.00 % of the pixels",
    ]
    assert read_labels("out/a_labels.png").tolist() == [[1] * 8 + [3] * 12] * 5 + [[2] * 8 + [4] * 12] * 7
    with PilImage.open("out/a_panel.png") as picture:
        assert (picture.format, picture.mode, picture.size) == ("PNG", "RGB", (712, 360))
    assert hash_tree().keys() == {"a.png", "out", "out/a_panel.png", "out/a_labels.png"}


def test_areas_are_in_every_table(run_program: Program) -> None:
    """The same area of class 1, 40 pixels of 2 by 3 millimeters, wherever a table has it."""
    options = ("--pixel-size", "2x3mm", "--roi", "grid:1x1", "-k", "4")
    result = run_program("run", "a.png", *options, "-o", "out", "--save", "classes,regions,measurements,report")
    lines = [line for line in result.out.splitlines() if line.startswith("  ")]
    head, first = [line.split() for line in lines[:2]]
    assert (head[2:5], first[8:10]) == (["share", "expected", "area"], ["240", "mm2"])
    head, first = lines[5:7]  # of the region of interest
    assert (head.split()[-2:], first.split()[-2:]) == (["pixels", "area"], ["240", "mm2"])
    assert len(head) == len(first)
    row = read_rows("out/a_classes.csv")[0]
    assert (row["roi"], row["area_mm2"], float(row["perimeter_mm"])) == ("r1c1", "240.0", 2 * 7 * 2 + 2 * 4 * 3)
    assert sum(float(row["area_mm2"]) for row in read_rows("out/a_regions.csv")) == 240 * 6
    measured = json.loads(Path("out/a_measurements.json").read_text())
    assert measured["classes"][0]["area_mm2"] == measured["regions"][0]["area_mm2"] == 240
    assert '<th class="number">area in mm\u00b2</th>' in Path("out/a_report.html").read_text()
    document = json.loads(run_program("run", "a.png", *options, "-o", "out2", "--json").out)
    for rows in ("classes", "interest"):
        assert (document["images"][0][rows][0]["area"], document["images"][0][rows][0]["unit"]) == (240, "mm2")
    Path("in").mkdir()
    Path("a.png").rename("in/a.png")
    run_program("batch", "in", *options, "-o", "out3")
    rows = [json.loads(line) for line in Path("out3/segment_manifest.jsonl").read_text().splitlines()]
    assert rows[0]["classes"][0]["area"] == rows[0]["interest"][0]["area"] == 240
    (line,) = read_rows("out3/segment_manifest.csv")
    assert (line["area_unit"], line["area_1"], float(line["share_1"])) == (
        "mm2",
        "240.0",
        pytest.approx(40 / 240, abs=1e-6),
    )


def test_json_and_a_piped_picture_are_refused(run_program: Program) -> None:
    result = run_program("run", "a.png", "-o", "-", "--json")
    assert (result.code, result.out) == (2, "")
    assert take_one_line(result.err).startswith("Error: --json: ")


def test_save_writes_files_for_other_programs(run_program: Program) -> None:
    result = run_program("run", "a.png", "-k", "4", "--save", "geojson,svg,coco,classes,regions,measurements")
    assert result.code == 0
    endings = ("classes.geojson", "classes.svg", "coco.json", "classes.csv", "regions.csv", "measurements.json")
    assert result.out.splitlines()[:6] == [f"outputs/a_{ending}" for ending in endings]


def test_default_output_folder(run_program: Program) -> None:
    assert run_program("run", "a.png", "-k", "2").code == 0
    assert sorted(path.name for path in Path("outputs").iterdir()) == ["a_labels.png", "a_panel.png"]
    assert set(np.unique(read_labels("outputs/a_labels.png"))) == {1, 2}


def test_panel_of_a_jpeg_is_a_jpeg(run_program: Program) -> None:
    PilImage.open("a.png").resize((40, 24)).save("b.JPG", "JPEG")
    assert run_program("run", "b.JPG", "-k", "3", "-o", "out").code == 0
    with PilImage.open("out/b_panel.jpg") as picture:
        assert (picture.format, picture.size) == ("JPEG", (712, 360))
    assert read_labels("out/b_labels.png").shape == (24, 40)


def test_labels_of_a_shrunk_image_have_full_size(run_program: Program) -> None:
    assert run_program("run", "a.png", "-k", "2", "--max-size", "5", "--save", "labels", "-o", "out").code == 0
    assert read_labels("out/a_labels.png").shape == (12, 20)
    assert hash_tree(Path("out")).keys() == {"a_labels.png"}


def test_several_images_print_a_summary(run_program: Program) -> None:
    PilImage.open("a.png").save("b.bmp")
    result = run_program("run", "a.png", "b.bmp", "-k", "2", "-o", "out")
    assert (result.code, result.err) == (0, "2 of 2 images segmented.\n")
    assert (read_labels("out/a_labels.png") == read_labels("out/b_labels.png")).all()


def test_two_runs_write_the_same_bytes(run_program: Program) -> None:
    for folder in ("one", "two"):
        assert run_program("run", "a.png", "-k", "3", "-o", folder).code == 0
    assert hash_tree(Path("one")) == hash_tree(Path("two"))


def test_number_of_threads_does_not_change_the_files(image_folder: Path, landscape: Path) -> None:
    write_photograph("p.png")
    for threads in ("1", "2"):
        names = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENCV_FOR_THREADS_NUM")
        done = run_process(
            *("run", "p.png", str(landscape), "-k", "5", "--denoise", "median", "-o", f"by{threads}"),
            env=dict.fromkeys(names, threads),
        )
        assert done.returncode == 0
    assert hash_tree(Path("by1")) == hash_tree(Path("by2"))
    assert len(np.unique(read_labels("by1/p_labels.png"))) == 5


def make_flat(*shape: int) -> np.ndarray:
    return np.full(shape, 77, np.uint8)


def make_two_color_row(n: int) -> np.ndarray:
    return (np.arange(n, dtype=np.uint8) // (n // 2) * 200)[None]


def test_a_fine_grid_is_a_table_that_a_terminal_holds(run_program: Program) -> None:
    PilImage.fromarray(np.arange(60 * 40).reshape(60, 40).astype(np.uint8)).save("b.png")
    lines = run_program("run", "b.png", "-k", "2", "--roi", "grid:20x4", "--save", "classes").out.splitlines()
    assert sum(line.startswith("  r") for line in lines) == 1 + 100
    assert "  and 60 rows more: --save classes or --json has all" in lines


@pytest.mark.parametrize(
    ("pixels", "grid", "warning"),
    [
        (
            make_two_color_row(6),
            [[1, 1, 1, 2, 2, 2]],
            "the image has fewer distinct colors than the 3 classes asked for: it gets 2",
        ),
        (
            make_two_color_row(6).T,
            [[1], [1], [1], [2], [2], [2]],
            "fewer distinct colors than the 3 classes asked for: it gets 2",
        ),
        (make_flat(2, 3), [[1] * 3] * 2, "fewer distinct colors than the 3 classes asked for: it gets 1"),
        (make_flat(1, 1), [[1]], "fewer distinct colors than the 3 classes asked for: it gets 1"),
        (make_flat(1, 9, 3), [[1] * 9], "fewer distinct colors than the 3 classes asked for: it gets 1"),
        (np.zeros((2, 3, 4), np.uint8), [[0] * 3] * 2, "no pixel is valid, so no pixel has a label"),
    ],
    ids=["two colors", "upright", "one color", "one pixel", "one row", "transparent"],
)
def test_image_with_few_colors_is_a_warning(
    run_program: Program, pixels: np.ndarray, grid: list[list[int]], warning: str
) -> None:
    PilImage.fromarray(pixels).save("b.png")
    result = run_program("run", "b.png", "-k", "3", "-o", "out")
    assert result.code == 0
    lines = result.err.splitlines()  # a transparent picture is told to be transparent as well
    assert all(line.startswith("Warning: b.png: ") and line.isprintable() for line in lines)
    assert warning in lines[-1]
    assert read_labels("out/b_labels.png").tolist() == grid
    assert read_labels("out/b_panel.png").shape[1] >= 640


@pytest.mark.parametrize("what", [("-k", "3"), ("--regions", "auto")], ids=["classes", "regions"])
def test_no_table_where_no_pixel_has_a_label(run_program: Program, what: tuple[str, ...]) -> None:
    PilImage.fromarray(np.zeros((2, 3, 4), np.uint8)).save("b.png")
    result = run_program("run", "b.png", *what, "-o", "out")
    assert (result.code, result.out.split()) == (0, ["out/b_panel.png", "out/b_labels.png"])
    assert result.err.endswith("no pixel is valid, so no pixel has a label.\n")


def write_truncated(path: str) -> None:
    write_photograph(path)
    data = Path(path).read_bytes()
    Path(path).write_bytes(data[: len(data) // 2])


BAD_FILES: dict[str, tuple[Callable[[str], Any], str]] = {
    "missing": (lambda _: None, "the file cannot be opened; no such file or directory"),
    "empty": (lambda path: Path(path).touch(), "the file is empty; 0 bytes"),
    "truncated": (write_truncated, "the file is truncated"),
    "text": (
        lambda path: Path(path).write_text("hello"),
        "an image is JPEG, .* got a file that begins with hello",
    ),
    "folder": (lambda path: Path(path).mkdir(), "an image is a regular file; got a folder"),
    "pipe": (os.mkfifo, "an image is a regular file; got a pipe"),
    "loop": (lambda path: Path(path).symlink_to(path), "the file cannot be opened"),
}


@pytest.mark.parametrize(("make", "words"), BAD_FILES.values(), ids=BAD_FILES)
def test_bad_image_prints_one_line_and_writes_nothing(
    run_program: Program, make: Callable[[str], Any], words: str
) -> None:
    make("b.png")
    before = hash_tree()
    result = run_program("run", "b.png", "-k", "2", "-o", "out")
    assert (result.code, result.out) == (1, "")
    assert re.match(f"Error: b.png: .*{words}", take_one_line(result.err))
    assert hash_tree() == before


@pytest.mark.parametrize(("make", "words"), BAD_FILES.values(), ids=BAD_FILES)
def test_bad_image_does_not_stop_the_others(run_program: Program, make: Callable[[str], Any], words: str) -> None:
    make("b.png")
    result = run_program("run", "b.png", "a.png", "-k", "2", "-o", "out")
    assert result.code == 1
    assert result.out.startswith("out/a_panel.png\nout/a_labels.png\n")
    assert result.err.splitlines()[1:] == ["1 of 2 images segmented, 1 failed."]
    assert hash_tree(Path("out")).keys() == {"a_panel.png", "a_labels.png"}


def test_truncated_image_is_segmented_on_request(run_program: Program) -> None:
    write_truncated("b.png")
    result = run_program("run", "b.png", "-k", "2", "--allow-truncated", "-o", "out")
    assert result.code == 0
    assert result.err.startswith("Warning: b.png: the file is truncated")
    assert read_labels("out/b_labels.png").shape == (240, 320)


def test_too_many_pixels_are_refused(run_program: Program) -> None:
    result = run_program("run", "a.png", "-k", "2", "--max-pixels", "239", "-o", "out")
    assert result.code == 1
    assert "at most 239 pixels are read; got 20 x 12 = 240" in take_one_line(result.err)
    assert not Path("out").exists()


def test_existing_results_are_replaced_only_with_overwrite(run_program: Program) -> None:
    assert run_program("run", "a.png", "-k", "2", "-o", "out").code == 0
    before = hash_tree()
    refused = run_program("run", "a.png", "-k", "3", "-o", "out")
    assert (refused.code, refused.out) == (1, "")
    assert take_one_line(refused.err).startswith("Error: out/a_panel.png: exists already. Replace it (--overwrite)")
    assert hash_tree() == before
    assert run_program("run", "a.png", "-k", "3", "-o", "out", "--overwrite").code == 0
    assert read_labels("out/a_labels.png").max() == 3


@pytest.mark.parametrize("output", [".", "sub/..", "link"])
def test_inputs_are_never_replaced(run_program: Program, image_folder: Path, output: str) -> None:
    PilImage.open("a.png").save("a_labels.png")
    Path("sub").mkdir()
    Path("link").symlink_to(".")
    before = hash_tree()
    result = run_program("run", "a.png", "a_labels.png", "-k", "2", "-o", output, "--overwrite")
    assert result.code == 2
    assert "a_labels.png: is an input, and a result of a.png would replace it." in take_one_line(result.err)
    assert hash_tree() == before


def test_results_beside_the_input_do_not_change_it(run_program: Program) -> None:
    before = hash_tree()["a.png"]
    assert run_program("run", "a.png", "-k", "2", "-o", ".", "--overwrite").code == 0
    assert hash_tree().keys() == {"a.png", "a_panel.png", "a_labels.png"}
    assert hash_tree()["a.png"] == before


def test_output_folder_that_is_a_file_is_an_error(run_program: Program) -> None:
    Path("out").write_bytes(b"mine")
    result = run_program("run", "a.png", "-k", "2", "-o", "out")
    assert (result.code, take_one_line(result.err)) == (
        1,
        "Error: out: cannot be made a folder for results; a file of that name is in the way. Give another folder.",
    )
    assert Path("out").read_bytes() == b"mine"


ODD_NAMES = {
    "bytes": b"caf\xe9.png",
    "newline": b"two\nlines.png",
    "escape": b"\x1b[31mred.png",
    "spaces": b" a  b .png",
    "long": b"x" * 247 + b".png",
    "long umlauts": "ä".encode() * 123 + b".png",
    "dots": b"..a...png",
    "percent": b"%s{0}$HOME*.png",
}


@pytest.mark.parametrize("name", ODD_NAMES.values(), ids=ODD_NAMES)
def test_odd_file_names(image_folder: Path, name: bytes) -> None:
    os.rename("a.png", os.fsdecode(name))  # noqa: PTH104
    done = run_process(b"run", name, b"-k", b"2", b"-o", b"out")
    assert (done.returncode, done.stderr) == (0, b"")
    out = done.stdout.decode()
    assert all(line.isprintable() for line in out.splitlines())
    assert len(out.splitlines()) == 2 + 4
    written = os.listdir(b"out")  # noqa: PTH208
    assert all(entry.startswith(name[:-4][:200]) and len(entry) <= 255 for entry in written)
    (of_labels,) = [entry for entry in written if entry.endswith(b"_labels.png")]
    (of_picture,) = [entry for entry in written if entry.endswith(b"_panel.png")]
    assert len(written) == len({of_labels, of_picture})
    assert read_labels(Path("out") / os.fsdecode(of_labels)).shape == (12, 20)
    again = run_process(b"run", name, b"-k", b"2", b"-o", b"out")
    assert again.returncode == 1
    assert take_one_line(again.stderr.decode()).startswith("Error: ")


def test_double_dash_ends_the_options(run_program: Program) -> None:
    Path("a.png").rename("-k.png")
    assert run_program("run", "-k", "2", "-o", "out", "--", "-k.png").code == 0
    assert hash_tree(Path("out")).keys() == {"-k_panel.png", "-k_labels.png"}


def test_printed_paths_are_never_shortened(run_program: Program) -> None:
    folder = "/".join(["d" * 60] * 4)
    result = run_program("run", "a.png", "-k", "2", "-o", folder)
    assert result.out.splitlines()[:2] == [f"{folder}/a_panel.png", f"{folder}/a_labels.png"]
