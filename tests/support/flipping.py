"""State files with one bit changed, and all that such a file says to those who open it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from stream.records.errors import BadInput
from stream.state.sqlite.store import Store

__all__ = ["flip_bit", "read_state", "shrink_pages"]


def shrink_pages(state: Path) -> None:
    """Write a state file anew with the smallest pages, so that it has few bits."""
    with closing(sqlite3.connect(state, isolation_level=None)) as database:
        for statement in ("journal_mode = DELETE", "page_size = 512"):
            database.execute(f"PRAGMA {statement}").fetchall()
        database.execute("VACUUM")
        database.execute("PRAGMA journal_mode = WAL").fetchall()


def flip_bit(content: bytes, bit: int) -> bytes:
    """Return bytes with one bit changed."""
    changed = bytearray(content)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def read_state(state: Path) -> list[Any] | None:
    """Return all that a state file says; ``None`` when it is refused as damaged."""
    try:
        with closing(Store(state)) as store:
            return [*everything_in(store)]
    except BadInput:
        return None


def everything_in(store: Store) -> Iterator[Any]:
    """Yield all that is stored, each window also as it is found by its place."""
    saved = store.load()
    yield saved
    for chain in sorted(saved.chains):
        for slot, snapshot in store.scan(chain, None, ()):
            assert store.recall((chain, slot)) == snapshot
            yield chain, slot, snapshot
    links = list(store.links())
    yield links
    for part in sorted({part for _, part, _ in links}):
        yield part, sorted(store.walks_in(part))
    yield list(store.placed_letters())
    yield store.losses
