"""The files that a report was made from, by name: there may be a great many, and few are held."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Final

import msgspec

from stream.intake.account import FileEntry, files_in
from stream.sinks.details import ENCODER

__all__ = ["Files", "indented", "led_by_files"]


WIDEST: Final = 1 << 32
"""More chains than one file holds."""
AT_ONCE: Final = 64
"""How many files are written together."""


class Files:
    """Goes through files by name; of each only its place in that order is held."""

    def __init__(self, parts: Sequence[bytes]) -> None:
        """Look at the entries of parts, as the account keeps them."""
        self._parts = parts
        self._orders: dict[str | None, list[int]] = {}
        """Endpoint, or ``None`` for all → the places of its files, by name."""

    def entries(self, endpoint: str | None = None) -> Iterator[FileEntry]:
        """Yield the files that count, by name, or those of one endpoint."""
        if not self._orders:
            self._orders = self._sorted()
        for place in self._orders.get(endpoint, ()):
            part, nth = divmod(place, WIDEST)
            yield files_in(self._parts[part])[nth]

    def _sorted(self) -> dict[str | None, list[int]]:
        """Work the orders out."""
        rows = sorted(
            (one.name, one.endpoint, one.label, one.page or 0, part * WIDEST + nth)
            for part, packed in enumerate(self._parts)
            for nth, one in enumerate(files_in(packed))
        )
        orders: dict[str | None, list[int]] = {None: [place for *_, place in rows]}
        for _, endpoint, _, _, place in rows:
            orders.setdefault(endpoint, []).append(place)
        return orders


def indented(value: Any, depth: int) -> bytes:
    """Write a value as the report does: indented, ``depth`` spaces further in."""
    pretty = msgspec.json.format(ENCODER.encode(value), indent=2)
    return pretty.replace(b"\n", b"\n" + b" " * depth)


def led_by_files(section: dict[str, Any], files: Iterable[Any], depth: int) -> Iterator[bytes]:
    """Yield a section piece by piece, with ``fixtures`` as its first member."""
    indent = b"\n" + b" " * (depth + 2)
    yield b"{" + indent + b'"fixtures": ['
    left, separator = iter(files), b""
    while some := list(islice(left, AT_ONCE)):
        yield separator + indented(some, depth + 2)[1 : -len(indent + b"]")]
        separator = b","
    yield (indent if separator else b"") + b"]," + indented(section, depth)[1:]
