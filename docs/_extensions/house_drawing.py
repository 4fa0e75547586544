"""Draw the rooms of the package and what they import from each other, as the code has them now."""

from __future__ import annotations

import ast
from collections import defaultdict
from functools import cache
from graphlib import TopologicalSorter
from html import escape
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import Directive
from sphinx.application import Sphinx

__all__ = ["setup"]

PACKAGE = Path(__file__).parents[2] / "segment"
WIDTH, ROW, BOX_WIDTH, BOX_HEIGHT = 900, 92, 138, 44


class HouseDirective(Directive):
    """The drawing."""

    def run(self) -> list[nodes.Node]:
        """Make the node of the drawing."""
        return [nodes.raw("", draw_house(), format="html")]


class RoomsDirective(Directive):
    """A list of the rooms with the first line of their documentation and their size."""

    def run(self) -> list[nodes.Node]:
        """Make the list, from the ground up."""
        items = nodes.definition_list()
        for room, level in sorted(
            find_levels().items(), key=lambda pair: (pair[1], pair[0])
        ):
            files = sorted((PACKAGE / room).rglob("*.py"))
            lines = sum(
                len(path.read_text(encoding="utf-8").splitlines()) for path in files
            )
            text = (
                ast.get_docstring(
                    ast.parse((PACKAGE / room / "__init__.py").read_text(encoding="utf-8"))
                )
                or ""
            )
            item = nodes.definition_list_item()
            item += nodes.term("", "", nodes.literal("", f"segment/{room}"))
            below = ", ".join(sorted(find_imports()[room])) or "nothing"
            words = f"{text.splitlines()[0]} {len(files)} files, {lines} lines; imports from {below}."
            item += nodes.definition("", nodes.paragraph("", words))
            items += item
            assert level >= 0
        return [items]


@cache
def find_imports() -> dict[str, set[str]]:
    """Find the rooms that each room imports from."""
    rooms = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    found: dict[str, set[str]] = {room: set() for room in rooms}
    for room in rooms:
        for path in (PACKAGE / room).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                names += (
                    [alias.name for alias in node.names]
                    if isinstance(node, ast.Import)
                    else []
                )
                parts = [name.split(".") for name in names if name.startswith("segment.")]
                found[room] |= {part[1] for part in parts if part[1] in rooms} - {room}
    return found


def find_levels() -> dict[str, int]:
    """Find the level of each room: one above the highest of those that it imports from."""
    levels: dict[str, int] = {}
    for room in TopologicalSorter(find_imports()).static_order():
        levels[room] = 1 + max(
            (levels[below] for below in find_imports()[room]), default=-1
        )
    return levels


def draw_house() -> str:
    """Draw the rooms as SVG, the lowest at the bottom; lines lead to what a room imports from."""
    rows: dict[int, list[str]] = defaultdict(list)
    for room, level in sorted(find_levels().items()):
        rows[level].append(room)
    top = max(rows)
    center = {
        room: (WIDTH * (index + 1) // (len(rooms) + 1), ROW * (top - level) + ROW // 2)
        for level, rooms in rows.items()
        for index, room in enumerate(rooms)
    }
    levels = find_levels()
    parts = []
    for room, below in sorted(find_imports().items()):
        for other in sorted(below):
            (x, y), (u, v) = center[room], center[other]
            # What is imported from far below is there for all: only steps of one or two levels are drawn strongly.
            near = levels[room] - levels[other] <= 2
            parts.append(
                f'<path class="{"near" if near else "far"}" d="M{x},{y + BOX_HEIGHT // 2} '
                f'C{x},{y + ROW // 2} {u},{v - ROW // 2} {u},{v - BOX_HEIGHT // 2}"/>'
            )
    for room, (x, y) in sorted(center.items()):
        parts.append(
            f'<rect x="{x - BOX_WIDTH // 2}" y="{y - BOX_HEIGHT // 2}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="8"/>'
            f'<text x="{x}" y="{y + 6}">{escape(room)}</text>'
        )
    return (
        f'<svg class="house" viewBox="0 0 {WIDTH} {ROW * (top + 1)}" role="img" '
        f'aria-label="Rooms of the package and their imports">{"".join(parts)}</svg>'
    )


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directives."""
    app.add_directive("house-drawing", HouseDirective)
    app.add_directive("house-rooms", RoomsDirective)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
