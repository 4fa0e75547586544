"""Label rasters are complete or not there."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from raster_files import rasterio, write
from rasterio.enums import Resampling

import segment
from segment.core.errors import OutputError
from segment.runs.rasters.gdal_files import configure_rasterio
from segment.runs.rasters.label_blocks import cut_blocks, list_levels
from segment.runs.rasters.raster_opening import open_raster
from segment.runs.rasters.reader import Raster
from segment.runs.rasters.tiles import Window, cut_tiles
from segment.runs.rasters.writer import create_label_raster

COLORS = np.array([[0, 0, 255], [0, 200, 0]], dtype=np.uint8)


@pytest.fixture
def raster(tmp_path: Path) -> Raster:
    """Of 700 x 600 pixels."""
    with configure_rasterio():
        return open_raster(write(tmp_path / "a.tif", np.zeros((700, 600), dtype=np.uint8)))


@pytest.mark.parametrize(("height", "width"), [(700, 601), (512, 1024), (30, 20), (2050, 777)])
def test_the_file_is_that_of_gdal(tmp_path: Path, rng: np.random.Generator, height: int, width: int) -> None:
    source = write(tmp_path / "a.tif", np.zeros((height, width), dtype=np.uint8))
    labels = rng.integers(0, 3, (height, width)).astype(np.uint8)
    path = tmp_path / "new" / "labels.tif"
    with configure_rasterio(), create_label_raster(path, open_raster(source), COLORS) as writer:
        for window in cut_tiles(height, width, 512 if height == 512 else 250):
            writer.write(cut_blocks(labels[window.slices], window, (height, width)))
        assert not path.exists()
    layout = {"tiled": True, "blockxsize": 512, "blockysize": 512, "compress": "deflate", "photometric": "palette"}
    expected = write(tmp_path / "gdal.tif", labels, nodata=0, **layout)
    with rasterio.open(expected, "r+") as file:
        file.build_overviews([2**i for i in range(1, len(list_levels(height, width)))], Resampling.nearest)
    with rasterio.open(path) as found, rasterio.open(expected) as file:
        np.testing.assert_array_equal(found.read(1), labels)
        assert found.profile == file.profile
        assert found.overviews(1) == file.overviews(1)
        assert found.colorinterp[0].name == "palette"
        assert [found.colormap(1)[label] for label in range(3)] == [(0, 0, 0, 0), (0, 0, 255, 255), (0, 200, 0, 255)]
        n_overviews = len(file.overviews(1))
    for level in range(n_overviews):
        with rasterio.open(path, overview_level=level) as found, rasterio.open(expected, overview_level=level) as file:
            np.testing.assert_array_equal(found.read(1), file.read(1))
    assert [each.name for each in path.parent.iterdir()] == ["labels.tif"]


def test_an_error_leaves_nothing(tmp_path: Path, raster: Raster) -> None:
    path, window = tmp_path / "new" / "labels.tif", Window(0, 0, 250, 250)
    with (  # noqa: PT012  a part was written
        configure_rasterio(),
        pytest.raises(ZeroDivisionError),
        create_label_raster(path, raster, COLORS) as writer,
    ):
        writer.write(cut_blocks(np.ones((250, 250), dtype=np.uint8), window, (700, 600)))
        raise ZeroDivisionError
    assert [path.name for path in tmp_path.iterdir()] == ["a.tif"]


def test_a_raster_that_is_not_complete_is_no_result(tmp_path: Path, raster: Raster) -> None:
    path, window = tmp_path / "labels.tif", Window(0, 0, 700, 550)
    message = r"labels\.tif: cannot be written; not all of it was written\. Check the disk, or give another folder\."
    with (
        configure_rasterio(),
        pytest.raises(OutputError, match=message),
        create_label_raster(path, raster, COLORS) as writer,
    ):
        writer.write(cut_blocks(np.ones((700, 550), dtype=np.uint8), window, (700, 600)))
    assert [path.name for path in tmp_path.iterdir()] == ["a.tif"]


# Small tiles, so that many are still to come when the first of them is written, which the program says.
STOPPED_RUN = """
import segment.runs.rasters.raster_pipeline as pipeline
from segment.runs.rasters.writer import LabelWriter
pipeline._choose_tile = lambda *_: 60
write = LabelWriter.write
def write_and_say(self, blocks):
    write(self, blocks)
    print("writing", flush=True)
LabelWriter.write = write_and_say
"""
RUN = "import sys; from segment.cli.main import main; main(sys.argv[1:])"


def test_a_full_disk_leaves_nothing(tmp_path: Path, rng: np.random.Generator) -> None:
    source = write(tmp_path / "a.tif", rng.integers(0, 256, (400, 400, 3), dtype=np.uint8))
    arguments = [sys.executable, "-c", RUN, "raster", str(source), "-k", "3", "-o", str(tmp_path / "out")]
    arguments += ["--spatial", "none", "--smooth-radius", "0", "--min-region", "0", "--max-hole", "0", "--n-init", "1"]
    done = subprocess.run(
        arguments,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000)),
    )
    assert done.returncode == 1
    assert "cannot be written" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


def stop_while_writing(number: int, source: Path, output: Path) -> tuple[int, str]:
    """Return exit code and stderr of the program, which gets a signal while it writes labels tile by tile."""
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            STOPPED_RUN + RUN,
            "raster",
            str(source),
            "-k",
            "2",
            "--spatial",
            "none",
            "-o",
            str(output),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509  # it takes no lock
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "writing\n"
    process.send_signal(number)
    return process.wait(), process.communicate()[1]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("is_new", [True, False])
def test_a_run_that_is_stopped_leaves_nothing(
    tmp_path: Path, rng: np.random.Generator, number: int, code: int, is_new: bool
) -> None:
    source = write(tmp_path / "a.tif", rng.integers(0, 256, (900, 900), dtype=np.uint8))
    output = tmp_path / "out"
    if not is_new:
        output.mkdir()
        output.joinpath("mine.txt").touch()
    assert stop_while_writing(number, source, output) == (code, "\nInterrupted.\n")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a.tif"] + ["mine.txt", "out"] * (not is_new)


def test_what_a_killed_run_leaves_is_removed_by_the_next(tmp_path: Path, rng: np.random.Generator) -> None:
    source = write(tmp_path / "a.tif", rng.integers(0, 256, (900, 900), dtype=np.uint8))
    output = tmp_path / "out"
    assert stop_while_writing(signal.SIGKILL, source, output)[0] == -signal.SIGKILL
    assert [path.name.split("-")[0] for path in output.iterdir()] == [".segment"]
    another = output / f".segment-{os.getpid()}-0123456789abcdef.tmp"  # of a process that lives
    another.touch()
    segment.segment_raster(source, output / "labels.tif", k=2, spatial="none")
    assert sorted(path.name for path in output.iterdir()) == [another.name, "labels.tif"]
