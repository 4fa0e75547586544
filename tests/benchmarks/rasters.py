"""Measure time and memory of rasters, as Markdown tables.

Run ``python tests/benchmarks/rasters.py PHOTOGRAPH``.

1.  ``segment raster RASTER -k 4``, the whole process, for three-band 8-bit rasters of growing size: a tiled, compressed
    GeoTIFF made of copies of the photograph, rotated at random, with different noise in each. One of 1 gigapixel (``-g
    1``) takes 2.3 GB on the disk, in the folder that TMPDIR names, and a minute to make.
2.  The share of labels that are those of ``segment run`` on the photograph at its own size, for tiles of some sizes: by
    colors alone, where all must be, with the random field, and with clean-up too.
3.  With `--areas`: the shares of wrong labels on gray rasters of four classes in areas of so many pixels across
    (Gaussian noise smoothed by 0.6 times that and cut at its quartiles), with Gaussian noise of 0.3 of the step between
    neighboring classes: by colors alone and by the field, without clean-up and with it. Clean-up of specks on 100
    megapixels takes minutes.

Trust processor time where other work runs on the machine.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from common import add_record_option, describe_machine, format_table, record_results
from numpy.typing import NDArray
from processes import measure_process
from rasterio.windows import Window
from scipy import ndimage

import segment

PART_SIDE = 2048  # pixels; rasters are made in parts of this size


def main() -> None:
    """Measure everything and print it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("image", type=Path, help="a photograph in color")
    parser.add_argument("-g", "--gigapixels", type=float, nargs="+", default=[0.02, 0.1, 0.25], help="sizes to measure")
    parser.add_argument("--tiles", type=int, nargs="+", default=[200, 333, 512], help="tiles to compare, in pixels")
    parser.add_argument(
        "--areas", type=int, nargs="*", default=[], help="sizes of the areas of known classes, in pixels"
    )
    parser.add_argument("--side", type=int, default=10_240, help="of the rasters with such areas, in pixels")
    add_record_option(parser)
    given = parser.parse_args()
    print(f"Measured on {describe_machine()} rasterio {rasterio.__version__}, GDAL {rasterio.__gdal_version__}.\n")
    with tempfile.TemporaryDirectory() as name:
        rows = [measure_growth(given.image, Path(name), size) for size in given.gigapixels]
        head = ("gigapixels", "seconds", "processor seconds", "megapixels a second", "MB at most", "MB of the result")
        print(format_table(head, rows), flush=True)
        for row in rows:
            if given.record and row[0] == "1":
                quote = f"{row[2]} s of processor time, {row[4]} MB"
                record_results({"`segment raster`, one gigapixel": quote}, "tests/benchmarks/rasters.py")
        print(f"\n{measure_agreement(given.image, Path(name), given.tiles)}", flush=True)
        if given.areas:
            print(f"\n{measure_errors(Path(name), given.areas, given.side)}")


def measure_growth(image: Path, folder: Path, gigapixels: float) -> tuple[str, ...]:
    """Measure one raster: a row of the first table."""
    side = round((1e9 * gigapixels) ** 0.5)
    source = folder / "raster.tif"
    make_raster(image, source, side)
    command = (sys.executable, "-m", "segment", "raster", str(source), "-k", "4", "-o", str(folder), "--overwrite")
    seconds, processor, memory = measure_process(*command)
    source.unlink()
    result = (folder / "raster_labels.tif").stat().st_size / 2**20
    values = (side**2 / 1e9, seconds, processor, side**2 / 1e6 / seconds, memory, result)
    return tuple(f"{value:.3g}" if i in (0, 3) else f"{value:.0f}" for i, value in enumerate(values))


def make_raster(image: Path, path: Path, side: int) -> None:
    """Write a raster of side x side pixels, made of rotated and noisy copies of a photograph."""
    photograph = np.tile(segment.load_image(image).pixels, (3, 3, 1))[:PART_SIDE, :PART_SIDE].astype(np.int16)
    rng = np.random.default_rng(0)
    size = {"height": side, "width": side, "count": 3, "dtype": "uint8"}
    place = {"crs": "EPSG:32632", "transform": rasterio.Affine(0.5, 0, 500_000, 0, -0.5, 5_000_000)}
    layout = {"tiled": True, "blockxsize": 512, "blockysize": 512, "compress": "deflate", "zlevel": 1}
    color = {"photometric": "RGB", "bigtiff": "if_safer"}
    with rasterio.open(path, "w", driver="GTiff", **layout, **color, **size, **place) as file:
        for row in range(0, side, PART_SIDE):
            for column in range(0, side, PART_SIDE):
                turned = np.rot90(photograph, int(rng.integers(4)))
                noisy = turned + rng.integers(-3, 4, turned.shape, dtype=np.int16)
                height, width = min(PART_SIDE, side - row), min(PART_SIDE, side - column)
                bands = np.moveaxis(np.clip(noisy, 0, 255).astype(np.uint8)[:height, :width], -1, 0)
                file.write(bands, window=Window(column, row, width, height))


def measure_agreement(image: Path, folder: Path, tiles: list[int]) -> str:
    """Make the table of the share of labels that tiles have in common with the whole image."""
    pixels = segment.load_image(image).pixels
    source = folder / "whole.tif"
    height, width, bands = pixels.shape
    size = {"height": height, "width": width, "count": bands, "dtype": "uint8", "crs": "EPSG:32632"}
    with rasterio.open(source, "w", driver="GTiff", transform=rasterio.Affine.scale(2), **size) as file:
        file.write(np.moveaxis(pixels, -1, 0))
    off: dict[str, Any] = {"clean_up": "none"}
    rows = []
    for tile in tiles:
        shares = []
        for settings in ({"spatial": "none", **off}, off, {}):
            whole = segment.segment_image(pixels, k=4, **settings).label_image
            found = segment.segment_raster(source, folder / "tiled.tif", k=4, tile=tile, overwrite=True, **settings)
            with rasterio.open(found.path) as file:
                shares.append(f"{100 * np.mean(file.read(1) == whole):.4f} %")
        rows.append((f"{tile} pixels", *shares))
    return format_table((f"tiles, {width} x {height} pixels", "colors alone", "with the field", "and clean-up"), rows)


def measure_errors(folder: Path, areas: list[int], side: int) -> str:
    """Make the table of wrong labels on rasters whose classes are known."""
    rows = []
    for area in areas:
        truth = make_classes(area, side)
        write_noisy_raster(folder / "known.tif", truth)
        for spatial in ("none", "field"):
            row = [f"{area} pixels, {side} x {side}", spatial]
            for settings in ({"clean_up": "none"}, {}):
                options: dict[str, Any] = {"k": 4, "spatial": spatial, "overwrite": True, **settings}
                path = segment.segment_raster(folder / "known.tif", folder / "found.tif", **options).path
                with rasterio.open(path) as file:
                    row.append(f"{100 * np.mean(file.read(1) != truth + 1):.1f} %")
            rows.append(row)
    return format_table(("areas", "--spatial", "wrong without clean-up", "and with clean-up"), rows)


def make_classes(area: int, side: int) -> NDArray[np.uint8]:
    """Make classes 0..3 in areas of so many pixels across, on average: (side, side)."""
    coarse = np.random.default_rng(1).standard_normal((side // 4, side // 4), dtype=np.float32)
    smooth = ndimage.gaussian_filter(coarse, 0.6 * area / 4, mode="reflect")
    classes = np.searchsorted(np.quantile(smooth, (0.25, 0.5, 0.75)), smooth).astype(np.uint8)
    return np.kron(classes, np.ones((4, 4), dtype=np.uint8))


def write_noisy_raster(path: Path, classes: NDArray[np.uint8]) -> None:
    """Write classes as levels of gray with noise."""
    rng = np.random.default_rng(2)
    size = {"height": len(classes), "width": classes.shape[1], "count": 1, "dtype": "uint8"}
    with rasterio.open(path, "w", driver="GTiff", tiled=True, transform=rasterio.Affine.scale(2), **size) as file:
        for row in range(0, len(classes), PART_SIDE):
            part = classes[row : row + PART_SIDE]
            noisy = 40 + 57 * (part + 0.3 * rng.standard_normal(part.shape, dtype=np.float32))
            gray = np.clip(np.rint(noisy), 0, 255).astype(np.uint8)
            file.write(gray, 1, window=Window(0, row, part.shape[1], len(part)))


if __name__ == "__main__":
    main()
