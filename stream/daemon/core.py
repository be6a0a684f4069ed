"""What the daemon has: its state, what is made of that, and how all of it stands."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeAlias

import anyio

from stream.daemon.config import Settings
from stream.daemon.health import Health
from stream.daemon.intervals import expected_intervals
from stream.daemon.money import MoneyFigures
from stream.daemon.overdue import OverdueWalks
from stream.daemon.poller import Poller
from stream.daemon.pruner import Pruner
from stream.figures.coverage import Coverage
from stream.figures.ledger import Ledger
from stream.intake.intake import Intake
from stream.providers.prices.price_list import PriceList
from stream.records.chains import Chain
from stream.records.delivery import Delivery, LeftOut, size_of
from stream.records.tally import Tally
from stream.sinks.metrics.exposition import Exposition, Scrape
from stream.sinks.metrics.status import DaemonStatus
from stream.sources.channel import Channel

__all__ = ["Arrival", "Core"]

Arrival: TypeAlias = Delivery | anyio.Event
"""What comes through the channel; an event is set when all that came before it is stored."""


class Core:
    """State, which the consumer changes, and what everybody else looks at."""

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
        self.tally.seal()  # what it begins with, the state file has
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

    async def wait_until_stored(self) -> None:
        """Wait until all that has been sent through the channel by now is stored."""
        stored_event = anyio.Event()
        await self.channel.send(stored_event)
        await stored_event.wait()

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
        self.intake.state.budget = settings.rules.memory
        self.pruner.retention = settings.window_retention
        self.intake.letters_changed = True
        self.changes += 1

    def scrape(self, accept: str) -> Scrape:
        """Return the metrics as they stand."""
        self.tally.channel_depth = self.channel.depth
        self.tally.channel_blocked_seconds = self.channel.blocked_seconds
        self.status.open_windows = self.coverage.open_windows(self.clock())
        troubles = self.health.troubles
        self.status.unready_reasons = self.health.reason_flags()
        feeds = self.exposition.checkpoint.counts.source_success
        expected = self.status.intervals = expected_intervals(self.settings, feeds)
        self.status.successes = {one: at for one, at in feeds.items() if one in expected}
        self.status.chain_waits = self.overdue.wait_seconds()
        failing = self.status.failing_directories = troubles.counts("directory")
        none = dict.fromkeys(failing, 0)
        self.status.unreadable_files = none | troubles.counts("file")
        self.status.stopped_chains = none | troubles.counts("chain")
        self.status.polls = {name: one.status() for name, one in self.pollers.items()}
        return self.exposition.render(accept)
