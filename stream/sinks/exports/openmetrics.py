"""History in OpenMetrics, each window at its own time, for a backfill of Prometheus.

A window is stamped at its end less one second, so that ``sum_over_time`` over a day, asked at the
day's end, finds that day's windows and no other's. Every family is a gauge: a window's figure is
whole in itself.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import closing
from decimal import localcontext
from pathlib import Path
from typing import Final, TypeAlias

import anyio
from msgspec import Struct

from stream.figures.days import group_totals
from stream.figures.rollup import resolve_windows
from stream.figures.series import FAMILIES, Series, series_of
from stream.figures.totals import Totals
from stream.intake.former import windows_in
from stream.providers.openai import ENDPOINTS
from stream.records.money import MONEY, Number, plain_text_of
from stream.records.privacy import spell_name
from stream.sinks.atomic import atomic_file, write_pieces
from stream.state.sqlite.store import Store
from stream.state.windows import Windows

__all__ = ["Export", "export_openmetrics"]

History: TypeAlias = dict[Series, dict[int, Number]]
ESCAPES: Final = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


class Export(Struct, rename="camel"):
    """What was written: series, samples, and the windows that had not ended and were left out."""

    out: str
    series: int
    samples: int
    open_windows: int


def export_openmetrics(state: Path, out: Path, now: int) -> Export:
    """Write what a state file holds as OpenMetrics; ``now`` is the clock, in Unix seconds.

    Raises:
        Unavailable: the state cannot be read, or the file not written.
        BadInput: the state is damaged.
    """
    with closing(Store(state, read_only=True)) as store:
        windows = windows_in(store, store.load_but_series())
        history, open_windows = history_of(windows, now)
    samples = anyio.run(write_history, out, history)
    return Export(spell_name(str(out)), len(history), samples, open_windows)


def history_of(windows: Windows, now: int) -> tuple[History, int]:
    """Return each series' figures by time, and how many windows have not ended and are left out."""
    history: defaultdict[Series, dict[int, Number]] = defaultdict(dict)
    open_windows = set()
    for key in sorted({chain.endpoint for chain in windows.chains}):
        endpoint = ENDPOINTS[key]
        held = windows.windows_of(windows.chains_of(key))
        for found in resolve_windows(endpoint, held, ordered=False):
            for window, rows in found.table.records_by_window():
                if window.end - 1 > now:
                    open_windows.add((key, window))
                    continue
                totals = Totals(endpoint)
                totals.add(rows.dimensions, rows.counters)
                for series, value in series_of(endpoint, group_totals(endpoint, totals)).items():
                    if FAMILIES[series.family].room:
                        continue  # a total of series that are all in the file
                    times = history[series]
                    with localcontext(MONEY):
                        times[window.end - 1] = times.get(window.end - 1, 0) + value
    return dict(history), len(open_windows)


def lines_of(history: Mapping[Series, Mapping[int, Number]]) -> Iterator[str]:
    """Yield the file's lines: families one after another, a series' samples in order of time."""
    for name, family in FAMILIES.items():
        found = sorted(series for series in history if series.family == name)
        if found:
            yield f"# TYPE {name} gauge"
            yield f"# HELP {name} {family.help}"
        for series in found:
            pairs = zip(family.labels, series.labels, strict=True)
            labels = ",".join(f'{label}="{value.translate(ESCAPES)}"' for label, value in pairs)
            for time, value in sorted(history[series].items()):
                yield f"{name}{{{labels}}} {plain_text_of(value)} {time}"
    yield "# EOF"


async def write_history(path: Path, history: History) -> int:
    """Write the file, whole or not at all; return how many samples are in it.

    Raises:
        Unavailable: it cannot be written.
    """
    async with atomic_file(path) as file:
        await write_pieces(file, (f"{line}\n".encode() for line in lines_of(history)))
    return sum(map(len, history.values()))
