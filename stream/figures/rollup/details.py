"""The records that a coarser layer is compared with, found by the compared dimensions."""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Iterator
from heapq import merge
from itertools import islice, product

from stream.figures.rollup.sums import (
    ComparedSum,
    CounterVerdict,
    Values,
    dimension_values_of,
    status_alone,
    status_of,
)
from stream.figures.rollup.table import Record, record_order_of
from stream.records.money import Number
from stream.records.windows import Counters

__all__ = ["Details"]


class Details:
    """Finer records, found by the values that they have of the compared dimensions."""

    def __init__(self, finer: Iterable[Record], names: tuple[str, ...]) -> None:
        """Arrange the records, which come in canonical order."""
        self.names = names
        self.piles: dict[Values, Pile] = {}
        self.vague: dict[Values, Pile] = {}
        """Those that are null somewhere, which can cover what others have left."""
        for record in finer:
            self._pile_of(record).append(record)

    def _pile_of(self, record: Record) -> Pile:
        values = dimension_values_of(record, self.names)
        pile = self.piles.get(values)
        if pile is None:
            pile = self.piles[values] = Pile()
            if None in values:
                self.vague[values] = pile
        return pile

    def add(self, record: Record) -> None:
        """Arrange one more."""
        self._pile_of(record).insert(record)

    def begin(self) -> None:
        """Let each record have all to give."""
        for pile in self.vague.values():
            pile.begin()

    def match(self, one: ComparedSum) -> None:
        """Find the records that agree with a sum; what it shows of them covers nothing else."""
        if one.values not in self.piles:
            return
        pile = self.piles[one.values]
        one.matches, one.match_sums, one.newest = pile.records, dict(pile.sums), pile.newest
        if one.values in self.vague:
            for name, value in one.record.counters.items():
                pile.spend(name, value, one.match_sums.get(name, 0))

    def cover(self, one: ComparedSum) -> list[CounterVerdict]:
        """Judge each counter of a sum, once all sums are matched."""
        vague: list[Pile] | None = None
        verdicts = []
        for name, value in sorted(one.record.counters.items()):
            left = value - one.match_sums.get(name, 0)
            givers: list[Record] = []
            if left > 0 and self.vague:
                if vague is None:
                    vague = [self.vague[values] for values in vaguer_keys(self.vague, one.values)]
                giving = merge(*(pile.givers(name) for pile in vague), key=record_order_of)
                left = cover_counter(name, left, giving, givers)
            one.coverers += givers
            latest = max((record.revision for record in givers), default=one.newest)
            stale = one.record.revision < max(one.newest, latest)
            known = bool(givers) or name in one.match_sums
            status = status_of(left, stale=stale) if known else status_alone(value, stale=stale)
            verdicts.append(CounterVerdict(status, name, value, left))
        return verdicts


class Pile:
    """Records that are alike in the compared dimensions, in canonical order.

    ``sums`` is what they come to, ``newest`` their latest revision.
    """

    def __init__(self) -> None:
        """Start with none."""
        self.records: list[Record] = []
        self.sums: Counters = {}
        self.newest = 0
        self._has_begun = False
        self._spent: dict[str, int] = {}
        """Counter → how many of the first records have nothing of it left to give."""

    def append(self, record: Record) -> None:
        """Put a record behind the others."""
        self.records.append(record)
        self.newest = max(self.newest, record.revision)
        for name, value in record.counters.items():
            self.sums[name] = self.sums.get(name, 0) + value

    def insert(self, record: Record) -> None:
        """Put a record in its place."""
        self.append(record)
        self.records.pop()
        insort(self.records, record, key=record_order_of)
        self._has_begun = False

    def begin(self) -> None:
        """Let each record have all to give, once that is asked for."""
        self._has_begun = False

    def _begin(self) -> None:
        if not self._has_begun:
            self._has_begun = True
            self._spent.clear()
            for record in self.records:
                record.spare = dict(record.counters)

    def spend(self, name: str, value: Number, shown: Number) -> None:
        """Take what a sum has from the records that agree with it, which have ``shown``."""
        self._begin()
        if value >= shown:
            for record in self.records:
                record.spare.pop(name, None)
        else:
            cover_counter(name, value, self.records, [])

    def givers(self, name: str) -> Iterator[Record]:
        """Yield the records that may still have something of a counter to give."""
        self._begin()
        spent = self._spent.get(name, 0)
        while spent < len(self.records) and self.records[spent].spare.get(name, 0) <= 0:
            spent += 1
        self._spent[name] = spent
        yield from islice(self.records, spent, None)


def vaguer_keys(vague: dict[Values, Pile], wanted: Values) -> Iterator[Values]:
    """Yield the keys that agree with ``wanted`` or are null, and are not it."""
    places = [place for place, value in enumerate(wanted) if value is not None]
    if 1 << len(places) <= len(vague):
        choices = product(*((value,) if value is None else (value, None) for value in wanted))
        yield from (values for values in choices if values != wanted and values in vague)
        return
    for values in vague:
        if values != wanted and all(
            value is None or value == want for value, want in zip(values, wanted, strict=True)
        ):
            yield values


def cover_counter(
    name: str, left: Number, vague: Iterable[Record], coverers: list[Record]
) -> Number:
    """Let records give what they still have of a counter, in order; return what is left."""
    for record in vague:
        given = min(left, record.spare.get(name, 0))
        if given > 0:
            record.spare[name] -= given
            left -= given
            coverers.append(record)
        if not left:
            break
    return left
