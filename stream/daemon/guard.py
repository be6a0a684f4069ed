"""Who may ask: Host and Origin are checked, and a bearer token where there is one."""

from __future__ import annotations

import hmac
import ipaddress
import re
import ssl
from collections.abc import Callable
from typing import Final, NamedTuple

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["HEADERS", "Access", "Guard"]

OPEN: Final = frozenset({"/healthz", "/readyz"})
"""What tells nothing but whether the daemon is well; probes ask without a token."""
HOST: Final = re.compile(r"(?:\[([^\[\]]+)\]|([^\[\]:]+))(?::[0-9]{1,5})?")
HEADERS: Final = {
    "cache-control": "no-store",
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    ),
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}


class Access(NamedTuple):
    """Names that Host may carry, and the token that must be shown, if any.

    ``context`` is what protects connections: the certificate; ``None``: nothing does.
    """

    hosts: frozenset[str]
    token: bytes | None
    context: ssl.SSLContext | None


class Guard:
    """Refuses what may not ask, before the app sees it; ``access`` is asked for each request.

    A page of another site can send requests to a loopback address, by a name that it lets resolve
    to it. So Host must be an IP address, localhost or a configured name, and Origin the same.
    """

    def __init__(self, app: ASGIApp, access: Callable[[], Access]) -> None:
        """Guard ``app``."""
        self.app = app
        self.access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or have it answered."""
        if scope["type"] != "http":
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [
                    *message["headers"],
                    *((name.encode(), value.encode()) for name, value in HEADERS.items()),
                ]
            await send(message)

        answer = self.refusal(scope) or self.app
        await answer(scope, receive, with_headers)

    def refusal(self, scope: Scope) -> PlainTextResponse | None:
        """Return why a request is refused; ``None`` when it is not."""
        headers, access = Headers(scope=scope), self.access()
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not is_allowed(hosts[0], access.hosts):
            return PlainTextResponse("this Host is not served; see http.hosts\n", 421)
        origin = headers.get("origin")
        if origin is not None and origin.lower() != f"{scope['scheme']}://{hosts[0]}".lower():
            return PlainTextResponse("other origins may not ask\n", 403)
        if access.token is None or scope["path"] in OPEN:
            return None
        scheme, _, shown = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and hmac.compare_digest(
            shown.strip().encode(errors="surrogateescape"), access.token
        ):
            return None
        return PlainTextResponse(
            "a bearer token is wanted\n", 401, headers={"www-authenticate": "Bearer"}
        )


def is_allowed(host: str, names: frozenset[str]) -> bool:
    """Tell whether a Host may be served: an address cannot be made to resolve to another."""
    match = HOST.fullmatch(host.lower())
    if match is None:
        return False
    name = match[1] or match[2]
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return name == "localhost" or name in names
    return True
