"""What is shown to Prometheus of usage: accepted and corrected, both moved by checkpoints alone.

Usage can be taken back: a later revision is lower, a residual is covered by its details. A counter
must not fall, so what was accepted is one counter and what was taken back another; accepted less
corrected is the report's figure, for each series and to the last digit.

State is cut into UTC days, which no rule crosses but for windows that do. Only days in which
something changed are worked out again, and what they came to before is in the store: memory has
what each series counts, and nothing for each day.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping
from decimal import Decimal, localcontext
from typing import Final, NamedTuple, TypeAlias

from stream.figures.admission import Admission, read_labels, write_labels
from stream.figures.daybook import BookDay
from stream.figures.days import (
    LEVELS,
    groups_of_span,
    pack_groups,
    unpack_columns,
    unpack_groups,
)
from stream.figures.money.estimated_series import EstimatedSeries
from stream.figures.series import FAMILIES, Series, series_of
from stream.figures.spans import whole_spans
from stream.providers.openai import ENDPOINTS
from stream.providers.prices.price_list import PriceList
from stream.records.chains import Chain
from stream.records.money import MONEY, Number, plain_text_of
from stream.records.windows import Slot, Window, days_of
from stream.state.saved_series import DayStore, SavedDay, SavedFigures, SavedSeries, Span
from stream.state.windows import Windows

__all__ = ["Draft", "Ledger"]

STALE: Final = 32
"""How many days that others have changed are worked out with one checkpoint, beside its own."""
Sums: TypeAlias = dict[Series, Number]


class Draft(NamedTuple):
    """What the next checkpoint moves; it counts when that is stored, and not before."""

    figures: SavedFigures
    moves: dict[Series, tuple[int, int]]
    gauges: Sums
    estimate_moves: tuple[EstimatedSeries | None, Sums]
    """What series of estimates move by, and which these are."""
    is_behind: bool


class Ledger:
    """Keeps what each series has accepted and taken back; ``store`` has what each day came to."""

    def __init__(
        self,
        saved: Iterable[SavedSeries],
        limit: int,
        store: DayStore,
        former: frozenset[Chain] = frozenset(),
    ) -> None:
        """Start with what a state file holds; ``limit`` is how many series a metric may have.

        ``former`` are the chains that were former ones when the store's days were worked out.
        """
        self.store = store
        self.counts: dict[Series, tuple[int, int]] = {}
        self.gauges: Sums = {}
        """What is billed, in all of state; and below, what the latest window holds."""
        self.levels: Sums = {}
        self.admission = Admission(limit)
        self.estimates: EstimatedSeries | None = None
        """What use should have cost, where somebody has prices."""
        self.is_behind = bool(store.stale_spans(1))
        """Whether days have changed that are not counted yet."""
        self._former = former
        for one in saved:
            series = read_labels(one)
            if one.folded:
                self.admission.restore(series, one.folded)
                continue
            self.admission.restore(series, 0)
            if FAMILIES[series.family].gauge:
                self.gauges[series] = Decimal(one.accepted)
            else:
                self.counts[series] = int(one.accepted), int(one.corrected)
        self._read_levels()

    def follow_prices(self, prices: PriceList | None) -> None:
        """Estimate by other prices from now on, all days anew."""
        self.estimates = (
            None if prices is None else EstimatedSeries(self.store, prices, self.admission)
        )

    def folds(self) -> dict[str, int]:
        """Return how many series of each metric are added up in coarser ones."""
        found = Counter(series.family for series in self.admission.folds)
        return {name: found[name] for name in FAMILIES}

    def read(self, endpoint: str, window: Window, wanted: Container[str]) -> Iterator[BookDay]:
        """Yield the days of an endpoint that a window touches, as the last checkpoint left them.

        Raises:
            BadInput, Unavailable: the store cannot be read.
        """
        for day in self.store.days(endpoint, window):
            yield BookDay(day.span.window, unpack_columns(ENDPOINTS[endpoint], day.sums, wanted))

    def draft(self, windows: Windows, changed: Iterable[tuple[Chain, Slot]]) -> Draft:
        """Work out what has changed since the last checkpoint; nothing moves yet.

        Raises:
            BadInput, Unavailable: the store cannot be read.
        """
        touched = {Span(chain.endpoint, days_of(slot.window)) for chain, slot in changed}
        for chain in self._former ^ windows.former_chains:
            touched |= {Span(chain.endpoint, days_of(slot.window)) for slot in windows.slots(chain)}
        stale = self.store.stale_spans(STALE + 1)
        touched.update(stale[:STALE])
        days, dropped = list[SavedDay](), list[Span]()
        rises: Sums = {}
        falls: Sums = {}
        estimated: Sums = {}
        for span in whole_spans(self.store, {one for one in touched if one.endpoint in ENDPOINTS}):
            befores = list(self.store.days(*span))
            dropped += [day.span for day in befores if day.span.window.start != span.window.start]
            found = groups_of_span(windows, span)
            day = SavedDay(span, pack_groups(found), not found.groups)
            days.append(day)
            if span.endpoint != LEVELS:
                add_differences(day, befores, rises, falls)
            if self.estimates is not None:
                add_sums(self.estimates.differences(day, befores), estimated)
        moves, gauges = self._moves_of(rises, falls)
        saved = [*saved_series_of(moves, gauges), *self.admission.unsaved_folds()]
        figures = SavedFigures(saved, days, dropped, frozenset(windows.former_chains))
        estimates = self.estimates, estimated
        return Draft(figures, moves, gauges, estimates, is_behind=len(stale) > STALE)

    def _read_levels(self) -> None:
        """Take the levels that the latest window holds: it is in the last days with any."""
        last = self.store.last_day(LEVELS)
        self.levels = {} if last is None else self.admission.fold(sums_of_day(last))

    def _moves_of(self, rises: Sums, falls: Sums) -> tuple[dict[Series, tuple[int, int]], Sums]:
        """Turn what rose and fell into what each series has come to by then, the largest first."""
        moves: dict[Series, tuple[int, int]] = {}
        gauges: Sums = {}
        touched = [(rises.get(one, 0), falls.get(one, 0), one) for one in rises.keys() | falls]
        for rise, fall, series in sorted(touched, key=largest_first):
            target = self.admission.admit(series)
            if FAMILIES[target.family].gauge:
                with localcontext(MONEY):
                    gauges[target] = gauges.get(target, self.gauges.get(target, 0)) + rise - fall
            else:
                accepted, corrected = moves.get(target) or self.counts.get(target, (0, 0))
                moves[target] = accepted + int(rise), corrected + int(fall)
        return moves, gauges

    def commit(self, draft: Draft) -> None:
        """Take up what a checkpoint has stored, and the store has.

        Raises:
            BadInput, Unavailable: the store cannot be read.
        """
        self.counts.update(draft.moves)
        self.gauges.update(draft.gauges)
        self.admission.note_saved()
        estimates, moved = draft.estimate_moves
        if estimates is not None and estimates is self.estimates:  # or prices are others by now
            estimates.add(moved)  # what that folds the next checkpoint saves
        self.is_behind = draft.is_behind
        self._former = draft.figures.former_chains
        if LEVELS in {day.span.endpoint for day in draft.figures.days}:
            self._read_levels()


def sums_of_day(day: SavedDay) -> Sums:
    """Return what days count in each series."""
    endpoint = ENDPOINTS[day.span.endpoint]
    return series_of(endpoint, unpack_groups(endpoint, day.sums))


def add_differences(day: SavedDay, befores: list[SavedDay], rises: Sums, falls: Sums) -> None:
    """Add what each series has risen or fallen by since days were worked out before."""
    left = sums_of_day(day)
    with localcontext(MONEY):
        for before in befores:
            for series, value in sums_of_day(before).items():
                left[series] = left.get(series, 0) - value
        for series, difference in left.items():
            if difference > 0:
                rises[series] = rises.get(series, 0) + difference
            elif difference:
                falls[series] = falls.get(series, 0) - difference


def add_sums(found: Sums, sums: Sums) -> None:
    """Add what is found to sums."""
    with localcontext(MONEY):
        for series, value in found.items():
            sums[series] = sums.get(series, 0) + value


def largest_first(touched: tuple[Number, Number, Series]) -> tuple[Number, Series]:
    """Return what orders series: those that move most come first."""
    rise, fall, series = touched
    return -max(rise, fall), series


def saved_series_of(moves: Mapping[Series, tuple[int, int]], gauges: Sums) -> list[SavedSeries]:
    """Return the series that a state file has to take up."""
    counted = [
        SavedSeries(one.family, write_labels(one), str(accepted), str(corrected), 0)
        for one, (accepted, corrected) in sorted(moves.items())
    ]
    return counted + [
        SavedSeries(one.family, write_labels(one), plain_text_of(value), "0", 0)
        for one, value in sorted(gauges.items())
    ]
