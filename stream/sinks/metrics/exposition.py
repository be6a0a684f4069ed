"""What is scraped: the machine as it stands, and usage as the last checkpoint left it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.exposition import choose_encoder

from stream.figures.ledger import Ledger
from stream.records.tally import Counts, Tally
from stream.sinks.metrics.collectors import StatusCollector, TallyCollector
from stream.sinks.metrics.status import DaemonStatus
from stream.sinks.metrics.usage import (
    EOF,
    OPENMETRICS,
    UsageText,
    families_of_usage,
    write_usage,
)
from stream.sinks.sections import Section

__all__ = ["Exposition", "Scrape", "ShownCheckpoint"]

SPELLED: Final = ("escaping=dots", "escaping=values")
"""Ways to write names that Prometheus did not always allow; ours are not such."""


class ShownCheckpoint(NamedTuple):
    """What one checkpoint left: what was counted, and the text of usage."""

    counts: Counts
    usage: UsageText


class Scrape(NamedTuple):
    """An answer: the machine, the sections that a checkpoint left, and a digest of these."""

    machine: bytes
    usage: list[Section]
    digest: bytes
    content_type: str


class Exposition:
    """Shows the machine as it stands, and beside it what one checkpoint left, and no other.

    Usage is written at checkpoints, in a thread, and kept: a scrape puts it below the machine.
    """

    def __init__(
        self,
        tally: Tally,
        standing: DaemonStatus,
        ledger: Ledger,
        find_names: Callable[[], Mapping[str, str]],
    ) -> None:
        """Show these, the projects that ``find_names`` gives by id, and the process."""
        disable_created_metrics()  # type: ignore[no-untyped-call]  # the library's own gap
        self._tally = tally
        self._ledger = ledger
        self._find_names = find_names
        self._collector = TallyCollector(tally)
        self._machine = CollectorRegistry()
        self._machine.register(self._collector)
        self._machine.register(StatusCollector(standing))
        ProcessCollector(registry=self._machine)
        GCCollector(registry=self._machine)
        self.show(self.write())

    def write(self) -> ShownCheckpoint:
        """Write what the last checkpoint left, while nothing of it moves; runs in a thread too."""
        usage = write_usage(families_of_usage(self._ledger, self._find_names()))
        return ShownCheckpoint(self._tally.lasting_counts, usage)

    def show(self, checkpoint: ShownCheckpoint) -> None:
        """Show what was written from now on."""
        self.checkpoint = checkpoint
        self._collector.counts = checkpoint.counts

    def render(self, accept: str) -> Scrape:
        """Return what a scraper takes; ``accept`` is its own header."""
        for one in SPELLED:
            accept = accept.replace(one, "escaping=underscores")
        encode, content_type = choose_encoder(accept)
        usage = self.checkpoint.usage
        sections = usage.openmetrics if content_type.startswith(OPENMETRICS) else usage.classic
        machine = encode(self._machine).removesuffix(EOF)
        return Scrape(machine, sections, usage.digest, content_type)
