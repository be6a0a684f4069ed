"""Asks a daemon that runs elsewhere for what its days came to."""

from __future__ import annotations

import gzip
import http.client
import ssl
import zlib
from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager
from decimal import Decimal, InvalidOperation
from typing import Any, Final, Protocol
from urllib.parse import urlencode, urlsplit

import msgspec
from msgspec import Struct

from stream.figures.breakdown import ALL_TIME
from stream.figures.daybook import BookDay
from stream.figures.days import COSTS, DayColumns
from stream.providers.openai import ENDPOINTS
from stream.records.errors import BadInput, Unavailable
from stream.records.money import Number
from stream.records.privacy import one_line
from stream.records.windows import Window
from stream.sinks.daybooks import Faults, NamedDaybook

__all__ = ["RemoteDaybook", "check_address", "open_remote"]

PATIENCE: Final = 60.0
"""Seconds for a connection, and for the next bytes to come."""
LONGEST_LINE: Final = 1 << 26
LONGEST_REASON: Final = 200
OK: Final = 200
RANKS: Final = {key: rank for rank, key in enumerate(ENDPOINTS)}
NEEDED: Final = {"project_id"}, {"project_id", "currency"}
"""The dimensions without which a day is none: of usage, and of costs."""
FAULTS: Final = (OSError, EOFError, zlib.error, http.client.HTTPException)


class LineStream(Protocol):
    """What lines are read from."""

    def readline(self, size: int, /) -> bytes: ...


class AnswerHead(Struct, rename="camel"):
    """What stands before the days; an older daemon does not say what does not hold."""

    is_behind: bool
    names: dict[str, str]
    days: list[Any]
    gaps: list[str] = []
    faults: list[str] = []


class DayLine(Struct):
    """A day, as the answer has it."""

    endpoint: str
    start: int
    end: int
    dimensions: dict[str, list[str | bool | None]]
    counters: dict[str, list[int | str | None]]


DECODE_HEAD: Final = msgspec.json.Decoder(AnswerHead).decode
DECODE_DAY: Final = msgspec.json.Decoder(DayLine).decode


def check_address(url: str) -> str:
    """Return the address of a daemon without a slash at its end.

    Raises:
        ValueError: it is none, or has more in it than a scheme, a host, a port and a path.
    """
    try:
        parts = urlsplit(url)
        is_whole = bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_whole = False
    if not is_whole or parts.scheme not in {"http", "https"} or set(url) & set("@?#"):
        raise ValueError("expected http://HOST:PORT or https://HOST:PORT")
    return url.rstrip("/")


@contextmanager
def open_remote(
    url: str, token: str | None, endpoints: list[str], span: Window
) -> Iterator[NamedDaybook]:
    """Ask the daemon at an address for the days of a span.

    Raises:
        Unavailable: it cannot be reached, or refuses.
        BadInput: what it answers is none of its answers.
    """
    parts = urlsplit(url)
    if parts.scheme == "https":
        context = ssl.create_default_context()
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(
            parts.netloc, timeout=PATIENCE, context=context
        )
    else:
        connection = http.client.HTTPConnection(parts.netloc, timeout=PATIENCE)
    query = [("endpoint", one) for one in endpoints]
    query += [("since", str(span.start))] if span.start != ALL_TIME.start else []
    query += [("until", str(span.end))] if span.end != ALL_TIME.end else []
    headers = {"Accept-Encoding": "gzip"}
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    try:
        with name_faults(url):
            connection.request("GET", f"{parts.path}/days?{urlencode(query)}", headers=headers)
            answer = connection.getresponse()
            if answer.status != OK:
                raise Unavailable(f"{url}: {explain_refusal(answer)}")
            packed = answer.headers.get("content-encoding") == "gzip"
            lines: LineStream = gzip.GzipFile(fileobj=answer) if packed else answer
            head = DECODE_HEAD(lines.readline(LONGEST_LINE) + b"]}")
        faults = Faults(head.gaps, head.faults)
        yield NamedDaybook(RemoteDaybook(url, lines), head.names, faults, head.is_behind)
    finally:
        connection.close()


def explain_refusal(answer: http.client.HTTPResponse) -> str:
    """Say what a daemon answers that gives no days."""
    told = one_line(answer.read(LONGEST_REASON).decode(errors="replace").strip())
    match answer.status:
        case 401:
            return "it wants a token; give --token-file or USAGE_STREAM_TOKEN_FILE"
        case 404:
            return "it has no /days; is it a daemon of this version?"
    return f"it answers {answer.status} ({told})"


@contextmanager
def name_faults(url: str) -> Iterator[None]:
    """Name what keeps an answer from coming, or from being read."""
    try:
        yield
    except FAULTS as error:
        reason = one_line(str(error) or type(error).__name__)[:LONGEST_REASON]
        raise Unavailable(f"{url}: cannot be asked ({reason})") from None
    except (msgspec.MsgspecError, InvalidOperation, ValueError, KeyError, TypeError):
        raise BadInput("days", "found an answer that is none of a daemon's, or was cut").name_place(
            url
        ) from None


class RemoteDaybook:
    """Reads days from an answer, once and in the order of the registry."""

    def __init__(self, url: str, lines: LineStream) -> None:
        """Read the lines that are left of an answer."""
        self._url = url
        self._days = read_lines(lines)
        self._next: DayLine | None = None

    def read(self, endpoint: str, _: Window, wanted: Container[str]) -> Iterator[BookDay]:
        """Yield the days of an endpoint, in order, with these columns.

        Raises:
            Unavailable: the connection broke.
            BadInput: the answer is none.
        """
        while True:
            with name_faults(self._url):
                line = self._next = self._next or next(self._days, None)
                if line is None or RANKS[line.endpoint] > RANKS[endpoint]:
                    return
                self._next = None
                day = read_day(line, wanted)
            if line.endpoint == endpoint:
                yield day


def read_lines(lines: LineStream) -> Iterator[DayLine]:
    """Yield the days of an answer.

    Raises:
        ValueError: it does not end as it should, or has something else in it.
    """
    while line := lines.readline(LONGEST_LINE):
        if line == b"]}\n":
            return
        yield DECODE_DAY(line.removeprefix(b","))
    raise ValueError("cut")


def read_day(line: DayLine, wanted: Container[str]) -> BookDay:
    """Return a day of an answer.

    Raises:
        ValueError, InvalidOperation, KeyError: it is none.
    """
    money = ENDPOINTS[line.endpoint].money
    dimensions = {name: one for name, one in line.dimensions.items() if name in wanted}
    counters: dict[str, list[Number | None]] = {}
    for name, column in line.counters.items():
        if name in wanted:
            read: Callable[[Any], Number] = Decimal if name in money else int
            counters[name] = [None if one is None else read(one) for one in column]
    widths = {*map(len, line.dimensions.values()), *map(len, counters.values())}
    is_whole = len(widths) == 1 and NEEDED[line.endpoint == COSTS] <= line.dimensions.keys()
    if not is_whole or not 0 <= line.start < line.end <= ALL_TIME.end:
        raise ValueError("not a day")
    return BookDay(Window(line.start, line.end), DayColumns(dimensions, counters))
