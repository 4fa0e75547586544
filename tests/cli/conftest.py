"""The program in a working folder with one image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PilImage
from program_runs import Program, Result

from segment.cli.main import main


@pytest.fixture
def image_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quadrants: np.ndarray) -> Path:
    """A working folder with one image, a.png."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")
    PilImage.fromarray(quadrants).save("a.png")
    return tmp_path


@pytest.fixture
def run_program(image_folder: Path, capsys: pytest.CaptureFixture[str]) -> Program:
    """The program in this process: arguments to exit code, stdout and stderr."""

    def run(*arguments: str) -> Result:
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            main(list(arguments))
        captured = capsys.readouterr()
        assert isinstance(stop.value.code, int)
        return Result(stop.value.code, captured.out, captured.err)

    return run
