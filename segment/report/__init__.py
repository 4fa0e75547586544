"""Segmentations as pages: self-contained HTML that opens anywhere, without a network."""
