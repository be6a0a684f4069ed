"""An account of a provider as a source: it is asked for what is news, and every answer is kept.

A whole walk goes into the evidence at once, and counts from there, as any capture does; one that
fails moves nothing. So the figures are those of the evidence, whatever happens between the two.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from typing import Final, NamedTuple

import anyio
import anyio.abc
import msgspec
from xxhash import xxh3_64

from stream.providers.openai import ENDPOINTS
from stream.records.errors import KeyRefused, first_of
from stream.records.windows import DAY, timestamp
from stream.sources.api.asking import Asker
from stream.sources.api.backoff import pause_after
from stream.sources.api.journal import Journal, KeptPage, load_walks
from stream.sources.api.progress import OpenWalk, Progress, read_progress, write_progress
from stream.sources.api.projects import active_projects, name_of
from stream.sources.api.ranges import add_range
from stream.sources.api.refusals import Refusal
from stream.sources.api.schedule import (
    PROJECTS,
    DueWalk,
    PollPlan,
    due_walk,
    parts_of,
    settled_range,
)
from stream.sources.api.walks import go_on, last_end

__all__ = ["Api", "PartStatus"]

MICRO: Final = 1_000_000
AT_ONCE: Final = 4
"""How many walks are under way at once."""
REFUSED_REST: Final = 3_600.0
"""Seconds until something is tried again that was refused for good: somebody may have mended it."""
MOST_ATTEMPTS: Final = 8
"""How often in a row somebody who asks once asks for the same page."""
KEY_REST: Final = 300.0
SAVE_SECONDS: Final = 10.0
"""How often it is kept how far everything has been asked, while something is asked."""
FOR_GOOD: Final = frozenset({"scope", "query"})
"""Kinds of refusals that asking again does not mend."""
KEPT: Final = frozenset({"busy", "broken"})
"""Kinds of refusals after which a walk goes on where it was."""


class PartStatus(NamedTuple):
    """How an endpoint or a list stands: what it is doing, and when it is asked next.

    ``lag`` is how long ago its newest settled window ended, in seconds; ``live_at`` when it was
    last asked for and whole, in Unix seconds, 0: never.
    """

    part: str
    is_asking: bool
    next_at: float | None
    live_at: float
    lag: float | None
    refusal: str
    message: str


class Api:
    """Asks for what is due, and knows how everything stands."""

    def __init__(
        self,
        name: str,
        plan: PollPlan,
        asker: Asker,
        journal: Journal,
        clock: Callable[[], float],
    ) -> None:
        """Ask by ``plan``; ``clock`` is in Unix seconds."""
        self.name = name
        self.plan = plan
        self.asker = asker
        self.journal = journal
        self.clock = clock
        self.parts: dict[str, Progress] = {}
        self.walks: Counter[tuple[str, str]] = Counter()
        """How many walks of each endpoint or list came to which end: ``whole``, or a refusal."""
        self.refusal = ""
        """Why the key is refused, if it is."""
        self.on_walk: Callable[[str, int], object] = lambda _, __: None
        """Is told of each whole walk: the endpoint or list, and its pages."""
        self._pages: dict[str, list[KeptPage]] = {}
        """Part → the pages of its walk that is under way."""
        self._saved_at = 0.0
        self._has_changed = False
        self._unsaved: set[str] = set()
        """Parts with a whole walk that only the walk's own file tells of."""
        self._is_loaded = False
        self._rest_until = 0.0
        self._asking: set[str] = set()
        self._given_up: set[str] = set()
        self._random = random.Random().random  # noqa: S311 -- to spread requests, not to hide them
        self._ended = anyio.Event()

    async def look(self) -> float | None:
        """Ask for all that is due; return after how many seconds something is, ``None``: never.

        Raises:
            KeyRefused: the key is, and everything was to be asked once.
            Unavailable: what came cannot be kept.
            BadInput: what is known of earlier runs is damaged.
        """
        if not self._is_loaded:
            await self._load()
        pause: float | None = None
        try:
            async with anyio.create_task_group() as tasks:
                while True:
                    pause = self._start_due(tasks)
                    if not self._asking:
                        break
                    with anyio.move_on_after(pause):
                        await self._ended.wait()
                    self._ended = anyio.Event()
        except BaseExceptionGroup as group:
            raise first_of(group) from None
        if self._has_changed:
            await self._save()
        return pause

    async def _save(self) -> None:
        """Keep how far everything has been asked; what is not kept is in the journal's walks."""
        self._saved_at, self._has_changed = self.clock(), False
        unsaved, self._unsaved = self._unsaved, set()
        try:
            await self.journal.keep_progress(write_progress(self.parts))
        except BaseException:
            self._has_changed, self._unsaved = True, unsaved | self._unsaved
            raise

    async def _load(self) -> None:
        """Take up what is known of earlier runs."""
        self.parts = read_progress(await self.journal.load_progress(), self.name)
        for progress in self.parts.values():
            progress.walk = None  # its pages are what tells of it
            if self.plan.once:  # who asks once more does not wait for what was refused before
                progress.attempts, progress.rest_until = 0, 0.0
        for (part, walk), pages in await load_walks(self.journal):
            progress = self.parts.setdefault(part, Progress())
            if walk.revision > progress.revision:
                progress.walk, self._pages[part] = walk, pages
        if self.parts:
            self.asker.forgo_burst()
        self._is_loaded = True

    def wanted_progress(self) -> list[tuple[str, Progress]]:
        """Return what is asked for, and how far it has been."""
        return [(part, self.parts[part]) for part in self._wanted_parts() if part in self.parts]

    def statuses(self) -> list[PartStatus]:
        """Return how each endpoint and list stands; those of a project are left out."""
        now = self.clock()
        return [self._status_of(part, now) for part in self._wanted_parts() if self._is_own(part)]

    def _is_own(self, part: str) -> bool:
        return part in ENDPOINTS or "/" not in part

    def _status_of(self, part: str, now: float) -> PartStatus:
        """Return how one part stands."""
        progress = self.parts.get(part, Progress())
        due = self._due(part, now)
        next_at = now if isinstance(due, DueWalk) else due
        ends = [end for _, end in progress.settled_ranges[-1:]]
        lag = now - ends[0] if ends else None
        asking, message = part in self._asking, progress.message or self.refusal
        return PartStatus(part, asking, next_at, progress.live_at, lag, progress.refusal, message)

    def _wanted_parts(self) -> list[str]:
        projects = self.parts[PROJECTS].projects if PROJECTS in self.parts else []
        return parts_of(self.plan, projects)

    def _due(self, part: str, now: float) -> DueWalk | float | None:
        """Return what of a part is to be asked, or when."""
        if part in self._given_up:
            return None
        due = due_walk(self.plan, part, self.parts.get(part, Progress()), now)
        if due is None or self._rest_until <= now:
            return due
        return self._rest_until if isinstance(due, DueWalk) else max(due, self._rest_until)

    def _start_due(self, tasks: anyio.abc.TaskGroup) -> float | None:
        """Start the most urgent walks that are due; return when the next is, in seconds."""
        now, jobs, times = self.clock(), list[DueWalk](), list[float]()
        for part in self._wanted_parts():
            due = None if part in self._asking else self._due(part, now)
            if isinstance(due, DueWalk):
                jobs.append(due)
            elif due is not None:
                times.append(due)
        for job in sorted(jobs, key=lambda one: one[:3])[: AT_ONCE - len(self._asking)]:
            self._asking.add(job.part)
            tasks.start_soon(self._ask, job)
        return max(min(times) - now, 0.0) if times else None

    async def _ask(self, job: DueWalk) -> None:
        """Make one walk, or go on with it, and note what came of that."""
        progress, now = self.parts.setdefault(job.part, Progress()), self.clock()
        self._has_changed = True
        try:
            if progress.walk is None:
                if job.part in self._unsaved:  # its file is what the next walk is written over
                    await self._save()
                revision = max(int(now * MICRO), progress.revision + 1)
                progress.walk = OpenWalk(job.query, revision, job.is_live, now)
                self._pages[job.part] = []
            walk, pages = progress.walk, self._pages[job.part]
            refusal = await go_on(self.asker, self.journal, job.part, walk, pages, now)
            if refusal is not None:
                self._note_refusal(job.part, progress, refusal)
            else:
                await self._finish(job.part, progress, walk, pages, now)
            if now - self._saved_at >= SAVE_SECONDS:
                await self._save()
        finally:
            self._asking.discard(job.part)
            self._ended.set()

    async def _finish(
        self, part: str, progress: Progress, walk: OpenWalk, pages: list[KeptPage], now: float
    ) -> None:
        """Put a whole walk into the evidence, unless it says again what the last one said."""
        begun = walk.begun_at
        # Once a day it is said anyway: evidence may not be kept for longer.
        digest = xxh3_64(msgspec.json.encode((walk.query, begun // DAY)))
        for one in pages:
            digest.update(one.page)
        mark = digest.intdigest()
        if not walk.is_live or mark != progress.digest:
            await self.journal.add_walk([one.line for one in pages])
        if walk.is_live:
            progress.digest, progress.live_at = mark, min(walk.revision / MICRO, now)
        endpoint, query = ENDPOINTS.get(part), walk.query
        if endpoint is not None:
            end = settled_range(self.plan, endpoint, query.start, begun)[1]
            # What an open range has no bucket of was not there yet, whatever our clock says.
            end = min(end, last_end(pages) if query.end is None else query.end)
            progress.settled_ranges = add_range(progress.settled_ranges, query.start, end)
        if part == PROJECTS:
            progress.projects = active_projects(pages)
            self._given_up &= set(ENDPOINTS)  # a project may be active again
        progress.revision = walk.revision
        progress.walk, progress.attempts, progress.rest_until = None, 0, 0.0
        del self._pages[part]
        self._unsaved.add(part)
        progress.refusal = ""
        if not progress.floor:
            progress.message = ""
        self.refusal = ""
        self.walks[name_of(part), "whole"] += 1
        if part == PROJECTS:
            await self._forget_projects()
        self.on_walk(part, len(pages))

    async def _forget_projects(self) -> None:
        """Know nothing any more of projects that are gone."""
        for part in self.parts.keys() - {*self._wanted_parts(), *ENDPOINTS} - self._asking:
            if "/" in part:
                del self.parts[part]
                self._pages.pop(part, None)
                await self.journal.keep_records(part, [], anew=True)

    def _note_refusal(self, part: str, progress: Progress, refusal: Refusal) -> None:
        """Note what was refused, and when it is tried again.

        Raises:
            KeyRefused: the key is, and everything was to be asked once.
        """
        now, kind = self.clock(), refusal.kind
        self.walks[name_of(part), kind] += 1
        progress.refusal, progress.message = kind, refusal.message
        progress.attempts += 1
        if kind == "key":
            if self.plan.once:
                raise KeyRefused(refusal.message)
            self.refusal, self._rest_until = refusal.message, now + KEY_REST
            return
        if kind not in KEPT:
            query = None
            if progress.walk is not None:
                query, progress.revision = progress.walk.query, progress.walk.revision
            progress.walk = None
            self._pages.pop(part, None)
            floor = -(-(refusal.floor or 0) // DAY) * DAY
            if kind == "start" and query is not None and floor > query.start:
                progress.floor, progress.attempts, progress.refusal = floor, 0, ""
                progress.message = f"nothing before {timestamp(floor)}: {refusal.message}"
                return
        is_tried = progress.attempts >= MOST_ATTEMPTS or kind in {*FOR_GOOD, "start"}
        if kind == "gone" or (is_tried and self.plan.once):
            self._given_up.add(part)
        pause = pause_after(progress.attempts, refusal.retry_seconds, self._random)
        progress.rest_until = now + (REFUSED_REST if kind in {*FOR_GOOD, "start"} else pause)
