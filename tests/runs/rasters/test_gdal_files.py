"""A raster opens nothing but itself: neither other files nor the network, whatever its metadata say."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from raster_files import PLACE, rasterio, write

import segment
from segment.core.errors import ImageError
from segment.runs.rasters.gdal_files import configure_rasterio
from segment.runs.rasters.raster_opening import open_raster

# In a process of its own: GDAL keeps Python's lock while it opens a file.
SERVER = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        with open(sys.argv[1], "a") as log:
            log.write(self.path + "\\n")
        self.send_error(404)
    do_HEAD = do_GET
    def log_message(self, *args): pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The address of a web server, and the file of the requests that it got."""
    log = tmp_path_factory.mktemp("server") / "requests.txt"
    command = [sys.executable, "-c", SERVER, str(log)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}", log
        process.kill()


def make_gray() -> np.ndarray:
    gray = np.full((64, 64), 40, np.uint8)
    gray[:, 32:] = 200
    return gray


def name_overviews(path: Path, target: str) -> None:
    """Write into the metadata of a file that its overviews are elsewhere."""
    with rasterio.open(path, "r+") as file:
        file.update_tags(ns="OVERVIEWS", OVERVIEW_FILE=target)


def write_tiff(path: Path, target: str) -> Path:
    name_overviews(write(path, make_gray()), target)
    return path


def write_jpeg_2000(path: Path, target: str) -> Path:
    with rasterio.open(write_tiff(path.with_suffix(".tif"), target)) as file:
        options = {"QUALITY": "100", "REVERSIBLE": "YES", "WRITE_METADATA": "YES"}
        import_module("rasterio.shutil").copy(file, path, driver="JP2OpenJPEG", **options)
    assert b"OVERVIEW_FILE" in path.read_bytes()
    return path


def write_side_files(path: Path, target: str) -> Path:
    write(path, make_gray())
    write(Path(f"{path}.ovr"), np.full((32, 32), 99, np.uint8))
    write(Path(f"{path}.msk"), np.zeros((64, 64), np.uint8))
    metadata = f'<Metadata domain="OVERVIEWS"><MDI key="OVERVIEW_FILE">{target}</MDI></Metadata>'
    Path(f"{path}.aux.xml").write_text(f"<PAMDataset>{metadata}</PAMDataset>")
    return path


def write_vrt(path: Path, target: str) -> Path:
    """Write a VRT whose source and whose own metadata name overviews."""
    write_tiff(path.with_suffix(".tif"), target)
    source = f'<SimpleSource><SourceFilename relativeToVRT="1">{path.stem}.tif</SourceFilename></SimpleSource>'
    metadata = f'<Metadata domain="OVERVIEWS"><MDI key="OVERVIEW_FILE">{target}</MDI></Metadata>'
    band = f'<VRTRasterBand dataType="Byte" band="1">{source}</VRTRasterBand>'
    path.write_text(f'<VRTDataset rasterXSize="64" rasterYSize="64">{metadata}{band}</VRTDataset>')
    return path


WRITERS = {"a.tif": write_tiff, "a.jp2": write_jpeg_2000, "side.tif": write_side_files, "a.vrt": write_vrt}


@pytest.mark.parametrize("name", WRITERS)
def test_nothing_is_fetched(name: str, tmp_path: Path, server: tuple[str, Path]) -> None:
    url, log = server
    path = WRITERS[name](tmp_path / name, f"{url}/{name}")
    log.write_text("")
    # The number of classes is chosen by a thumbnail, for which overviews would be used; threads read the tiles.
    settings: dict[str, Any] = {"k": "auto", "k_range": (1, 3), "spatial": "none", "tile": 32}
    if path.suffix == ".tif":
        settings["mask"] = str(path)
    result = segment.segment_raster(path, tmp_path / "labels.tif", **settings)
    assert log.read_text() == ""
    assert sorted(row.pixels for row in result.classes) == [2048, 2048]


def test_the_server_would_have_been_asked(tmp_path: Path, server: tuple[str, Path]) -> None:
    """Without the settings that forbid it GDAL does ask: the test above can fail."""
    url, log = server
    path = write_tiff(tmp_path / "a.tif", f"{url}/asked.tif")
    log.write_text("")
    with rasterio.open(path) as file:
        file.overviews(1)
    assert log.read_text() == "/asked.tif\n"


@pytest.mark.parametrize("name", WRITERS)
def test_other_local_files_are_not_read(name: str, tmp_path: Path) -> None:
    other = write(tmp_path / "other.tif", np.full((32, 32), 99, np.uint8))
    with configure_rasterio():
        copy = open_raster(WRITERS[name](tmp_path / name, str(other))).read_thumbnail(8)
    assert set(np.unique(copy.pixels)) == {40, 200}
    assert copy.valid.all()


def test_side_files_that_are_left_out_are_told(tmp_path: Path) -> None:
    path = write_side_files(tmp_path / "a.tif", "x")
    with configure_rasterio():
        (note,) = open_raster(path).notes
    assert note == "a.tif.msk and a.tif.aux.xml beside it are not read: a raster is one file"


def test_own_overviews_are_used(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", make_gray())
    with rasterio.open(path, "r+") as file:
        file.build_overviews([2])
    with rasterio.open(path, "r+", OVERVIEW_LEVEL=0) as file:
        file.write(np.full((1, 32, 32), 123, np.uint8))
    with configure_rasterio():
        assert open_raster(path).read_thumbnail(32).pixels.max() == 123


@pytest.mark.parametrize("driver", ["ENVI", "HFA", "JP2OpenJPEG"])
def test_formats_that_gdal_reads(driver: str, tmp_path: Path) -> None:
    path = tmp_path / {"ENVI": "a.dat", "HFA": "a.img", "JP2OpenJPEG": "a.jp2"}[driver]
    bands = np.stack([make_gray(), make_gray().T])
    options = {"QUALITY": "100", "REVERSIBLE": "YES"} if driver == "JP2OpenJPEG" else {}
    place = rasterio.Affine(10, 0, 500_000, 0, -10, 5_000_000)
    about = {"driver": driver, "height": 64, "width": 64, "count": 2, "dtype": "uint8", "crs": "EPSG:32632"}
    with rasterio.open(path, "w", transform=place, **about, **options) as file:
        file.write(bands)
    result = segment.segment_raster(path, tmp_path / "labels.tif", k=4)
    assert [(row.pixels, row.area) for row in result.classes] == [(1024, 102_400.0)] * 4
    with rasterio.open(result.path) as labels:
        assert (labels.crs.to_epsg(), tuple(labels.transform)[:6]) == (32632, tuple(place)[:6])
        quarters = labels.read(1)[::32, ::32]
    assert sorted(quarters.reshape(-1).tolist()) == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("write_other", "message"),
    [
        (lambda path: path.write_bytes(b"ENVI\nsamples = 3\n"), "ENVI header. Name the file beside it"),
        (lambda path: path.write_bytes(b""), "the file is empty; 0 bytes. Fetch"),
        (lambda path: path.write_bytes(b"%PDF-1.7"), "got a PDF document. Convert it to a TIFF"),
        (lambda path: path.write_bytes(b"GIF89a" + bytes(50)), "got GIF. Give it to 'segment run'"),
        (lambda path: path.mkdir(), "a raster is a regular file"),
        (str, "no such file"),
    ],
)
def test_messages_send_nobody_in_a_circle(write_other: Callable[[Path], object], message: str, tmp_path: Path) -> None:
    path = tmp_path / "a.xyz"
    write_other(path)
    with configure_rasterio(), pytest.raises(ImageError, match=message):
        open_raster(path)


def test_an_envi_file_without_pixels_enough_is_damaged(tmp_path: Path) -> None:
    (tmp_path / "a.dat").write_bytes(bytes(10))
    header = "ENVI\nsamples = 30\nlines = 20\nbands = 1\nheader offset = 0\ndata type = 1\ninterleave = bsq\n"
    (tmp_path / "a.hdr").write_text(header)
    with pytest.raises(ImageError, match=r"a\.dat: the raster is damaged"):
        segment.segment_raster(tmp_path / "a.dat", tmp_path / "labels.tif", k=2)


def test_an_hfa_file_whose_pixels_are_elsewhere_is_refused(tmp_path: Path) -> None:
    path, size = tmp_path / "a.img", {"width": 64, "height": 64, "count": 1, "dtype": "uint8"}
    with rasterio.open(path, "w", driver="HFA", USE_SPILL="YES", **size, **PLACE) as file:
        file.write(make_gray()[None])
    assert path.with_suffix(".ige").exists()
    with configure_rasterio(), pytest.raises(ImageError, match=r"has its pixels in another file \(\.ige\)"):
        open_raster(path)


def test_a_pipe_is_no_header(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.hdr")
    (tmp_path / "a.dat").write_bytes(bytes(64))
    with configure_rasterio(), pytest.raises(ImageError, match="got a file that begins with"):
        open_raster(tmp_path / "a.dat")


def test_complex_numbers_are_refused_with_a_remedy_that_helps(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    with rasterio.open(path, "w", width=8, height=8, count=1, dtype="complex64", **PLACE) as file:
        file.write(np.ones((1, 8, 8), np.complex64))
    with configure_rasterio(), pytest.raises(ImageError, match=r"got complex64\. Save their magnitude"):
        open_raster(path)
