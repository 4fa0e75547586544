"""Garbage collection and freed memory of the program."""

from __future__ import annotations

import gc
import platform
import resource
import subprocess
import sys

import pytest
from program_runs import Program


def test_garbage_is_collected_rarely_only_in_its_own_process(run_program: Program) -> None:
    script = (
        "import atexit, gc; from segment.__main__ import main; "
        "atexit.register(lambda: print(gc.get_threshold()[0], gc.get_freeze_count() > 10_000)); main()"
    )
    done = subprocess.run([sys.executable, "-c", script, "--version"], capture_output=True, check=True)
    assert done.stdout.split()[-2:] == [b"100000", b"True"]
    before = gc.get_threshold()
    run_program("--version")
    assert gc.get_threshold() == before


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only GNU's C library is asked to keep memory")
def test_freed_memory_is_reused() -> None:
    script = (
        "import resource, segment.cli.process_memory as m; m.keep_freed_memory(); x = b'x' * 2**24; del x; "
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt; x = b'y' * 2**24; "
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert int(done.stdout) < 2**24 / resource.getpagesize() / 2
