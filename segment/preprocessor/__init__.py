"""Stage 2: size, noise, grayscale and the working copy of an Image."""
