"""The table of shares of a folder, read back with the csv module and with pandas."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PilImage
from program_runs import read_rows

from segment.config.config import SegmentConfig
from segment.runs.batch.class_plan import ClassPlan
from segment.runs.batch.folder_run import FolderRun, FolderSettings
from segment.runs.batch.share_table import SHARES


def save_leaf(path: Path, n_lesion: int, day: int) -> None:
    """Save a green leaf on dark soil with a yellow lesion."""
    pixels = np.full((24, 30, 3), (60, 45, 30), np.uint8)
    pixels[4:20, 5:25] = (60, 150, 50)
    pixels[6:10, 8 : 8 + n_lesion] = (200, 180, 60)
    exif = PilImage.Exif()
    exif[0x8769] = {0x9003: f"2024:05:0{day} 12:00:00"}
    PilImage.fromarray(pixels).save(path, exif=exif)


def run_folder(folder: Path, output: Path, config: SegmentConfig, plan: ClassPlan | None = None) -> list[list[str]]:
    """Segment a folder, and return the warnings of its images."""
    settings = FolderSettings(n_workers=1, classes=plan or ClassPlan())
    with FolderRun(folder, output, config, settings) as run:
        return [list(outcome.warnings) for outcome in run.iterate_outcomes()]


def test_each_image_and_class_has_a_row(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for day, n_lesion in ((1, 4), (2, 8)):
        save_leaf(folder / f"{day}.png", n_lesion, day)
    config = SegmentConfig(
        k=3,
        spatial="none",
        save="labels",
        name=("lesion=yellowest", "healthy=greenest", "soil=darkest"),
        group="leaf=healthy,lesion",
        background="soil",
    )
    run_folder(folder, tmp_path / "out", config)
    run_folder(folder, tmp_path / "field", replace(config, spatial="field"))
    in_field = read_rows(tmp_path / "field" / SHARES)
    shares = [float(row["expected_share"]) for row in in_field if row["name"] == "lesion"]
    assert shares == pytest.approx([16 / 320, 32 / 320], abs=0.01)
    deviations = [row["expected_share_sd"] for row in in_field]
    assert [bool(text) for text in deviations] == [False, True, True] * 2
    assert all(0 < float(text) < 0.02 for text in deviations if text)
    rows = {(row["input"], row["name"]): row for row in read_rows(tmp_path / "out" / SHARES)}
    assert len(rows) == 6
    for day, pixels in (("1", 16), ("2", 32)):
        row = rows[f"{day}.png", "lesion"]
        assert (row["pixels"], row["group"], row["area"], row["roi"]) == (str(pixels), "leaf", "", "")
        assert float(row["share"]) == float(row["group_share"]) == pixels / 320
        assert [float(row[f"mean_{name}"]) for name in ("red", "green", "blue")] == pytest.approx([200, 180, 60])
        assert row["acquired"] == f"2024-05-0{day}T12:00:00"
        soil = rows[f"{day}.png", "soil"]
        assert (soil["pixels"], soil["share"], soil["expected_share"], soil["group"]) == ("400", "", "", "")
        assert (row["expected_share"], row["expected_share_sd"]) == ("", "")
    (first, _) = read_rows(tmp_path / "out" / "segment_manifest.csv")
    assert (first["share_soil"], first["share_lesion"]) == ("", "0.050000")
    pd = pytest.importorskip("pandas")
    table = pd.read_csv(tmp_path / "out" / SHARES, parse_dates=["acquired"])
    assert table.groupby("name")["pixels"].sum().to_dict() == {"healthy": 592, "lesion": 48, "soil": 800}


def test_a_class_without_counterpart_is_empty(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    noise = np.random.default_rng(0).normal(0, 2, (20, 20))
    for name, light in (("a", 40), ("b", 240)):
        pixels = np.repeat([120, light], 10)[None] + noise
        PilImage.fromarray(pixels.astype(np.uint8)).save(folder / f"{name}.png")
    config = SegmentConfig(k=2, spatial="none", save=("labels", "classes"), name="1=dark,2=middle")
    plan = ClassPlan(align=True, n_extra=2)
    (_, warnings) = run_folder(folder, tmp_path / "out", config, plan)
    assert any("nothing here is like dark of --align" in text for text in warnings)
    assert any("class 3 here is like no class of --align" in text for text in warnings)
    rows = [row for row in read_rows(tmp_path / "out" / SHARES) if row["input"] == "b.png"]
    assert [(row["name"], row["pixels"], row["share"]) for row in rows] == [
        ("dark", "", ""), ("middle", "200", "0.5"), ("class 3", "200", "0.5"),
    ]  # fmt: skip
    assert [(row["pixels"], row["share"]) for row in read_rows(tmp_path / "out" / "b_classes.csv")] == [
        ("", ""),
        ("200", "0.5"),
        ("200", "0.5"),
    ]
    (first, second) = read_rows(tmp_path / "out" / "segment_manifest.csv")
    assert (first["share_dark"], first["share_3"], second["share_dark"], second["share_3"]) == (
        "0.500000",
        *(None, "", "0.500000"),
    )


def test_regions_of_interest_and_areas_have_rows_and_units(tmp_path: Path) -> None:
    tifffile = pytest.importorskip("tifffile")
    folder = tmp_path / "in"
    folder.mkdir()
    gray = np.repeat([[20, 200]], [4, 8], axis=1).astype(np.uint8).repeat(6, axis=0)
    keys = (1, 1, 0, 3, 1024, 0, 1, 1, 1025, 0, 1, 1, 3072, 0, 1, 32632)
    tags = [(33550, 12, 3, (2.0, 2.0, 0.0), True), (33922, 12, 6, (0, 0, 0, 5e5, 5e6, 0), True)]
    tifffile.imwrite(folder / "a.tif", gray, extratags=[*tags, (34735, 3, len(keys), keys, True)])
    run_folder(folder, tmp_path / "out", SegmentConfig(k=2, roi="grid:1x2", spatial="none", save="labels"))
    rows = read_rows(tmp_path / "out" / SHARES)
    assert [(row["roi"], row["label"], row["pixels"], row["area"], row["area_unit"]) for row in rows] == [
        ("r1c1", "1", "24", "96.0", "m2"), ("r1c1", "2", "12", "48.0", "m2"),
        ("r1c2", "1", "0", "0.0", "m2"), ("r1c2", "2", "36", "144.0", "m2"),
    ]  # fmt: skip
    assert [row["mean_gray"] for row in rows] == ["20.0", "200.0", "", "200.0"]


def test_a_folder_of_regions_has_no_table(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    save_leaf(folder / "a.png", 4, 1)
    run_folder(folder, tmp_path / "out", SegmentConfig(regions=2, save="labels"))
    assert not (tmp_path / "out" / SHARES).exists()
