"""Who is let in: by Host, Origin and token."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

pytest.importorskip("starlette", reason="the page needs Starlette: pip install 'gmm-segment[serve]'")

from segment.web.protection import Protection

TOKEN = "secret-token"


def ask(headers: dict[str, str], *, listens: str = "127.0.0.1", path: str = "/api/images", query: str = "") -> Any:
    """The first message of the answer to a request that the application would answer with 200."""
    sent: list[dict[str, Any]] = []

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": "GET", "path": path, "query_string": query.encode(), "headers": pairs}
    asyncio.run(Protection(app, token=TOKEN, host=listens)(scope, None, send))
    return sent[0]


HOST = {"host": "127.0.0.1:8000"}
GOOD = {**HOST, "authorization": f"Bearer {TOKEN}"}


def test_a_request_with_the_token_is_let_in_and_its_answer_protected() -> None:
    for answer in (ask(GOOD), ask(HOST, query=f"token={TOKEN}"), ask(HOST, path="/static/app.js")):
        assert answer["status"] == 200
        headers = {name.decode(): value.decode() for name, value in answer["headers"]}
        assert headers["content-security-policy"].startswith("default-src 'self'; ")
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert not [name for name in headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    "headers",
    [
        HOST,
        {**HOST, "authorization": "Bearer other"},
        {**HOST, "authorization": f"Basic {TOKEN}"},
        {**HOST, "authorization": f"Bearer {TOKEN}x"},
        {**HOST, "cookie": f"token={TOKEN}"},
    ],
)
def test_without_the_token_nothing_is_told(headers: dict[str, str]) -> None:
    assert ask(headers)["status"] == 401
    assert ask(headers, path="/")["status"] == 401


@pytest.mark.parametrize(
    ("host", "listens", "status"),
    [
        ("localhost:1", "127.0.0.1", 200),
        ("[::1]:1", "127.0.0.1", 200),
        ("attacker.example", "127.0.0.1", 403),
        ("127.0.0.1.attacker.example", "127.0.0.1", 403),
        ("192.168.0.7:80", "127.0.0.1", 403),
        ("192.168.0.7:80", "0.0.0.0", 200),
        ("attacker.example", "0.0.0.0", 403),
        ("studio.example:80", "studio.example", 200),
        ("", "127.0.0.1", 403),
        ("[", "127.0.0.1", 403),
    ],
)
def test_the_host_is_one_of_this_machine(host: str, listens: str, status: int) -> None:
    assert ask({**GOOD, "host": host}, listens=listens)["status"] == status
    # The page itself too: another name of this machine is another site.
    assert ask({**HOST, "host": host}, listens=listens, path="/static/app.js")["status"] == status


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ({"origin": "http://127.0.0.1:8000"}, 200),
        ({"origin": "http://127.0.0.1:9000"}, 403),
        ({"origin": "http://attacker.example"}, 403),
        ({"origin": "null"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-origin"}, 200),
    ],
)
def test_other_sites_are_refused_even_with_the_token(origin: dict[str, str], status: int) -> None:
    assert ask({**GOOD, **origin})["status"] == status
