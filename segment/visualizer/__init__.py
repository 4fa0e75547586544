"""Arrays to pictures: panels with titles and legends for a screen, and overlays of the image's full size."""
