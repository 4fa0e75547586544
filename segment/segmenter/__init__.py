"""Stage 4: from cells and a spatial model to a label image."""
