"""Masks and regions of interest in files: pictures, arrays and GeoJSON."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from color_profiles import SRGB
from PIL import Image as PilImage

from segment.core.errors import ImageError
from segment.loader.mask_files import LabelFile, PageOfImage, read_interest, read_mask

MANY = 10**6


@pytest.fixture
def mask() -> np.ndarray:
    mask = np.zeros((6, 8), dtype=np.uint8)
    mask[2:5, 1:4] = 1
    return mask


def save(mask: np.ndarray, path: Path) -> Path:
    """Save a mask in the way that the name of the file says."""
    if path.suffix == ".npy":
        np.save(path, mask)
    elif path.suffix == ".npz":
        values = {"selection": mask} if path.stem == "first" else {"other": mask[:2], "labels": mask}
        np.savez(path, **values)
    elif path.stem == "rgba":
        PilImage.fromarray(np.dstack([mask * 255] * 3 + [np.full_like(mask, 255)])).save(path)
    elif path.stem == "transparent":
        PilImage.fromarray(np.dstack([np.full_like(mask, 255)] * 3 + [mask * 255])).save(path)
    elif path.stem == "bits":
        PilImage.fromarray(mask.astype(bool)).save(path)
    elif path.stem == "deep":
        PilImage.fromarray(mask.astype(np.uint16) * 300).save(path)
    elif path.stem == "palette":
        picture = PilImage.fromarray(mask)
        picture.putpalette([0, 0, 0, 200, 10, 10])
        picture.save(path)
    else:
        PilImage.fromarray(mask).save(path)
    return path


@pytest.mark.parametrize(
    "name",
    [
        *("gray.png", "gray.tif", "gray.bmp", "bits.png", "deep.png", "deep.tif", "rgba.png", "transparent.png"),
        *("palette.png", "a.npy", "a.npz", "first.npz"),
    ],
)
def test_what_is_not_zero_counts(mask: np.ndarray, tmp_path: Path, name: str) -> None:
    file = read_mask(str(save(mask, tmp_path / name)), max_pixels=MANY)
    assert np.array_equal(file.counts, mask > 0)


def draw_disk() -> np.ndarray:
    rows, columns = np.mgrid[:120, :120]
    mask = np.where(np.hypot(rows - 60, columns - 70) < 30, 255, 0).astype(np.uint8)
    mask[10:14, 3:9] = 255
    return mask


@pytest.mark.parametrize("suffix", ["jpg", "webp", "avif"])
def test_the_small_values_of_compression_with_loss_do_not_count(tmp_path: Path, suffix: str) -> None:
    if suffix == "avif":
        pytest.importorskip("PIL.AvifImagePlugin")
    mask, path = draw_disk(), tmp_path / f"m.{suffix}"
    PilImage.fromarray(mask).convert("RGB").save(path, quality=90 if suffix == "avif" else 60)
    assert (np.asarray(PilImage.open(path).convert("L"))[mask == 0] > 0).any()
    file = read_mask(str(path), max_pixels=MANY)
    assert np.array_equal(file.counts, mask > 0)
    assert file.notes == ()


@pytest.mark.parametrize("profile", [b"", SRGB], ids=["no profile", "sRGB"])
def test_small_values_without_loss_count(tmp_path: Path, profile: bytes) -> None:
    mask = draw_disk()
    mask[0, 0] = 1
    PilImage.fromarray(mask).convert("RGB").save(tmp_path / "m.webp", lossless=True, icc_profile=profile)
    assert np.array_equal(read_mask(str(tmp_path / "m.webp"), max_pixels=MANY).counts, mask > 0)


@pytest.mark.parametrize("depth", [1, 257])
def test_soft_borders_are_told_and_labels_are_not(tmp_path: Path, depth: int) -> None:
    rows, columns = np.mgrid[:90, :90]
    soft = np.clip(3700 - 90 * np.hypot(rows - 45, columns - 45), 0, 255).astype(np.uint8)
    codes = soft.copy()
    codes[soft > 0] = rows[soft > 0] + 140
    codes[20] = 60
    for name, values, n in (("soft.png", soft, 1), ("hard.png", soft // 64 * 64, 0), ("codes.png", codes, 0)):
        PilImage.fromarray(values if depth == 1 else values.astype(np.uint16) * depth).save(tmp_path / name)
        file = read_mask(str(tmp_path / name), max_pixels=MANY)
        assert np.array_equal(file.counts, values > 0)
        assert len(file.notes) == n
        assert all(
            "counts have less than half of its largest value: save it with 0 and 1" in text for text in file.notes
        )


@pytest.mark.parametrize("name", ["gray.png", "deep.png", "deep.tif", "palette.png", "a.npy", "a.npz"])
def test_labels_are_regions(mask: np.ndarray, tmp_path: Path, name: str) -> None:
    file = read_interest(str(save(mask, tmp_path / name)), max_pixels=MANY)
    assert isinstance(file, LabelFile)
    assert file.interest.names == (("300",) if "deep" in name else ("1",))
    assert np.array_equal(file.interest.label_image, mask)


def test_colors_are_no_labels(tmp_path: Path, quadrants: np.ndarray) -> None:
    PilImage.fromarray(quadrants).save(tmp_path / "a.png")
    with pytest.raises(ImageError, match="a label image has one number for each pixel; got 3 channels"):
        read_interest(str(tmp_path / "a.png"), max_pixels=MANY)


@pytest.mark.parametrize("content", [b"{", b"{}", b'{"type":"FeatureCollection"}', b"\x93NUMPY", b"PK\x03\x04", b"x"])
def test_damaged_files_are_refused_by_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(content)
    with pytest.raises(ImageError) as error:
        read_interest(str(path), max_pixels=MANY)
    assert str(error.value).startswith(str(path))


def test_a_mask_of_no_data_is_told_so(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "mask.tif", np.full((9, 9), 1e200))
    with pytest.raises(ImageError, match=r"mask\.tif: .* none that hold data: 100 % .* beyond 9\.9e\+36, which stand"):
        read_mask(str(tmp_path / "mask.tif"), max_pixels=100)


@pytest.mark.parametrize("kind", ["booleans", "white as 0", "palette"])
def test_of_a_tiff_the_values_count_that_are_stored(mask: np.ndarray, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "mask.tif"
    if kind == "palette":
        colors = np.zeros((3, 256), np.uint16)
        colors[2] = 257 * 128  # of the background, too
        tifffile.imwrite(path, mask, photometric="palette", colormap=colors)
    else:  # tifffile writes booleans with white as 0
        tifffile.imwrite(path, mask.astype(bool) if kind == "booleans" else mask, photometric="miniswhite")
    assert np.array_equal(read_mask(str(path), max_pixels=MANY).counts, mask > 0)
    labels = read_interest(str(path), max_pixels=MANY)
    assert isinstance(labels, LabelFile)
    assert np.array_equal(labels.interest.label_image, mask)
    assert labels.interest.names == ("1",)


def test_a_mask_of_several_values_that_leaves_out_nothing_is_told(mask: np.ndarray, tmp_path: Path) -> None:
    for name, values, n in (("two.png", mask + 1, 1), ("one.png", np.ones_like(mask), 0), ("zero.png", mask, 0)):
        PilImage.fromarray(values).save(tmp_path / name)
        notes = read_mask(str(tmp_path / name), max_pixels=MANY).notes
        assert notes == (f"{tmp_path / name} leaves out no pixel: none of its values is 0",) * n


def test_each_page_has_its_own_mask(mask: np.ndarray, tmp_path: Path) -> None:
    path = str(tmp_path / "masks.tif")
    tifffile.imwrite(path, np.stack([mask, mask[::-1], mask[:, ::-1]]), photometric="minisblack")
    for number, expected in ((1, mask), (2, mask[::-1]), (3, mask[:, ::-1])):
        for n_pages, notes in ((3, ()), (0, (f"page {number} of 3 of {path} is used",))):
            page = PageOfImage(number, n_pages)
            found = read_mask(path, max_pixels=MANY, page=page)
            assert np.array_equal(found.counts, expected > 0)
            labels = read_interest(path, max_pixels=MANY, page=page)
            assert isinstance(labels, LabelFile)
            assert np.array_equal(labels.interest.label_image, expected)
            assert found.notes == labels.notes == notes
    for page, words in ((PageOfImage(2, 4), "the 4 pages"), (PageOfImage(4), "the pages")):
        with pytest.raises(ImageError, match=f"a mask has one page, or one for each of {words} of its image; got 3"):
            read_mask(path, max_pixels=MANY, page=page)
    # One page is for all.
    PilImage.fromarray(mask).save(tmp_path / "mask.png")
    assert read_mask(str(tmp_path / "mask.png"), max_pixels=MANY, page=PageOfImage(3, 3)).notes == ()


def test_polygons_are_sent_to_the_option_that_takes_them(tmp_path: Path) -> None:
    path = tmp_path / "a.geojson"
    path.write_text('{"type": "FeatureCollection"}', encoding="utf-8")
    with pytest.raises(ImageError, match=r"a mask is a picture or an array; got JSON. Give polygons to --roi\.$"):
        read_mask(str(path), max_pixels=100)
