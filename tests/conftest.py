"""Pictures and folders that several tests share."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from PIL import Image as PilImage

ROOT = Path(__file__).parents[1]

# Continuous integration judges the change, not the luck of the draw; everywhere else the examples are new each time.
settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("ci")


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20)


@pytest.fixture
def quadrants() -> np.ndarray:
    """Four colors on a 12 x 20 image, no two areas alike: 5 + 7 rows, 8 + 12 columns."""
    picture = np.zeros((12, 20, 3), dtype=np.uint8)
    picture[:5, :8] = (20, 30, 90)
    picture[:5, 8:] = (90, 140, 200)
    picture[5:, :8] = (60, 110, 40)
    picture[5:, 8:] = (230, 220, 190)
    return picture


@pytest.fixture(scope="session")
def landscape() -> Path:
    return ROOT / "images" / "landscape.jpg"


def shared_folder(variable: str) -> Path:
    """The folder that an environment variable names; the test is skipped where it names none."""
    value = os.environ.get(variable)
    if not value or not Path(value).is_dir():
        pytest.skip(f"{variable} names no folder of labeled or hostile images")
    return Path(value)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with twelve small images in ``in``."""
    monkeypatch.chdir(tmp_path)
    Path("in").mkdir()
    rng = np.random.default_rng(0)
    for number in range(12):
        pixels = rng.normal([[[60, 90, 120]]], 8, (16, 16, 3))
        pixels[:, 4 + number :] += 60
        PilImage.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(f"in/{number:02d}.png")
    return tmp_path


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KB."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", place], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.decode().strip()}")
    yield place
    subprocess.run(["umount", "-l", place], check=True)
