"""Draw results as RGB pictures."""
