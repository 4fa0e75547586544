"""Stage 5: clean a label image."""
