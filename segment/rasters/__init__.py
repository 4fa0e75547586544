"""Rasters larger than memory: read in tiles, segmented with one mixture, written in tiles."""
