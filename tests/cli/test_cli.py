"""The command line: exit code, stderr, files, and nothing left after a failure."""

from __future__ import annotations

import gc
import hashlib
import json
import os
import platform
import pty
import re
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import pytest
from PIL import Image as PilImage

import segment
from segment.cli.main import main
from segment.config.products import PRODUCTS
from segment.output.palette import pick_class_colors

MODULE = [sys.executable, "-m", "segment"]
MANIFEST = ("segment_manifest.csv", "segment_manifest.jsonl")
FAULT = "This is a fault of segment; --debug shows where."


class Result(NamedTuple):
    code: int
    out: str
    err: str


Program = Callable[..., Result]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quadrants: np.ndarray) -> Path:
    """A working folder with one image, a.png."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")
    PilImage.fromarray(quadrants).save("a.png")
    return tmp_path


@pytest.fixture
def program(here: Path, capsys: pytest.CaptureFixture[str]) -> Program:
    """The program in this process: arguments to exit code, stdout and stderr."""

    def run(*arguments: str) -> Result:
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            main(list(arguments))
        captured = capsys.readouterr()
        assert isinstance(stop.value.code, int)
        return Result(stop.value.code, captured.out, captured.err)

    return run


def process(*arguments: str | bytes, **options: Any) -> subprocess.CompletedProcess[bytes]:
    """The program in a process of its own."""
    environment = {**os.environ, **options.pop("env", {})}
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    return subprocess.run([*MODULE, *arguments], check=False, env=environment, **options)


def tree(folder: Path = Path()) -> dict[str, str]:
    """Everything below a folder: the hash of files, the kind of everything else."""
    return {
        os.fsdecode(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        if path.is_file()
        else "other"
        for path in folder.rglob("*")
    }


def labels(path: str | Path) -> np.ndarray:
    with PilImage.open(path) as image:
        return np.asarray(image)


def one_line(text: str) -> str:
    """The one line that a text consists of, printable throughout."""
    assert text.endswith("\n")
    assert text[:-1].isprintable()
    return text[:-1]


# What a run writes


def test_run_writes_the_picture_and_the_labels(program: Program) -> None:
    result = program("run", "a.png", "-k", "4", "-o", "out")
    assert (result.code, result.err) == (0, "")
    colors = [f"#{color.tobytes().hex()}" for color in pick_class_colors(4)]
    assert result.out.splitlines() == [
        "out/a_panel.png",
        "out/a_labels.png",
        "  class  color      share  mean color",
        f"      1  {colors[0]}   16.67 %  20 30 90",
        f"      2  {colors[1]}   23.33 %  60 110 40",
        f"      3  {colors[2]}   25.00 %  90 140 200",
        f"      4  {colors[3]}   35.00 %  230 220 190",
        "  clean-up changed 0.00 % of the pixels",
    ]
    assert labels("out/a_labels.png").tolist() == [[1] * 8 + [3] * 12] * 5 + [[2] * 8 + [4] * 12] * 7
    with PilImage.open("out/a_panel.png") as picture:
        assert (picture.format, picture.mode, picture.size) == ("PNG", "RGB", (712, 360))
    assert tree().keys() == {"a.png", "out", "out/a_panel.png", "out/a_labels.png"}


def test_json_is_one_document_on_stdout_and_nothing_else(program: Program) -> None:
    result = program("run", "a.png", "missing.png", "-k", "4", "-o", "out", "--json", "--save", "labels")
    assert result.code == 1
    assert result.err.splitlines()[0].startswith("Error: missing.png: ")
    found = json.loads(result.out)
    assert found["version"] == segment.__version__
    assert segment.SegmentConfig.of(**found["settings"]) == segment.SegmentConfig(k=4, save=("labels",))
    good, bad = found["images"]
    assert (good["input"], good["outputs"], good["k"], good["error"]) == ("a.png", ["out/a_labels.png"], 4, "")
    assert good["classes"][0] == {
        **{"label": 1, "name": "class 1", "colour": f"#{pick_class_colors(1)[0].tobytes().hex()}"},
        **{"pixels": 40, "share": 40 / 240, "mean": [20, 30, 90]},
    }
    assert sum(row["pixels"] for row in good["classes"]) == 240
    assert (good["warnings"], good["changed"], good["choice"]) == ([], 0, "")
    assert 0 < good["seconds"] < 60
    assert (bad["outputs"], bad["k"], bad["classes"]) == ([], 0, [])
    assert bad["error"] == result.err.splitlines()[0].removeprefix("Error: ")


def test_a_picture_and_json_do_not_share_stdout(program: Program) -> None:
    result = program("run", "a.png", "-o", "-", "--json")
    assert (result.code, result.out) == (2, "")
    assert one_line(result.err).startswith("Error: --json: ")


@pytest.mark.parametrize("command", ["batch", "apply"])
def test_json_of_the_other_commands(program: Program, here: Path, command: str) -> None:
    segment.save_class_model(segment.fit_classes(["a.png"], k=2), "m.json")
    (here / "in").mkdir()
    Path("a.png").replace("in/a.png")
    arguments = ["batch", "in", "-k", "2"] if command == "batch" else ["apply", "m.json", "in/a.png"]
    result = program(*arguments, "-o", "out", "--json")
    assert (result.code, result.err) == (0, "")
    (image,) = json.loads(result.out)["images"]
    assert (image["input"], image["k"]) == ("in/a.png", 2)


def test_what_other_programs_read_is_written_on_request(program: Program) -> None:
    result = program("run", "a.png", "-k", "4", "--save", "geojson,svg,coco,classes,regions,measurements")
    assert result.code == 0
    endings = ("classes.geojson", "classes.svg", "coco.json", "classes.csv", "regions.csv", "measurements.json")
    assert result.out.splitlines()[:6] == [f"outputs/a_{ending}" for ending in endings]


def test_results_go_to_outputs_by_default(program: Program) -> None:
    assert program("run", "a.png", "-k", "2").code == 0
    assert sorted(path.name for path in Path("outputs").iterdir()) == ["a_labels.png", "a_panel.png"]
    assert set(np.unique(labels("outputs/a_labels.png"))) == {1, 2}


def test_a_jpeg_gets_a_jpeg(program: Program) -> None:
    PilImage.open("a.png").resize((40, 24)).save("b.JPG", "JPEG")
    assert program("run", "b.JPG", "-k", "3", "-o", "out").code == 0
    with PilImage.open("out/b_panel.jpg") as picture:
        assert (picture.format, picture.size) == ("JPEG", (712, 360))
    assert labels("out/b_labels.png").shape == (24, 40)


def test_labels_have_the_size_of_the_image_however_small_it_was_made(program: Program) -> None:
    assert program("run", "a.png", "-k", "2", "--max-size", "5", "--save", "labels", "-o", "out").code == 0
    assert labels("out/a_labels.png").shape == (12, 20)
    assert tree(Path("out")).keys() == {"a_labels.png"}


def test_without_k_it_says_how_many_classes(program: Program) -> None:
    result = program("run", "a.png", "-o", "out")
    assert (result.code, result.err) == (0, "No -k given: 4 classes.\n")
    assert labels("out/a_labels.png").max() == 4
    assert program("batch", ".", "-o", "again").err.startswith("No -k given: 4 classes.\n")


def test_the_choice_of_k_is_explained_on_stderr(program: Program) -> None:
    result = program("run", "a.png", "-k", "auto", "-o", "out")
    assert result.code == 0
    assert one_line(result.err).startswith("a.png: k = 4 chosen of 1..4: its BIC of ")
    assert one_line(result.err).endswith("; runner-up 3.")
    assert labels("out/a_labels.png").max() == 4
    assert "k = " in program("compare", "a.png", "-k", "auto", "--k-range", "2..3", "-o", "out").err
    assert program("fit", "a.png", "-k", "auto", "-o", "model.json").err == result.err.replace("a.png: ", "")
    again = program("batch", ".", "-k", "auto", "--k-range", "2..3", "--criterion", "icl", "-o", "again")
    assert again.err.startswith("a.png: k = 3 chosen of 2..3: its ICL of ")


def test_what_only_auto_uses_is_refused_without_it(program: Program) -> None:
    result = program("run", "a.png", "-k", "3", "--criterion", "icl")
    assert result.code == 2
    assert "criterion (--criterion): only with k = auto" in one_line(result.err)


def test_several_images_end_with_a_summary(program: Program) -> None:
    PilImage.open("a.png").save("b.bmp")
    result = program("run", "a.png", "b.bmp", "-k", "2", "-o", "out")
    assert (result.code, result.err) == (0, "2 of 2 images segmented.\n")
    assert (labels("out/a_labels.png") == labels("out/b_labels.png")).all()


def test_running_twice_gives_the_same_bytes(program: Program) -> None:
    for folder in ("one", "two"):
        assert program("run", "a.png", "-k", "3", "-o", folder).code == 0
    assert tree(Path("one")) == tree(Path("two"))


def photograph(path: str) -> None:
    """Noisy areas that leave the fit and the clean-up something to decide."""
    rng = np.random.default_rng(7)
    base = np.kron(rng.integers(40, 200, (6, 8, 3)), np.ones((40, 40, 1)))
    noisy = np.clip(base + rng.normal(0, 25, base.shape), 0, 255)
    PilImage.fromarray((noisy // 32 * 32).astype(np.uint8)).save(path)  # few colors, so that the fit is quick


def test_the_number_of_threads_does_not_change_the_files(here: Path) -> None:
    photograph("p.png")
    for threads in ("1", "2"):
        names = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENCV_FOR_THREADS_NUM")
        done = process(
            *("run", "p.png", "-k", "5", "--denoise", "median", "-o", f"by{threads}"),
            env=dict.fromkeys(names, threads),
        )
        assert (done.returncode, done.stderr) == (0, b"")
    assert tree(Path("by1")) == tree(Path("by2"))
    assert len(np.unique(labels("by1/p_labels.png"))) == 5


def test_garbage_is_looked_for_rarely_in_a_process_of_its_own_alone(program: Program) -> None:
    script = (
        "import atexit, gc; from segment.cli.main import main; "
        "atexit.register(lambda: print(gc.get_threshold()[0], gc.get_freeze_count() > 10_000)); main()"
    )
    done = subprocess.run([sys.executable, "-c", script, "--version"], capture_output=True, check=True)
    assert done.stdout.split()[-2:] == [b"100000", b"True"]
    before = gc.get_threshold()
    program("--version")
    assert gc.get_threshold() == before


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only GNU's C library is asked to keep memory")
def test_freed_memory_is_used_again() -> None:
    script = (
        "import resource, segment.cli.process_memory as m; m.keep_freed_memory(); x = b'x' * 2**24; del x; "
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt; x = b'y' * 2**24; "
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert int(done.stdout) < 2**24 / resource.getpagesize() / 2


def test_the_threads_of_opencv_do_not_change_the_files(program: Program) -> None:
    photograph("p.png")
    before = cv2.getNumThreads()
    try:
        for threads in (1, 2):
            cv2.setNumThreads(threads)
            arguments = ("-k", "5", "--denoise", "median", "-o", f"by{threads}")
            assert program("run", "p.png", *arguments).code == 0
    finally:
        cv2.setNumThreads(before)
    assert tree(Path("by1")) == tree(Path("by2"))


# Images with little in them


def plain(*shape: int) -> np.ndarray:
    return np.full(shape, 77, np.uint8)


def row(n: int) -> np.ndarray:
    return (np.arange(n, dtype=np.uint8) // (n // 2) * 200)[None]


@pytest.mark.parametrize(
    ("pixels", "grid", "warning"),
    [
        (row(6), [[1, 1, 1, 2, 2, 2]], "the image has fewer distinct colors than the 3 classes asked for: it gets 2"),
        (row(6).T, [[1], [1], [1], [2], [2], [2]], "fewer distinct colors than the 3 classes asked for: it gets 2"),
        (plain(2, 3), [[1] * 3] * 2, "fewer distinct colors than the 3 classes asked for: it gets 1"),
        (plain(1, 1), [[1]], "fewer distinct colors than the 3 classes asked for: it gets 1"),
        (plain(1, 9, 3), [[1] * 9], "fewer distinct colors than the 3 classes asked for: it gets 1"),
        (np.zeros((2, 3, 4), np.uint8), [[0] * 3] * 2, "no pixel is valid, so no pixel has a label"),
    ],
    ids=["two colors", "upright", "one color", "one pixel", "one row", "transparent"],
)
def test_little_to_segment_is_a_warning(
    program: Program, pixels: np.ndarray, grid: list[list[int]], warning: str
) -> None:
    PilImage.fromarray(pixels).save("b.png")
    result = program("run", "b.png", "-k", "3", "-o", "out")
    assert result.code == 0
    line = one_line(result.err)
    assert line.startswith("Warning: b.png: ")
    assert warning in line
    assert labels("out/b_labels.png").tolist() == grid
    assert labels("out/b_panel.png").shape[1] >= 640


# Images that cannot be segmented


def half(path: str) -> None:
    photograph(path)
    data = Path(path).read_bytes()
    Path(path).write_bytes(data[: len(data) // 2])


BAD: dict[str, tuple[Callable[[str], Any], str]] = {
    "missing": (lambda _: None, "the file cannot be opened; no such file or directory"),
    "empty": (lambda path: Path(path).touch(), "the file is empty; 0 bytes"),
    "truncated": (half, "the file is truncated"),
    "text": (
        lambda path: Path(path).write_text("hello"),
        "an image is JPEG, .* got a file that begins with hello",
    ),
    "folder": (lambda path: Path(path).mkdir(), "an image is a regular file; got a folder"),
    "pipe": (os.mkfifo, "an image is a regular file; got a pipe"),
    "loop": (lambda path: Path(path).symlink_to(path), "the file cannot be opened"),
}


@pytest.mark.parametrize(("make", "words"), BAD.values(), ids=BAD)
def test_a_bad_image_is_one_line_and_leaves_nothing(program: Program, make: Callable[[str], Any], words: str) -> None:
    make("b.png")
    before = tree()
    result = program("run", "b.png", "-k", "2", "-o", "out")
    assert (result.code, result.out) == (1, "")
    assert re.match(f"Error: b.png: .*{words}", one_line(result.err))
    assert tree() == before


@pytest.mark.parametrize(("make", "words"), BAD.values(), ids=BAD)
def test_a_bad_image_does_not_stop_the_others(program: Program, make: Callable[[str], Any], words: str) -> None:
    make("b.png")
    result = program("run", "b.png", "a.png", "-k", "2", "-o", "out")
    assert result.code == 1
    assert result.out.startswith("out/a_panel.png\nout/a_labels.png\n")
    assert result.err.splitlines()[1:] == ["1 of 2 images segmented, 1 failed."]
    assert tree(Path("out")).keys() == {"a_panel.png", "a_labels.png"}


def test_a_truncated_image_on_request(program: Program) -> None:
    half("b.png")
    result = program("run", "b.png", "-k", "2", "--allow-truncated", "-o", "out")
    assert result.code == 0
    assert re.match(r"Warning: b\.png: the file is truncated", one_line(result.err))
    assert labels("out/b_labels.png").shape == (240, 320)


def test_too_many_pixels_are_refused(program: Program) -> None:
    result = program("run", "a.png", "-k", "2", "--max-pixels", "239", "-o", "out")
    assert result.code == 1
    assert "at most 239 pixels are read; got 20 x 12 = 240" in one_line(result.err)
    assert not Path("out").exists()


# Wrong usage


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run"], "Missing argument 'INPUT...'. See 'segment run --help'."),
        (["run", "a.png", "-k", "0"], "k (-k): a whole number from 1 to 255 or auto; got 0."),
        (
            ["run", "a.png", "-k", "x"],
            "Invalid value for '-k': 'x' is not a valid integer or auto. See 'segment run --help'.",
        ),
        (["run", "a.png", "-k", "2.5"], "Invalid value for '-k': '2.5' is not a valid integer or auto."),
        (["run", "a.png", "-k"], "Option '-k' requires an argument."),
        (["run", "a.png", "--tol", "nan"], "tol (--tol): a number of at least 0; got nan."),
        (["run", "a.png", "--denoise", "blur"], "Invalid value for '--denoise': 'blur' is not one of 'none', "),
        (
            ["run", "a.png", "--save", "all"],
            f"save (--save): one or more of {', '.join(product.name for product in PRODUCTS)}; got 'all'.",
        ),
        (["run", "a.png", "--denois", "x"], "No such option"),
        (["run", "a.png", "sub/a.png"], "sub/a.png: would share its results with a.png."),
        (["bath", "."], "No such command 'bath'."),
        (["batch", ".", "two\n\x1b[31mlines"], r"Got unexpected extra argument (two\n\x1b[31mlines)"),
    ],
)
def test_wrong_usage_is_one_line_and_leaves_nothing(program: Program, arguments: list[str], words: str) -> None:
    before = tree()
    result = program(*arguments)
    assert (result.code, result.out) == (2, "")
    assert one_line(result.err).startswith(f"Error: {words}")
    assert tree() == before


def test_no_arguments_show_the_help(program: Program) -> None:
    result = program()
    assert result.code == 2
    assert result.err.startswith("Usage: segment [OPTIONS] COMMAND [ARGS]...")


def test_version(program: Program) -> None:
    assert program("--version") == (0, f"segment, version {segment.__version__}\n", "")
    done = process("--version")
    assert (done.returncode, done.stdout.decode()) == (0, f"segment, version {segment.__version__}\n")


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["run", "--help"], ["batch", "-h"]])
def test_help(program: Program, arguments: list[str]) -> None:
    result = program(*arguments)
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith("Usage: segment ")


# Tracebacks


def test_a_traceback_only_with_debug(program: Program) -> None:
    for arguments, code, name in (
        (["run", "missing.png", "-k", "2"], 1, "ImageError"),
        (["run", "a.png", "-k", "0"], 2, "SettingsError"),
        (["batch", "missing"], 1, "ImageError"),
    ):
        quiet, loud = program(*arguments), program(*arguments, "--debug")
        assert (quiet.code, loud.code) == (code, code)
        assert "Traceback" not in quiet.err
        assert loud.err.startswith("Traceback (most recent call last):")
        assert name in loud.err
        assert loud.err.endswith(quiet.err)


def test_a_fault_of_the_program_says_so(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("two\nlines")

    for target, where in (("segment.cli.commands.plan", ""), ("segment.pipeline.pipeline.postprocess", "a.png: ")):
        with monkeypatch.context() as patch:
            patch.setattr(target, broken)
            result = program("run", "a.png", "-k", "2", "-o", "out")
            assert (result.code, result.err) == (1, f"Error: {where}RuntimeError: two lines. {FAULT}\n")
            assert "RuntimeError: two\nlines" in program("run", "a.png", "-k", "2", "--debug").err
    assert tree().keys() == {"a.png"}


def test_an_interruption_leaves_nothing(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "link", interrupt)
    result = program("run", "a.png", "-k", "2", "-o", "out")
    assert (result.code, result.out, result.err.strip()) == (130, "", "Interrupted.")
    assert tree().keys() == {"a.png"}


# Existing files


def test_existing_results_are_kept_unless_overwriting_is_asked_for(program: Program) -> None:
    assert program("run", "a.png", "-k", "2", "-o", "out").code == 0
    before = tree()
    refused = program("run", "a.png", "-k", "3", "-o", "out")
    assert (refused.code, refused.out) == (1, "")
    assert one_line(refused.err).startswith("Error: out/a_panel.png: exists already. Give --overwrite")
    assert tree() == before
    assert program("run", "a.png", "-k", "3", "-o", "out", "--overwrite").code == 0
    assert labels("out/a_labels.png").max() == 3


@pytest.mark.parametrize("output", [".", "sub/..", "link"])
def test_no_input_is_ever_replaced(program: Program, here: Path, output: str) -> None:
    PilImage.open("a.png").save("a_labels.png")
    Path("sub").mkdir()
    Path("link").symlink_to(".")
    before = tree()
    result = program("run", "a.png", "a_labels.png", "-k", "2", "-o", output, "--overwrite")
    assert result.code == 2
    assert "a_labels.png: is an input, and a result of a.png would replace it." in one_line(result.err)
    assert tree() == before


def test_results_beside_the_input_leave_it_as_it_is(program: Program) -> None:
    before = tree()["a.png"]
    assert program("run", "a.png", "-k", "2", "-o", ".", "--overwrite").code == 0
    assert tree().keys() == {"a.png", "a_panel.png", "a_labels.png"}
    assert tree()["a.png"] == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_the_program_is_loaded(number: int, tmp_path: Path) -> None:
    """The package is loaded from a finder that sends the signal as soon as the command line is looked for."""
    script = f"""
import os, runpy, sys
class Finder:
    def find_spec(self, name, *_):
        if name == "segment.cli.commands":
            os.kill(os.getpid(), {int(number)})
sys.meta_path.insert(0, Finder())
runpy.run_module("segment", run_name="__main__")
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        capture_output=True,
        check=False,
        # What is started in the background may have been told to ignore Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # it takes no lock
    )
    assert (done.returncode, done.stderr) == (128 + number, b"Interrupted.\n")


def test_an_output_folder_that_is_a_file(program: Program) -> None:
    Path("out").write_bytes(b"mine")
    result = program("run", "a.png", "-k", "2", "-o", "out")
    assert (result.code, one_line(result.err)) == (
        1,
        "Error: out: cannot be made a folder for results; a file of that name is in the way.",
    )
    assert Path("out").read_bytes() == b"mine"


# Many images


def test_batch_keeps_the_structure_and_isolates_failures(program: Program) -> None:
    for name in ("in/sub/deeper", "in/.hidden"):
        Path(name).mkdir(parents=True)
        PilImage.open("a.png").save(f"{name}/a.png")
    PilImage.open("a.png").save("in/b.gif")
    Path("in/bad.png").write_bytes(b"no image")
    Path("in/notes.txt").write_bytes(b"no image")
    before = tree(Path("in"))
    result = program("batch", "in", "-r", "-k", "2", "-o", "out")
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
    assert tree(Path("in")) == before
    assert {name for name, kind in tree(Path("out")).items() if kind != "other"} == {
        *MANIFEST,
        *(line.removeprefix("out/") for line in result.out.splitlines()),
    }


def test_batch_counts_warnings(program: Program) -> None:
    PilImage.fromarray(plain(3, 3)).save("b.png")
    result = program("batch", ".", "-k", "2", "-o", "out")
    assert result.code == 0
    assert result.err.splitlines()[-1] == "2 of 2 images segmented, 1 with a warning."


def test_batch_leaves_out_earlier_results_below_its_folder(program: Program) -> None:
    arguments = ("batch", ".", "-r", "-k", "2", "-o", "results", "--overwrite")
    first = program(*arguments)
    assert program(*arguments) == first
    names = ("a_panel.png", "a_labels.png", *MANIFEST)
    assert tree().keys() == {"a.png", "results", *(f"results/{name}" for name in names)}


@pytest.mark.parametrize(
    ("folder", "words"),
    [
        ("missing", "missing: there is no such folder."),
        ("a.png", "a.png: not a folder."),
        ("sub", "sub: no image in this folder"),
    ],
)
def test_batch_of_nothing(program: Program, folder: str, words: str) -> None:
    Path("sub").mkdir()
    result = program("batch", folder, "-k", "2", "-o", "out")
    assert (result.code, result.out) == (1, "")
    assert one_line(result.err).startswith(f"Error: {words}")
    assert not Path("out").exists()


# Odd names


NAMES = {
    "bytes": b"caf\xe9.png",
    "newline": b"two\nlines.png",
    "escape": b"\x1b[31mred.png",
    "spaces": b" a  b .png",
    "long": b"x" * 247 + b".png",
    "long umlauts": "ä".encode() * 123 + b".png",
    "dots": b"..a...png",
    "percent": b"%s{0}$HOME*.png",
}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_odd_names(here: Path, name: bytes) -> None:
    os.rename("a.png", os.fsdecode(name))  # noqa: PTH104
    done = process(b"run", name, b"-k", b"2", b"-o", b"out")
    assert (done.returncode, done.stderr) == (0, b"")
    out = done.stdout.decode()
    assert all(line.isprintable() for line in out.splitlines())
    assert len(out.splitlines()) == 2 + 4
    written = os.listdir(b"out")  # noqa: PTH208
    assert all(entry.startswith(name[:-4][:200]) and len(entry) <= 255 for entry in written)
    (of_labels,) = [entry for entry in written if entry.endswith(b"_labels.png")]
    (of_picture,) = [entry for entry in written if entry.endswith(b"_panel.png")]
    assert len(written) == len({of_labels, of_picture})
    assert labels(Path("out") / os.fsdecode(of_labels)).shape == (12, 20)
    again = process(b"run", name, b"-k", b"2", b"-o", b"out")
    assert again.returncode == 1
    assert one_line(again.stderr.decode()).startswith("Error: ")


def test_a_leading_dash_after_two(program: Program) -> None:
    Path("a.png").rename("-k.png")
    assert program("run", "-k", "2", "-o", "out", "--", "-k.png").code == 0
    assert tree(Path("out")).keys() == {"-k_panel.png", "-k_labels.png"}


def test_paths_of_results_are_never_abbreviated(program: Program) -> None:
    folder = "/".join(["d" * 60] * 4)
    result = program("run", "a.png", "-k", "2", "-o", folder)
    assert result.out.splitlines()[:2] == [f"{folder}/a_panel.png", f"{folder}/a_labels.png"]


# Terminals and pipes


@pytest.mark.parametrize("command", [("run", "a.png"), ("batch", ".")])
def test_progress_is_for_terminals(here: Path, command: tuple[str, ...]) -> None:
    arguments = (*command, "-k", "2", "--overwrite", "-o", "out")
    quiet = process(*arguments)
    assert (quiet.returncode, quiet.stderr) == (0, b"")
    master, slave = pty.openpty()
    done = process(*arguments, stderr=slave)
    os.close(slave)
    seen = b"".join(chunks(master)).decode()
    assert (done.returncode, done.stdout) == (0, quiet.stdout)
    stages = re.findall(r"\r\x1b\[K([^\r\n]*)", seen)
    if command[0] == "run":
        assert all(words.startswith("a.png: ") for words in stages if words)
        assert {"a.png: reading", "a.png: writing"} <= set(stages)
    else:
        assert f"[{'.' * 24}] 0/1  starting" in stages
        assert f"[{'#' * 24}] 1/1  a.png: done" in stages
    assert seen.rsplit("\r\x1b[K", 1)[1] == ""


def chunks(descriptor: int) -> Iterator[bytes]:
    """What was written to a terminal that is closed."""
    try:
        while data := os.read(descriptor, 65536):
            yield data
    except OSError:  # Linux says so at the end of a terminal
        return
    finally:
        os.close(descriptor)


def test_a_reader_that_went_away(here: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = process("run", "a.png", "-k", "2", "-o", "out", stdout=writer)
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_behind_stdout(here: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        done = process("run", "a.png", "-k", "2", "-o", "out", stdout=full)
    assert done.returncode == 1
    assert done.stderr.decode().splitlines() == ["Error: cannot go on; no space left on device."]


@pytest.mark.parametrize("closed", ["1", "2"])
def test_a_closed_stream_is_no_failure(here: Path, closed: str) -> None:
    command = ["sh", "-c", f'exec "$0" "$@" {closed}>&-', *MODULE, "run", "a.png", "-k", "2", "-o", "out"]
    done = subprocess.run(command, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert len(list(Path("out").iterdir())) == 2


def test_a_terminal_without_the_letters_of_a_name(here: Path) -> None:
    done = process("run", "a.png", "-k", "2", "-o", "\u0142", env={"PYTHONIOENCODING": "latin-1"})
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.splitlines()[1] == b"\\u0142/a_labels.png"


def test_the_program_is_installed_and_is_the_module(here: Path) -> None:
    script = Path(sys.executable).with_name("segment")
    by_module = process("run", "a.png", "-k", "2", "-o", "one")
    assert by_module.returncode == 0
    if not script.exists():
        pytest.skip("the package runs from its source without a program")
    by_script = subprocess.run([script, "run", "a.png", "-k", "2", "-o", "two"], capture_output=True, check=False)
    assert (by_script.returncode, by_script.stderr) == (0, b"")
    assert by_script.stdout.replace(b"two", b"one") == by_module.stdout
    assert tree(Path("one")) == tree(Path("two"))
