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
            self._pile_of(record).records.append(record)

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
        one.matches = pile.records
        one.match_sums, one.newest = pile.sums()
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
                piles = (pile.givers(name) for pile in vague)
                giving = merge(*piles, key=lambda giver: record_order_of(giver[0]))
                left = cover_counter(name, left, giving, givers)
            one.coverers += givers
            latest = max((record.revision for record in givers), default=one.newest)
            stale = one.record.revision < max(one.newest, latest)
            known = bool(givers) or name in one.match_sums
            status = status_of(left, stale=stale) if known else status_alone(value, stale=stale)
            verdicts.append(CounterVerdict(status, name, value, left))
        return verdicts


class Pile:
    """Records that are alike in the compared dimensions, in canonical order."""

    def __init__(self) -> None:
        """Start with none."""
        self.records: list[Record] = []
        self._sums: tuple[Counters, int] | None = None
        self._given: dict[tuple[int, str], Number] = {}
        """What a record, by its identity in memory, has given of a counter."""
        self._spent: dict[str, int] = {}
        """Counter → how many of the first records have nothing of it left to give."""

    def insert(self, record: Record) -> None:
        """Put a record in its place."""
        insort(self.records, record, key=record_order_of)
        self._sums = None

    def sums(self) -> tuple[Counters, int]:
        """Return what the records come to, and their latest revision."""
        if self._sums is None:
            sums: Counters = {}
            for record in self.records:
                for name, value in record.counters.items():
                    sums[name] = sums.get(name, 0) + value
            self._sums = sums, max(record.revision for record in self.records)
        return self._sums

    def begin(self) -> None:
        """Let each record have all to give."""
        self._given.clear()
        self._spent.clear()

    def spend(self, name: str, value: Number, shown: Number) -> None:
        """Take what a sum has from the records that agree with it, which have ``shown``."""
        if value >= shown:
            self._spent[name] = len(self.records)
            return
        for record in self.records:
            if value <= 0:
                break
            value -= self.take(record, name, value)

    def take(self, record: Record, name: str, wanted: Number) -> Number:
        """Let a record give what it still has of a counter; return how much that is."""
        key = id(record), name
        given = self._given.get(key, 0)
        gift: Number = min(wanted, record.counters.get(name, 0) - given)
        if gift <= 0:
            return 0
        self._given[key] = given + gift
        return gift

    def givers(self, name: str) -> Iterator[tuple[Record, Pile]]:
        """Yield the records that may still have something of a counter to give."""
        spent, given = self._spent.get(name, 0), self._given
        while spent < len(self.records):
            record = self.records[spent]
            if record.counters.get(name, 0) > given.get((id(record), name), 0):
                break
            spent += 1
        self._spent[name] = spent
        for record in islice(self.records, spent, None):
            yield record, self


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
    name: str, left: Number, giving: Iterable[tuple[Record, Pile]], coverers: list[Record]
) -> Number:
    """Let records give what they still have of a counter, in order; return what is left."""
    for record, pile in giving:
        given = pile.take(record, name, left)
        if given:
            left -= given
            coverers.append(record)
        if not left:
            break
    return left
