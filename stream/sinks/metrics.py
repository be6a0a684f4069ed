"""Every metric, by Prometheus' conventions, rendered from what was counted and measured.

``usage_stream_`` is the machine, ``openai_api_`` what it measured. What must not fall is shown as
the last checkpoint holds it, so that no counter goes back when a process dies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, NamedTuple

from msgspec import Struct
from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    ProcessCollector,
    disable_created_metrics,
    write_to_textfile,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from stream import __version__
from stream.figures.ledger import Ledger
from stream.figures.series import FAMILIES, PROJECT_INFO, Series, label_value_of
from stream.records.errors import Unavailable
from stream.records.privacy import show_label
from stream.records.tally import Histogram, Tally
from stream.sinks.money_metrics import MoneyStatus, values_of_money

__all__ = [
    "METRICS",
    "DaemonStatus",
    "DiskSpace",
    "ExportStatus",
    "Exposition",
    "Metric",
    "PollStatus",
    "TallyCollector",
    "UsageCollector",
    "write_metrics",
]

PREFIX: Final = "usage_stream_"
KEPT: Final = 4  # formats; scrapers ask for two
MOST_NAMES: Final = 10_000
"""Projects of which the names are shown, the first by their ids."""
AnyFamily = CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily
Measure = float | Histogram | Mapping[Any, float]
"""One number, durations, or numbers by label: by one's value, or by a tuple of several."""


class Metric(NamedTuple):
    """A metric of the machine: its kind (counter, gauge, histogram), its help, and its labels."""

    kind: str
    help: str
    labels: tuple[str, ...] = ()


BY_BUDGET: Final = ("budget", "currency")
BY_EXPORT: Final = ("export",)
BY_MONTH: Final = ("month", "currency", "reason")
BY_OUTCOME: Final = ("endpoint", "outcome")
BY_PART: Final = ("source", "endpoint")
BY_STATUS: Final = (*BY_PART, "status")
BY_USE: Final = ("use",)
BY_WALK: Final = (*BY_PART, "outcome")
METRICS: Final = {
    "build_info": Metric("gauge", "The version that runs.", ("version",)),
    "pages_read": Metric("counter", "Pages read, by outcome.", BY_OUTCOME),
    "page_bytes": Metric("counter", "Bytes of the pages read."),
    "page_read_duration_seconds": Metric("histogram", "How long reading a page took."),
    "page_decode_duration_seconds": Metric("histogram", "How long decoding a page took."),
    "records": Metric("counter", "Records delivered, by what became of them.", BY_OUTCOME),
    "dead_letters": Metric("counter", "Records and pages set aside.", ("endpoint", "reason")),
    "pagination_anomalies": Metric("counter", "Faults of page chains.", ("kind",)),
    "unknown_fields": Metric(
        "counter", "Fields that the registry does not know, by page.", ("endpoint",)
    ),
    "channel_depth": Metric("gauge", "Pages that wait in the channel."),
    "channel_capacity": Metric("gauge", "Pages that the channel holds at most."),
    "channel_blocked_seconds": Metric(
        "counter", "Seconds that producers waited for room in the channel."
    ),
    "cursor_updated_timestamp_seconds": Metric(
        "gauge", "When the cursor of one of the endpoint's chains last moved.", ("endpoint",)
    ),
    "last_success_timestamp_seconds": Metric(
        "gauge", "When a page of the endpoint was last taken in.", ("endpoint",)
    ),
    "checkpoint_duration_seconds": Metric("histogram", "How long storing a checkpoint took."),
    "checkpoint_failures": Metric("counter", "Checkpoints that could not be stored."),
    "checkpoint_last_success_timestamp_seconds": Metric(
        "gauge", "When a checkpoint was last stored; 0 before the first."
    ),
    "report_write_duration_seconds": Metric("histogram", "How long writing the report took."),
    "report_failures": Metric("counter", "Reports that could not be written."),
    "report_last_success_timestamp_seconds": Metric(
        "gauge", "When the report was last written; 0 before the first."
    ),
    "export_last_success_timestamp_seconds": Metric(
        "gauge", "When an export last came to its end; 0 before the first.", BY_EXPORT
    ),
    "export_interval_seconds": Metric("gauge", "How often an export is made.", BY_EXPORT),
    "export_duration_seconds": Metric("gauge", "How long the last export took.", BY_EXPORT),
    "export_failures": Metric("counter", "Exports that failed.", BY_EXPORT),
    "export_rows": Metric(
        "counter", "Records that exports changed, by outcome.", (*BY_EXPORT, "outcome")
    ),
    "ready": Metric("gauge", "Whether the daemon is ready, as /readyz says."),
    "unready_reason": Metric(
        "gauge", "Whether the daemon is not ready for a reason; all reasons are there.", ("reason",)
    ),
    "memory_limit_bytes": Metric(
        "gauge", "Memory that the process may have: its control group's limit, or the machine's."
    ),
    "disk_free_bytes": Metric("gauge", "Bytes that are free where something is written.", BY_USE),
    "disk_size_bytes": Metric("gauge", "Bytes of the disk where something is written.", BY_USE),
    "config_last_reload_successful": Metric(
        "gauge", "Whether the configuration could be loaded when it was last tried."
    ),
    "watermark_timestamp_seconds": Metric(
        "gauge", "The greatest window end of the endpoint's chains.", ("endpoint",)
    ),
    "state_records": Metric("gauge", "Rows in state."),
    "state_open_windows": Metric("gauge", "Windows in state that have not ended yet."),
    "state_bytes": Metric("gauge", "Bytes of the state file and the log beside it."),
    "windows_missing": Metric(
        "gauge", "Windows that chains lack between their first and last.", ("endpoint",)
    ),
    "relationship_issues": Metric("gauge", "Things that the last report says do not hold."),
    "fallen_pages": Metric(
        "gauge", "Changed pages whose figures fell, and still count as they were.", ("endpoint",)
    ),
    "source_up": Metric(
        "gauge", "Whether the directory of a source can be read and watched.", ("source",)
    ),
    "source_unreadable_files": Metric(
        "gauge", "Files of a source that cannot be read.", ("source",)
    ),
    "source_stopped_chains": Metric(
        "gauge", "Chains of a source that wait for their next page for too long.", ("source",)
    ),
    "source_chain_wait_seconds": Metric(
        "gauge", "How long the oldest chain of a source waits for its next page.", ("source",)
    ),
    "source_interval_seconds": Metric(
        "gauge", "How often pages of an endpoint are expected from a source.", BY_PART
    ),
    "source_last_success_timestamp_seconds": Metric(
        "gauge", "When a page of an endpoint was last taken in from a source.", BY_PART
    ),
    "api_requests": Metric(
        "counter", "Requests to an account's API, by class of status.", BY_STATUS
    ),
    "api_budget_wait_seconds": Metric(
        "counter", "Seconds that requests waited for their turn.", ("source",)
    ),
    "api_walks": Metric("counter", "Walks over an account's pages, by outcome.", BY_WALK),
    "api_last_walk_timestamp_seconds": Metric(
        "gauge", "When a walk last began that came to its end.", BY_PART
    ),
    "api_lag_seconds": Metric(
        "gauge", "How long ago the newest window ended that is not asked for again.", BY_PART
    ),
    "api_key_refused": Metric("gauge", "Whether the provider refuses the key.", ("source",)),
    "api_evidence_bytes": Metric("gauge", "Bytes of the answers that are kept.", ("source",)),
    "series_limit": Metric("gauge", "How many series each measured metric may have."),
    "series_folded": Metric(
        "gauge", "Series of a measured metric that are added up under __other__.", ("metric",)
    ),
    "reconciliation_billed": Metric(
        "gauge", "What was billed for a month, by what explains the difference.", BY_MONTH
    ),
    "reconciliation_estimated": Metric(
        "gauge", "What a month should have cost, which is no bill.", BY_MONTH
    ),
    "reconciliation_matched": Metric(
        "gauge", "What of a month is both billed and estimated.", BY_MONTH
    ),
    "reconciliation_difference": Metric(
        "gauge", "What was billed for a month, less what was estimated.", BY_MONTH
    ),
    "budget_limit": Metric("gauge", "What may be spent in a UTC month.", BY_BUDGET),
    "budget_billed": Metric("gauge", "What is billed for this month so far.", BY_BUDGET),
    "budget_estimated_unbilled": Metric(
        "gauge", "What is estimated of this month's use that is not billed yet.", BY_BUDGET
    ),
    "budget_spent_ratio": Metric(
        "gauge", "Billed and estimated together, as a share of the budget.", BY_BUDGET
    ),
    "budget_forecast": Metric(
        "gauge",
        "What this month may come to: what is spent on known days, and for each other day the mean "
        "of the last seven known ones. Not there before these.",
        BY_BUDGET,
    ),
    "budget_threshold_reached": Metric(
        "gauge", "Whether so much of a budget is spent.", (*BY_BUDGET, "threshold")
    ),
    "budget_unclear": Metric(
        "gauge",
        "Whether a budget's figures may not be all there is for a reason; all reasons are there.",
        (*BY_BUDGET, "reason"),
    ),
}
"""Every metric of the machine, without prefix and without the counters' ``_total``."""


class PollStatus(NamedTuple):
    """How an account stands, in numbers; mappings are by endpoint or list.

    ``requests`` are by class of status too, and ``walks`` by outcome: whole, or why not.
    """

    requests: Mapping[tuple[str, str], int]
    waited_seconds: float
    walks: Mapping[tuple[str, str], int]
    last_walk: Mapping[str, float]
    lag: Mapping[str, float]
    evidence_bytes: int
    is_refused: bool


class ExportStatus(Struct):
    """How an export stands, in numbers: times in seconds, rows by what became of them."""

    interval: float
    last_success: int = 0
    duration: float = 0.0
    failures: int = 0
    rows: dict[str, int] = {}


class DiskSpace(NamedTuple):
    """The room on a disk, in bytes."""

    free: int
    size: int


class DaemonStatus(Struct):
    """How the daemon stands, in numbers; mappings are by endpoint, the last by source.

    ``exports`` are by their names.
    ``unready_reasons`` has each reason with 1 if it holds, ``disks`` are by what is written there,
    and ``memory_limit`` is in bytes, ``None`` where nobody knows it.
    """

    unready_reasons: dict[str, int] = {}
    memory_limit: int | None = None
    disks: dict[str, DiskSpace] = {}
    config_ok: bool = True
    watermarks: dict[str, int] = {}
    missing_windows: dict[str, int] = {}
    fallen_pages: dict[str, int] = {}
    records: int = 0
    open_windows: int = 0
    state_bytes: int = 0
    issues: int = 0
    exports: dict[str, ExportStatus] = {}
    series_limit: int = 0
    series_folded: Mapping[str, int] = {}
    """Metric → how many of its series are added up in coarser ones."""
    successes: dict[tuple[str, str], float] = {}
    intervals: dict[tuple[str, str], float] = {}
    chain_waits: dict[str, float] = {}
    failing_directories: dict[str, int] = {}
    unreadable_files: dict[str, int] = {}
    stopped_chains: dict[str, int] = {}
    polls: dict[str, PollStatus] = {}
    money: MoneyStatus = MoneyStatus()


class KnownCollector(Collector):
    """Names its metrics before they are collected, so that a registry can refuse doubles."""

    def describe(self) -> Iterable[Any]:
        """Name the metrics."""
        return self.collect()


class TallyCollector(KnownCollector):
    """Shows a tally to Prometheus at the moment of the scrape."""

    def __init__(self, tally: Tally) -> None:
        """Show ``tally``, which goes on counting."""
        self.tally = tally

    def collect(self) -> Iterable[AnyFamily]:
        """Return every metric of a run."""
        tally, lasting = self.tally, self.tally.lasting_counts
        return make_families(
            {
                "build_info": {__version__: 1},
                "pages_read": lasting.pages,
                "page_bytes": lasting.page_bytes,
                "page_read_duration_seconds": tally.page_read,
                "page_decode_duration_seconds": tally.page_decode,
                "records": lasting.records,
                "dead_letters": lasting.dead_letters,
                "pagination_anomalies": lasting.anomalies,
                "unknown_fields": lasting.unknown_fields,
                "channel_depth": tally.channel_depth,
                "channel_capacity": tally.channel_capacity,
                "channel_blocked_seconds": tally.channel_blocked_seconds,
                "cursor_updated_timestamp_seconds": lasting.cursor_updated,
                "last_success_timestamp_seconds": lasting.last_success,
                "checkpoint_duration_seconds": tally.checkpoint,
                "checkpoint_failures": tally.checkpoint_failures,
                "checkpoint_last_success_timestamp_seconds": tally.checkpointed_at or 0,
                "report_write_duration_seconds": tally.report_write,
                "report_failures": tally.report_failures,
                "report_last_success_timestamp_seconds": tally.reported_at or 0,
            }
        )


class StatusCollector(KnownCollector):
    """Shows how a daemon stands."""

    def __init__(self, standing: DaemonStatus) -> None:
        """Show ``standing``, which changes in place."""
        self.status = standing

    def collect(self) -> Iterable[AnyFamily]:
        """Return every metric of a daemon."""
        standing, failing = self.status, self.status.failing_directories
        return make_families(
            {
                **values_of_machine(standing),
                "config_last_reload_successful": int(standing.config_ok),
                "watermark_timestamp_seconds": standing.watermarks,
                "state_records": standing.records,
                "state_open_windows": standing.open_windows,
                "state_bytes": standing.state_bytes,
                "windows_missing": standing.missing_windows,
                "relationship_issues": standing.issues,
                "fallen_pages": standing.fallen_pages,
                "source_up": {source: int(not count) for source, count in failing.items()},
                "source_unreadable_files": standing.unreadable_files,
                "source_stopped_chains": standing.stopped_chains,
                "source_chain_wait_seconds": standing.chain_waits,
                "source_interval_seconds": standing.intervals,
                "source_last_success_timestamp_seconds": standing.successes,
                **values_of_polls(standing.polls),
                **values_of_exports(standing.exports),
                "series_limit": standing.series_limit,
                "series_folded": standing.series_folded,
                **values_of_money(standing.money),
            }
        )


def values_of_machine(standing: DaemonStatus) -> dict[str, Measure]:
    """Return whether the daemon is ready, and what the machine gives it."""
    reasons, limit = standing.unready_reasons, standing.memory_limit
    return {
        "ready": int(not any(reasons.values())),
        "unready_reason": reasons,
        "memory_limit_bytes": {} if limit is None else limit,
        "disk_free_bytes": {use: disk.free for use, disk in standing.disks.items()},
        "disk_size_bytes": {use: disk.size for use, disk in standing.disks.items()},
    }


def values_of_polls(polls: Mapping[str, PollStatus]) -> dict[str, Mapping[Any, float]]:
    """Return every metric of the accounts that are asked."""

    def by_part(member: str) -> dict[tuple[str, ...], float]:
        return {
            (source, *(part if isinstance(part, tuple) else (part,))): value
            for source, poll in polls.items()
            for part, value in getattr(poll, member).items()
        }

    def by_source(member: str) -> dict[str, float]:
        return {source: float(getattr(poll, member)) for source, poll in polls.items()}

    return {
        "api_requests": by_part("requests"),
        "api_budget_wait_seconds": by_source("waited_seconds"),
        "api_walks": by_part("walks"),
        "api_last_walk_timestamp_seconds": by_part("last_walk"),
        "api_lag_seconds": by_part("lag"),
        "api_key_refused": by_source("is_refused"),
        "api_evidence_bytes": by_source("evidence_bytes"),
    }


def values_of_exports(exports: Mapping[str, ExportStatus]) -> dict[str, Mapping[Any, float]]:
    """Return every metric of the exports."""
    return {
        "export_last_success_timestamp_seconds": {
            name: one.last_success for name, one in exports.items()
        },
        "export_interval_seconds": {name: one.interval for name, one in exports.items()},
        "export_duration_seconds": {name: one.duration for name, one in exports.items()},
        "export_failures": {name: one.failures for name, one in exports.items()},
        "export_rows": {
            (name, outcome): count
            for name, one in exports.items()
            for outcome, count in one.rows.items()
        },
    }


class UsageCollector(KnownCollector):
    """Shows a ledger: what was accepted, what was taken back, and gauges of what may change.

    Beside it stand the names of projects, to join on.
    """

    def __init__(self, ledger: Ledger, find_names: Callable[[], Mapping[str, str]]) -> None:
        """Show ``ledger`` as its last checkpoint left it, and projects by id and name."""
        self.ledger = ledger
        self.find_names = find_names

    def collect(self) -> Iterator[AnyFamily]:
        """Yield every metric of usage and costs."""
        ledger = self.ledger
        estimated = {} if ledger.estimates is None else ledger.estimates.sums
        for one in FAMILIES.values():
            if one.gauge:
                values = {**ledger.gauges, **ledger.levels, **estimated}
                yield add_series(GaugeMetricFamily(one.name, one.help, labels=one.labels), values)
                continue
            yield add_series(
                CounterMetricFamily(one.name, f"{one.help} As accepted.", labels=one.labels),
                {series: accepted for series, (accepted, _) in ledger.counts.items()},
            )
            corrected = f"{one.help} What was taken back of it."
            yield add_series(
                CounterMetricFamily(f"{one.name}_corrected", corrected, labels=one.labels),
                {series: value for series, (_, value) in ledger.counts.items()},
                one.name,
            )
        names = sorted(self.find_names().items())[:MOST_NAMES]
        yield add_series(
            GaugeMetricFamily(PROJECT_INFO.name, PROJECT_INFO.help, labels=PROJECT_INFO.labels),
            {Series(PROJECT_INFO.name, (label_value_of(one), name)): 1 for one, name in names},
        )


def add_series(
    shown: CounterMetricFamily | GaugeMetricFamily,
    values: Mapping[Series, int | Decimal],
    name: str | None = None,
) -> CounterMetricFamily | GaugeMetricFamily:
    """Add the series of a family; Prometheus keeps floats, so counts beyond 2⁵³ lose digits."""
    for series in sorted(one for one in values if one.family == (name or shown.name)):
        shown.add_metric([*map(show_label, series.labels)], float(values[series]))
    return shown


def make_families(values: Mapping[str, Measure]) -> list[AnyFamily]:
    """Make metrics of what was measured, by their names."""
    return [make_family(name, value) for name, value in values.items()]


def make_family(name: str, value: Measure) -> AnyFamily:
    """Make a metric: of durations, or with a sample for each combination of label values."""
    kind, documentation, labels = METRICS[name]
    if isinstance(value, Histogram):
        return HistogramMetricFamily(
            f"{PREFIX}{name}", documentation, buckets=value.buckets(), sum_value=value.sum
        )
    made = CounterMetricFamily if kind == "counter" else GaugeMetricFamily
    shown: CounterMetricFamily | GaugeMetricFamily = made(
        f"{PREFIX}{name}", documentation, labels=labels
    )
    for key, number in sorted((value if isinstance(value, Mapping) else {(): value}).items()):
        shown.add_metric([*map(show_label, (key,) if isinstance(key, str) else key)], number)
    return shown


class Exposition:
    """What is scraped: the machine as it stands, and usage as the last checkpoint left it.

    Usage changes with checkpoints alone, so its text is kept until the next one.
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
        self.machine = CollectorRegistry()
        self.machine.register(TallyCollector(tally))
        self.machine.register(StatusCollector(standing))
        ProcessCollector(registry=self.machine)
        GCCollector(registry=self.machine)
        self.usage = CollectorRegistry()
        self.usage.register(UsageCollector(ledger, find_names))
        self._kept: dict[str, bytes] = {}

    def forget(self) -> None:
        """Render usage anew with the next scrape."""
        self._kept.clear()

    def render(self, accept: str) -> tuple[bytes, str]:
        """Return what a scraper takes, and its content type; ``accept`` is its own header."""
        encode, content_type = choose_encoder(accept)
        if content_type not in self._kept:
            if len(self._kept) >= KEPT:
                self._kept.clear()
            self._kept[content_type] = encode(self.usage)
        return encode(self.machine).removesuffix(b"# EOF\n") + self._kept[
            content_type
        ], content_type


def write_metrics(path: Path, tally: Tally) -> None:
    """Write the metrics in the text format, for the node exporter's textfile collector.

    Raises:
        Unavailable: the file cannot be written.
    """
    registry = CollectorRegistry()
    registry.register(TallyCollector(tally))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_to_textfile(str(path), registry)
    except OSError as error:
        raise Unavailable(f"{path}: cannot be written ({error.strerror or error})") from None
