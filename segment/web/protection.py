"""Who may talk to the server: the Host and Origin of a request, its token, and the headers of every answer."""

from __future__ import annotations

import hmac
import ipaddress
import socket
from collections.abc import Iterable
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["Protection"]

_LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
_EVERYWHERE = frozenset({"0.0.0.0", "::"})
# Without a token: the parts of the page, which hold nothing of the user.
_OPEN_PREFIX = "/static/"
HEADERS = {
    "content-security-policy": "default-src 'self'; frame-ancestors 'none'; form-action 'none'; base-uri 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


class Protection:
    """Answer what another site, another name of this machine, or somebody without the token asks for with a refusal.

    Parameters
    ----------
    app : ASGI application
        It gets all other requests.
    token : str
    host : str
        What the server listens on.
    """

    def __init__(self, app: ASGIApp, *, token: str, host: str) -> None:
        self._app, self._token = app, token.encode()
        self._names = _LOCAL_NAMES | {host.lower()}
        self._takes_addresses = host in _EVERYWHERE
        if self._takes_addresses:
            self._names |= {socket.gethostname().lower()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
            await send(message)

        refusal = self._find_refusal(scope)
        if refusal:
            status, text = refusal
            await JSONResponse({"error": text}, status)(scope, receive, send_with_headers)
        else:
            await self._app(scope, receive, send_with_headers)

    def _find_refusal(self, scope: Scope) -> tuple[int, str] | None:
        """Find out why a request is refused; None if it is not."""
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        # A name that an attacker's server resolves to this machine is none of these: DNS rebinding ends here.
        if not self._is_known(host):
            return 403, "Host: the address that the server printed; got another one. Open that address."
        origin = headers.get("origin")
        if (origin is not None and urlsplit(origin).netloc != host) or headers.get("sec-fetch-site") == "cross-site":
            return 403, "Origin: the page of this server; got another site's. Open the address that the server printed."
        if scope["path"].startswith(_OPEN_PREFIX):
            return None
        # As text: parse_qs of bytes fails where a value, such as the name of a file, is not ASCII.
        query = parse_qs(scope["query_string"].decode("latin-1"))
        if not self._has_token(headers.get("authorization", ""), query.get("token", ())):
            return 401, "token: the one in the address that the server printed; got none or another. Open that address."
        return None

    def _is_known(self, host: str) -> bool:
        """Tell whether a Host header names this server; its port may be that of a tunnel or a container."""
        try:
            name = (urlsplit(f"//{host}").hostname or "").lower()
            if self._takes_addresses and name not in self._names:
                ipaddress.ip_address(name)
                return True
        except ValueError:
            return False
        return name in self._names

    def _has_token(self, authorization: str, given: Iterable[str]) -> bool:
        """Tell whether a request has the token, in a header or in its query."""
        kind, _, value = authorization.partition(" ")
        tokens = [*given, *([value.strip()] if kind.lower() == "bearer" else [])]
        # In a time that does not depend on where two tokens differ.
        return any(hmac.compare_digest(token.encode(), self._token) for token in tokens)
