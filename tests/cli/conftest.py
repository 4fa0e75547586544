"""The program in a working folder with one image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PilImage
from program_runs import Program, make_program


@pytest.fixture
def image_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quadrants: np.ndarray) -> Path:
    """A working folder with one image, a.png."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")
    PilImage.fromarray(quadrants).save("a.png")
    return tmp_path


@pytest.fixture
def run_program(image_folder: Path, capsys: pytest.CaptureFixture[str]) -> Program:
    return make_program(capsys)
