"""The sources: one task for each, which looks, waits, and looks again whatever cannot be read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, TypeAlias

import anyio
import anyio.abc
import anyio.to_thread

from stream.daemon.config import PaceSettings, PollSettings, Settings, WatchSettings
from stream.daemon.core import Core
from stream.daemon.delivery_log import log_left_out
from stream.daemon.events import log_event
from stream.daemon.poller import Poller, check_poll
from stream.records.delivery import LeftOut
from stream.records.errors import BadConfiguration, Unavailable
from stream.sources.directory import Directory
from stream.sources.discovery import discover_chains
from stream.sources.pace import Pace
from stream.sources.settling import Patience
from stream.sources.source import ReadOptions
from stream.sources.watch import changes_in

__all__ = ["Feeding", "check_directories"]

SourceSettings: TypeAlias = WatchSettings | PaceSettings | PollSettings
"""A source as the settings ask for it."""
RETRY: Final = 5.0
REST: Final = 3
"""How many times the length of a look a source rests after it, however much is told meanwhile."""
LAST_LOOK: Final = 5.0
"""Seconds for which the end waits until what accounts answered last is taken in from evidence."""
USUAL_THREADS: Final = 40


def check_directories(settings: Settings) -> None:
    """See that every source's directory can be read, and that every account has a key.

    Raises:
        BadConfiguration: an account has none.
        Unavailable: a directory cannot be read, or evidence not be written.
    """
    for poll in settings.poll:
        check_poll(poll)
    for path in [one.path for one in settings.watches] + [one.path for one in settings.pace]:
        discover_chains(path)


def look_options_of(settings: Settings) -> tuple[ReadOptions, Patience]:
    """Return how files are read, and how long watched directories are waited for.

    No list of checksums is compared: pages may come before it does.
    """
    patience = Patience(settings.settle_seconds, settings.rescan_seconds)
    return ReadOptions(settings.max_page_bytes), patience


def source_of(
    wanted: WatchSettings | PaceSettings,
    settings: Settings,
    positions: Mapping[str, bytes],
    clock: Callable[[], int],
) -> Directory | Pace:
    """Build a source, to go on where ``positions`` say."""
    options, patience = look_options_of(settings)
    if isinstance(wanted, WatchSettings):
        return Directory(wanted.path, wanted.name, positions, options, patience, clock=clock)
    return Pace(wanted.path, wanted.name, positions, options, rate=wanted.rate, loop=wanted.loop)


class Feeding:
    """Runs the sources of the settings, which may change."""

    def __init__(self, core: Core) -> None:
        """Feed ``core``; nothing runs yet."""
        self.core = core
        self._tasks: anyio.abc.TaskGroup | None = None
        self.scopes: dict[SourceSettings, anyio.CancelScope] = {}
        self.sources: dict[SourceSettings, Directory | Pace] = {}
        self._turns: dict[Path, anyio.Lock] = {}
        """Evidence → who writes it; one at a time."""
        self._behind: set[SourceSettings] = set()
        """Sources that have not been looked through once."""
        self._wakes: dict[SourceSettings, Alarm] = {}
        self._last_looks: dict[SourceSettings, anyio.Event] = {}
        """Sources that look once more → set when they have."""

    async def run(self, stopping: anyio.Event) -> None:
        """Run the sources until ``stopping`` is set; then the channel ends.

        Accounts end first: what they have put into evidence by then is taken in from there, and
        the last report is that of a replay of the evidence.
        """
        async with anyio.create_task_group() as tasks:
            self._tasks = tasks
            self.follow(self.core.settings)
            await stopping.wait()
            self._tasks = None
            with anyio.move_on_after(LAST_LOOK):
                await self._end_accounts()
            for scope in self.scopes.values():
                scope.cancel()
        self.core.channel.end()

    async def _end_accounts(self) -> None:
        """End whoever asks accounts, and wait until evidence was looked through once more."""
        polls = self.core.settings.poll
        for one in polls:
            self.scopes[one].cancel()
        for turn in self._turns.values():
            async with turn:
                pass
        places = {one.evidence for one in polls}
        found = [one for one in self.sources if isinstance(one, WatchSettings)]
        for source in found:
            if source.path in places:
                self._last_looks[source] = anyio.Event()
                self._wakes[source].set()
        for looked in self._last_looks.values():
            await looked.wait()

    def follow(self, settings: Settings) -> None:
        """Start the sources that are new, and stop those that are gone."""
        wanted: set[SourceSettings] = {*settings.watches, *settings.pace, *settings.poll}
        # A watched directory keeps a thread for itself; checkpoints and reports want others.
        limiter = anyio.to_thread.current_default_thread_limiter()
        limiter.total_tokens = USUAL_THREADS + len(settings.watches)
        for source in self.sources.values():
            source.follow(*look_options_of(settings))
        if self._tasks is None:
            return
        for one in self.scopes.keys() - wanted:
            self.scopes.pop(one).cancel()
            self.core.left_out.pop(one.name, None)
            self.sources.pop(one, None)
            self._wakes.pop(one, None)
            self.core.health.troubles.forget(one.name)
            self._behind.discard(one)
            if isinstance(one, PollSettings):
                self.core.pollers.pop(one.name, None)
        for one in sorted(wanted - self.scopes.keys(), key=lambda one: one.name):
            self.scopes[one] = scope = anyio.CancelScope()
            if isinstance(one, PollSettings):
                self._tasks.start_soon(self._poll, one, scope)
            else:
                self._behind.add(one)
                self._tasks.start_soon(self._run_one, one, scope)
        self._see_who_is_behind()

    async def _poll(self, wanted: PollSettings, scope: anyio.CancelScope) -> None:
        """Ask one account; what it answers comes from its evidence.

        Whoever asked it before, with other settings, has ended first.
        """
        with scope:
            async with self._turns.setdefault(wanted.directory, anyio.Lock()):
                poller = await self._open_poller(wanted)
                self.core.pollers[wanted.name] = poller
                await poller.run()

    async def _open_poller(self, wanted: PollSettings) -> Poller:
        """Open what is kept of an account; what hinders that is named, and tried again."""
        while True:
            try:
                return Poller(wanted, self.core.health)
            except (BadConfiguration, Unavailable) as error:
                found = {str(wanted.directory): str(error)}
                self.core.health.note_troubles(wanted.name, "directory", found)
            await anyio.sleep(RETRY)

    async def _run_one(
        self, wanted: WatchSettings | PaceSettings, scope: anyio.CancelScope
    ) -> None:
        """Run one source: look, wait until it wants to look again or something is told, and so on.

        It begins where what was taken in has come to: what waits in the channel from a source
        that the settings had before is taken first.
        """
        with scope:
            await self.core.wait_until_stored()
            async with self.core.state_lock:
                positions = self.core.intake.account.positions(wanted.name)
            source = source_of(wanted, self.core.settings, positions, self.core.clock)
            wake = self._wakes[wanted] = Alarm()
            self.sources[wanted] = source
            if isinstance(source, Pace):
                await self._caught_up(wanted)
            async with anyio.create_task_group() as tasks:
                if isinstance(source, Directory):
                    tasks.start_soon(self._listen, source, wake, scope)
                while True:
                    looked = self._last_looks.get(wanted)
                    started = anyio.current_time()
                    pause = await self._look(source)
                    if looked is not None:
                        looked.set()
                    took = anyio.current_time() - started
                    rest = min(REST * took, self.core.settings.rescan_seconds)
                    if pause is None:
                        said = f"{source.place}: replayed to the end"
                        log_event("info", "replayed", said, source=source.name)
                        return
                    if isinstance(source, Directory):
                        if source.has_survey:
                            await self._caught_up(wanted)
                        await anyio.sleep(rest)
                    await wake.wait(pause)

    async def _look(self, source: Directory | Pace) -> float | None:
        """Look once; what cannot be read is said, and tried again soon."""
        known = {*source.left_out} if isinstance(source, Directory) else set[LeftOut]()
        directory: dict[str, str] = {}
        pause: float | None = RETRY
        try:
            pause = await source.look(self.core.channel.send)
        except Unavailable as error:
            if not source.unreadable_files:
                directory = {str(source.place): str(error)}
        if isinstance(source, Directory):
            self._note_left_out(source, known)
        self._note_troubles(source, directory, source.unreadable_files)
        return pause

    def _note_left_out(self, source: Directory, known: set[LeftOut]) -> None:
        """Note what a source does not read, and log what is new of that, and what has ended."""
        log_left_out(source.name, known, {*source.left_out})
        if self.core.left_out.get(source.name, []) != source.left_out:
            self.core.left_out[source.name] = source.left_out
            self.core.changes += 1

    def _note_troubles(
        self, source: Directory | Pace, directory: dict[str, str], files: Mapping[str, str]
    ) -> None:
        """Note what of a source cannot be read; the report names it, so that it is written anew."""
        health = self.core.health
        is_new = health.note_troubles(source.name, "directory", directory)
        if not directory:  # or nobody knows how its files are
            is_new = health.note_troubles(source.name, "file", files) or is_new
        self.core.changes += is_new

    async def _listen(self, source: Directory, wake: Alarm, scope: anyio.CancelScope) -> None:
        """Wake a source whenever the kernel tells of a change."""
        is_deaf, where = False, {"source": source.name, "file": str(source.place)}
        while True:
            try:
                seconds = self.core.settings.rescan_seconds
                async for _ in changes_in(source.place, seconds, scope):
                    if is_deaf:
                        log_event("info", "watch_works", f"{source.place}: is watched", **where)
                    is_deaf = False
                    wake.set()
            except Unavailable as error:
                if not is_deaf and source.place.is_dir():  # a look says it of one that is gone
                    is_deaf = True
                    self.core.health.note_mishap("watch_failed", str(error), **where)
                wake.set()
                await anyio.sleep(RETRY)
            wake.set()

    async def _caught_up(self, wanted: SourceSettings) -> None:
        """Wait until all that a source has delivered is stored, the first time."""
        if wanted in self._behind:
            await self.core.wait_until_stored()
            self._behind.discard(wanted)
            self._see_who_is_behind()

    def _see_who_is_behind(self) -> None:
        """Note whether every source has been looked through."""
        self.core.health.caught_up = self.core.health.caught_up or not self._behind


class Alarm:
    """Wakes who waits for it; set while nobody waits, it wakes the next one at once."""

    def __init__(self) -> None:
        """Start unset."""
        self._event = anyio.Event()

    def set(self) -> None:
        """Wake who waits."""
        self._event.set()

    async def wait(self, seconds: float) -> None:
        """Wait until it is set, or so many seconds have passed."""
        with anyio.move_on_after(seconds):
            await self._event.wait()
        self._event = anyio.Event()
