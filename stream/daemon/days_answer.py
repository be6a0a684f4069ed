"""``/days``: what the days came to, as JSON of which each line but the first and last is a day.

It is of one moment, the last checkpoint's, and made in a thread from a view of the state file, into
a file that nobody else sees: a slow reader keeps nothing but that.
"""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import IO, Final

import anyio
import anyio.to_thread
import msgspec
from starlette.datastructures import Headers, QueryParams
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from stream.daemon.core import Core
from stream.daemon.representation import Compressor, make_tag
from stream.figures.breakdown import ALL_TIME
from stream.figures.days import unpack_columns
from stream.figures.periods import read_days
from stream.providers.openai import ENDPOINTS
from stream.records.errors import Unavailable, UsageStreamError
from stream.records.privacy import one_line
from stream.records.windows import Window
from stream.sinks.daybooks import judge_stored
from stream.state.objects import Objects
from stream.state.sqlite.inspection import Inspection

__all__ = ["DaysAnswer"]

CHUNK: Final = 1 << 18
IN_MEMORY: Final = 1 << 22
READERS: Final = 8
"""How many are answered at once; the others wait."""
ENCODE: Final = msgspec.json.Encoder(decimal_format="string").encode
"""Counts are numbers, however large; money is decimal text."""


class DaysAnswer:
    """Answers with the days of a span, of some endpoints or all."""

    def __init__(self, core: Core, compressor: Compressor) -> None:
        """Answer from the state of ``core``, through ``compressor``."""
        self.core = core
        self.compressor = compressor
        self.readers = anyio.CapacityLimiter(READERS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        try:
            keys, span = read_query(QueryParams(scope["query_string"]))
        except ValueError as error:
            await PlainTextResponse(f"{error}\n", 400)(scope, receive, send)
            return
        state = self.core.settings.rules.state
        assert state is not None  # noqa: S101 -- a daemon has one
        async with self.readers:  # what an answer takes on the disk, few can take at once
            try:
                spool, tag = await anyio.to_thread.run_sync(spool_days, state, keys, span)
            except UsageStreamError as error:
                said = f"state cannot be read: {one_line(str(error))}\n"
                await PlainTextResponse(said, 503)(scope, receive, send)
                return
            with spool:
                size = spool.seek(0, 2)
                spool.seek(0)
                chunks = read_spool(spool)
                answer = self.compressor.answer_stream(Headers(scope=scope), chunks, size, tag)
                await answer(scope, receive, send)


def read_query(query: QueryParams) -> tuple[list[str], Window]:
    """Read what is asked for: endpoints, and a span.

    Raises:
        ValueError: there is no such endpoint, or a text names no days.
    """
    for name in query:
        if name not in {"since", "until", "endpoint"}:
            raise ValueError("only since, until and endpoint are known")
    keys = query.getlist("endpoint") or list(ENDPOINTS)
    if not set(keys) <= ENDPOINTS.keys():
        raise ValueError(f"an endpoint is one of {', '.join(ENDPOINTS)}")
    try:
        since = read_days(query["since"]).start if "since" in query else ALL_TIME.start
        until = read_days(query["until"]).end if "until" in query else ALL_TIME.end
    except ValueError:
        raise ValueError("since and until name days: 2026, 2026-10 or 2026-10-05") from None
    return [key for key in ENDPOINTS if key in keys], Window(since, until)


def spool_days(state: Path, keys: list[str], span: Window) -> tuple[IO[bytes], str]:
    """Write the answer into a file, and make its tag; runs in a thread.

    Raises:
        BadInput: state is damaged.
        Unavailable: it cannot be read, or there is no room for the answer.
    """
    with ExitStack() as stack:
        store = stack.enter_context(closing(Inspection(state)))
        stack.enter_context(store.hold_moment())
        spool = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY, dir=str(state.parent))  # noqa: SIM115 -- who answers closes it
        with ExitStack() as unfinished:
            unfinished.callback(spool.close)
            try:
                spool.writelines(lines_of_days(store, keys, span))
            except OSError as error:
                raise Unavailable(f"{state.parent}: no room ({error.strerror})") from None
            unfinished.pop_all()
        known = state.stat().st_ino, store.transaction_number, keys, span
        return spool, make_tag(repr(known).encode())


def lines_of_days(store: Inspection, keys: list[str], span: Window) -> Iterator[bytes]:
    """Yield the lines of the answer.

    Raises:
        BadInput, Unavailable: state cannot be read.
    """
    objects, saved = Objects(), store.load_but_series()
    objects.restore(saved.objects)
    _, (gaps, faults) = judge_stored(store, saved)
    head = ENCODE(
        {
            "isBehind": bool(store.stale_spans(1)),
            "gaps": gaps,
            "faults": faults,
            "names": objects.project_names,
        }
    )
    yield head[:-1] + b',"days":[\n'
    comma = b""
    for key in keys:
        for (_, days), packed, _ in store.days(key, span):
            dimensions, counters = unpack_columns(ENDPOINTS[key], packed)
            found = {"endpoint": key, "start": days.start, "end": days.end}
            yield comma + ENCODE(found | {"dimensions": dimensions, "counters": counters}) + b"\n"
            comma = b","
    yield b"]}\n"


async def read_spool(spool: IO[bytes]) -> AsyncIterator[bytes]:
    """Yield what was written."""
    while chunk := await anyio.to_thread.run_sync(spool.read, CHUNK):
        yield chunk
