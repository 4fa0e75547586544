"""Show the notes of the benchmarks, which lie beside the programs that measure, as pages of the site."""

from __future__ import annotations

import re
from pathlib import Path

from sphinx.application import Sphinx

__all__ = ["setup"]

NOTES = Path(__file__).parents[2] / "tests" / "benchmarks"


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the two replacements."""
    app.connect("source-read", _replace_source)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _replace_source(app: Sphinx, docname: str, source: list[str]) -> None:
    """Put a note in place of a page that only names it, and let links to notes lead to their pages."""
    folder, _, name = docname.rpartition("/")
    if folder == "measured" and name != "index":
        path = NOTES / f"{name.upper()}.md"
        app.env.note_dependency(str(path))
        text = path.read_text(encoding="utf-8").replace("](../../docs/", "](../")
        text = re.sub(
            r"\]\(([A-Z]+)\.md\)", lambda found: f"]({found[1].lower()}.md)", text
        )
        source[0] = text.replace("](growth.png)", "](../../tests/benchmarks/growth.png)")
        return
    up = "../" * docname.count("/")
    source[0] = re.sub(
        r"\]\((?:\.\./)+tests/benchmarks/([A-Z]+)\.md\)",
        lambda found: f"]({up}measured/{found[1].lower()}.md)",
        source[0],
    )
    # Other texts that lie beside the code are no pages of the site: their place is named.
    source[0] = re.sub(
        r"\[([^]]*)\]\((?:\.\./)+((?:segment|tests|images)/[^)]+\.md)\)",
        r"\1 (`\2`)",
        source[0],
    )
