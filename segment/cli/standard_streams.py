"""``-`` for stdin and stdout: an image piped in, a picture piped out."""

from __future__ import annotations

import io
import sys
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, TextIO

from segment.cli.terminal import print_message
from segment.config.config import SegmentConfig
from segment.core.errors import SettingsError
from segment.runs.job import Job, plan_jobs

__all__ = ["STANDARD", "discard_stdout", "plan_piped_job", "replace_closed_streams"]

STANDARD = Path("-")
_STDIN_NAME = Path("stdin")


class _Discarded(io.TextIOBase):
    """Text stream that forgets what is written."""

    def write(self, text: str, /) -> int:
        """Forget a text."""
        return len(text)


def discard_stdout() -> None:
    """Go on without stdout, whose reader has gone: the files of the results are written all the same."""
    sys.stdout = _Discarded()
    print_message("Nobody reads stdout any more: the run goes on without it.")


def replace_closed_streams() -> None:
    """Open stdout and stderr as the null device where they are closed: libraries write to them, in workers too."""
    for number, name in enumerate(("stdout", "stderr"), start=1):
        if getattr(sys, name) is not None:
            continue
        from segment.runs.workers.child_process import open_null_device

        open_null_device(number)
        setattr(sys, name, _Discarded())


def plan_piped_job(inputs: tuple[Path, ...], output: Path, config: SegmentConfig) -> Job:
    """Plan the job of a run whose input or output is ``-``.

    Parameters
    ----------
    inputs : tuple of Path
        One path, or :data:`STANDARD` for stdin.
    output : Path
        The folder for results, or :data:`STANDARD` for stdout.
    config : SegmentConfig

    Raises
    ------
    SettingsError
        If there are other inputs, more than one file to pipe out, all pages are asked for, or a terminal is at the end
        of the pipe.
    """
    if len(inputs) != 1:
        raise SettingsError(f"INPUT: one image, where it or the output is -; got {len(inputs)}.")
    if config.page == "all":
        raise SettingsError("page (--page): one page of an image that is piped in or out; got all. Give a file.")
    (source,) = inputs
    # The job is planned as for a file called stdin in the current folder; nothing is written there.
    folder = Path() if output == STANDARD else output
    (job,) = plan_jobs([_STDIN_NAME if source == STANDARD else source], folder, config)
    if output == STANDARD:
        if len(job.list_results(config)) != 1:
            files = ", ".join(path.name for path in job.list_results(config)[:3])
            raise SettingsError(f"save (--save): a product of one file with -o -, such as labels; got {files}.")
        job = replace(job, pipe_out=_open_raw(sys.stdout, "output (-o): - is stdout", "Pipe it on, or give a folder."))
    if source == STANDARD:
        job = replace(job, pipe_in=_open_raw(sys.stdin, "INPUT: - is stdin", "Pipe an image file into it."))
    return job


def _open_raw(stream: TextIO | None, what: str, remedy: str) -> BinaryIO:
    """Open the bytes of a standard stream."""
    if stream is None or stream.closed:
        raise SettingsError(f"{what}, which is not open; got nothing. {remedy}")
    if stream.isatty():
        raise SettingsError(f"{what}, which takes no terminal; got one. {remedy}")
    # Without a buffer: one that is still full when the pipe breaks would fail again as the process ends.
    return io.FileIO(stream.fileno(), "rb" if stream is sys.stdin else "wb", closefd=False)
