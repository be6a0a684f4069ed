"""Requests as no well-behaved client sends them: with any headers, and in any bytes."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Iterable
from typing import Final

from tests.support.daemons import PATIENCE, Answer, Daemon

REQUEST: Final = b"GET %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n"

SECURE: Final = {
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
"""Headers that every answer has, beside the content security policy."""


def asked(
    running: Daemon, path: str, *headers: tuple[str, str], method: str = "GET", version: int = 11
) -> Answer:
    """Send a request with these headers and no others; ``Host`` can be left out or doubled."""
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=PATIENCE)
    connection._http_vsn = version  # type: ignore[attr-defined]  # noqa: SLF001 -- there is no other way to speak 1.0
    connection._http_vsn_str = f"HTTP/1.{version % 10}"  # type: ignore[attr-defined]  # noqa: SLF001 -- as above
    try:
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in headers:
            connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        return Answer(answer.status, dict(answer.headers.items()), answer.read())
    finally:
        connection.close()


def opened(port: int, sent: bytes = b"", *, window: int = 0) -> socket.socket:
    """Connect and send some bytes; a ``window`` is how much may arrive before it is taken."""
    one = socket.socket()
    one.settimeout(PATIENCE)
    if window:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
    one.connect(("127.0.0.1", port))
    one.sendall(sent)
    return one


def request(path: str, *headers: str) -> bytes:
    """Write a request."""
    return REQUEST % (path.encode(), b"".join(f"{line}\r\n".encode() for line in headers))


def rest(one: socket.socket) -> bytes:
    """Read until the other side ends the connection, in whatever way; then close it."""
    found = bytearray()
    with one:
        try:
            while chunk := one.recv(1 << 16):
                found += chunk
        except ConnectionError:
            pass
    return bytes(found)


def close(sockets: Iterable[socket.socket]) -> None:
    """Close connections."""
    for one in sockets:
        one.close()
