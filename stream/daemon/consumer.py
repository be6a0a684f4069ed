"""The one task that changes state: it takes what comes off the channel, and stores checkpoints."""

from __future__ import annotations

import time
from typing import Final

import anyio
import anyio.to_thread

from stream.daemon.core import Arrival, Core
from stream.daemon.delivery_log import log_delivery
from stream.daemon.events import log_event
from stream.figures.ledger import Draft
from stream.records.chains import Chain
from stream.records.errors import Unavailable
from stream.records.windows import Slot
from stream.sinks.dead_letters import write_letters
from stream.sinks.money_metrics import MoneyStatus

__all__ = ["Consumer"]

HEARTBEAT: Final = 60.0
"""Seconds after which a checkpoint is stored although nothing changed: to see that it can be."""
IDLE: Final = 5.0
"""Seconds after which the consumer looks around although nothing came."""
FIRST_RETRY: Final = 0.5
LAST_RETRY: Final = 15.0


class Consumer:
    """Takes pages in, and moves state into the store; nobody else does."""

    def __init__(self, core: Core) -> None:
        """Change the state of ``core``."""
        self.core = core
        self._heartbeat = 0.0

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
            if self._is_due() or (delivery is None and self.core.ledger.is_behind):
                await self.checkpoint()
            elif delivery is None and self.core.money.is_behind:
                await self.catch_up_with_money()
            elif delivery is None:
                self.core.see_overdue()
                await self.prune()
        await self.checkpoint()
        if self.core.intake.checkpoints.pending_deliveries:  # faults of walks, found meanwhile
            await self.checkpoint()

    async def _next(self) -> Arrival | None:
        """Return what comes next; ``None`` when it is time to see whether a checkpoint is due."""
        try:
            return self.core.channel.receive_nowait()
        except anyio.WouldBlock:
            if self.core.ledger.is_behind or self.core.money.is_behind:
                return None
            pending = self.core.intake.checkpoints.pending_deliveries
            pause = self.core.settings.checkpoint_seconds if pending else HEARTBEAT
            due = self.core.overdue.seconds_until_next(self.core.settings.walk_seconds)
            waits = [one for one in (pause, IDLE, due, self._prune_pause()) if one is not None]
            with anyio.move_on_after(min(waits)):
                return await self.core.channel.receive()
        return None

    async def _take(self, delivery: Arrival) -> None:
        """Take one page or line, or store everything when a source has caught up."""
        self.core.health.busy_since = time.monotonic()
        if isinstance(delivery, anyio.Event):
            await self.checkpoint()
            delivery.set()
        else:
            taken = self.core.intake.take(delivery)
            self.core.changes += 1
            log_delivery(delivery, taken, self.core.health, self.core.settings.dead_letters)
        self.core.health.busy_since = None

    def _is_due(self) -> bool:
        """Tell whether a checkpoint is due, or the heartbeat."""
        now, intake, rules = time.monotonic(), self.core.intake, self.core.settings.rules
        due = intake.checkpoints.is_due(now, rules.checkpoint_pages, rules.checkpoint_seconds)
        return intake.state.full or due or now - self._heartbeat >= HEARTBEAT

    async def checkpoint(self) -> None:
        """Store a checkpoint; while it cannot be stored nothing is taken, and it is tried again.

        Raises:
            Unavailable: it could not be stored for ``give_up_seconds``.
            BadInput: as :meth:`prune`.
        """
        pause, health = FIRST_RETRY, self.core.health
        while True:
            health.busy_since = time.monotonic()
            try:
                async with self.core.state_lock:
                    await self._store()
                    is_behind = self.core.ledger.is_behind
                    # While that is behind, all of money would change with the next checkpoint.
                    status = None if is_behind else await self._work_out_money()
                    await self._show(status)
            except Unavailable as error:
                health.busy_since = None
                self.core.tally.checkpoint_failures += 1
                health.note_failure("checkpoint", error, self.core.settings.give_up_seconds)
                await anyio.sleep(pause)
                pause = min(pause * 2, LAST_RETRY)
            else:
                health.busy_since = None
                health.note_success("checkpoint")
                self.core.see_overdue()
                await self.prune()
                return

    async def _work_out_money(self) -> MoneyStatus | None:
        """Work out some of what estimates, bills and budgets come to, and return all of it, if so.

        Raises:
            BadInput: the state is damaged.
            Unavailable: it cannot be read.
        """
        core = self.core
        now, names = core.clock(), core.intake.objects.project_names
        return await anyio.to_thread.run_sync(core.money.work_out_some, now, names)

    async def _show(self, status: MoneyStatus | None) -> None:
        """Write what is scraped of usage, in a thread; then show it, and money if there is news.

        Only what is shown may make the daemon ready.
        """
        core = self.core
        checkpoint = await anyio.to_thread.run_sync(core.exposition.write)
        core.exposition.show(checkpoint)
        core.health.figures_behind = core.ledger.is_behind
        if status is not None:
            core.status.money = status
            core.money.log_troubles(status)

    async def catch_up_with_money(self) -> None:
        """Work out some more; a store that cannot be read is tried again, as with checkpoints.

        Raises:
            BadInput, Unavailable: as :meth:`checkpoint`.
        """
        try:
            async with self.core.state_lock:
                status = await self._work_out_money()
                if status is not None:
                    await self._show(status)
        except Unavailable:
            await self.checkpoint()

    async def prune(self) -> None:
        """Let some of what is older than the retention fold, when all of state is stored.

        Raises:
            BadInput: the state is damaged.
        """
        if self._prune_pause() == 0:
            async with self.core.state_lock:
                step = await anyio.to_thread.run_sync(self.core.pruner.prune_some)
                self.core.changes += bool(step.changed_places)
                self.core.update_status()

    def _prune_pause(self) -> float | None:
        """Return in how many seconds to prune; ``None``: not while there is something to store."""
        behind = self.core.ledger.is_behind or not self.core.health.caught_up
        is_busy = behind or self.core.intake.checkpoints.pending_deliveries
        return None if is_busy else self.core.pruner.pause

    async def _store(self) -> None:
        """Store state, series and counts together, and write the dead letters."""
        core, intake = self.core, self.core.intake
        pages, changed = (
            intake.checkpoints.pending_deliveries,
            intake.state.changed_places | intake.state.raised_revisions.keys(),
        )
        draft = await anyio.to_thread.run_sync(self._write, changed)
        core.ledger.commit(draft)
        days = [day.span for day in draft.figures.days]
        core.money.note_changes([*days, *draft.figures.dropped_spans])
        core.coverage.take(changed, core.clock())
        core.update_status()
        if intake.standing.touched_walks:
            await anyio.to_thread.run_sync(intake.judge_touched)
            core.changes += 1
        self._heartbeat = time.monotonic()
        if intake.letters_changed:
            await write_letters(core.settings.dead_letters, intake.checkpoints.letters())
            intake.letters_changed = False
        size = core.status.state_bytes
        said = f"{pages} pages and {len(changed)} windows stored"
        log_event("info", "checkpoint", said, pages=pages, windows=len(changed), bytes=size)

    def _write(self, changed: set[tuple[Chain, Slot]]) -> Draft:
        """Work out what moves, and store it in one transaction; runs in a thread."""
        draft = self.core.ledger.draft(self.core.intake.windows(), changed)
        self.core.intake.store(draft.figures)
        return draft
