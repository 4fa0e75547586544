"""Saved classes: a fitted mixture with the names, features and preprocessing that belong to it, as a JSON file."""
