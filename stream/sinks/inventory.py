"""What a state file holds: by endpoint, by month, and by source."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Final, TypeAlias

from msgspec import Struct

from stream.intake.account import Account
from stream.records.errors import Unavailable
from stream.records.privacy import spell_name
from stream.records.windows import timestamp
from stream.state.sqlite.inspection import HeldMonth, Inspection

__all__ = ["Inventory", "inventory_of", "tables_of"]

DATE: Final = len("2026-01-01")
ShownTable: TypeAlias = tuple[tuple[str, ...], list[tuple[str, ...]]]
"""A table's names, and its rows."""


class HeldWindows(Struct, rename="camel"):
    """Windows of an endpoint, or of one of its months (``YYYY-MM``); ``bytes`` are packed ones.

    ``folded_windows`` of them are days that were folded, the last of which ends at
    ``folded_until``.
    """

    endpoint: str
    month: str | None
    first_start: str
    last_end: str
    windows: int = 0
    rows: int = 0
    bytes: int = 0
    folded_windows: int = 0
    folded_until: str | None = None

    def add(self, held: HeldMonth) -> None:
        """Count some more."""
        start, end = map(timestamp, held.span)
        self.first_start = min(self.first_start, start)
        self.last_end = max(self.last_end, end)
        self.windows += held.windows
        self.rows += held.rows
        self.bytes += held.bytes
        if held.is_folded:
            self.folded_windows += held.windows
            self.folded_until = max(self.folded_until or "", end)


class HeldSource(Struct):
    """What a source has brought; the name of a replay's is empty."""

    source: str
    parts: int = 0
    pages: int = 0
    rows: int = 0


class Inventory(Struct, rename="camel"):
    """All of it; ``stored_at`` is when the file was last written to."""

    state: str
    version: int
    transaction: int
    stored_at: str
    bytes: int
    free_bytes: int
    folded_until: str | None
    links: int
    dead_letters: int
    endpoints: list[HeldWindows]
    months: list[HeldWindows]
    sources: list[HeldSource]


def inventory_of(state: Path) -> Inventory:
    """Say what a state file holds, which may be in use.

    Raises:
        BadInput: it is damaged.
        Unavailable: it cannot be read.
    """
    with closing(Inspection(state)) as store:
        found = list(store.months())
        endpoints = sum_windows((one._replace(month="") for one in found), with_month=False)
        return Inventory(
            spell_name(str(state)),
            store.version,
            store.transaction_number,
            timestamp(stored_at(state)),
            store.size,
            store.free_bytes,
            max((one.folded_until for one in endpoints if one.folded_until), default=None),
            store.count_rows("links"),
            store.count_rows("letters"),
            endpoints,
            sum_windows(found, with_month=True),
            sources_in(store),
        )


def stored_at(state: Path) -> int:
    """Return when a file, or the log beside it, was last written to, in Unix seconds.

    Raises:
        Unavailable: it is gone.
    """
    try:
        moments = [state.stat().st_mtime]
    except OSError as error:
        raise Unavailable(f"{state}: cannot be read ({error.strerror})") from None
    log = state.with_name(f"{state.name}-wal")
    if log.exists():
        moments.append(log.stat().st_mtime)
    return int(max(moments))


def sum_windows(found: Iterable[HeldMonth], *, with_month: bool) -> list[HeldWindows]:
    """Add up what is folded and what is not."""
    sums: dict[tuple[str, str], HeldWindows] = {}
    for one in found:
        start, end = map(timestamp, one.span)
        month = one.month if with_month else None
        own = HeldWindows(one.endpoint, month, start, end)
        sums.setdefault((one.endpoint, one.month), own).add(one)
    return list(sums.values())


def sources_in(store: Inspection) -> list[HeldSource]:
    """Return what each source has brought."""
    account = Account()
    account.restore(store.load().parts, counted=True)
    sources: defaultdict[str, HeldSource] = defaultdict(lambda: HeldSource(""))
    for part, _ in account.entries():
        sources[part.source].parts += 1
    for origin, sums in account.sums_by_origin().items():
        sources[origin.source].pages += sums.pages
        sources[origin.source].rows += sums.rows
    for name, one in sources.items():
        one.source = name
    return [sources[name] for name in sorted(sources)]


def tables_of(found: Inventory) -> Iterator[ShownTable]:
    """Yield an inventory as tables for people, that fit into 80 columns."""
    yield (
        ("state", found.state),
        [
            ("version", str(found.version)),
            ("transaction", str(found.transaction)),
            ("stored at", found.stored_at),
            ("MB", f"{megabytes(found.bytes)}, of which free {megabytes(found.free_bytes)}"),
            ("folded until", found.folded_until or "nothing is"),
            ("dead letters", str(found.dead_letters)),
        ],
    )
    yield (
        ("endpoint", "windows", "rows", "MB", "from", "to", "folded"),
        [
            (
                one.endpoint,
                *counts_of(one),
                one.first_start[:DATE],
                one.last_end[:DATE],
                str(one.folded_windows),
            )
            for one in found.endpoints
        ],
    )
    yield (
        ("endpoint", "month", "windows", "rows", "MB", "folded"),
        [
            (one.endpoint, one.month or "", *counts_of(one), str(one.folded_windows))
            for one in found.months
        ],
    )
    yield (
        ("source", "parts", "pages", "rows"),
        [
            (one.source or "(replay)", str(one.parts), str(one.pages), str(one.rows))
            for one in found.sources
        ],
    )


def counts_of(one: HeldWindows) -> tuple[str, str, str]:
    """Write how many windows and rows there are, and their megabytes."""
    return str(one.windows), str(one.rows), megabytes(one.bytes)


def megabytes(size: int) -> str:
    """Write bytes as megabytes."""
    return f"{size / 1_000_000:.1f}"
