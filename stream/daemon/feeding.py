"""The sources: one task for each, which goes on when a file or a directory cannot be read."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

import anyio
import anyio.abc
import anyio.to_thread
import structlog

from stream.daemon.config import Pace, Settings, Watch
from stream.daemon.core import CaughtUp, Core
from stream.intake.reading import LineDelivery
from stream.records.errors import Unavailable
from stream.sources.captures import Read, Start
from stream.sources.fixtures import Delivery, discover
from stream.sources.growing import Growing
from stream.sources.lines import Capture, Line
from stream.sources.pace import Paced
from stream.sources.watch import Patience, Watched

__all__ = ["Feeding", "check_directories"]

Source: TypeAlias = Watch | Pace
RETRY: Final = 5.0
REST: Final = 3
"""How many times the length of a look a source rests after it, however much is told meanwhile."""
USUAL_THREADS: Final = 40


def check_directories(settings: Settings) -> None:
    """See that every source's directory can be read.

    Raises:
        Unavailable: one cannot.
    """
    for path in [one.path for one in settings.watch] + [one.path for one in settings.pace]:
        discover(path)


def patience_of(settings: Settings) -> Patience:
    """Return how long watched directories are waited for."""
    return Patience(settings.settle_seconds, settings.rescan_seconds, settings.max_page_bytes)


class Feeding:
    """Runs the sources of the settings, which may change."""

    def __init__(self, core: Core) -> None:
        """Feed ``core``; nothing runs yet."""
        self.core = core
        self._tasks: anyio.abc.TaskGroup | None = None
        self.running: dict[Source, anyio.CancelScope] = {}
        self.watched: dict[Source, Watched] = {}
        self.growing: dict[Source, Growing] = {}
        self.paced: dict[Source, Paced] = {}
        self._behind: set[Source] = set()
        """Sources that have not been looked through once."""

    async def run(self, stopping: anyio.Event) -> None:
        """Run the sources until ``stopping`` is set; then the channel ends."""
        async with anyio.create_task_group() as tasks:
            self._tasks = tasks
            self.follow(self.core.settings)
            tasks.start_soon(self._read_again)
            await stopping.wait()
            self._tasks = None
            tasks.cancel_scope.cancel()
        self.core.channel.end()

    def follow(self, settings: Settings) -> None:
        """Start the sources that are new, and stop those that are gone."""
        wanted: set[Source] = {*settings.watch, *settings.pace}
        # A watched directory keeps a thread for itself; checkpoints and reports want others.
        limiter = anyio.to_thread.current_default_thread_limiter()
        limiter.total_tokens = USUAL_THREADS + len(settings.watch)
        for watched in self.watched.values():
            watched.patience = patience_of(settings)
        for growing in self.growing.values():
            growing.patience = patience_of(settings)
        for paced in self.paced.values():
            paced.max_page_bytes = settings.max_page_bytes
        if self._tasks is None:
            return
        for source in self.running.keys() - wanted:
            self.running.pop(source).cancel()
            self.watched.pop(source, None)
            self.growing.pop(source, None)
            self.paced.pop(source, None)
            self._behind.discard(source)
        for source in sorted(wanted - self.running.keys(), key=lambda one: one.name):
            self.running[source] = scope = anyio.CancelScope()
            self._behind.add(source)
            self._tasks.start_soon(self._run_one, source, settings, scope)
        self._see_who_is_behind()

    async def _run_one(self, source: Source, settings: Settings, scope: anyio.CancelScope) -> None:
        """Run one source, and start it again when something cannot be read."""
        with scope:
            if isinstance(source, Watch):
                place = source.path, source.name, patience_of(settings)
                intake = self.core.intake
                self.watched[source] = Watched(*place, intake.runs)
                self.growing[source] = Growing(*place, intake.checkpoints.captures)
                await self._watch(source, self.watched[source], self.growing[source])
            else:
                paced = Paced(source, settings.max_page_bytes, self.core.intake.runs)
                self.paced[source] = paced
                await self._caught_up(source)
                await self._steadily(source, lambda: paced.replay(self._send))
                structlog.get_logger().info("replayed to the end", source=source.name)
                await anyio.sleep_forever()

    async def _send(self, delivery: Delivery) -> None:
        """Put a page into the channel, waiting for room."""
        await self.core.channel.send(delivery)

    async def _send_line(self, capture: Capture, line: Line | Read | Start) -> None:
        """Put a line of a capture into the channel, waiting for room."""
        await self.core.channel.send(LineDelivery(capture, line))

    async def _steadily(self, source: Source, work: Callable[[], Awaitable[None]]) -> None:
        """Do something until it succeeds; what cannot be read is said, and tried again."""
        while True:
            try:
                await work()
            except Unavailable as error:
                self.core.health.mishap(str(error), source=source.name)
                await anyio.sleep(RETRY)
            else:
                return

    async def _watch(self, source: Watch, watched: Watched, growing: Growing) -> None:
        """Look at a directory, and again whenever something may have changed."""
        pause = rest = 0.0

        async def listen() -> None:
            while True:
                try:
                    async for _ in watched.told():
                        watched.wake.set()
                except Unavailable as error:
                    self.core.health.mishap(str(error), source=source.name)
                    await anyio.sleep(RETRY)
                watched.wake.set()

        async def look() -> None:
            nonlocal pause, rest
            known, started = watched.unknown, anyio.current_time()
            pause = await watched.scan(self._send)
            pause = min(pause, await growing.scan(self._send_line))
            for failed in (watched.failed, growing.failed):
                if failed is not None:
                    self.core.health.mishap(str(failed), source=source.name)
                    pause = RETRY
            rest = min(REST * (anyio.current_time() - started), watched.patience.rescan)
            for name in sorted(watched.unknown - known):
                structlog.get_logger().warning("no fixture's name; left out", file=name)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(listen)
            while True:
                watched.wake = anyio.Event()
                await self._steadily(source, look)
                await self._caught_up(source)
                await anyio.sleep(rest)
                with anyio.move_on_after(pause):
                    await watched.wake.wait()

    async def _caught_up(self, source: Source) -> None:
        """Wait until all that a source has delivered is stored, the first time."""
        if source in self._behind:
            mark = CaughtUp()
            await self.core.channel.send(mark)
            await mark.stored.wait()
            self._behind.discard(source)
            self._see_who_is_behind()

    def _see_who_is_behind(self) -> None:
        """Note whether every source has been looked through."""
        self.core.health.caught_up = self.core.health.caught_up or not self._behind

    async def _read_again(self) -> None:
        """Have pages delivered once more whose place in their chain has changed."""
        while True:
            await self.core.waiting_again.wait()
            self.core.waiting_again = anyio.Event()
            for origin, page in self.core.intake.again:
                for source, watched in self.watched.items():
                    if source.name == origin.source:
                        watched.again(origin, page)
            self.core.intake.again.clear()
