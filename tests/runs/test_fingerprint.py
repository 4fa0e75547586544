"""Fingerprints of files."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import Path

from segment.runs.fingerprint import compute_fingerprint


def test_a_fingerprint_tells_versions_of_a_file_apart(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"one")
    first = compute_fingerprint(path)
    assert first is not None
    assert (first.bytes, first.sha256) == (3, hashlib.sha256(b"one").hexdigest())
    path.write_bytes(b"two")
    os.utime(path, ns=(1, 1))
    second = compute_fingerprint(path, first)
    assert second is not None
    assert second.sha256 == hashlib.sha256(b"two").hexdigest()


def test_a_file_of_known_size_and_time_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"one")
    found = compute_fingerprint(path)
    assert found is not None
    known = replace(found, sha256="known")
    assert compute_fingerprint(path, known) is known


def test_what_is_no_regular_file_has_none(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in ("pipe", ".", "nothing"):
        assert compute_fingerprint(tmp_path / name) is None
    assert compute_fingerprint(Path("/dev/zero")) is None
