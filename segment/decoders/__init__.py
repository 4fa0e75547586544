"""Decoders: an open file -> Image. One module per family of formats; :mod:`segment.loader` chooses."""
