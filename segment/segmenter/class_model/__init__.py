"""Saved classes: a mixture with the names and the preprocessing that belong to it."""
