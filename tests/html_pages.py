"""What tests of HTML pages share."""

from __future__ import annotations

from html.parser import HTMLParser

MARKUP = '<script>alert("x")</script>&'  # text that must be escaped in a page


class _LinkCollector(HTMLParser):
    """Collect what a page refers to."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []

    def handle_starttag(self, _tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [str(value) for name, value in attrs if name in ("src", "href", "srcset", "action", "data")]


def list_links(page: str) -> list[str]:
    """List every file, page or picture that a page refers to."""
    collector = _LinkCollector()
    collector.feed(page)
    return collector.links
