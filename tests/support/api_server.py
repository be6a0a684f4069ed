"""A server on loopback that answers in any bytes, and remembers what it was asked."""

from __future__ import annotations

import socket
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from io import BufferedReader
from typing import Any, Final, NamedTuple

__all__ = ["ApiServer", "always", "serve_api", "write_reply"]

PATIENCE: Final = 30.0
HELLO: Final = b"\x16"
"""How a client begins that speaks TLS."""
JSON: Final = (("content-type", "application/json"),)


class ApiServer(NamedTuple):
    """Where it is, what it was asked on how many connections, and what says that it ends."""

    url: str
    requests: list[bytes]
    connections: list[tuple[str, int]]
    closing: threading.Event


def write_reply(
    body: bytes,
    status: str = "200 OK",
    headers: Iterable[tuple[str, str]] = JSON,
    *,
    length: int | None = None,
) -> bytes:
    """Write a reply; ``length`` is what it says of its body, if that is not true."""
    lines = [f"HTTP/1.1 {status}", f"content-length: {len(body) if length is None else length}"]
    lines += [f"{name}: {value}" for name, value in headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def always(raw: bytes) -> Callable[[str], Iterable[bytes]]:
    """Return what answers every request with the same bytes."""
    return lambda _: [raw]


@contextmanager
def serve_api(
    answer: Callable[[str], Iterable[bytes]],
    *,
    keep_alive: bool = False,
    tls: ssl.SSLContext | None = None,
) -> Iterator[ApiServer]:
    """Serve what ``answer`` says of a target, piece by piece; a client that leaves is no error."""
    requests: list[bytes] = []
    connections: list[tuple[str, int]] = []
    closing = threading.Event()

    class Handler(socketserver.StreamRequestHandler):
        timeout = PATIENCE
        rfile: BufferedReader

        def handle(self) -> None:
            connections.append(self.client_address)
            try:
                while request := read_request(self.rfile):
                    requests.append(request)
                    for piece in answer(request.split(b" ", 2)[1].decode()):
                        self.wfile.write(piece)
                        self.wfile.flush()
                    if not keep_alive:
                        return
            except OSError:
                return

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = False
        block_on_close = True
        allow_reuse_address = True

        def get_request(self) -> tuple[socket.socket, Any]:
            one, address = super().get_request()
            return (tls.wrap_socket(one, server_side=True) if tls else one), address

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            port = server.server_address[1]
            scheme = "https" if tls else "http"
            yield ApiServer(f"{scheme}://127.0.0.1:{port}/v1", requests, connections, closing)
        finally:
            closing.set()
            server.shutdown()
            thread.join()


def read_request(lines: BufferedReader) -> bytes:
    """Read a request without a body; nothing where the connection has ended, or speaks TLS."""
    held = bytearray()
    if lines.peek(1)[:1] == HELLO:
        return b""
    for line in lines:
        held += line
        if line == b"\r\n":
            break
    return bytes(held)
