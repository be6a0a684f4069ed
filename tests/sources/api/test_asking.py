"""One page, asked for: what is sent, what is counted, and who waits."""

from __future__ import annotations

import anyio
import pytest

from stream.records.chains import PRIMARY
from stream.records.errors import Unavailable
from stream.sources.api.asking import Asker, Reply
from stream.sources.api.budget import Budget
from stream.sources.api.query import Query

JSON = {"content-type": "application/json"}
PAGE = b'{"object":"page","data":[],"has_more":true,"next_page":"p2"}'
USAGE = Query("usage/completions", PRIMARY, start=1_790_000_000, width="1d")
COSTS = Query("costs", PRIMARY, start=1_790_000_000)


class ScriptedTransport:
    """A transport that gives replies in turn, or raises one of them."""

    def __init__(self, *replies: Reply | Exception) -> None:
        self.replies = list(replies)
        self.requests: list[tuple[str, list[tuple[str, str]]]] = []

    async def get(self, path: str, parameters: list[tuple[str, str]]) -> Reply:
        """Give the next reply."""
        self.requests.append((path, parameters))
        found = self.replies.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    async def aclose(self) -> None:
        """Do nothing."""


class Clock:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def read(self) -> float:
        """Return its time."""
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Let the time pass at once."""
        await anyio.lowlevel.checkpoint()
        self.now += seconds


def ask_by(clock: Clock, *replies: Reply | Exception) -> tuple[Asker, ScriptedTransport]:
    """Make an asker with replies to come."""
    transport = ScriptedTransport(*replies)
    budget = Budget(60, 2, clock.read, clock.sleep)
    return Asker(transport, budget, lambda: 1_795_000_000.0), transport


async def test_a_page_is_asked_for_by_its_cursor() -> None:
    """Path and parameters are the query's, and the answer says where to go on."""
    asker, transport = ask_by(Clock(), Reply(200, JSON, PAGE), Reply(200, JSON, PAGE))
    answer = await asker.ask(USAGE, None)
    assert (answer.page, answer.next_cursor) == (PAGE, "p2")
    await asker.ask(USAGE, "p2")
    assert transport.requests == [
        (USAGE.path, USAGE.parameters(None)),
        (USAGE.path, USAGE.parameters("p2")),
    ]


async def test_requests_are_counted_by_what_came_of_them() -> None:
    """By entry and class of status; what did not arrive is counted as well."""
    replies: list[Reply | Exception] = [
        Reply(200, JSON, PAGE),
        Reply(503, {}, b""),
        Unavailable("no route"),
        Reply(404, {}, b""),
    ]
    clock = Clock()
    asker, _ = ask_by(clock, *replies)
    for query in (USAGE, USAGE, COSTS, COSTS):
        await asker.ask(query, None)
    assert asker.requests == {
        ("usage/completions", "2xx"): 1,
        ("usage/completions", "5xx"): 1,
        ("costs", "none"): 1,
        ("costs", "4xx"): 1,
    }
    assert asker.waited_seconds == pytest.approx(2)


async def test_what_cannot_be_reached_is_busy_and_says_why() -> None:
    """The message is the transport's, on one line and of bounded length."""
    asker, _ = ask_by(Clock(), Unavailable("cannot connect\n" + "x" * 1_000))
    answer = await asker.ask(USAGE, None)
    assert answer.refusal is not None
    assert answer.refusal.kind == "busy"
    assert answer.refusal.message.startswith(r"cannot connect\n")
    assert len(answer.refusal.message) <= 300


async def test_a_wait_that_is_asked_for_holds_for_the_account_but_for_minutes_only() -> None:
    """After a 429 everyone waits as long as was asked, and at most five minutes."""
    clock = Clock()
    busy = Reply(429, {"retry-after": "40"}, b"")
    asker, _ = ask_by(clock, busy, Reply(200, JSON, PAGE))
    assert (await asker.ask(USAGE, None)).refusal is not None
    await asker.ask(COSTS, None)
    assert clock.now == pytest.approx(40)
    asker, _ = ask_by(clock, Reply(429, {"retry-after": "7200"}, b""), Reply(200, JSON, PAGE))
    answer = await asker.ask(USAGE, None)
    assert answer.refusal is not None
    assert answer.refusal.retry_seconds == 7_200
    await asker.ask(COSTS, None)
    assert clock.now == pytest.approx(340)


async def test_an_endpoint_that_is_down_holds_up_no_other() -> None:
    """The wait that a 503 asks for is its own endpoint's."""
    clock = Clock()
    asker, _ = ask_by(clock, Reply(503, {"retry-after": "40"}, b""), Reply(200, JSON, PAGE))
    answer = await asker.ask(USAGE, None)
    assert answer.refusal is not None
    assert answer.refusal.retry_seconds == 40
    await asker.ask(COSTS, None)
    assert clock.now == 0
