"""A run's counts and a daemon's standing as metric families, made at the moment of the scrape."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from stream import __version__
from stream.records.privacy import show_label
from stream.records.tally import Counts, Histogram, Tally
from stream.sinks.metrics.catalog import METRICS, PREFIX
from stream.sinks.metrics.status import DaemonStatus, ExportStatus, PollStatus
from stream.sinks.money_metrics import values_of_money

__all__ = ["StatusCollector", "TallyCollector"]

AnyFamily = CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily
Measure = float | Histogram | Mapping[Any, float]
"""One number, durations, or numbers by label: by one's value, or by a tuple of several."""


class KnownCollector(Collector):
    """Names its metrics before they are collected, so that a registry can refuse doubles."""

    def describe(self) -> Iterable[Any]:
        """Name the metrics."""
        return self.collect()


class TallyCollector(KnownCollector):
    """Shows a tally to Prometheus."""

    def __init__(self, tally: Tally) -> None:
        """Show ``tally``, which goes on counting."""
        self.tally = tally
        self.counts: Counts | None = None
        """Those of the checkpoint that is shown; ``None``: the last one's."""

    def collect(self) -> Iterable[AnyFamily]:
        """Return every metric of a run."""
        tally, lasting = self.tally, self.counts or self.tally.lasting_counts
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
