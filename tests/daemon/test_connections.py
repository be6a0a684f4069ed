"""A connection has a deadline for each request, and there are only so many of them."""

from __future__ import annotations

import asyncio
import select
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from typing import Any

import anyio
import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from starlette.types import Receive, Scope, Send

from stream.daemon import http_server
from stream.daemon.config import Http
from stream.records.errors import Unavailable
from tests.support.asking import opened, request, rest
from tests.support.daemons import PATIENCE
from tests.support.prometheus import free_port

LARGE = 64 * 1024 * 1024
"""More than kernels keep for one connection."""
PIECE = 1024 * 1024
DEADLINE = 30.0
"""Seconds of the server's clock: much more than a test takes, and it passes when a test says so."""
POST = b"POST %s HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
OK = b"HTTP/1.1 200 "


class App:
    """Answers with the path; /large with very much, /pieces with that in pieces.

    /never is never answered, and /held when it is let go.
    """

    def __init__(self) -> None:
        """Hold what is held."""
        self.held = anyio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        path = scope["path"]
        if path == "/never":
            while (await receive())["type"] != "http.disconnect":
                pass
            return
        body = b"x" * LARGE if path in {"/large", "/pieces"} else path.encode()
        headers = [(b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        if path == "/held":
            await self.held.wait()
        while path == "/pieces" and body:
            piece, body = body[:PIECE], body[PIECE:]
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": body})


class Loop(asyncio.SelectorEventLoop):
    """An event loop whose clock can be put forward."""

    ahead = 0.0

    def time(self) -> float:
        """Return the seconds."""
        return super().time() + self.ahead


class Server:
    """The server under test; connections to it are closed when the test ends."""

    def __init__(self, portal: BlockingPortal, port: int, connections: ExitStack) -> None:
        """Connect to ``port``; what serves there runs in the portal's loop."""
        self.portal = portal
        self.port = port
        self.connections = connections
        self.app = portal.call(App)
        self.served: set[Any] = set()

    def connect(self, sent: bytes = b"", *, window: int = 0) -> socket.socket:
        """Connect and send some bytes."""
        return self.connections.enter_context(opened(self.port, sent, window=window))

    def let_go(self) -> None:
        """Let what is held be answered."""
        self.portal.call(self.app.held.set)

    def wait_until(self, one: socket.socket, holds: Callable[[Any], bool]) -> None:
        """Wait until something holds of the server's end of a connection."""
        port = one.getsockname()[1]

        def has_come() -> bool:
            return any(holds(end) for end in self.served if end.client[1] == port)

        end = time.monotonic() + PATIENCE
        while not self.portal.call(has_come):
            assert time.monotonic() < end
            time.sleep(0.001)

    def let_a_deadline_pass(self, seconds: float = DEADLINE) -> None:
        """Put the server's clock forward, and let it see to what is due then."""

        async def put_forward() -> None:
            loop = asyncio.get_running_loop()
            assert isinstance(loop, Loop)
            loop.ahead += seconds
            await anyio.sleep(0.001)

        self.portal.call(put_forward)

    def expire(self, one: socket.socket, half: bytes | None = None) -> bytes:
        """Return what comes until a connection is ended by the deadline that it has now.

        The server has then read half a request, or it is busy with a whole one.
        """
        if half is None:
            self.wait_until(one, http_server.is_busy)
        else:
            self.wait_until(one, lambda end: end.conn.trailing_data[0] == half)
        self.let_a_deadline_pass()
        return rest(one)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """Serve with a deadline of the test's clock, and room for four connections."""
    monkeypatch.setattr(http_server, "REQUEST_SECONDS", DEADLINE)
    monkeypatch.setattr(http_server, "CONNECTIONS", 4)
    listening = http_server.open_socket(Http(listen=f"127.0.0.1:{free_port()}"))
    with (
        start_blocking_portal("asyncio", {"loop_factory": Loop}) as portal,
        ExitStack() as connections,
    ):
        found = Server(portal, listening.getsockname()[1], connections)
        running, started = portal.start_task(http_server.serve_app, found.app, listening)
        found.served = started.server_state.connections
        yield found
        connections.close()
        portal.call(started.stop_event.set)
        running.result()


def answer(one: socket.socket, body: bytes, *, began: bool = False) -> None:
    """Read one answer, which must have this body; its first line may have been read before."""
    found = OK if began else b""
    while not found.endswith(b"\r\n\r\n" + body):
        chunk = one.recv(1 << 16)
        assert chunk, found
        found += chunk
    assert found.startswith(OK)


@pytest.mark.parametrize("sent", [b"", b"GET /a HT", request("/a")[:-2]])
def test_half_a_request_is_ended(sent: bytes, server: Server) -> None:
    """Whoever does not finish a request in time is cut off, without an answer."""
    assert server.expire(server.connect(sent), sent) == b""


def test_what_is_sent_slowly_is_ended(server: Server) -> None:
    """A byte now and then does not move the deadline on."""
    slow, sent = server.connect(b"GET /"), 0
    with suppress(ConnectionError):
        while sent < 100:
            sent += slow.send(b"a")
            server.let_a_deadline_pass(DEADLINE / 10)
    assert 5 < sent < 20


def test_a_request_that_is_not_answered_is_ended(server: Server) -> None:
    """An app that does not answer in time loses the connection."""
    assert server.expire(server.connect(request("/never"))) == b""


def test_a_connection_is_kept_between_requests(server: Server) -> None:
    """The deadline ends with the answer, and the next request has one of its own."""
    one = server.connect()
    for _ in range(2):
        one.sendall(request("/a"))
        answer(one, b"/a")
        server.let_a_deadline_pass()
    one.sendall(b"GET /a")
    assert server.expire(one, b"GET /a") == b""


def test_a_connection_is_ended_when_the_client_wants_it(server: Server) -> None:
    """After Connection: close the answer is whole, and the connection ends."""
    assert rest(server.connect(request("/a", "Connection: close"))).endswith(b"\r\n\r\n/a")


def test_pipelined_requests_are_answered_in_order(server: Server) -> None:
    """Requests that come at once are answered one after the other."""
    sent = request("/a") + request("/b") + request("/c", "Connection: close")
    bodies = rest(server.connect(sent)).split(b"\r\n\r\n")[1:]
    assert [body.partition(b"HTTP")[0] for body in bodies] == [b"/a", b"/b", b"/c"]


@pytest.mark.parametrize(
    ("second", "half"),
    [(request("/never"), None), (b"GET /nev", b"GET /nev")],
    ids=["unanswered", "half"],
)
def test_a_pipelined_request_has_a_deadline(
    second: bytes, half: bytes | None, server: Server
) -> None:
    """What came along with an answered request is ended in time too."""
    one = server.connect(request("/a") + second)
    answer(one, b"/a")
    assert server.expire(one, half) == b""


@pytest.mark.parametrize("path", ["/large", "/pieces"])
@pytest.mark.parametrize("more", [(), ("Connection: close",)], ids=["kept", "closed"])
@pytest.mark.parametrize("along", [b"", request("/never")], ids=["alone", "pipelined"])
def test_a_slow_reader_is_ended(
    along: bytes, more: tuple[str, ...], path: str, server: Server
) -> None:
    """Whoever does not take an answer in time, or the next piece of it, does not get all of it."""
    slow = server.connect(request(path, *more) + along, window=4096)
    server.wait_until(slow, is_stuck)
    for _ in range(3):
        server.let_a_deadline_pass()
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, PIECE)  # what is on its way comes at once
    assert len(rest(slow)) < LARGE


def is_stuck(end: Any) -> bool:
    """Tell whether some bytes are left, and the kernel takes none."""
    carrying = end.transport.get_extra_info("socket")
    return end.unsent > 0 and not select.select([], [carrying], [], 0)[1]


def test_an_answer_that_takes_long_arrives_whole(server: Server) -> None:
    """Whoever has taken all that was sent waits for the rest, beyond any deadline."""
    one = server.connect(request("/held"))
    assert one.recv(len(OK)) == OK
    for _ in range(3):
        server.let_a_deadline_pass()
    server.let_go()
    answer(one, b"/held", began=True)


def test_a_large_answer_arrives_whole(server: Server) -> None:
    """An answer that is taken as it comes is whole, and the connection can be used again."""
    one = server.connect(request("/large"))
    head, _, body = one.recv(1 << 20).partition(b"\r\n\r\n")
    missing = LARGE - len(body)
    while missing:
        piece = one.recv(min(missing, 1 << 20))
        assert piece, f"ended {missing} bytes early"
        missing -= len(piece)
    assert head.startswith(b"HTTP/1.1 200")
    server.let_a_deadline_pass()
    one.sendall(request("/a"))
    answer(one, b"/a")


def test_the_eldest_that_waits_makes_room(server: Server) -> None:
    """One connection too many ends the one that has waited longest, and is served itself."""
    waiting = [server.connect(b"GET /") for _ in range(4)]
    one = server.connect(request("/a"))
    answer(one, b"/a")
    assert rest(waiting[0]) == b""
    waiting[1].sendall(b"b HTTP/1.1\r\nHost: x\r\n\r\n")
    answer(waiting[1], b"/b")


def test_an_idle_connection_goes_first(server: Server) -> None:
    """A connection that is kept without a request makes room before one that has half of one."""
    half = [server.connect(b"GET /") for _ in range(3)]
    idle = server.connect(request("/a"))
    answer(idle, b"/a")
    one = server.connect(request("/c"))
    assert rest(idle) == b""
    answer(one, b"/c")
    half[0].sendall(b"b HTTP/1.1\r\nHost: x\r\n\r\n")
    answer(half[0], b"/b")


def test_what_is_being_answered_does_not_make_room(server: Server) -> None:
    """When everything is busy the newcomer is turned away, and what is busy goes on."""
    busy = [server.connect(request("/held")) for _ in range(4)]
    for one in busy:
        assert one.recv(len(OK)) == OK
    assert rest(server.connect(request("/a"))) == b""
    server.let_go()
    for one in busy:
        answer(one, b"/held", began=True)


def test_an_endless_head_is_refused(server: Server) -> None:
    """A head that does not end is refused before it fills the memory."""
    one = server.connect(b"GET / HTTP/1.1\r\nHost: x\r\n")
    sent = 0
    with suppress(ConnectionError):
        while sent < LARGE:
            sent += one.send(b"a: " + b"b" * 10_000 + b"\r\n")
    assert sent < LARGE


def test_what_is_no_http_is_refused(server: Server) -> None:
    """Something else than HTTP is answered once, safely, and the connection ends."""
    found = rest(server.connect(b"\x16\x03\x01\x02\x00\x01\r\n\r\n"))
    assert found.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b"\r\ncontent-security-policy: " in found
    assert found.endswith(b"\r\n\r\nInvalid HTTP request received.\n")


def test_a_body_that_breaks_is_refused(server: Server) -> None:
    """A request that turns out to be none before it is answered is refused, once."""
    found = rest(server.connect(POST % b"/never" + b"no chunk\r\n"))
    assert found.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert found.count(b"HTTP/1.1 ") == 1


def test_a_body_that_breaks_later_ends_the_connection(server: Server) -> None:
    """When the answer has begun, there is no second one."""
    one = server.connect(POST % b"/held")
    assert one.recv(len(OK)) == OK
    one.sendall(b"no chunk\r\n")
    assert rest(one).count(b"HTTP/1.1 ") == 0
    server.let_go()


def test_an_address_that_is_taken_is_named() -> None:
    """Where somebody listens already, or nobody can, the message says where."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(Unavailable, match=f"^http.listen: {address}: cannot be listened on"):
            http_server.open_socket(Http(listen=address))
    with pytest.raises(Unavailable, match="cannot be listened on"):
        http_server.open_socket(Http(listen="192.0.2.1:1"))
