"""A run's metrics as a file, for the node exporter's textfile collector."""

from __future__ import annotations

from pathlib import Path

from prometheus_client import CollectorRegistry, write_to_textfile

from stream.records.errors import Unavailable
from stream.records.tally import Tally
from stream.sinks.metrics.collectors import TallyCollector

__all__ = ["write_metrics"]


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
