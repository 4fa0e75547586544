"""What neighbouring pixels know of each other. Arrays only."""
