"""Exports: what a state file holds, in another tool's format."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import anyio
from msgspec import Struct

from stream.sinks.exports.openmetrics import history_of, write_openmetrics
from stream.state.keyed import Windows
from stream.state.sqlite.store import Store

__all__ = ["Exported", "export_openmetrics"]


class Exported(Struct, rename="camel"):
    """What was written: series, samples, and the windows that had not ended and were left out."""

    out: str
    series: int
    samples: int
    open_windows: int


def export_openmetrics(state: Path, out: Path, now: int) -> Exported:
    """Write the history in a state file as OpenMetrics.

    Raises:
        Unavailable: the state cannot be read, or the file not written.
        BadInput: the state is damaged.
    """
    with closing(Store(state, read_only=True)) as store:
        windows = Windows(store.load().chains, store=store)
        history, open_windows = history_of(windows, now)
    samples = anyio.run(write_openmetrics, out, history)
    return Exported(str(out), len(history), samples, open_windows)
