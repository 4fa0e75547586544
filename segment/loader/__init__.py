"""Stage 1: read a file as an Image."""
