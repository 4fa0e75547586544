"""Processes and Dask workers."""
