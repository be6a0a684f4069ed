"""The files that a report was made from, by name: there may be a great many, and few are held."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from operator import eq
from typing import Any, Final

import msgspec

from stream.intake.account import (
    FileChains,
    FileEntry,
    file_chains_of,
    head_in,
    line_in,
    name_in,
)
from stream.records.digests import spell_digest
from stream.sinks.details import ENCODER

__all__ = ["Files", "indent_value", "lead_by_files"]


ALL: Final = ""
"""The files of all endpoints."""
AT_ONCE: Final = 64
"""How many files are written together."""


class Files:
    """Goes through files by name; of each its place in that order and its chains are held alone."""

    def __init__(self, parts: Sequence[bytes]) -> None:
        """Look at the entries of parts, as the account keeps them."""
        self._parts = parts
        self._kinds: list[FileChains] = []
        """What chains parts are files of; mostly these are the same few."""
        self._kind_by_place = array("L")
        self._orders: dict[str, array[int]] = {}
        """Endpoint → the places of its files, by name; of all of them under :data:`ALL`."""

    def entries(self) -> Iterator[FileEntry]:
        """Yield the files that count, by name."""
        parts, order = self._parts, self._order_of(ALL)
        kinds, kind_by_place = self._kinds, self._kind_by_place
        for place in order:
            line = line_in(parts[place])
            digest, page = spell_digest(line.digest), line.number or None
            for endpoint, label, _ in kinds[kind_by_place[place]]:
                yield FileEntry(line.name, digest, endpoint, label, page)

    def names(self, endpoint: str) -> Iterator[str]:
        """Yield the names of an endpoint's files, in order; one that several have only once."""
        last = None
        for place in self._order_of(endpoint):
            name = name_in(self._parts[place]).name
            if name != last:
                yield name
            last = name

    def _order_of(self, endpoint: str) -> Iterable[int]:
        """Return the places of an endpoint's files, by name."""
        if not self._orders:
            self._sort()
        return self._orders.get(endpoint, ())

    def _sort(self) -> None:
        """Work the orders out: by name, and files of one name by chain, page and digest."""
        known: dict[FileChains, int] = {}
        names: list[str] = []
        for packed in self._parts:
            head = head_in(packed)
            names.append(head.name)
            self._kind_by_place.append(known.setdefault(file_chains_of(head), len(known)))
        self._kinds = [*known]
        orders: dict[str, array[int]] = {ALL: array("L")}
        orders_of: list[list[array[int]]] = []  # of the files of each kind
        for chains in self._kinds:
            keys = {ALL, *(endpoint for endpoint, *_ in chains)} if chains else set[str]()
            orders_of.append([orders.setdefault(key, array("L")) for key in keys])
        places = [*range(len(names))]
        places.sort(key=names.__getitem__)
        by_name = [*map(names.__getitem__, places)]
        if any(map(eq, by_name, islice(by_name, 1, None))):
            places.sort(key=lambda place: (names[place], self._rank_of(place)))
        for place in places:
            for order in orders_of[self._kind_by_place[place]]:
                order.append(place)
        self._orders = orders

    def _rank_of(self, place: int) -> tuple[list[tuple[str, ...]], int, bytes]:
        """Return what files of one name are put in order by: their first chain, page and digest.

        Names that are masked can be alike, and parts come in any order.
        """
        chains, line = self._kinds[self._kind_by_place[place]], line_in(self._parts[place])
        return [one[:2] for one in chains[:1]], line.number, line.digest


def indent_value(value: Any, depth: int) -> bytes:
    """Write a value as the report does: indented, ``depth`` spaces further in."""
    pretty = msgspec.json.format(ENCODER.encode(value), indent=2)
    return pretty.replace(b"\n", b"\n" + b" " * depth)


def lead_by_files(section: dict[str, Any], files: Iterable[Any], depth: int) -> Iterator[bytes]:
    """Yield a section piece by piece, with ``fixtures`` as its first member."""
    indent = b"\n" + b" " * (depth + 2)
    yield b"{" + indent + b'"fixtures": ['
    left, separator = iter(files), b""
    while some := list(islice(left, AT_ONCE)):
        yield separator + indent_value(some, depth + 2)[1 : -len(indent + b"]")]
        separator = b","
    yield (indent if separator else b"") + b"]," + indent_value(section, depth)[1:]
