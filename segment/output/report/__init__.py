"""Render results as HTML pages."""
