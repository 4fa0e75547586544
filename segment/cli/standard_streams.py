"""``-`` for stdin and stdout: an image piped in, a picture piped out."""

from __future__ import annotations

import io
import sys
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, TextIO

from segment.config.config import SegmentConfig
from segment.core.errors import SettingsError
from segment.runs.job import Job, plan

__all__ = ["STANDARD", "piped_job"]

STANDARD = Path("-")
_NAME = Path("stdin")


def piped_job(inputs: tuple[Path, ...], output: Path, config: SegmentConfig) -> Job:
    """The job of a run whose input or output is ``-``.

    Raises
    ------
    SettingsError
        If there are other inputs, more than one file to pipe out, or a terminal at the end of the pipe.
    """
    if len(inputs) != 1:
        raise SettingsError(f"INPUT: one image, where it or the output is -; got {len(inputs)}.")
    (source,) = inputs
    folder = Path() if output == STANDARD else output
    (job,) = plan([_NAME if source == STANDARD else source], folder, config)
    if output == STANDARD:
        if len(job.results(config)) != 1:
            files = ", ".join(path.name for path in job.results(config)[:3])
            raise SettingsError(f"save (--save): a product of one file with -o -, such as labels; got {files}.")
        job = replace(job, pipe_out=_raw(sys.stdout, "output (-o): - is stdout", "Pipe it on, or give a folder."))
    if source == STANDARD:
        job = replace(job, pipe_in=_raw(sys.stdin, "INPUT: - is stdin", "Pipe an image file into it."))
    return job


def _raw(stream: TextIO | None, what: str, cure: str) -> BinaryIO:
    """The bytes of a standard stream, without a buffer that would be left full where the pipe breaks."""
    if stream is None or stream.closed:
        raise SettingsError(f"{what}, which is not open; got nothing. {cure}")
    if stream.isatty():
        raise SettingsError(f"{what}, which takes no terminal; got one. {cure}")
    return io.FileIO(stream.fileno(), "rb" if stream is sys.stdin else "wb", closefd=False)
