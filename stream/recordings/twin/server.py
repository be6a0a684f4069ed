"""The twin on a socket: what it answers goes over HTTP, and its faults can be set meanwhile."""

from __future__ import annotations

import ipaddress
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import anyio
import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from stream.recordings.twin.answers import TwinAnswer
from stream.recordings.twin.faults import parse_faults
from stream.recordings.twin.twin import Twin
from stream.records.errors import BadConfiguration, Unavailable

__all__ = ["listen_on", "run_clock", "serve_twin", "twin_app"]

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
QUEUE: Final = 128
LARGEST_SCRIPT: Final = 1 << 16
GRACE: Final = 1
"""Seconds that an answer may still take when the twin is to stop."""


class WireResponse(Response):
    """An answer with its faults: it comes late, or the connection ends before the body does."""

    def __init__(self, answer: TwinAnswer) -> None:
        """Take the answer; its headers are sent as they are."""
        super().__init__(answer.body, answer.status, answer.headers)
        self.answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it; a client that has gone while it hangs gets nothing."""
        if self.answer.hang is not None:
            with anyio.move_on_after(self.answer.hang):
                while (await receive())["type"] != "http.disconnect":
                    pass
                return
        if not self.answer.cut:
            await super().__call__(scope, receive, send)
            return
        await send(
            {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
        )
        await send({"type": "http.response.body", "body": self.body, "more_body": True})


def twin_app(twin: Twin) -> Starlette:
    """Return what answers as the twin does, and beside it ``/twin/faults`` and ``/twin/requests``.

    These two are for this machine alone: faults are read, and set by ``POST`` with a short text or
    a script; of the requests, the latest are listed.
    """

    def answer_request(request: Request) -> Response:
        path = request.scope["raw_path"].decode("latin-1")
        target = f"{path}?{request.url.query}" if request.url.query else path
        return WireResponse(twin.answer(request.method, target, request.headers))

    async def control_faults(request: Request) -> Response:
        if not is_local(request):
            return PlainTextResponse("faults are set from this machine alone\n", 403)
        if request.method == "POST":
            body = b""
            async for part in request.stream():
                body += part
                if len(body) > LARGEST_SCRIPT:
                    return PlainTextResponse("so many faults are too many\n", 413)
            try:
                twin.set_faults(parse_faults(body.decode()))
            except (BadConfiguration, UnicodeDecodeError) as error:
                return PlainTextResponse(f"{error}\n", 400)
        return show_json({"fault": twin.faults})

    def show_requests(request: Request) -> Response:
        if not is_local(request):
            return PlainTextResponse("requests are shown to this machine alone\n", 403)
        return show_json([note._asdict() for note in twin.requests])

    every = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
    return Starlette(
        routes=[
            Route("/twin/faults", control_faults, methods=["GET", "POST"]),
            Route("/twin/requests", show_requests),
            Route("/{path:path}", run_here(answer_request), methods=every),
        ]
    )


def run_here(answer: Callable[[Request], Response]) -> Callable[[Request], object]:
    """Have requests answered one after another; in threads they would get into each other's way."""

    async def answer_here(request: Request) -> Response:
        return answer(request)

    return answer_here


def show_json(value: object) -> Response:
    """Answer with JSON."""
    return Response(msgspec.json.encode(value), media_type="application/json")


def is_local(request: Request) -> bool:
    """Tell whether a request comes from this machine."""
    try:
        return request.client is not None and ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False


def run_clock(
    start: float, speed: float, read: Callable[[], float] = time.monotonic
) -> Callable[[], float]:
    """Return a clock that starts at a moment and runs so many times as fast as the one it reads."""
    began = read()
    return lambda: start + (read() - began) * speed


def listen_on(host: str, port: int) -> socket.socket:
    """Open a socket; with port 0 the system chooses one.

    Raises:
        Unavailable: the address is in use, or is none of this machine's.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM
        )[0]
        # Its protocol has to be known, or asyncio leaves the delay of small packets as it is.
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
            f"{host}:{port}: cannot be listened on ({error.strerror or error})"
        ) from None
    return opened


class TwinServer(uvicorn.Server):
    """uvicorn's server, which SIGINT and SIGTERM end in order, as if nothing had happened."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        """Call ``on_ready`` when it can be asked, and signals are taken."""
        super().__init__(config)
        self.on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to listen."""
        await super().startup(sockets)
        self.on_ready()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Let a signal end it; later ones break nothing off that is put in order."""
        before = {number: signal.signal(number, self.handle_exit) for number in SIGNALS}
        try:
            yield
        finally:
            for number, known in before.items():
                signal.signal(number, pass_over if self.should_exit else known)


def pass_over(_: int, __: object) -> None:
    """Do nothing."""


async def serve_twin(twin: Twin, opened: socket.socket, on_ready: Callable[[], None]) -> None:
    """Serve until SIGINT or SIGTERM comes; answers that are under way may end then."""
    config = uvicorn.Config(
        twin_app(twin),
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="critical",  # of an answer that is cut on purpose it would complain
        access_log=False,
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=GRACE,
    )
    await TwinServer(config, on_ready).serve(sockets=[opened])
