"""What is to be asked next: as little as it can be, the newest first, and nothing twice.

A window is settled when ``settle`` has passed since its end, and is then not asked for again. The
**live** range goes from the first window that is not settled to now, without an end: an end that
lies in the future is refused, and one that is now would cut the open window short. What lies
before it is **backfilled** by whole pages, the newest first.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from msgspec import Struct

from stream.providers.endpoint import Endpoint
from stream.providers.openai import ENDPOINTS, LISTS
from stream.records.chains import PRIMARY
from stream.records.durations import seconds_of
from stream.records.windows import DAY
from stream.sources.api.progress import Progress
from stream.sources.api.query import Query, finest_groups
from stream.sources.api.ranges import Range, gaps_in

__all__ = ["PROJECTS", "DueWalk", "PollPlan", "due_walk", "parts_of", "settled_range"]

PROJECTS: Final = "projects"
"""The list that says which projects there are."""
URGENT, USUAL, BACKFILL, FANNED_OUT = range(4)
"""In which order jobs are done that are due."""


class PollPlan(Struct, frozen=True, kw_only=True):
    """What is to be asked of an account. Times are in Unix seconds.

    With ``once`` everything is asked for one time, up to ``end``, or else to now; otherwise the
    newest windows are asked for every ``interval`` seconds, costs every ``costs_interval``, and
    windows count as settled ``settle`` and ``costs_settle`` seconds after their end. ``endpoints``
    are keys of the registry, and lists come every ``lists_interval`` seconds, ``None``: never.
    """

    start: int
    label: str = PRIMARY
    end: int | None = None
    once: bool = False
    endpoints: tuple[str, ...] = tuple(ENDPOINTS)
    width: str = "1h"
    group_by: tuple[str, ...] | None = None
    interval: float = 300.0
    settle: float = 1_800.0
    costs_interval: float = 3_600.0
    costs_settle: float = 3.0 * DAY
    lists_interval: float | None = 3_600.0


class DueWalk(NamedTuple):
    """A walk that is to be made: of which part, its query, and how urgent it is."""

    rank: int
    asked_at: float
    part: str
    query: Query
    is_live: bool


def parts_of(plan: PollPlan, projects: list[str]) -> list[str]:
    """Return what is asked for: endpoints, and lists; a list of each project has its own part."""
    parts = [key for key in ENDPOINTS if key in plan.endpoints]
    if plan.lists_interval is not None:
        for name, entry in LISTS.items():
            if "*" in entry.path:
                parts += [f"{name}/{project}" for project in projects]
            elif entry.path:
                parts.append(name)
    return parts


def due_walk(plan: PollPlan, part: str, progress: Progress, now: float) -> DueWalk | float | None:
    """Return what of a part is to be asked now, or else when there is, or ``None``: never.

    A walk that is under way goes on before another begins.
    """
    if progress.rest_until > now:
        return progress.rest_until
    if (walk := progress.walk) is not None:
        return DueWalk(URGENT, progress.live_at, part, walk.query, walk.is_live)
    endpoint = ENDPOINTS.get(part)
    if endpoint is None:
        return due_list(plan, part, progress, now)
    return due_range(plan, endpoint, progress, now)


def due_list(plan: PollPlan, part: str, progress: Progress, now: float) -> DueWalk | float | None:
    """Return a list that is to be asked for, or when it is."""
    assert plan.lists_interval is not None  # noqa: S101 -- or it would be no part
    due = next_time(progress, plan.lists_interval, now)
    if due > now:
        return None if plan.once else due
    name, _, project = part.partition("/")
    rank = FANNED_OUT if project else USUAL
    query = Query(entry=name, label=project or plan.label, project=project)
    return DueWalk(rank, progress.live_at, part, query, is_live=True)


def due_range(
    plan: PollPlan, endpoint: Endpoint, progress: Progress, now: float
) -> DueWalk | float | None:
    """Return a range of an endpoint that is to be asked for, or when there is one."""
    key = endpoint.key
    floor, start = max(plan.start, progress.floor), live_start(plan, endpoint, progress, now)
    every = plan.costs_interval if key == "costs" else plan.interval
    due = next_time(progress, every, now)
    if floor > now:
        return None if plan.once else float(floor)
    if plan.once and (progress.live_at or plan.end is not None):
        due = float("inf")
    if due <= now:
        query = query_of(plan, endpoint, start, None)
        return DueWalk(URGENT, progress.live_at, key, query, is_live=True)
    for gap in reversed(gaps_in(progress.settled_ranges, floor, start)):
        chunk = newest_page(plan, endpoint, gap)
        query = query_of(plan, endpoint, *chunk)
        return DueWalk(BACKFILL, -float(chunk[1]), key, query, is_live=False)
    return None if plan.once else due


def next_time(progress: Progress, interval: float, now: float) -> float:
    """Return when something is asked for again: now, if the clock went back since it was."""
    return progress.live_at + interval if 0 < progress.live_at <= now else now


def live_start(plan: PollPlan, endpoint: Endpoint, progress: Progress, now: float) -> int:
    """Return where the range begins that is asked for again and again.

    What one page holds since the last settled window is asked for with it; more is backfilled.
    """
    floor = max(plan.start, progress.floor)
    if plan.once:
        end = int(now) // DAY * DAY if plan.end is None else plan.end
        return max(floor, end)
    closed = settled_range(plan, endpoint, floor, now)[1]
    width = width_seconds(plan, endpoint)
    behind = progress.settled_ranges[-1][1] // width * width if progress.settled_ranges else floor
    for _, group_floor in endpoint.group_floors:
        behind = max(behind, min(group_floor, closed))
    if floor <= behind and closed - behind <= page_seconds(plan, endpoint):
        return max(floor, min(behind, closed))
    return max(floor, closed // DAY * DAY)


def settled_range(plan: PollPlan, endpoint: Endpoint, start: int, now: float) -> Range:
    """Return what of a range that is asked for now is settled then; it is empty, or ends later."""
    settle = plan.costs_settle if endpoint.key == "costs" else plan.settle
    settle = 0.0 if plan.once else settle
    width = width_seconds(plan, endpoint)
    return start, max(start, int(now - settle) // width * width)


def newest_page(plan: PollPlan, endpoint: Endpoint, gap: Range) -> Range:
    """Return the end of a gap, as long as the largest page; it begins with a UTC day.

    Where a gap begins inside a bucket, since the width was another one, all of that is asked for.
    """
    width = width_seconds(plan, endpoint)
    first = gap[0] // width * width
    start = max(first, -(-(gap[1] - page_seconds(plan, endpoint)) // DAY) * DAY)
    for _, floor in endpoint.group_floors:  # on each side of it other groups are asked for
        if start < floor < gap[1]:
            start = floor
    return start, gap[1]


def page_seconds(plan: PollPlan, endpoint: Endpoint) -> int:
    """Return how long a time the largest page holds."""
    width = width_of(plan, endpoint)
    most = next(one.maximum for one in endpoint.limits if one.width == width)
    return most * width_seconds(plan, endpoint)


def width_of(plan: PollPlan, endpoint: Endpoint) -> str:
    """Return the width of the buckets that are asked for: the plan's, if the endpoint has it."""
    widths = [one.width for one in endpoint.limits]
    return plan.width if plan.width in widths else widths[0]


def width_seconds(plan: PollPlan, endpoint: Endpoint) -> int:
    """Return the width of the buckets that are asked for, in seconds."""
    return int(seconds_of(width_of(plan, endpoint)))


def query_of(plan: PollPlan, endpoint: Endpoint, start: int, end: int | None) -> Query:
    """Return the query for a range; it groups as finely as the endpoint lets it."""
    groups = finest_groups(endpoint, start)
    if plan.group_by is not None:
        groups = tuple(name for name in groups if name in plan.group_by)
    return Query(
        entry=endpoint.key,
        label=plan.label,
        start=start,
        end=end,
        width=width_of(plan, endpoint),
        group_by=groups,
    )
