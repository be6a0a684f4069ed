"""The files that a report was made from, by name: there may be a great many, and few are held."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from heapq import merge
from itertools import islice
from operator import attrgetter
from typing import Any, Final

import msgspec
from msgspec import Struct

from stream.intake.entries import ChainSummary, Pages
from stream.records.chains import Chain
from stream.sinks.details import ENCODER

__all__ = ["FileEntry", "Files", "indented", "led_by_files"]


AT_ONCE: Final = 64
"""How many files are written together."""


class FileEntry(Struct, gc=False):
    """A fixture or a capture as the report shows it; a capture has no page."""

    name: str
    sha256: str | None
    endpoint: str
    label: str
    page: int | None


class Named(Struct, gc=False):
    """The members of a page's entry that are wanted here; the others are passed over."""

    page: int
    name: str
    sha256: str | None
    set_aside: bool = False


DECODE: Final = msgspec.msgpack.Decoder(Named).decode


class Files:
    """Goes through files by name; of the pages of a chain only their order is held."""

    def __init__(self) -> None:
        """Start with no order known."""
        self._orders: dict[int, tuple[Pages, list[int]]] = {}

    def entries(self, runs: Iterable[ChainSummary]) -> Iterator[FileEntry]:
        """Yield the files of some chains that count, by name."""
        found: list[Iterable[FileEntry]] = []
        captures: list[FileEntry] = []
        for run in runs:
            chain = run.chain
            found += [self._pages(chain, pages) for pages in run.pages]
            captures += [
                FileEntry(name, sha256, chain.endpoint, chain.label, None)
                for name, sha256, _ in run.captures
            ]
        by_name = attrgetter("name")
        return merge(*found, sorted(captures, key=by_name), key=by_name)

    def _pages(self, chain: Chain, pages: Pages) -> Iterator[FileEntry]:
        """Yield a chain's pages by name."""
        for page in self._order(pages):
            one = DECODE(pages.packed[page])
            yield FileEntry(one.name, one.sha256, chain.endpoint, chain.label, page)

    def _order(self, pages: Pages) -> list[int]:
        """Return the numbers of the pages that count, by name; worked out once."""
        known = self._orders.get(id(pages))
        if known is None:
            found = map(DECODE, pages.packed.values())
            named = sorted((one.name, one.page) for one in found if not one.set_aside)
            known = self._orders[id(pages)] = pages, [page for _, page in named]
        return known[1]


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
