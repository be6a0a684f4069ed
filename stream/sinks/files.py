"""The files that a report was made from, by name: there may be a great many, and few are held."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from sys import intern
from typing import Any, Final

import msgspec

from stream.intake.account import FileEntry, files_in
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

    def entries(self, endpoint: str = ALL) -> Iterator[FileEntry]:
        """Yield the files that count, by name, or those of one endpoint."""
        if not self._orders:
            self._orders = self._sort()
        for place in self._orders.get(endpoint, ()):
            for one in files_in(self._parts[place]):
                if not endpoint or endpoint == one.endpoint:
                    yield one

    def _sort(self) -> dict[str, list[int]]:
        """Work the orders out."""
        keys: list[tuple[str, str, str, int]] = []
        orders: dict[str, list[int]] = {ALL: []}
        for place, packed in enumerate(self._parts):
            found = files_in(packed)
            keys.append(key_of(found[0]) if found else NOWHERE)
            if found:
                orders[ALL].append(place)
            for one in found:
                order = orders.setdefault(one.endpoint, [])
                if not order or order[-1] != place:
                    order.append(place)
        for order in orders.values():
            order.sort(key=keys.__getitem__)
        return orders


def key_of(file: FileEntry) -> tuple[str, str, str, int]:
    """Return what files are ordered by; texts that many have are one text in memory."""
    return file.name, intern(file.endpoint), intern(file.label), file.page or 0


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
