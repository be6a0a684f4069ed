"""What a key may read: each endpoint and each list, asked for a little of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Final, NamedTuple

import msgspec
from msgspec import Struct

from stream.providers.openai import ENDPOINTS, LISTS
from stream.records.chains import PRIMARY
from stream.records.errors import KeyRefused, Unavailable
from stream.records.windows import DAY
from stream.sources.api.answers import Answer
from stream.sources.api.asking import Asker
from stream.sources.api.backoff import pause_after
from stream.sources.api.query import Query, finest_groups

__all__ = ["Permission", "check_permissions", "count_permissions"]

ATTEMPTS: Final = 3
LONGEST_WAIT: Final = 10.0
PROJECTS: Final = "projects"
NO_PROJECT: Final = "not asked for: the key sees no active project"

Sleep = Callable[[float], Awaitable[object]]


class Permission(NamedTuple):
    """Whether an endpoint or a list may be read; ``None``: nobody knows. The reason is a line."""

    entry: str
    is_readable: bool | None
    reason: str = ""


class ProjectMark(Struct, gc=False):
    """A project, and whether anything can still be asked of it."""

    id: str = ""
    status: str | None = None
    archived_at: int | float | str | None = None


class ProjectList(Struct, gc=False):
    """A page of projects."""

    elements: list[ProjectMark] = msgspec.field(name="data")


def count_permissions() -> int:
    """Return how many there are."""
    return len(ENDPOINTS) + sum(bool(entry.path) for entry in LISTS.values())


async def check_permissions(
    asker: Asker, now: int, sleep: Sleep, random: Callable[[], float]
) -> AsyncIterator[Permission]:
    """Yield what the key may read, the list of projects first: it says whether the key is one.

    Raises:
        KeyRefused: the API does not accept the key.
        Unavailable: nobody could say whether it does.
    """
    answer = await ask_patiently(asker, Query(PROJECTS, PRIMARY), sleep, random)
    refusal = answer.refusal
    if refusal is not None and refusal.kind == "key":
        raise KeyRefused(refusal.message)
    if refusal is not None and refusal.kind != "scope":
        raise Unavailable(refusal.message)
    yield permission_of(PROJECTS, answer)
    project = find_project(answer.page)
    for query in list_queries(now, project):
        yield permission_of(query.entry, await ask_patiently(asker, query, sleep, random))
    if not project:
        for entry in LISTS.values():
            if "*" in entry.path:
                yield Permission(entry.name, None, NO_PROJECT)


def list_queries(now: int, project: str) -> Iterator[Query]:
    """Yield what is asked: yesterday's bucket of each endpoint, and lists but for the projects."""
    today = now // DAY * DAY
    for key, endpoint in ENDPOINTS.items():
        groups = finest_groups(endpoint, today - DAY)
        yield Query(key, PRIMARY, "", today - DAY, today, "1d", groups)
    for entry in LISTS.values():
        if "*" in entry.path and project:
            yield Query(entry.name, project, project)
        elif entry.path and "*" not in entry.path and entry.name != PROJECTS:
            yield Query(entry.name, PRIMARY)


def permission_of(entry: str, answer: Answer) -> Permission:
    """Return what an answer says of an entry; what passes says nothing."""
    refusal = answer.refusal
    if refusal is None:
        return Permission(entry, is_readable=True)
    unknown = refusal.kind in {"busy", "broken", "gone"}
    return Permission(entry, None if unknown else False, refusal.message)


def find_project(page: bytes | None) -> str:
    """Return the id of an active project, an empty text where there is none."""
    try:
        found = msgspec.json.decode(page or b'{"data":[]}', type=ProjectList).elements
    except msgspec.MsgspecError:
        return ""
    active = (one.id for one in found if one.status in {"active", None} and not one.archived_at)
    return next((name for name in active if name.strip(".")), "")


async def ask_patiently(
    asker: Asker, query: Query, sleep: Sleep, random: Callable[[], float]
) -> Answer:
    """Ask for a first page; what is busy for seconds only is asked a few times."""
    for attempt in range(1, ATTEMPTS):
        answer = await asker.ask(query, None)
        if answer.refusal is None or answer.refusal.kind != "busy":
            return answer
        pause = pause_after(attempt, answer.refusal.retry_seconds, random)
        if pause > LONGEST_WAIT:
            return answer
        await sleep(pause)
    return await asker.ask(query, None)
