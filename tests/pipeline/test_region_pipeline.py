"""Runs that divide an image into regions, and classes of whole regions."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PilImage
from program_runs import make_program

import segment
from segment.core.errors import SettingsError


@pytest.fixture(scope="module")
def picture():
    """Four noisy quarters, two of them of one color: (60, 80, 3)."""
    rng = np.random.default_rng(0)
    image = np.empty((60, 80, 3))
    image[:30, :40] = image[30:, 40:] = (40, 60, 170)
    image[:30, 40:], image[30:, :40] = (210, 200, 90), (160, 40, 50)
    return np.clip(image + rng.normal(0, 20, image.shape), 0, 255).astype(np.uint8)


@pytest.fixture
def program(tmp_path, monkeypatch, capsys, picture):
    """The program in a folder with a.png: arguments to exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    PilImage.fromarray(picture).save("a.png")
    return make_program(capsys)


def test_run_writes_regions_and_their_contours(program):
    code, out, err = program("run", "a.png", "--regions", "4", "--save", "panel,labels,ucm")
    assert (code, err) == (0, "")
    assert out.endswith("  4 regions\n")
    labels = np.asarray(PilImage.open("outputs/a_labels.png"))
    assert np.unique(labels).tolist() == [1, 2, 3, 4]
    contours = np.asarray(PilImage.open("outputs/a_ucm.png"))
    assert contours.dtype == np.uint16
    assert (contours[:, :-1][labels[:, :-1] != labels[:, 1:]] > 0).all()
    assert np.asarray(PilImage.open("outputs/a_panel.png")).shape[1] > 80


def test_polygons_and_the_hierarchy_are_named_for_regions(program):
    assert program("run", "a.png", "--regions", "3", "--save", "geojson,svg,hierarchy,numbers,regions")[0] == 0
    names = {path.name for path in Path("outputs").iterdir()}
    assert names == {"a_regions.geojson", "a_regions.svg", "a_hierarchy.json", "a_numbers.png", "a_regions.csv"}
    svg = Path("outputs/a_regions.svg").read_text()
    assert '<path id="region-3"' in svg
    assert "class" not in svg
    document = json.loads(Path("outputs/a_hierarchy.json").read_text())
    assert document["regions"] == 3
    assert [merge["makes"] for merge in document["merges"]] == [4, 5]
    assert document["merges"][1]["regions"][0] == 4 or document["merges"][1]["regions"][1] == 4
    assert document["merges"][0]["cost"] <= document["merges"][1]["cost"]


def test_thousands_of_regions_have_about_the_same_size():
    image = np.random.default_rng(2).integers(0, 256, (120, 160, 3), dtype=np.uint8)
    result = segment.segment_regions(image, regions=1200)
    areas = np.bincount(result.label_image.ravel())[1:]
    assert (len(areas), len(result.warnings)) == (1200, 1)
    assert "noisy" in result.warnings[0]
    assert areas.std() < 0.5 * areas.mean()
    assert len(result.colors) == 1200
    assert len(result.graph().areas) == 1200


def test_auto_is_the_default_cut(program, picture):
    assert program("run", "a.png", "--regions", "auto", "--save", "labels")[0] == 0
    expected = segment.region_hierarchy(picture).cut()
    assert np.array_equal(np.asarray(PilImage.open("outputs/a_labels.png")), expected)


def test_more_regions_than_the_image_shows_are_made_by_a_grid_and_told(program):
    code, out, err = program("run", "a.png", "--regions", "300", "--save", "labels")
    assert code == 0
    assert err == "Warning: a.png: the image shows only 27 regions, so large ones are divided by a grid to make 300.\n"
    assert out.splitlines()[-1].endswith(" 300 regions")
    assert np.unique(np.asarray(PilImage.open("outputs/a_labels.png"))).tolist() == list(range(1, 301))


@pytest.mark.parametrize("n_bands", [2, 4, 7])
def test_regions_of_other_bands_than_gray_and_color_are_refused(n_bands):
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30, n_bands), dtype=np.uint8)
    for divide in (segment.segment_regions, segment.region_hierarchy):
        with pytest.raises(segment.ImageError, match=f"gray or RGB images; got {n_bands} bands. Choose some with --ba"):
            divide(pixels)
    with pytest.raises(segment.ImageError, match=f"got {n_bands} bands"):
        segment.segment_image(pixels, coherence="region")


def test_more_regions_than_pixels_are_a_warning():
    result = segment.segment_regions(np.full((20, 25), 99, np.uint8), regions=600)
    assert result.n_regions == 500
    assert result.warnings == ("the valid pixels are too few for 600 regions: there are 500",)


def test_one_region_is_told_where_the_image_shows_more():
    rows, columns = np.mgrid[:96, :96]
    blobs = 40 + 12 * np.exp(-((rows % 24 - 12) ** 2 + (columns % 24 - 12) ** 2) / 20)
    faint = segment.segment_regions(blobs.astype(np.uint8))
    assert (faint.n_regions, len(faint.warnings)) == (1, 1)
    assert faint.warnings[0].startswith("no border is clear enough for auto: there is one region. Give --regions N")
    flat = segment.segment_regions(np.full((96, 96), 40, np.uint8))
    assert (flat.n_regions, flat.warnings) == (1, ())


def test_one_color_is_divided_evenly_and_told_as_one_region():
    result = segment.segment_regions(np.full((346, 462), 99, np.uint8), regions=10)
    areas = np.bincount(result.label_image.ravel())[1:]
    assert len(areas) == 10
    assert areas.max() < 2.1 * areas.min()
    assert result.warnings == ("the image shows only 1 region, so large ones are divided by a grid to make 10",)


@pytest.mark.parametrize(
    ("arguments", "rule"),
    [
        (["--regions", "3", "--features", "lab"], "features (--features): has no effect with regions"),
        (["--regions", "auto", "--min-region", "0"], "min_region (--min-region): has no effect with regions"),
        (["--regions", "3", "--save", "model"], "save (--save): of regions one or more of panel, labels, "),
        (["--save", "ucm"], "save (--save): of classes one or more of panel, overlay, "),
        (["--coherence", "region", "--max-hole", "0"], "max_hole (--max-hole): has no effect with coherence region"),
        (["--regions", "3", "--coherence", "region"], "coherence (--coherence): has no effect with regions"),
        (["--regions", "5", "--palette", "mean"], "palette (--palette): has no effect with regions; got mean"),
        (["--regions", "5", "--name", "1=x"], "name (--name): has no effect with regions; got 1=x. Leave it out"),
        (["--regions", "5", "--noise"], "noise (--noise): has no effect with regions; got on. Leave it out"),
        (["--regions", "auto", "-k", "4"], "k (-k): has no effect with regions; got 4"),
        (
            ["--spatial", "none", "--clean-up", "none", "--smoothness", "4"],
            "smoothness (--smoothness): only with the random field or clean-up by evidence; got 4",
        ),
        (["--spatial", "none", "--clean-up", "none", "--smoothness", "12"], "smoothness (--smoothness): only with"),
        (["--denoise-radius", "0.01"], "denoise_radius (--denoise-radius): only with a noise filter; got 0.01"),
        (["-k", "1", "--seed-color", "#000000", "--seed-color", "#ffffff"], "at most one for each of 1 class; got 2"),
        (["--regions", "-1"], "-1"),
        (["--regions", "some"], "some"),
    ],
)
def test_settings_that_would_be_ignored_are_refused(program, arguments, rule):
    code, _, err = program("run", "a.png", *arguments)
    assert code == 2
    assert rule in err
    assert not Path("outputs").exists()


def test_a_model_is_not_a_start_for_regions_nor_for_what_only_a_first_fit_needs(program):
    assert program("fit", "a.png", "-k", "2", "-o", "model.json")[0] == 0
    code, _, err = program("run", "a.png", "--start", "model.json", "--regions", "3")
    assert code == 2
    assert "regions (--regions): not used by a fit that starts from a model; got 3. Leave it out." in err
    for idle in (["--order", "hue"], ["--init", "ward"], ["--n-init", "3"], ["--seed-color", "#000000"]):
        code, _, err = program("run", "a.png", "--start", "model.json", *idle)
        assert code == 2
        assert f"({idle[0]}): not used by a fit that starts from a model; got {idle[1]}" in err


def test_more_than_255_regions_are_written_in_16_bits(tmp_path):
    rng = np.random.default_rng(1)
    image = np.kron(rng.integers(0, 256, (24, 30, 3)), np.ones((10, 10, 1))).astype(np.uint8)
    result = segment.segment_regions(image, regions=300)
    assert result.n_regions == 300
    assert result.warnings == ()
    paths = result.save(tmp_path, stem="many")
    assert np.array_equal(np.asarray(PilImage.open(tmp_path / "many_labels.png")), result.label_image)
    assert [path.name for path in paths] == ["many_panel.png", "many_labels.png"]


def test_regions_of_a_masked_image(tmp_path):
    valid = np.ones((30, 40), bool)
    valid[:, 20] = False
    image = segment.Image.from_array(np.full((30, 40, 3), 99, np.uint8), valid=valid)
    result = segment.segment_regions(image, regions=1)
    assert result.n_regions == 2
    assert result.warnings == ("the valid pixels lie in more parts than 1: there are 2 regions",)
    nothing = segment.segment_regions(segment.Image.from_array(image.pixels, valid=np.zeros_like(valid)))
    assert nothing.n_regions == 0
    assert nothing.warnings == ("no pixel is valid, so no pixel has a label",)
    nothing.save(tmp_path)


def test_shrinking_first_keeps_the_size_of_the_result(picture):
    result = segment.segment_regions(picture, regions=4, max_size=40)
    assert result.label_image.shape == result.contour_map().shape == picture.shape[:2]
    assert result.n_regions == 4


def test_regions_need_a_number(picture):
    with pytest.raises(SettingsError, match="regions"):
        segment.segment_regions(picture, regions=0)
    with pytest.raises(SettingsError, match=r"seed \(--seed\): .*[Ll]eave it out"):  # nothing is random
        segment.segment_regions(picture, regions=2, seed=1)
    with pytest.raises(SettingsError, match="not both"):
        segment.segment_regions(picture, segment.SegmentConfig(regions=2), save="labels")


def test_classes_of_whole_regions_hold_together_and_need_not_touch(picture):
    result = segment.segment_image(picture, k=3, coherence="region")
    truth = np.zeros((60, 80), int)
    truth[:30, 40:], truth[30:, :40] = 1, 2
    pairs = {(int(a), int(b)) for a, b in zip(result.label_image.ravel(), truth.ravel(), strict=True)}
    right = sum(max(np.count_nonzero((result.label_image == c) & (truth == t)) for t in range(3)) for c in (1, 2, 3))
    assert right >= 0.99 * truth.size
    assert {a for a, _ in pairs} == {1, 2, 3}
    assert result.classes[0].share == pytest.approx(0.5, abs=0.01)
    fine = segment.region_hierarchy(picture).cut(0.05)
    assert fine.max() >= 4


def test_classes_of_whole_regions_respect_the_mask_and_few_regions(picture):
    valid = np.zeros((60, 80), bool)
    valid[3, 4] = True
    result = segment.segment_image(segment.Image.from_array(picture, valid=valid), k=3, coherence="region")
    assert result.label_image.sum() == 1
    assert any("fewer" in warning for warning in result.warnings)
    nothing = segment.segment_image(
        segment.Image.from_array(picture, valid=np.zeros_like(valid)), k=3, coherence="region"
    )
    assert nothing.label_image.max() == 0


def test_classes_of_whole_regions_in_gray_and_16_bits(picture):
    gray = picture.mean(axis=2).astype(np.uint8)
    first = segment.segment_image(gray, k=2, coherence="region").label_image
    deep = segment.segment_image(gray.astype(np.uint16) * 257, k=2, coherence="region").label_image
    assert np.mean(first == deep) > 0.99
