"""The site, built offline by Sphinx: python -m sphinx -W -j 2 docs docs/_build."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_extensions"))

from segment.core.version import __version__  # noqa: E402

project = "segment"
author = "the developers of segment"
copyright = f"2026, {author}"  # noqa: A001
version = release = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "mathml",
    "numpydoc",
    "sphinx_click",
    "sphinx_gallery.gen_gallery",
    "benchmark_notes",
    "house_drawing",
]
exclude_patterns = [
    "_build",
    "_extensions",
    "guides",
    "gallery",
    "how",
    "**/*.ipynb",
    "auto_*/*.md5",
]
suppress_warnings = ["config.cache"]
smartquotes = False  # -- begins an option

html_theme = "pydata_sphinx_theme"
html_title = f"segment {version}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "navbar_align": "left",
    "header_links_before_dropdown": 8,
    "show_prev_next": True,
    "secondary_sidebar_items": ["page-toc"],
}
html_sidebars = {"start": [], "index": []}
# Formulas are drawn by the browser itself, so that pages need no network.
html_math_renderer = "mathml"

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3

autosummary_generate = True
autodoc_typehints = "none"
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False

sphinx_gallery_conf = {
    "examples_dirs": ["guides", "gallery", "how"],
    "gallery_dirs": ["auto_guides", "auto_gallery", "auto_how"],
    "filename_pattern": r"\.py$",
    "within_subsection_order": "FileNameSortKey",
    "download_all_examples": False,
    "show_signature": False,
    "remove_config_comments": True,
    "min_reported_time": 1e9,
    "show_memory": False,
    "plot_gallery": True,
    "only_warn_on_example_error": True,
    "capture_repr": ("_repr_html_",),
    "parallel": True,
    "image_scrapers": ("matplotlib",),
}
warnings.filterwarnings("ignore", message=".*Agg, which is a non-GUI backend.*")
