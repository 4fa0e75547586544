"""Libraries that start threads, whatever is installed: what NumPy uses, old versions of threadpoolctl may not find."""

from __future__ import annotations

from typing import Any

import pytest


class FakeLibraries:
    """They start two threads, or as many as they are limited to."""

    def __init__(self) -> None:
        self.n_threads = 2

    @classmethod
    def install(cls, monkeypatch: pytest.MonkeyPatch) -> FakeLibraries:
        """Let them be the only libraries that are found."""
        libraries = cls()
        monkeypatch.setattr("segment.core.threads._find_libraries", lambda _: libraries)
        return libraries

    def limit(self, *, limits: int) -> FakeLibraries:
        self.n_threads = limits
        return self

    def restore_original_limits(self) -> None:
        self.n_threads = 2


def make_recorder(libraries: FakeLibraries, work: Any, found: set[int]) -> Any:
    """Make a function that does some work and notes how many threads the libraries may start meanwhile."""

    def record(*given: Any, **settings: Any) -> Any:
        found.add(libraries.n_threads)
        return work(*given, **settings)

    return record
