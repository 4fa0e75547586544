"""When a picture was taken: read from EXIF data, empty where there is no time."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image as PilImage

from segment.loader.acquisition_time import format_exif_time, read_acquisition_time


@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_the_time_of_the_exposure_is_read(tmp_path: Path, suffix: str) -> None:
    exif = PilImage.Exif()
    exif[306] = "2030:01:01 00:00:00"  # of the last change of the file
    exif[0x8769] = {0x9003: "2024:05:01 12:30:05", 0x9011: "+02:00", 0x9004: "2025:01:01 00:00:00"}
    path = tmp_path / f"a.{suffix}"
    PilImage.new("RGB", (4, 4)).save(path, exif=exif)
    assert read_acquisition_time(path) == "2024-05-01T12:30:05+02:00"


def test_a_file_without_a_time_has_none(tmp_path: Path) -> None:
    exif = PilImage.Exif()
    exif[306] = "2030:01:01 00:00:00"
    PilImage.new("RGB", (4, 4)).save(tmp_path / "a.jpg", exif=exif)
    (tmp_path / "b.jpg").write_bytes(b"no picture")
    for name in ("a.jpg", "b.jpg", "absent.jpg", "c.heic"):
        assert read_acquisition_time(tmp_path / name) == ""


@pytest.mark.parametrize("time", [None, "", "0000:00:00 00:00:00", "2024:13:01 00:00:00", 5])
def test_what_is_no_time_is_left_out(time: object) -> None:
    assert format_exif_time(time) == ""


def test_a_fraction_and_a_zone_that_are_none_are_left_out() -> None:
    assert format_exif_time("2024:05:01 12:30:05\0", "00", "   :  ") == "2024-05-01T12:30:05"
