"""Gaussian mixtures on weighted cells: the engine. Arrays only; nothing here knows what an image is."""
