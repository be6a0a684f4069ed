"""The HTTP server: uvicorn, with a deadline for every request and a cap on connections."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final

import anyio
import h11
import uvicorn
from anyio.abc import TaskStatus
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from stream.daemon.config import Http
from stream.daemon.guard import HEADERS
from stream.daemon.tls import TlsConnection
from stream.records.errors import Unavailable

__all__ = ["open_socket", "serve_app"]

REQUEST_SECONDS: Final = 10.0
"""From a connection, or the first byte of its next request, to the end of the response.

An answer that has begun, and of which everything that was sent has been taken, has them anew.
"""
IDLE_SECONDS: Final = 75
"""How long a connection may be kept without a request; longer than scrape intervals usually are."""
CONNECTIONS: Final = 512
"""Half of the descriptors that a process usually may have."""
ACCEPTED: Final = 64
"""How many connections are accepted before those that are there are looked at."""
QUEUE: Final = 1024
LARGEST_HEAD: Final = 16 * 1024


def open_socket(http: Http) -> socket.socket:
    """Open the socket.

    Raises:
        Unavailable: the address is in use, or is none of this machine's.
    """
    host, port = http.address
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        opened = socket.socket(family, kind, protocol)
        try:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            opened.bind(address)
            opened.listen(QUEUE)
        except OSError:
            opened.close()
            raise
    except OSError as error:
        raise Unavailable(
            f"http.listen: {http.listen}: cannot be listened on ({error.strerror})"
        ) from None
    opened.settimeout(0)
    return opened


class GuardedConnection(H11Protocol):
    """A connection with a deadline; when there are too many, the one that has waited longest goes.

    A half-open connection costs one entry and no thread, and nobody who sends slowly, or does not
    take what is sent, can hold on to it. A response in pieces has the deadline for each of them.
    It ends when the last byte has left; a request that came with the one before (pipelining) then
    gets a deadline of its own.
    """

    carrier: asyncio.Transport | None = None
    """What carries the connection, where it is protected."""
    _deadline: asyncio.TimerHandle | None = None
    _answered = False
    """Whether a response is complete, but has not left."""
    _has_drained = False
    """Whether everything has left, once, since the deadline began."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn
        """Start the deadline, and make room."""
        super().connection_made(transport)
        # resume_writing says that everything has left; at 0 TLS would wait with nothing to send.
        transport.set_write_buffer_limits(high=0 if self.carrier is None else 1)
        self._hurry()
        if len(self.connections) > CONNECTIONS:
            waiting = [one for one in self.connections if one is not self and not is_busy(one)]
            eldest = min(waiting, key=deadline_of, default=self)
            self.connections.discard(eldest)
            eldest.transport.abort()

    def data_received(self, data: bytes) -> None:
        """Take bytes; the first of a request start its deadline."""
        self._hurry()
        super().data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the deadline."""
        self._relax()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        """End the deadline if everything has left: the client may keep the connection."""
        self._answered = self.unsent > 0
        if not self._answered:
            self._relax()
        super().on_response_complete()
        if not self._answered:
            self._go_on()

    def resume_writing(self) -> None:
        """Go on writing, or end the deadline."""
        super().resume_writing()
        self.note_sent()

    def note_sent(self) -> None:
        """End the deadline of a response that was complete before, if everything has left."""
        if self.unsent:
            return
        self._has_drained = True
        if self._answered:
            self._answered = False
            self._relax()
            self._go_on()

    @property
    def unsent(self) -> int:
        """How many bytes have not left."""
        carried = 0 if self.carrier is None else self.carrier.get_write_buffer_size()
        return self.transport.get_write_buffer_size() + carried

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP, and end the connection."""
        if self.conn.our_state not in {h11.IDLE, h11.SEND_RESPONSE}:
            self.transport.abort()
            return
        body = f"{msg}\n".encode()
        fields = {
            "content-type": "text/plain; charset=utf-8",
            "content-length": str(len(body)),
            "connection": "close",
            **HEADERS,
        }
        refusal = h11.Response(status_code=400, headers=list(fields.items()), reason="Bad Request")
        for event in (refusal, h11.Data(data=body), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def _go_on(self) -> None:
        if is_busy(self) or self.conn.trailing_data[0]:
            self._hurry()

    def _hurry(self) -> None:
        if self._deadline is None:
            self._has_drained = False
            self._deadline = self.loop.call_later(REQUEST_SECONDS, self._expire)

    def _relax(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _expire(self) -> None:
        self._deadline = None
        cycle: Any = self.cycle
        is_amid = cycle is not None and cycle.response_started and not cycle.response_complete
        if is_amid and (self._has_drained or not self.unsent):
            self._hurry()  # what takes long is not the client's doing
            return
        self.transport.abort()


def is_busy(connection: Any) -> bool:
    """Tell whether a connection's request is being answered, or an answer has yet to leave."""
    cycle = connection.cycle
    return connection.unsent > 0 or (cycle is not None and not cycle.response_complete)


def deadline_of(connection: Any) -> float:
    """Return when a connection's deadline ends; one without is idle, and goes first."""
    deadline = getattr(connection, "_deadline", None)
    return 0.0 if deadline is None else deadline.when()


class Server(uvicorn.Server):
    """uvicorn's server, which leaves signals to the daemon and does not tick while idle."""

    def __init__(self, config: uvicorn.Config) -> None:
        """Serve until :attr:`stop_event` is set."""
        super().__init__(config)
        self.stop_event = anyio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to listen; what cannot be accepted at once waits in the kernel's queue."""
        await super().startup(sockets)
        for one in sockets or []:
            one.listen(QUEUE)

    def capture_signals(self) -> AbstractContextManager[None]:  # type: ignore[override]  # narrower
        """Leave signals alone."""
        return nullcontext()

    async def main_loop(self) -> None:
        """Wait until the server is to stop."""
        await self.stop_event.wait()


async def serve_app(
    app: ASGIApp,
    opened: socket.socket,
    context: Callable[[], ssl.SSLContext | None] = lambda: None,
    *,
    task_status: TaskStatus[Server] = anyio.TASK_STATUS_IGNORED,
) -> None:
    """Serve an app on an open socket until the server's ``stop_event`` is set.

    ``context`` is asked with each connection for what protects it; ``None``: nothing does.
    """
    handshakes: list[TlsConnection] = []

    def begin_connection(**uvicorns: Any) -> asyncio.BaseProtocol:
        plain = GuardedConnection(**uvicorns)
        protection = context()
        if protection is None:
            return plain
        return TlsConnection(plain, protection, handshakes, REQUEST_SECONDS)

    config = uvicorn.Config(
        app,
        http=begin_connection,  # type: ignore[arg-type]  # it makes one, as a class does
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=2,
        h11_max_incomplete_event_size=LARGEST_HEAD,
        backlog=ACCEPTED,
    )
    server = Server(config)
    task_status.started(server)
    await server.serve(sockets=[opened])
