"""The files that a report was made from, by name: there may be a great many, and few are held."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from sys import intern
from typing import Any, Final

import msgspec

from stream.intake.account import FileEntry, file_keys_in, files_in, name_in
from stream.sinks.details import ENCODER

__all__ = ["Files", "indent_value", "lead_by_files"]


ALL: Final = ""
"""The files of all endpoints."""
NOWHERE: Final = ("", "", "", 0)
AT_ONCE: Final = 64
"""How many files are written together."""


class Files:
    """Goes through files by name; of each only its place in that order is held."""

    def __init__(self, parts: Sequence[bytes]) -> None:
        """Look at the entries of parts, as the account keeps them."""
        self._parts = parts
        self._orders: dict[str, list[int]] = {}
        """Endpoint → the places of its files, by name; of all of them under :data:`ALL`."""

    def entries(self) -> Iterator[FileEntry]:
        """Yield the files that count, by name."""
        for place in self._order_of(ALL):
            yield from files_in(self._parts[place])

    def names(self, endpoint: str) -> Iterator[str]:
        """Yield the names of an endpoint's files, in order."""
        for place in self._order_of(endpoint):
            yield name_in(self._parts[place])

    def _order_of(self, endpoint: str) -> Sequence[int]:
        """Return the places of an endpoint's files, by name."""
        if not self._orders:
            self._orders = self._sort()
        return self._orders.get(endpoint, ())

    def _sort(self) -> dict[str, list[int]]:
        """Work the orders out; texts that many keys have are one text in memory."""
        keys: list[tuple[str, str, str, int]] = []
        orders: dict[str, list[int]] = {ALL: []}
        for place, packed in enumerate(self._parts):
            found = file_keys_in(packed)
            if not found:
                keys.append(NOWHERE)
                continue
            name, endpoint, label, page = found[0]
            keys.append((name, intern(endpoint), intern(label), page))
            orders[ALL].append(place)
            for _, endpoint, *_ in found:
                order = orders.setdefault(endpoint, [])
                if not order or order[-1] != place:
                    order.append(place)
        for order in orders.values():
            order.sort(key=keys.__getitem__)
        return orders


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
