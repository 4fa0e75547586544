"""Rasters in tiles have the labels of the image in memory, however they are cut."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import tifffile
from program_runs import run_main
from raster_files import PLACE, rasterio, read, write

import segment
from segment.core.errors import ImageError, OutputError, SettingsError
from segment.mixture.streaming_bins import StreamingBins
from segment.runs.rasters.tiles import Window

NO_CLEAN_UP = {"n_init": 2, "spatial": "none", "clean_up": "none"}
SIZE = (130, 170)


@pytest.fixture
def scene(rng: np.random.Generator) -> np.ndarray:
    """Three soft-edged areas with noise: RGB, 8 bits."""
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    near = np.stack([rows / SIZE[0], columns / SIZE[1], 0.5 + 0.5 * np.sin(rows / 9) * np.cos(columns / 13)], axis=-1)
    return np.clip(30 + 190 * near + rng.normal(0, 9, (*SIZE, 3)), 0, 255).astype(np.uint8)


def read_without_place(path: Path) -> np.ndarray:
    """Read labels that have no place on a map: rasterio warns of that."""
    return tifffile.imread(path, key=0)


def deepen(scene: np.ndarray) -> np.ndarray:
    """Return the scene in 12 of 16 bits, with more distinct colors than a table has room for."""
    return scene.astype(np.uint16) * 16 + np.arange(16, dtype=np.uint16)[:, None, None].repeat(9, 0)[: SIZE[0]] % 16


DEPTHS = {
    "8-bit RGB": lambda scene: scene,
    "8-bit gray": lambda scene: scene[..., 0],
    "16-bit RGB": deepen,
    "16-bit gray": lambda scene: deepen(scene)[..., 1],
    "float RGB": lambda scene: (deepen(scene) / 1000 - 1).astype(np.float32),
    "float gray": lambda scene: (deepen(scene)[..., 2] / 4095).astype(np.float64),
    "signed": lambda scene: scene[..., 0].astype(np.int16) - 100,
    "32-bit integers": lambda scene: deepen(scene)[..., 0].astype(np.int32),
}


@pytest.mark.parametrize("tile", [64, 37, 1000])
@pytest.mark.parametrize("depth", DEPTHS)
def test_tiles_have_the_labels_of_the_image(tmp_path: Path, scene: np.ndarray, depth: str, tile: int) -> None:
    source = write(tmp_path / "a.tif", DEPTHS[depth](scene), tiled=True, blockxsize=64, blockysize=32)
    in_memory = segment.segment_image(source, k=4, **NO_CLEAN_UP)
    found = segment.segment_raster(source, tmp_path / "out.tif", k=4, tile=tile, **NO_CLEAN_UP)
    np.testing.assert_array_equal(read(found.path), in_memory.label_image)
    assert [row.pixels for row in found.classes] == [row.pixels for row in in_memory.classes]
    for ours, theirs in zip(found.classes, in_memory.classes, strict=True):
        np.testing.assert_allclose(ours.mean, theirs.mean, rtol=1e-5)
    assert found.warnings == in_memory.warnings


def test_strips_of_a_bigtiff_are_read(tmp_path: Path, scene: np.ndarray) -> None:
    source = write(tmp_path / "a.tif", scene, bigtiff="yes", compress="lzw", blockysize=7)
    settings = {"k": 3, "merge": "1,3", **NO_CLEAN_UP}
    in_memory = segment.segment_image(source, **settings)
    found = segment.segment_raster(source, tmp_path / "out.tif", tile=50, **settings)
    np.testing.assert_array_equal(read(found.path), in_memory.label_image)
    assert found.class_model.class_mixture.unmerged.n_classes == 3


def test_pixels_with_the_nodata_value_have_no_label(tmp_path: Path, scene: np.ndarray) -> None:
    scene[40:60, 30:90] = 7
    source = write(tmp_path / "a.tif", scene, nodata=7)
    found = segment.segment_raster(source, tmp_path / "out.tif", k=3, tile=50, **NO_CLEAN_UP)
    labels = read(found.path)
    np.testing.assert_array_equal(labels, segment.segment_image(source, k=3, **NO_CLEAN_UP).label_image)
    np.testing.assert_array_equal(labels == 0, (scene == 7).all(axis=2))


@pytest.mark.parametrize("way", ["mask", "alpha", "NaN"])
def test_masks_alpha_and_nan_have_no_label(tmp_path: Path, scene: np.ndarray, way: str) -> None:
    valid = np.ones(SIZE, dtype=bool)
    valid[10:50, 100:165] = False
    how: dict[str, Any] = {}
    pixels = scene
    if way == "mask":
        how = {"mask": valid}
    elif way == "alpha":
        pixels = np.dstack([scene, np.where(valid, 255, 0).astype(np.uint8)])
        how = {"alpha": "yes", "photometric": "RGB"}
    else:
        pixels = np.where(valid[..., None], scene / 255, np.nan).astype(np.float32)
    source = write(tmp_path / "a.tif", pixels, **how)
    found = segment.segment_raster(source, tmp_path / "out.tif", k=3, tile=61, **NO_CLEAN_UP)
    image = segment.Image.from_array(pixels[..., :3], valid=valid)
    expected = segment.segment_image(image, k=3, **NO_CLEAN_UP).label_image
    np.testing.assert_array_equal(read(found.path), expected)
    assert (expected == 0).sum() == (~valid).sum()


@pytest.mark.parametrize(("tile", "spatial"), [(150, "none"), (225, "field")])
def test_clean_up_and_field_leave_no_seams(tmp_path: Path, landscape: Path, tile: int, spatial: str) -> None:
    pixels = segment.load_image(landscape).pixels[::2, ::2].copy()
    source = write(tmp_path / "a.tif", pixels)
    in_memory = segment.segment_image(source, k=4, spatial=spatial)
    found = segment.segment_raster(source, tmp_path / "out.tif", k=4, tile=tile, spatial=spatial)
    labels = read(found.path)
    assert np.mean(labels == in_memory.label_image) >= 0.999
    assert found.changed == pytest.approx(in_memory.changed, abs=1e-3)
    # A seam would be an edge that the image in memory does not have.
    edges, expected = (np.count_nonzero(each[:, tile] != each[:, tile - 1]) for each in (labels, in_memory.label_image))
    assert abs(edges - expected) <= 2


@pytest.mark.parametrize("method", ["gaussian", "median"])
def test_the_noise_filter_reaches_across_tiles(tmp_path: Path, scene: np.ndarray, method: str) -> None:
    settings = {"k": 3, "denoise": method, "denoise_radius": 0.01, **NO_CLEAN_UP}
    source = write(tmp_path / "a.tif", scene)
    found = segment.segment_raster(source, tmp_path / "out.tif", tile=48, **settings)
    np.testing.assert_array_equal(read(found.path), segment.segment_image(source, **settings).label_image)


def test_clean_up_and_the_number_of_classes_go_by_what_the_noise_filter_leaves(
    tmp_path: Path, scene: np.ndarray, rng: np.random.Generator
) -> None:
    noisy = np.clip(scene + rng.normal(0, 30, scene.shape), 0, 255).astype(np.uint8)
    source = write(tmp_path / "a.tif", noisy)
    for k in (3, "auto"):
        settings = {"k": k, "spatial": "none", "denoise": "gaussian", "denoise_radius": 0.01}
        found = segment.segment_raster(source, tmp_path / f"{k}.tif", **settings)
        in_memory = segment.segment_image(source, **settings)
        np.testing.assert_array_equal(read(found.path), in_memory.label_image)
    assert found.choice == in_memory.selection.sentence


def test_any_bands_are_features_or_chosen_as_colors(tmp_path: Path, scene: np.ndarray) -> None:
    near_infrared = np.where(np.mgrid[: SIZE[0], : SIZE[1]][1] > 85, 220, 40).astype(np.uint8)
    five = np.dstack([scene, near_infrared, scene[..., :1]])
    source = write(tmp_path / "a.tif", five, photometric="MINISBLACK")
    chosen = segment.segment_raster(source, tmp_path / "rgb.tif", k=3, bands=(3, 2, 1), tile=64, **NO_CLEAN_UP)
    expected = segment.segment_image(scene[..., ::-1], k=3, **NO_CLEAN_UP).label_image
    np.testing.assert_array_equal(read(chosen.path), expected)
    every = segment.segment_raster(source, tmp_path / "all.tif", k=2, tile=64, **NO_CLEAN_UP)
    assert every.space.feature_names == ("band 1", "band 2", "band 3", "band 4", "band 5")
    labels = read(every.path)
    assert np.mean((labels == 2) == (near_infrared > 100)) > 0.99  # no other band has such contrast
    for row in every.classes:
        np.testing.assert_allclose(row.mean, five[labels == row.label].mean(axis=0), rtol=1e-9)
    other = segment.segment_raster(source, tmp_path / "other.tif", k=2, tile=53, **NO_CLEAN_UP)
    np.testing.assert_array_equal(read(other.path), labels)


def test_bands_of_more_bits_than_a_number_has(tmp_path: Path, scene: np.ndarray) -> None:
    twelve = np.tile(deepen(scene), 4)
    source = write(tmp_path / "a.tif", twelve, photometric="MINISBLACK")
    found = segment.segment_raster(source, tmp_path / "out.tif", k=3, tile=64, **NO_CLEAN_UP)
    assert len(found.space.feature_names) == 12
    assert min(row.share for row in found.classes) > 0.1


@pytest.mark.parametrize("spatial", ["field", "none"])
def test_many_bands_have_the_same_labels_whatever_the_tiles(
    tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch, spatial: str
) -> None:
    monkeypatch.setattr("segment.features.pixel_sample.MAX_PIXELS", 2000)
    truth = np.repeat([0, 1, 2], 32)[:, None] + np.zeros(100, int)
    pixels = (1000 + 150 * rng.uniform(-1, 1, (3, 13)))[truth] + rng.normal(0, 50, (96, 100, 13))
    pixels[:8, :8] = 11000  # a cloud
    source = write(tmp_path / "a.tif", pixels.astype(np.uint16), photometric="MINISBLACK")
    settings = {"k": 4, "spatial": spatial, **NO_CLEAN_UP}
    first, second = (
        read(segment.segment_raster(source, tmp_path / f"{tile}.tif", tile=tile, **settings).path) for tile in (37, 64)
    )
    np.testing.assert_array_equal(first, second)
    for number in range(3):
        counts = np.bincount(first[(truth == number) & (pixels[..., 0] < 11000)])
        assert counts.max() > 0.98 * counts.sum()
    assert len(np.unique(first)) == 4


@pytest.mark.parametrize("k", [2, 4, "auto"])
def test_a_scan_of_two_colors_keeps_its_thinnest_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator, k: int | str
) -> None:
    """In the smaller copy nearly all of the text is gray."""
    monkeypatch.setattr("segment.preprocessor.working_copy.WORKING_PIXELS", 2**11)
    page = np.full((130, 170), 255, np.uint8)
    for row in range(10, 120, 20):
        page[row : row + 8, 9:160] = np.where(rng.random((8, 151)) < 0.2, 0, 255)
    source = write(tmp_path / "a.tif", page)
    expected = np.where(page == 0, 1, 2)
    np.testing.assert_array_equal(segment.segment_image(source, k=k).labels, expected)
    found = segment.segment_raster(source, tmp_path / "out.tif", k=k, tile=64)
    np.testing.assert_array_equal(read(found.path), expected)


@pytest.mark.parametrize(("dtype", "other"), [("uint8", 3), ("int16", -5)])
def test_numbers_without_a_color_get_no_label(tmp_path: Path, dtype: str, other: int) -> None:
    numbers = np.arange(3 * 40 * 60).reshape(3 * 40, 60).astype(dtype) // 60 // 40
    numbers[:, :9] = other
    source = tmp_path / "a.img"
    with rasterio.open(source, "w", driver="HFA", **PLACE, height=120, width=60, count=1, dtype=dtype) as file:
        file.write(numbers, 1)
        file.write_colormap(1, {0: (0, 0, 0, 255), 1: (90, 0, 0, 255), 2: (0, 250, 0, 255)})
    found = segment.segment_raster(source, tmp_path / "out.tif", k=3, **NO_CLEAN_UP)
    np.testing.assert_array_equal(read(found.path), np.where(numbers == other, 0, numbers + 1))
    assert "the palette has colors for the numbers 0 to 2: pixels of others get no label" in found.warnings


def test_a_palette_stands_for_its_colors(tmp_path: Path, quadrants: np.ndarray) -> None:
    colors, index = np.unique(quadrants.reshape(-1, 3), axis=0, return_inverse=True)
    source = tmp_path / "a.tif"
    size = {"height": 12, "width": 20, "count": 1, "dtype": "uint8"}
    with rasterio.open(source, "w", driver="GTiff", photometric="palette", **PLACE, **size) as file:
        file.write(index.reshape(12, 20).astype(np.uint8), 1)
        file.write_colormap(1, {i: (*color, 255) for i, color in enumerate(colors.tolist())})
    found = segment.segment_raster(source, tmp_path / "out.tif", k=4, tile=7, **NO_CLEAN_UP)
    expected = segment.segment_image(quadrants, k=4, **NO_CLEAN_UP).label_image
    np.testing.assert_array_equal(read(found.path), expected)


@pytest.mark.parametrize(
    "kind", ["inverted", "inverted, 16 bits", "signed", "floats", "black and white", "fax", "four bits", "planes"]
)
def test_odd_kinds_of_tiff_are_read_as_by_the_loader(tmp_path: Path, scene: np.ndarray, kind: str) -> None:
    source = tmp_path / "a.tif"
    if kind == "black and white":
        tifffile.imwrite(source, scene[..., 0] > 100)
    elif kind == "fax":
        PIL.Image.fromarray(scene[..., 0] > 100).save(source, compression="group4")
    elif kind == "four bits":
        write(source, scene[..., 0] // 16, nbits=4)
    elif kind == "planes":
        tifffile.imwrite(source, np.moveaxis(scene, -1, 0), planarconfig="separate", photometric="rgb")
    else:
        gray = scene[..., 0].astype(np.uint16)
        deep = {"inverted, 16 bits": gray * 257, "signed": gray.astype(np.int16) - 99, "floats": gray / np.float32(9)}
        tifffile.imwrite(source, deep.get(kind, scene[..., 0]), photometric="miniswhite")
    found = segment.segment_raster(source, tmp_path / "out.tif", k=2, tile=50, **NO_CLEAN_UP)
    in_memory = segment.segment_image(source, k=2, **NO_CLEAN_UP)
    np.testing.assert_array_equal(read_without_place(found.path), in_memory.label_image)
    assert not any("palette" in warning for warning in found.warnings)
    if kind in ("signed", "floats"):  # measurements, which have no white
        assert in_memory.image.pixels.max() == deep[kind].max()


def test_a_raster_without_a_valid_pixel_has_no_labels(tmp_path: Path) -> None:
    source = write(tmp_path / "a.tif", np.full((40, 60), np.nan, dtype=np.float32))
    found = segment.segment_raster(source, tmp_path / "out.tif", k=2, tile=25)
    assert not read(found.path).any()
    assert found.warnings == ("no pixel is valid, so no pixel has a label",)


def test_k_auto_and_rejected_pixels(tmp_path: Path, quadrants: np.ndarray) -> None:
    source = write(tmp_path / "a.tif", np.kron(quadrants, np.ones((8, 8, 1), np.uint8)))
    found = segment.segment_raster(source, tmp_path / "out.tif", k="auto", **NO_CLEAN_UP)
    assert found.choice
    assert len(found.classes) == segment.segment_image(source, k="auto", **NO_CLEAN_UP).n_classes
    rejecting = segment.segment_raster(source, tmp_path / "b.tif", k=2, reject=0.2, tile=50, **NO_CLEAN_UP)
    assert 0 < rejecting.rejected <= 0.2
    assert rejecting.rejected == pytest.approx(np.mean(read(rejecting.path) == 0))


def test_more_colors_than_memory_should_hold_are_merged_in_bins(
    tmp_path: Path, scene: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    from segment.runs.rasters import raster_classes, tile_colors

    source = write(tmp_path / "a.tif", scene)
    exact = segment.segment_raster(source, tmp_path / "exact.tif", k=3, **NO_CLEAN_UP)
    monkeypatch.setattr(tile_colors, "MAX_COLORS", 2000)
    monkeypatch.setattr(tile_colors, "StreamingBins", lambda *keys: StreamingBins(*keys, max_bins=1000))
    monkeypatch.setattr(raster_classes, "CHUNK_COLORS", 777)
    found = segment.segment_raster(source, tmp_path / "out.tif", k=3, tile=64, **NO_CLEAN_UP)
    assert "distinct colors: they were merged in" in found.warnings[0]
    assert np.mean(read(found.path) == read(exact.path)) > 0.9


@pytest.mark.parametrize("damage", ["garbage", "cut short"])
def test_a_damaged_tile_leaves_nothing(
    tmp_path: Path, scene: np.ndarray, capsys: pytest.CaptureFixture[str], damage: str
) -> None:
    source = write(tmp_path / "a.tif", scene, tiled=True, blockxsize=64, blockysize=64, compress="deflate")
    data = bytearray(source.read_bytes())
    middle = len(data) // 2
    data[middle:] = b"" if damage == "cut short" else bytes([255] * 9000) + data[middle + 9000 :]
    source.write_bytes(data)
    assert run_main("raster", str(source), "-k", "3", "-o", str(tmp_path / "out")) == 1
    error = capsys.readouterr().err
    assert f"Error: {source}: the raster is damaged" in error
    assert "Traceback" not in error
    assert not (tmp_path / "out").exists()


def test_a_raster_that_fails_while_it_is_written_leaves_nothing(
    tmp_path: Path, scene: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    from segment.runs.rasters import raster_pipeline

    label_tile = raster_pipeline.label_tile

    def fails_late(raster: Any, window: Window, **rest: Any) -> Any:
        if window.row > 60:
            raise ImageError("the disk has gone")
        return label_tile(raster, window, **rest)

    monkeypatch.setattr(raster_pipeline, "label_tile", fails_late)
    with pytest.raises(ImageError, match="the disk has gone"):
        segment.segment_raster(
            write(tmp_path / "a.tif", scene), tmp_path / "new" / "out.tif", k=3, tile=40, **NO_CLEAN_UP
        )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tif"]


def test_an_array_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"^source: paths of files; got ndarray\. Give arrays to segment_image"):
        segment.segment_raster(np.zeros((4, 4)), tmp_path / "labels.tif", k=2)  # type: ignore[arg-type]


def test_results_are_not_overwritten_unasked(tmp_path: Path, scene: np.ndarray) -> None:
    source = write(tmp_path / "a.tif", scene)
    (tmp_path / "out.tif").write_text("mine")
    with pytest.raises(OutputError, match="exists already"):
        segment.segment_raster(source, tmp_path / "out.tif", k=3, **NO_CLEAN_UP)
    assert (tmp_path / "out.tif").read_text() == "mine"
    segment.segment_raster(source, tmp_path / "out.tif", k=3, overwrite=True, **NO_CLEAN_UP)
    assert read(tmp_path / "out.tif").max() == 3
    with pytest.raises(SettingsError, match="is the input"):
        segment.segment_raster(source, source, k=3, overwrite=True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--bands", "1,4"], "each of the bands 1 to 3"),
        (["--bands", "1,1"], "each band once; got 1 twice"),
        (["--bands", "red"], "numbers from 1"),
        (["--bands", "1,2", "--features", "lab"], "rgb, the bands as they are, for 2 bands"),
        (["--bands", "1,2", "--greyscale"], "one or three bands; got 2"),
        (["--palette", "mean"], "got mean"),
    ],
)
def test_settings_that_a_raster_cannot_have_are_refused(
    tmp_path: Path, scene: np.ndarray, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    source = write(tmp_path / "a.tif", scene)
    assert run_main("raster", str(source), "-k", "3", "-o", str(tmp_path / "out"), *arguments) in (1, 2)
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="the peak of a process is read from /proc")
def test_memory_does_not_grow_with_the_raster(tmp_path: Path, rng: np.random.Generator) -> None:
    script = (
        "import sys, segment, segment.runs.rasters.gdal_files\n"
        "segment.runs.rasters.gdal_files.CACHE_MEGABYTES = 1\n"
        "segment.segment_raster(sys.argv[1], sys.argv[2], k=2, n_init=1, tile=512, clean_up='none')\n"
        "print(*[line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')])"
    )
    block = (rng.normal(0, 5, (512, 512)) + np.where(np.arange(512) < 200, 60, 180)[:, None]).astype(np.uint8)
    peaks = []
    for name, times in (("small.tif", 3), ("large.tif", 9)):
        source = write(tmp_path / name, np.tile(block, (times, times)), tiled=True, compress="lzw")
        command = [sys.executable, "-c", script, str(source), str(tmp_path / f"out_{name}")]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        peaks.append(int(done.stdout) / 1024)
    assert peaks[1] < peaks[0] + 15, peaks  # megabytes; the labels of the large one are 19 more


def make_extremes(scene: np.ndarray, kind: str) -> np.ndarray:
    """Make a raster in which a few values are not what they seem."""
    gray = scene[..., 0] / np.float32(100)
    if kind == "bands":
        return np.dstack([scene, scene[..., :2] // 2])
    if kind == "signed":
        values = scene[..., 0].astype(np.int16)
        values[:40, :50] = -9999
        return values
    gray[70, 80] = 60_000
    if kind == "hot pixel":
        return gray
    gray[:40, :50] = -9999 if kind == "lone minimum" else -3.4028235e38
    return gray


@pytest.mark.parametrize(
    ("kind", "how"),
    [
        ("hot pixel", NO_CLEAN_UP),
        ("lone minimum", {"n_init": 2}),
        ("lowest float", NO_CLEAN_UP),
        ("signed", NO_CLEAN_UP),
        ("bands", NO_CLEAN_UP),
    ],
)
def test_extreme_values_and_bands_are_read_as_in_memory(
    tmp_path: Path, scene: np.ndarray, kind: str, how: dict[str, Any]
) -> None:
    source = write(tmp_path / "a.tif", make_extremes(scene, kind))
    in_memory = segment.segment_image(source, k=3, **how)
    tiled = segment.segment_raster(source, tmp_path / "out.tif", k=3, tile=64, **how)
    np.testing.assert_array_equal(read(tmp_path / "out.tif"), in_memory.label_image)
    assert min(row.pixels for row in in_memory.classes) > 1000
    hidden = kind in ("lone minimum", "lowest float", "signed")
    assert (in_memory.label_image[:40, :50] == 0).all() == hidden
    told, told_in_memory = (set(each.warnings) for each in (tiled, in_memory))
    assert told <= told_in_memory
    assert any("stand" in text for text in told) == hidden


@pytest.mark.parametrize("how", [{"n_init": 2}, NO_CLEAN_UP], ids=["field", "colors"])
def test_uneven_light_is_told_with_the_same_number(tmp_path: Path, rng: np.random.Generator, how: dict) -> None:
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    spots = np.sin(rows / 3) * np.sin(columns / 4) > 0.4
    values = (90 + 50 * spots) * (0.6 + 0.8 * columns / SIZE[1]) + rng.normal(0, 12, SIZE)
    source = write(tmp_path / "a.tif", np.clip(values, 0, 255).astype(np.uint8))
    in_memory = segment.segment_image(source, k=2, **how)
    tiled = segment.segment_raster(source, tmp_path / "out.tif", k=2, tile=64, **how)
    (told,), (told_in_tiles,) = (
        [text for text in found.warnings if "in even light" in text] for found in (in_memory, tiled)
    )
    assert told_in_tiles.partition(".")[0] == told.partition(".")[0]
    assert "Give --even-light" in told
    # A raster keeps its light, so that it has another remedy.
    assert "Divide the raster" in told_in_tiles


@pytest.mark.parametrize("how", [{"n_init": 2}, NO_CLEAN_UP], ids=["field", "colors"])
def test_a_dithered_raster_has_no_uneven_light(tmp_path: Path, how: dict) -> None:
    rows, columns = np.mgrid[:240, :320]
    vignette = 255 - 100 * (((columns - 160) / 160) ** 2 + ((rows - 120) / 120) ** 2)
    dithered = 255 * np.asarray(PIL.Image.fromarray(vignette.astype(np.uint8)).convert("1"), np.uint8)
    tiled = segment.segment_raster(write(tmp_path / "a.tif", dithered), tmp_path / "out.tif", k=2, tile=64, **how)
    assert not any("light" in text for text in tiled.warnings)


def test_mask_in_the_file_counts_in_memory_too(tmp_path: Path, scene: np.ndarray) -> None:
    mask = np.full(SIZE, 255, np.uint8)
    mask[:40, :50] = 0
    source = write(tmp_path / "a.tif", scene, mask=mask)
    with rasterio.open(source, "r+") as file:
        file.build_overviews([2, 4])
    in_memory = segment.segment_image(source, k=3, **NO_CLEAN_UP)
    segment.segment_raster(source, tmp_path / "out.tif", k=3, tile=64, **NO_CLEAN_UP)
    np.testing.assert_array_equal(read(tmp_path / "out.tif"), in_memory.label_image)
    np.testing.assert_array_equal(in_memory.label_image == 0, mask == 0)
    assert in_memory.image.notes == ("9 % of the pixels are masked in the file: they get no label",)
