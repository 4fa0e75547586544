"""Garbage collection and freed memory of the program."""

from __future__ import annotations

import contextlib
import gc
import platform
import resource
import subprocess
import sys

import pytest

from segment.cli.main import main


def test_garbage_is_collected_rarely_only_in_its_own_process() -> None:
    script = (
        "import atexit, gc; from segment.__main__ import main; "
        "atexit.register(lambda: print(gc.get_threshold()[0], gc.get_freeze_count() > 10_000)); main()"
    )
    done = subprocess.run([sys.executable, "-c", script, "--version"], capture_output=True, check=True)
    assert done.stdout.split()[-2:] == [b"100000", b"True"]
    before = gc.get_threshold()
    with contextlib.suppress(SystemExit):
        main(["--version"])
    assert gc.get_threshold() == before


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only GNU's C library is asked to keep memory")
def test_freed_memory_is_reused() -> None:
    script = (
        "import resource, segment.core.process_memory as m; m.keep_freed_memory(); x = b'x' * 2**24; del x; "
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt; x = b'y' * 2**24; "
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert int(done.stdout) < 2**24 / resource.getpagesize() / 2


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only GNU's C library is asked to give memory back")
def test_freed_memory_is_given_back() -> None:
    script = (
        "import segment.core.process_memory as m; m.keep_freed_memory(); "
        "read = lambda: int(open('/proc/self/statm').read().split()[1]) * 4096; "
        "x = [b'x' * (2**20 + i) for i in range(64)]; y = x[1::2]; x = None; before = read(); "
        "m.return_freed_memory(); print(before - read())"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert int(done.stdout) > 2**24
