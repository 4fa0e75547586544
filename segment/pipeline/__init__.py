"""The stages in order. Start reading in pipeline.py."""
