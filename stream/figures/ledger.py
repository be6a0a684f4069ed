"""What is shown to Prometheus of usage: accepted and corrected, both moved by checkpoints alone.

Usage can be taken back: a later revision is lower, a residual is covered by its details. A counter
must not fall, so what was accepted is one counter and what was taken back another; accepted less
corrected is the report's figure, for each series and to the last digit. State is cut into UTC days,
which no rule crosses, and only days that changed are worked out again.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from decimal import localcontext
from itertools import chain as chain_of
from typing import Final, NamedTuple, TypeAlias

import msgspec

from stream.figures.daily import DaySums
from stream.figures.rollup import resolve_windows
from stream.figures.series import FAMILIES, OTHER, Series, series_of
from stream.figures.totals import Totals
from stream.providers.endpoint import Endpoint
from stream.providers.openai import ENDPOINTS
from stream.records.chains import Chain
from stream.records.money import MONEY, Number
from stream.records.windows import DAY, MAX_TIME, Slot, Window, day_of
from stream.state.saved_series import SavedSeries
from stream.state.windows import Windows

__all__ = ["Draft", "Ledger"]

LEVELS: Final = "usage/vector_stores"
Sums: TypeAlias = dict[Series, Number]
Cell: TypeAlias = tuple[str, Window | None]
"""An endpoint's UTC day; no day: all of it, as some window of it crosses days."""


class Draft(NamedTuple):
    """What the next checkpoint moves; it counts when that is stored, and not before."""

    cells: dict[Cell, Sums]
    dropped_cells: list[Cell]
    moves: dict[Series, tuple[int, int]]
    folds: dict[Series, Series]
    gauges: Sums
    levels: Sums | None

    def saved_series(self) -> list[SavedSeries]:
        """Return the series that a state file has to take up."""
        return [
            SavedSeries(one.family, write_labels(one), str(accepted), str(corrected), 0)
            for one, (accepted, corrected) in sorted(self.moves.items())
        ] + [SavedSeries(one.family, write_labels(one), "0", "0", 1) for one in sorted(self.folds)]


class Ledger:
    """Keeps what each series has accepted and taken back."""

    def __init__(self, saved: Iterable[SavedSeries], limit: int) -> None:
        """Start with what a state file holds; ``limit`` is how many series a metric may have."""
        self.limit = limit
        self.counts: dict[Series, tuple[int, int]] = {}
        self.folds: dict[Series, Series] = {}
        self.gauges: Sums = {}
        """What is billed, in all of state; and below, what the latest window holds."""
        self.levels: Sums = {}
        self._cells: dict[Cell, Sums] = {}
        self._whole: set[str] = set()
        self._before: Sums | None = {}
        """What the counts come to, until all of state has been compared with them once."""
        for one in saved:
            series = Series(one.family, tuple(msgspec.json.decode(one.labels)))
            if one.folded:
                self.folds[series] = fold_target_of(series)
            else:
                self.counts[series] = int(one.accepted), int(one.corrected)
                self._before[series] = int(one.accepted) - int(one.corrected)
        self._own = {series for series in self.counts if OTHER not in series.labels}
        self._admitted = Counter(series.family for series in self._own)

    def draft(self, windows: Windows, changed: Iterable[tuple[Chain, Slot]]) -> Draft:
        """Work out what has changed since the last checkpoint; nothing moves yet."""
        touched, dropped = self._touched_days(windows, changed)
        cells = {cell: self._sums(windows, cell) for cell in touched}
        folded: dict[Series, Series] = {}
        differences: defaultdict[Series, list[Number]] = defaultdict(list)
        for sums in cells.values():
            for series in sorted(sums):  # what is zero is a series too, as it is in the report
                target = self._target(series, folded)
                if target not in self.counts and target not in self.gauges:
                    differences[target] = []
        if self._before is None:
            for cell, sums in cells.items():
                befores = [self._cells.get(cell, {})]
                befores += [self._cells.get(gone, {}) for gone in dropped if gone[0] == cell[0]]
                for series, difference in differences_between(sums, befores):
                    differences[self._target(series, folded)].append(difference)
        else:
            for series, difference in differences_between(
                self._sum_all(cells, folded), [self._before]
            ):
                differences[series].append(difference)
        levels = None
        if any(cell[0] == LEVELS for cell in cells):
            levels = self._latest(windows, folded)
        return self._moves_of(Draft(cells, dropped, {}, folded, {}, levels), differences)

    def _sum_all(self, cells: Mapping[Cell, Sums], folded: dict[Series, Series]) -> Sums:
        """Add up what all days count in each series that is shown."""
        now: Sums = {}
        with localcontext(MONEY):
            for sums in cells.values():
                for series, value in sums.items():
                    target = self._target(series, folded)
                    now[target] = now.get(target, 0) + value
        return now

    def _touched_days(
        self, windows: Windows, changed: Iterable[tuple[Chain, Slot]]
    ) -> tuple[list[Cell], list[Cell]]:
        """Find the days to work out again, and those that are now part of a whole."""
        touched: set[tuple[str, Window]] = set()
        for chain, slot in chain_of(changed, self._windows_anew(windows)):
            day = day_of(slot.window.start)
            if slot.window.end > day.end:
                self._whole.add(chain.endpoint)
            touched.add((chain.endpoint, day))
        cells = {(key, None if key in self._whole else day) for key, day in touched}
        whole = {key for key, day in cells if day is None}
        dropped = [cell for cell in self._cells if cell[0] in whole and cell[1] is not None]
        return sorted(cells, key=lambda cell: (cell[0], cell[1] or (0, 0))), dropped

    def _windows_anew(self, windows: Windows) -> Iterator[tuple[Chain, Slot]]:
        """Yield every window, until all of state has been compared with the counts once."""
        if self._before is not None:
            for chain in sorted(windows.chains):
                if chain.endpoint in ENDPOINTS:
                    yield from ((chain, slot) for slot in windows.slots(chain))

    def _sums(self, windows: Windows, cell: Cell) -> Sums:
        """Work out what a day counts in each series."""
        key, day = cell
        if key == LEVELS:
            return {}
        endpoint = ENDPOINTS[key]
        totals = Totals(endpoint)
        for found in resolve_windows(
            endpoint, windows.windows_of(windows.chains_of(key), day), ordered=False
        ):
            totals.add(found.table.dimensions, found.table.counters)
        return series_of(endpoint, totals)

    def _latest(self, windows: Windows, folded: dict[Series, Series]) -> Sums:
        """Return the levels that the latest window holds."""
        endpoint: Endpoint = ENDPOINTS[LEVELS]
        chains = windows.chains_of(LEVELS)
        slots = [slot for chain in chains for slot in windows.slots(chain)]
        latest = max((slot.window.end for slot in slots), default=0)
        first = min((s.window.start for s in slots if s.window.end > latest - DAY), default=0)
        found: Sums = {}
        newest = (0, 0)
        for cluster in resolve_windows(
            endpoint, windows.windows_of(chains, Window(first, latest)), ordered=False
        ):
            for window, rows in cluster.table.records_by_window():
                if (window.end, window.start) < newest or not rows.windows:
                    continue
                newest = (window.end, window.start)
                totals = Totals(endpoint)
                totals.add(rows.dimensions, rows.counters)
                found = series_of(endpoint, totals)
        levels: Sums = {}
        for series, value in found.items():
            target = self._target(series, folded)
            levels[target] = levels.get(target, 0) + value
        return levels

    def days(self, window: Window) -> Iterator[DaySums]:
        """Yield what the days that touch a window count in each series, before any is folded."""
        for (key, day), sums in self._cells.items():
            found = day or Window(0, MAX_TIME)
            if found.start < window.end and window.start < found.end:
                yield key, found, sums

    def _target(self, series: Series, folded: dict[Series, Series]) -> Series:
        """Return the series that one counts in: itself, or for good its family's other."""
        if series in self._own:
            return series
        known = self.folds.get(series) or folded.get(series)
        if known is None and self._admitted[series.family] >= self.limit:
            known = folded[series] = fold_target_of(series)
        if known is None:
            self._own.add(series)
            self._admitted[series.family] += 1
        return known or series

    def _moves_of(self, draft: Draft, differences: Mapping[Series, list[Number]]) -> Draft:
        """Turn differences into what each series has accepted and taken back by then."""
        for series, found in differences.items():
            if FAMILIES[series.family].gauge:
                with localcontext(MONEY):
                    draft.gauges[series] = self.gauges.get(series, 0) + sum(found)
            else:
                accepted, corrected = self.counts.get(series, (0, 0))
                accepted += sum(int(one) for one in found if one > 0)
                corrected -= sum(int(one) for one in found if one < 0)
                draft.moves[series] = accepted, corrected
        return draft

    def commit(self, draft: Draft) -> None:
        """Take up what a checkpoint has stored."""
        for cell in draft.dropped_cells:
            self._cells.pop(cell, None)
        self._cells.update(draft.cells)
        self.counts.update(draft.moves)
        self.folds.update(draft.folds)
        self.gauges.update(draft.gauges)
        if draft.levels is not None:
            self.levels = draft.levels
        self._before = None


def differences_between(now: Sums, befores: list[Sums]) -> Iterator[tuple[Series, Number]]:
    """Yield what each series differs by, where it does."""
    with localcontext(MONEY):
        left = dict(now)
        for before in befores:
            for series, value in before.items():
                left[series] = left.get(series, 0) - value
    for series in sorted(left):
        if left[series]:
            yield series, left[series]


def fold_target_of(series: Series) -> Series:
    """Return the series that others are added up in; what has few values keeps apart."""
    labels = FAMILIES[series.family].labels
    return Series(
        series.family,
        tuple(
            value if name in {"endpoint", "token_type", "currency"} else OTHER
            for name, value in zip(labels, series.labels, strict=True)
        ),
    )


def write_labels(series: Series) -> str:
    """Write a series' labels for a state file."""
    return msgspec.json.encode(series.labels).decode()
