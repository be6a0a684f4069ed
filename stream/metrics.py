"""Every metric, by Prometheus' conventions, rendered from what a run counted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, write_to_textfile
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from stream.errors import Unavailable
from stream.tally import Tally

__all__ = ["TallyCollector", "write_metrics"]

PREFIX = "usage_stream_"


class TallyCollector(Collector):
    """Shows a tally to Prometheus at the moment of the scrape."""

    def __init__(self, tally: Tally) -> None:
        """Show ``tally``, which goes on counting."""
        self.tally = tally

    def describe(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        """Name the metrics, so that a registry can refuse doubles."""
        return self.collect()

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        """Yield every metric."""
        tally = self.tally.lasting
        yield labelled(
            "pages_read", "Pages read, by outcome.", ("endpoint", "outcome"), tally.pages
        )
        yield CounterMetricFamily(
            f"{PREFIX}page_bytes", "Bytes of the pages read.", value=tally.page_bytes
        )
        yield labelled(
            "records",
            "Records delivered, by what became of them.",
            ("endpoint", "outcome"),
            tally.records,
        )
        yield labelled(
            "dead_letters",
            "Records and pages set aside.",
            ("endpoint", "reason"),
            tally.dead_letters,
        )
        anomalies = {(kind,): count for kind, count in tally.anomalies.items()}
        yield labelled("pagination_anomalies", "Faults of page chains.", ("kind",), anomalies)
        fields = {(endpoint,): count for endpoint, count in tally.unknown_fields.items()}
        yield labelled(
            "unknown_fields",
            "Fields that the registry does not know, by page.",
            ("endpoint",),
            fields,
        )
        yield GaugeMetricFamily(
            f"{PREFIX}channel_capacity",
            "Pages that the channel holds at most.",
            value=self.tally.channel_capacity,
        )
        yield CounterMetricFamily(
            f"{PREFIX}channel_blocked_seconds",
            "Seconds that producers waited for room in the channel.",
            value=self.tally.channel_blocked_seconds,
        )


def labelled(
    name: str,
    documentation: str,
    labels: tuple[str, ...],
    counts: Mapping[Any, int],
) -> CounterMetricFamily:
    """Make a counter with a sample for each combination of label values."""
    family = CounterMetricFamily(f"{PREFIX}{name}", documentation, labels=labels)
    for values, count in sorted(counts.items()):
        family.add_metric(values, count)
    return family


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
