"""Rasters larger than memory, tile by tile."""
