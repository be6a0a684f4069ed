"""What is served: metrics, health, the report, days, a reload, and a page for people."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

import aiofiles
import anyio
from aiofiles.threadpool.binary import AsyncBufferedReader
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from stream.daemon.core import Core
from stream.daemon.days_answer import DaysAnswer
from stream.daemon.glance import STYLE, render_page
from stream.daemon.overview_cache import OverviewCache
from stream.daemon.representation import Compressor, make_tag

__all__ = ["make_app"]

CHUNK: Final = 1 << 18
READERS: Final = 64


def make_app(core: Core, reload: Callable[[], Awaitable[str | None]]) -> Starlette:
    """Make the app; ``reload`` loads the configuration again, and says why it could not."""
    overviews = OverviewCache(core.ledger)
    compressor = Compressor()

    async def metrics(request: Request) -> Response:
        scrape = core.scrape(request.headers.get("accept", ""))
        return await compressor.answer_scrape(request.headers, scrape)

    async def readyz(_: Request) -> Response:
        reason = core.health.why_not_ready()
        return PlainTextResponse(f"{reason or 'ready'}\n", 503 if reason else 200)

    async def reloaded(_: Request) -> Response:
        reason = await reload()
        return PlainTextResponse(f"{reason or 'reloaded'}\n", 400 if reason else 200)

    async def glance(_: Request) -> Response:
        async with core.state_lock:  # nothing moves while state and figures are looked at
            checkpoints = sum(core.tally.checkpoint.counts)
            names = core.intake.objects.project_names
            shown = await overviews.read(core.clock(), checkpoints, names)
            return HTMLResponse(render_page(core, shown))

    return Starlette(
        routes=[
            Route("/", glance),
            Route("/style.css", Response(STYLE, media_type="text/css"), methods=["GET"]),
            Route("/favicon.ico", Response(status_code=204), methods=["GET"]),
            Route("/metrics", metrics),
            Route("/healthz", PlainTextResponse("ok\n"), methods=["GET"]),
            Route("/readyz", readyz),
            Route("/report", ReportAnswer(core, compressor), methods=["GET"]),
            Route("/days", DaysAnswer(core, compressor), methods=["GET"]),
            Route("/-/reload", reloaded, methods=["POST"]),
        ]
    )


class ReportAnswer:
    """Answers with the report, as one descriptor sees it: a new one may take its place meanwhile.

    A slow reader keeps a descriptor, so only so many are answered at once; the others wait.
    """

    def __init__(self, core: Core, compressor: Compressor) -> None:
        """Answer with the report of ``core``, through ``compressor``."""
        self.core = core
        self.compressor = compressor
        self.readers = anyio.CapacityLimiter(READERS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        async with self.readers:
            try:
                file = await aiofiles.open(self.core.settings.report, "rb")
            except OSError as error:
                missing = isinstance(error, FileNotFoundError)
                said = "no report has been written yet" if missing else "the report cannot be read"
                await PlainTextResponse(f"{said}\n", 503)(scope, receive, send)
                return
            try:
                status = os.fstat(file.fileno())
                chunks = read_chunks(file) if scope["method"] == "GET" else read_nothing()
                tag = make_tag(describe_file(status))
                headers = Headers(scope=scope)
                answer = self.compressor.answer_stream(headers, chunks, status.st_size, tag)
                await answer(scope, receive, send)
            finally:
                await file.close()


def describe_file(status: os.stat_result) -> bytes:
    """Write what no two reports have in common: one that is new is another file."""
    known = (status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size)
    return repr(known).encode()


async def read_chunks(file: AsyncBufferedReader) -> AsyncIterator[bytes]:
    """Yield a file's bytes."""
    while chunk := await file.read(CHUNK):
        yield chunk


async def read_nothing() -> AsyncIterator[bytes]:
    """Yield the body that is not sent with HEAD."""
    yield b""
