"""The consumer: takes pages off the channel, checkpoints, and knows how everything stands."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, TypeAlias

import anyio
import anyio.to_thread

from stream.daemon.config import Settings
from stream.daemon.delivery_log import log_delivery
from stream.daemon.events import log_event
from stream.daemon.health import Health
from stream.daemon.intervals import expected_intervals
from stream.daemon.money import MoneyFigures
from stream.daemon.overdue import OverdueWalks
from stream.daemon.poller import Poller
from stream.daemon.pruner import Pruner
from stream.figures.coverage import Coverage
from stream.figures.ledger import Draft, Ledger
from stream.intake.intake import Intake
from stream.providers.prices.price_list import PriceList
from stream.records.chains import Chain
from stream.records.delivery import Delivery, LeftOut, size_of
from stream.records.errors import Unavailable
from stream.records.tally import Tally
from stream.records.windows import Slot
from stream.sinks.dead_letters import write_letters
from stream.sinks.metrics import DaemonStatus, Exposition
from stream.sources.channel import Channel

__all__ = ["Core"]

HEARTBEAT: Final = 60.0
"""Seconds after which a checkpoint is stored although nothing changed: to see that it can be."""
IDLE: Final = 5.0
"""Seconds after which the consumer looks around although nothing came."""
FIRST_RETRY: Final = 0.5
LAST_RETRY: Final = 15.0

Arrival: TypeAlias = Delivery | anyio.Event
"""What comes through the channel; an event is set when all that came before it is stored."""


class Core:
    """State, and the one task that changes it."""

    def __init__(
        self, settings: Settings, clock: Callable[[], int], prices: PriceList | None = None
    ) -> None:
        """Open the state file, and take up what it holds; ``prices`` are those of the settings.

        Raises:
            Unavailable: it cannot be opened, or is in use.
            BadInput: it is damaged.
        """
        self.settings = settings
        self.clock = clock
        self.tally = Tally()
        self.health = Health(clock, time.monotonic)
        self.intake = Intake(settings.rules, self.tally, clock)
        checkpoints = self.intake.checkpoints
        self.pruner = Pruner(self.intake, clock)
        self.pruner.retention = settings.window_retention
        self.ledger = Ledger(
            checkpoints.series, settings.series_limit, checkpoints.store, checkpoints.former_chains
        )
        self.money = MoneyFigures(self.ledger, settings, prices)
        self.health.figures_behind = self.ledger.is_behind
        self.coverage = Coverage()
        self.overdue = OverdueWalks(time.monotonic)
        self.status = DaemonStatus(series_limit=settings.series_limit)
        self.exposition = Exposition(
            self.tally, self.status, self.ledger, lambda: self.intake.objects.project_names
        )
        self.channel: Channel[Arrival] = Channel(settings.channel_capacity, size_of)
        self.tally.channel_capacity = settings.channel_capacity
        self.changes = 0
        """Grows when figures may have changed; the report is written when it did."""
        self.pollers: dict[str, Poller] = {}
        """Those that ask accounts, by the names of these."""
        self.left_out: dict[str, list[LeftOut]] = {}
        """Source → what it does not read of what stands there."""
        self.state_lock = anyio.Lock()
        """Held while state moves into the store: who looks at both has to hold it."""
        self._heartbeat = 0.0
        windows = self.intake.windows()
        held = ((chain, slot) for chain in windows.chains for slot in windows.slots(chain))
        self.coverage.take(held, clock())
        self._records = self.intake.checkpoints.store.records
        self.intake.standing.judge_all()
        for loss in self.intake.checkpoints.store.losses:
            self.health.note_mishap("state_lost", loss)
        self.update_status()

    def close(self) -> None:
        """Let go of the state file, and of pages that nobody took."""
        self.channel.close()
        self.intake.close()

    async def consume(self) -> None:
        """Take what comes until the channel ends; then everything is in a checkpoint.

        Raises:
            Unavailable: the store could not be written for ``give_up_seconds``.
            BadInput: what is old in it is damaged.
        """
        while True:
            try:
                delivery = await self._next()
            except anyio.EndOfStream:
                break
            if delivery is not None:
                await self._take(delivery)
            if self._is_due() or (delivery is None and self.ledger.is_behind):
                await self.checkpoint()
            elif delivery is None and self.money.is_behind:
                await self.catch_up_with_money()
            elif delivery is None:
                self.see_overdue()
                await self.prune()
        await self.checkpoint()
        if self.intake.checkpoints.pending_deliveries:  # faults of walks, found behind that one
            await self.checkpoint()

    async def wait_until_stored(self) -> None:
        """Wait until all that has been sent through the channel by now is stored."""
        stored_event = anyio.Event()
        await self.channel.send(stored_event)
        await stored_event.wait()

    async def _next(self) -> Arrival | None:
        """Return what comes next; ``None`` when it is time to see whether a checkpoint is due."""
        try:
            return self.channel.receive_nowait()
        except anyio.WouldBlock:
            if self.ledger.is_behind or self.money.is_behind:
                return None
            pending = self.intake.checkpoints.pending_deliveries
            pause = self.settings.checkpoint_seconds if pending else HEARTBEAT
            due = self.overdue.seconds_until_next(self.settings.walk_seconds)
            waits = [one for one in (pause, IDLE, due, self._prune_pause()) if one is not None]
            with anyio.move_on_after(min(waits)):
                return await self.channel.receive()
        return None

    async def _take(self, delivery: Arrival) -> None:
        """Take one page or line, or store everything when a source has caught up."""
        self.health.busy_since = time.monotonic()
        if isinstance(delivery, anyio.Event):
            await self.checkpoint()
            delivery.set()
        else:
            taken = self.intake.take(delivery)
            self.changes += 1
            log_delivery(delivery, taken, self.health, self.settings.dead_letters)
        self.health.busy_since = None

    def _is_due(self) -> bool:
        """Tell whether a checkpoint is due, or the heartbeat."""
        now = time.monotonic()
        full = self.intake.state.full
        rules = self.settings.rules
        due = self.intake.checkpoints.is_due(now, rules.checkpoint_pages, rules.checkpoint_seconds)
        return full or due or now - self._heartbeat >= HEARTBEAT

    async def checkpoint(self) -> None:
        """Store a checkpoint; while it cannot be stored nothing is taken, and it is tried again.

        Raises:
            Unavailable: it could not be stored for ``give_up_seconds``.
            BadInput: as :meth:`prune`.
        """
        pause = FIRST_RETRY
        while True:
            self.health.busy_since = time.monotonic()
            try:
                async with self.state_lock:
                    await self._store()
                if not self.ledger.is_behind:  # or all of it would change with the next one
                    await self.work_out_money()
            except Unavailable as error:
                self.health.busy_since = None
                self.tally.checkpoint_failures += 1
                self.health.note_failure("checkpoint", error, self.settings.give_up_seconds)
                await anyio.sleep(pause)
                pause = min(pause * 2, LAST_RETRY)
            else:
                self.health.busy_since = None
                self.health.note_success("checkpoint")
                self.see_overdue()
                await self.prune()
                return

    async def work_out_money(self) -> None:
        """Work out some of what estimates, bills and budgets come to, and show it when it is all.

        Raises:
            BadInput: the state is damaged.
            Unavailable: it cannot be read.
        """
        async with self.state_lock:
            status = await anyio.to_thread.run_sync(
                self.money.work_out_some, self.clock(), self.intake.objects.project_names
            )
            self.exposition.forget()
            if status is not None:
                self.status.money = status
                self.money.log_troubles(status)

    async def catch_up_with_money(self) -> None:
        """Work out some more; a store that cannot be read is tried again, as with checkpoints.

        Raises:
            BadInput, Unavailable: as :meth:`checkpoint`.
        """
        try:
            await self.work_out_money()
        except Unavailable:
            await self.checkpoint()

    async def prune(self) -> None:
        """Let some of what is older than the retention fold, when all of state is stored.

        Raises:
            BadInput: the state is damaged.
        """
        if self._prune_pause() == 0:
            async with self.state_lock:
                step = await anyio.to_thread.run_sync(self.pruner.prune_some)
                self.changes += bool(step.changed_places)
                self.update_status()

    def _prune_pause(self) -> float | None:
        """Return in how many seconds to prune; ``None``: not while there is something to store."""
        behind = self.ledger.is_behind or not self.health.caught_up
        is_busy = behind or self.intake.checkpoints.pending_deliveries
        return None if is_busy else self.pruner.pause

    async def _store(self) -> None:
        """Store state, series and counts together; then show them, and write the dead letters."""
        intake = self.intake
        pages, changed = (
            intake.checkpoints.pending_deliveries,
            intake.state.changed_places | intake.state.raised_revisions.keys(),
        )
        draft = await anyio.to_thread.run_sync(self._write, changed)
        self.ledger.commit(draft)
        days = [day.span for day in draft.figures.days]
        self.money.note_changes([*days, *draft.figures.dropped_spans])
        self.health.figures_behind = self.ledger.is_behind
        self.exposition.forget()
        self.coverage.take(changed, self.clock())
        self.update_status()
        if intake.standing.touched_walks:
            await anyio.to_thread.run_sync(intake.judge_touched)
            self.changes += 1
        self._heartbeat = time.monotonic()
        if intake.letters_changed:
            await write_letters(self.settings.dead_letters, intake.checkpoints.letters())
            intake.letters_changed = False
        size = self.status.state_bytes
        said = f"{pages} pages and {len(changed)} windows stored"
        log_event("info", "checkpoint", said, pages=pages, windows=len(changed), bytes=size)

    def _write(self, changed: set[tuple[Chain, Slot]]) -> Draft:
        """Work out what moves, and store it in one transaction; runs in a thread."""
        draft = self.ledger.draft(self.intake.windows(), changed)
        self.intake.store(draft.figures)
        return draft

    def see_overdue(self) -> None:
        """Name the chains of watched directories that have stopped half way."""
        standing, watched = self.intake.standing, {one.name for one in self.settings.watches}
        is_news = self.overdue.look(standing.open, self.settings.walk_seconds)
        self.overdue.note_sources(self.intake.account.origins(), watched)
        if not is_news:
            return
        found: dict[str, dict[str, str]] = {name: {} for name in watched}
        late: dict[Chain, str] = {
            walk[0]: standing.open[walk].message for walk in self.overdue.walks
        }
        watched_chains: set[Chain] = set()
        for source, chain in self.intake.account.sums_by_origin() if late else ():
            if chain in late and source in watched:
                watched_chains.add(chain)
                name = f"{chain.endpoint} (label {chain.label})"
                found[source][name] = f"{name} is incomplete: {late[chain]}"
        standing.overdue_walks = frozenset(
            walk for walk in self.overdue.walks if walk[0] in watched_chains
        )
        for source, chains in found.items():
            self.health.note_troubles(source, "chain", chains)
        self.changes += 1

    def update_status(self) -> None:
        """Bring up to date what is shown of the state."""
        standing, coverage = self.status, self.coverage
        standing.watermarks = coverage.watermarks()
        standing.missing_windows = coverage.missing_windows()
        standing.records = self._records + self.intake.state.added_rows
        standing.state_bytes = self.intake.checkpoints.store.size
        standing.series_folded = self.ledger.folds()
        standing.fallen_pages = dict.fromkeys(standing.watermarks, 0) | self.intake.account.falls

    def follow(self, settings: Settings, prices: PriceList | None) -> None:
        """Go on by other settings, and by their prices."""
        self.settings = settings
        self.money.follow(settings, prices)
        self.intake.rules = settings.rules
        self.intake.state.budget = settings.row_budget
        self.pruner.retention = settings.window_retention
        self.intake.letters_changed = True
        self.changes += 1

    def scrape(self, accept: str) -> tuple[bytes, str]:
        """Return the metrics as they stand, and their content type."""
        self.tally.channel_depth = self.channel.depth
        self.tally.channel_blocked_seconds = self.channel.blocked_seconds
        self.status.open_windows = self.coverage.open_windows(self.clock())
        troubles = self.health.troubles
        self.status.unready_reasons = self.health.reason_flags()
        feeds = self.tally.lasting_counts.source_success
        expected = self.status.intervals = expected_intervals(self.settings, feeds)
        self.status.successes = {one: at for one, at in feeds.items() if one in expected}
        self.status.chain_waits = self.overdue.wait_seconds()
        failing = self.status.failing_directories = troubles.counts("directory")
        none = dict.fromkeys(failing, 0)
        self.status.unreadable_files = none | troubles.counts("file")
        self.status.stopped_chains = none | troubles.counts("chain")
        self.status.polls = {name: one.status() for name, one in self.pollers.items()}
        return self.exposition.render(accept)
