"""The lock on GDAL's block cache."""

from __future__ import annotations

import threading

__all__ = ["GDAL_LOCK"]

GDAL_LOCK = threading.RLock()
"""GDAL's block cache is shared by all files and not thread-safe: a read can flush another file's changed blocks."""
