"""History in OpenMetrics, each window at its own time, for a backfill of Prometheus.

A window is stamped at its end less one second, so that ``sum_over_time`` over a day, asked at the
day's end, finds that day's windows and no other's. Every family is a gauge: a window's figure is
whole in itself. Samples are sorted outside memory, so that it does not grow with the history.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from decimal import Decimal, localcontext
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Final

import anyio
from msgspec import Struct

from stream.figures.days import group_totals
from stream.figures.rollup import resolve_windows
from stream.figures.series import FAMILIES, series_of
from stream.figures.totals import Totals
from stream.providers.openai import ENDPOINTS
from stream.records.money import MONEY, plain_text_of
from stream.records.privacy import spell_name
from stream.sinks.atomic import atomic_file, write_pieces
from stream.state.sqlite.sorter import Sample, SampleSorter
from stream.state.windows import Windows

__all__ = ["Export", "export_openmetrics"]

ESCAPES: Final = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})
RANKS: Final = {name: rank for rank, name in enumerate(FAMILIES)}


class Export(Struct, rename="camel"):
    """What was written: series, samples, and the windows that had not ended and were left out."""

    out: str
    series: int = 0
    samples: int = 0
    open_windows: int = 0


def export_openmetrics(windows: Windows, out: Path, now: int) -> Export:
    """Write what windows hold as OpenMetrics; ``now`` is the clock, in Unix seconds.

    Raises:
        Unavailable: the windows cannot be read, or the file not written.
        BadInput: the windows are damaged.
    """
    written = Export(spell_name(str(out)))
    with closing(SampleSorter()) as sorter:
        sorter.take(samples_of(windows, now, written))
        anyio.run(write_lines, out, lines_of(sorter.sort(), written))
    return written


def samples_of(windows: Windows, now: int, written: Export) -> Iterator[Sample]:
    """Yield what each window counts in each series; windows that have not ended are left out."""
    for key in sorted({chain.endpoint for chain in windows.chains}):
        endpoint = ENDPOINTS[key]
        held = windows.windows_of(windows.chains_of(key))
        for found in resolve_windows(endpoint, held, ordered=False):
            for window, rows in found.table.records_by_window():
                if window.end - 1 > now:
                    written.open_windows += 1
                    continue
                totals = Totals(endpoint)
                totals.add(rows.dimensions, rows.counters)
                for series, value in series_of(endpoint, group_totals(endpoint, totals)).items():
                    if not FAMILIES[series.family].room:  # else a total of what is in the file
                        rank, text = RANKS[series.family], plain_text_of(value)
                        yield Sample(rank, series.labels, window.end - 1, text)


def lines_of(samples: Iterable[Sample], written: Export) -> Iterator[str]:
    """Yield the file's lines of samples in order: families, and of each its series, by time."""
    for rank, alike in groupby(samples, itemgetter(0)):
        family = list(FAMILIES.values())[rank]
        yield f"# TYPE {family.name} gauge"
        yield f"# HELP {family.name} {family.help}"
        for values, found in groupby(alike, itemgetter(1)):
            written.series += 1
            pairs = zip(family.labels, values, strict=True)
            labels = ",".join(f'{label}="{value.translate(ESCAPES)}"' for label, value in pairs)
            for time, together in groupby(found, itemgetter(2)):
                written.samples += 1
                total = add_texts([one.number for one in together])
                yield f"{family.name}{{{labels}}} {total} {time}"
    yield "# EOF"


def add_texts(texts: list[str]) -> str:
    """Add up numbers that are written as text."""
    if len(texts) == 1:
        return texts[0]
    with localcontext(MONEY):
        return plain_text_of(sum(map(Decimal, texts)))


async def write_lines(path: Path, lines: Iterator[str]) -> None:
    """Write the file, whole or not at all.

    Raises:
        Unavailable: it cannot be written.
    """
    async with atomic_file(path) as file:
        await write_pieces(file, (f"{line}\n".encode() for line in lines))
