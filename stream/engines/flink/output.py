"""What an engine has written: the sums of facts, windows, and dead letters, in files of JSON lines.

A bounded run writes each row once, as JSON. An unbounded one writes what changes, in Debezium's
format: rows that are taken back (``d``) and rows that hold (``c``). What is left when both are
counted are the rows that hold now, in whatever order the files come.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from decimal import localcontext
from pathlib import Path
from typing import Any, Final, TypeAlias, TypeVar

import msgspec
from msgspec import Struct, defstruct
from msgspec.msgpack import decode

from stream.engines.flink.facts import GROUP, Fact, Facts, Sum, number_of
from stream.engines.flink.parts import PackedWindow, entry_digest_of, window_of_name
from stream.records.chains import Chain
from stream.records.errors import BadInput, Unavailable
from stream.records.money import MONEY, Number
from stream.records.windows import Snapshot
from stream.state.sqlite.codec import Codec
from stream.state.windows import Place

__all__ = ["FIGURES", "LETTERS", "TOTALS", "WINDOWS", "Output"]

FIGURES: Final = "figures"
TOTALS: Final = "totals"
WINDOWS: Final = "windows"
LETTERS: Final = "letters"
CHANGE: Final = b'{"before":'
UNSETTLED: Final = "files of the run are missing, or it is still writing them; read them again"


class TotalRow(Struct, frozen=True):
    """A sum by project and tier; its three numbers add up to the figure.

    ``fraction`` counts 10⁻²⁰ths, ``rest`` 10⁻⁴⁰ths.
    """

    endpoint: str
    view: str
    project_id: str | None
    service_tier: str | None
    counter: str
    whole: int | None
    fraction: int | None
    rest: int | None


class FigureRow(TotalRow, frozen=True):
    """A sum of facts; ``times`` is how many there are."""

    kind: str
    key: str
    times: int


class WindowRow(Struct, frozen=True):
    """A window as it was at some time; that of the latest ``version`` holds."""

    endpoint: str
    name: str
    version: int
    entry: bytes


Total: TypeAlias = tuple[str, str, str | None, str | None, str]
AnyRow = TypeVar("AnyRow", TotalRow, FigureRow, WindowRow)


class Output:
    """The directory that a run has written to."""

    def __init__(self, place: Path) -> None:
        """Look at a directory.

        Raises:
            Unavailable: there are no figures in it.
        """
        self.place = place
        self.digest_sums: Counter[Chain] = Counter()
        """The sum of the digests of each chain's windows, once those have been read."""
        if not any(self._files(FIGURES)):
            found = f"{place}: no figures are there"
            raise Unavailable(f"{found}; a bounded run writes them when it ends")

    def facts(self) -> Facts:
        """Return the sums of facts; those by project and tier agree with them.

        Raises:
            Unavailable: the files do not fit together.
            BadInput: a file is not what a run writes, or a sum has too many digits.
        """
        facts: Facts = {}
        for row in self._rows(FIGURES, FigureRow):
            fact = Fact(*(getattr(row, name) for name in Fact._fields))
            if fact in facts:
                raise self.unsettled_error()
            facts[fact] = Sum(row.times, self._number(row))
        totals = {total_of(row): self._number(row) for row in self._rows(TOTALS, TotalRow)}
        if totals != group_sums_of(facts):
            raise self.unsettled_error()
        return facts

    def _number(self, row: TotalRow) -> Number:
        if row.whole is None or row.fraction is None or row.rest is None:
            raise BadInput(
                "sum", "a sum has more than 38 digits, which Flink's numbers cannot hold"
            )
        return number_of(row.whole, row.fraction, row.rest)

    def keeps_windows(self) -> bool:
        """Tell whether the run was asked for windows, though they need not be there yet."""
        return (self.place / WINDOWS).is_dir()

    def windows(self) -> Iterator[tuple[Place, Snapshot]]:
        """Yield the windows as they are now; none when the run was not asked for them.

        Raises:
            BadInput: a file is not what a run writes.
        """
        latest: dict[tuple[str, str], int] = {}
        for row, _ in self._changes(WINDOWS, WindowRow):
            key = row.endpoint, row.name
            latest[key] = max(row.version, latest.get(key, 0))
        codec = Codec()
        for row, _ in self._changes(WINDOWS, WindowRow):
            if latest.get((row.endpoint, row.name)) == row.version:
                revision, _, digest, body = decode(row.entry, type=PackedWindow)
                snapshot = codec.unpack(row.endpoint, revision, digest, body)
                place = window_of_name(row.endpoint, row.name)
                self.digest_sums[place[0]] += entry_digest_of(row.entry)
                yield place, snapshot

    def letters(self) -> list[bytes]:
        """Return the dead letters, in order."""
        return sorted(
            line.rstrip(b"\n") + b"\n" for file in self._files(LETTERS) for line in lines_of(file)
        )

    def _rows(self, name: str, kind: type[AnyRow]) -> Iterator[AnyRow]:
        """Yield the rows that hold."""
        counts: Counter[AnyRow] = Counter()
        for row, times in self._changes(name, kind):
            counts[row] += times
        for row, times in counts.items():
            if times not in {0, 1}:
                raise self.unsettled_error()
            if times:
                yield row

    def _changes(self, name: str, kind: type[AnyRow]) -> Iterator[tuple[AnyRow, int]]:
        """Yield each row that was written, and whether it was given (1) or taken back (−1).

        Raises:
            BadInput: a line is none of a run.
        """
        row_of, change_of = msgspec.json.Decoder(kind).decode, decoder_of_changes(kind)
        for file in self._files(name):
            for line in lines_of(file):
                try:
                    if line.startswith(CHANGE):
                        change = change_of(line)
                        if change.before is not None:
                            yield change.before, -1
                        if change.after is not None:
                            yield change.after, 1
                    else:
                        yield row_of(line), 1
                except msgspec.MsgspecError as error:
                    raise BadInput("engine", f"found no row of a run ({error})").name_place(
                        str(file)
                    ) from None

    def _files(self, name: str) -> Iterator[Path]:
        """Yield the files of a table that are whole."""
        found = (self.place / name).rglob("*")
        yield from sorted(one for one in found if one.is_file() and one.name[:1] not in {".", "_"})

    def unsettled_error(self) -> Unavailable:
        """Return what to raise when the files do not fit together."""
        return Unavailable(f"{self.place}: {UNSETTLED}")


def total_of(one: TotalRow | Fact) -> Total:
    """Return what a sum by project and tier is of."""
    return one.endpoint, one.view, one.project_id, one.service_tier, one.counter


def group_sums_of(facts: Facts) -> dict[Total, Number]:
    """Return what the sums by project and tier must be."""
    totals: dict[Total, Number] = {}
    with localcontext(MONEY):
        for fact, found in facts.items():
            if fact.kind == GROUP:
                key = total_of(fact)
                totals[key] = totals.get(key, 0) + found.value
    return totals


def lines_of(file: Path) -> Iterator[bytes]:
    """Yield the lines of a file.

    Raises:
        Unavailable: it cannot be read.
    """
    try:
        with file.open("rb") as lines:
            yield from lines
    except OSError as error:
        raise Unavailable(f"{file}: cannot be read ({error.strerror})") from None


def decoder_of_changes(kind: type[Any]) -> Callable[[bytes], Any]:
    """Return what decodes a change of rows of a kind."""
    change = defstruct("Change", [("op", str), ("before", kind | None), ("after", kind | None)])
    return msgspec.json.Decoder(change).decode
