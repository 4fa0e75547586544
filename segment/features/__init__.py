"""Stage 3: from an Image to pixel features and weighted cells."""
