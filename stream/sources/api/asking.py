"""One page, asked for: a turn of the budget, a request, and what came of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple, Protocol

from stream.records.errors import Unavailable
from stream.records.privacy import one_line
from stream.sources.api.answers import Answer, read_answer
from stream.sources.api.backoff import LONGEST_PAUSE
from stream.sources.api.budget import Budget
from stream.sources.api.query import Query
from stream.sources.api.refusals import LATER, Refusal, shorten_text

__all__ = ["Asker", "Reply", "Transport"]

TOO_MANY: Final = 429
LONGEST_FAULT: Final = 260


class Reply(NamedTuple):
    """What came back: header names are in lower case, and the body is whole and unpacked."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Transport(Protocol):
    """What carries a request to the API and brings the reply."""

    async def get(self, path: str, parameters: list[tuple[str, str]]) -> Reply:
        """Ask for a path below the API's version.

        Raises:
            Unavailable: there was no whole reply.
        """

    async def aclose(self) -> None:
        """Give up what is held open."""


class Asker:
    """Asks one page at a time, within the budget; ``clock`` are Unix seconds.

    A 429 that says how long to wait is taken to speak of the account, since its limit is one for
    all endpoints: everyone waits, but for five minutes at most. Who was refused waits longer if it
    has to; a 503 speaks of its own endpoint, and holds up nobody else.
    """

    def __init__(self, transport: Transport, budget: Budget, clock: Callable[[], float]) -> None:
        self.requests: Counter[tuple[str, str]] = Counter()
        """How many were made, by the query's entry and the class of status: ``2xx``, ``none``."""
        self.waited_seconds = 0.0
        self._transport = transport
        self._budget = budget
        self._clock = clock

    def forgo_burst(self) -> None:
        """Ask slowly from the start: a process before this one may have used the burst."""
        self._budget.forgo_burst()

    async def ask(self, query: Query, cursor: str | None) -> Answer:
        """Ask for one page: the first, or the one that the cursor leads to.

        It is never asked for twice: trying again is up to whoever knows how long to wait. That the
        API cannot be reached is a refusal of the kind ``busy``.
        """
        self.waited_seconds += await self._budget.take()
        try:
            reply = await self._transport.get(query.path, query.parameters(cursor))
        except Unavailable as error:
            self.requests[query.entry, "none"] += 1
            text = shorten_text(one_line(str(error)), LONGEST_FAULT)
            return Answer(refusal=Refusal("busy", f"{text}; {LATER}"))
        self.requests[query.entry, f"{reply.status // 100}xx"] += 1
        answer = read_answer(query, reply.status, reply.headers, reply.body, self._clock())
        if reply.status == TOO_MANY and answer.refusal and answer.refusal.retry_seconds:
            pause = min(answer.refusal.retry_seconds, LONGEST_PAUSE)
            self._budget.pause_until(self._budget.clock() + pause)
        return answer
