"""What has left the memory of several workers, gone through as if it were in one store."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from heapq import merge
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING

from stream.records.chains import Chain
from stream.records.windows import Slot, Snapshot, Window
from stream.state.links import Letters, PagePlace
from stream.state.windows import KeyedState, OrderedWindows

if TYPE_CHECKING:  # only runs that store something import it
    from stream.state.sqlite.store import Store

__all__ = ["Shards"]


class Shards:
    """The windows of all shards together, and the main process' own; each has others."""

    def __init__(self, paths: Sequence[Path], own: KeyedState | None = None) -> None:
        """Open shards that nobody writes to any more, and that have no base.

        ``own`` knows where windows are that have left the main process' memory.

        Raises:
            Unavailable, BadInput: as :class:`Store`.
        """
        self._own = own
        self._stores: list[Store] = []
        if paths:  # of windows that all fit into memory there are none
            from stream.state.sqlite.store import Store  # noqa: PLC0415 -- 5 ms; see above

            self._stores = [Store(path, read_only=True) for path in paths]

    def _sources(self) -> list[OrderedWindows]:
        """Return all that have windows."""
        return [*self._stores] if self._own is None else [self._own.store, *self._stores]

    def close(self) -> None:
        """Let go of the files."""
        for store in self._stores:
            store.close()

    def scan(
        self, chain: Chain, span: Window | None, but: Container[Slot]
    ) -> Iterator[tuple[Slot, Snapshot]]:
        """Yield a chain's windows in order."""
        found = [source.scan(chain, span, but) for source in self._sources()]
        yield from merge(*found, key=itemgetter(0))

    def slots(self, chain: Chain) -> Iterator[Slot]:
        """Yield the slots of a chain's windows, in order."""
        yield from merge(*(source.slots(chain) for source in self._sources()))

    def letters(self) -> dict[PagePlace, Letters]:
        """Return the dead letters of all shards, by page."""
        found: dict[PagePlace, Letters] = {}
        for store in self._stores:
            for page, chain, letter in store.placed_letters():
                found.setdefault(page, (chain, []))[1].append(letter)
        return found
