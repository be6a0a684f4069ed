"""What is served: metrics, health, the report, a reload, and a page for people."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Final

import aiofiles
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from stream.daemon.core import Core
from stream.daemon.glance import STYLE, page_of

__all__ = ["make_app"]

CHUNK: Final = 1 << 18


def make_app(core: Core, reload: Callable[[], Awaitable[str | None]]) -> Starlette:
    """Make the app; ``reload`` loads the configuration again, and says why it could not."""

    async def metrics(request: Request) -> Response:
        body, content_type = core.scrape(request.headers.get("accept", ""))
        return Response(body, headers={"content-type": content_type})

    async def healthz(_: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def readyz(_: Request) -> Response:
        reason = core.health.why_not_ready()
        return PlainTextResponse(f"{reason or 'ready'}\n", 503 if reason else 200)

    async def report(_: Request) -> Response:
        return await report_at(core.settings.report)

    async def reloaded(_: Request) -> Response:
        reason = await reload()
        return PlainTextResponse(f"{reason or 'reloaded'}\n", 400 if reason else 200)

    async def style(_: Request) -> Response:
        return Response(STYLE, media_type="text/css")

    async def glance(_: Request) -> Response:
        return HTMLResponse(page_of(core))

    return Starlette(
        routes=[
            Route("/", glance),
            Route("/style.css", style),
            Route("/metrics", metrics),
            Route("/healthz", healthz),
            Route("/readyz", readyz),
            Route("/report", report),
            Route("/-/reload", reloaded, methods=["POST"]),
        ]
    )


async def report_at(path: Path) -> Response:
    """Answer with the report, as one descriptor sees it: a new one may take its place meanwhile."""
    try:
        file = await aiofiles.open(path, "rb")
    except OSError:
        return PlainTextResponse("no report has been written yet\n", 503)

    async def chunks() -> AsyncIterator[bytes]:
        try:
            while chunk := await file.read(CHUNK):
                yield chunk
        finally:
            await file.close()

    size = os.fstat(file.fileno()).st_size
    headers = {"content-length": str(size)}
    return StreamingResponse(chunks(), media_type="application/json", headers=headers)
