"""State as a capture: a replay of it comes to the same figures, in whatever version reads it.

Each window is a bucket, and all of one revision are a walk. Days that were folded are windows of
their label; those of several labels together have a label of their own.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import closing
from heapq import merge
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, Final, TypeAlias

import anyio
import msgspec
from msgspec import Struct

from stream.figures.relations import Relations
from stream.figures.rollup import present_values
from stream.intake.account import Account
from stream.intake.walks import judge_all
from stream.providers.endpoint import REFERENCES
from stream.providers.openai import ENDPOINTS, LISTS
from stream.records.capture_line import line_of
from stream.records.chains import PRIMARY, Chain, folded_chain
from stream.records.privacy import spell_name
from stream.records.windows import Slot, Snapshot, pair_rows
from stream.sinks.captures import capture_file
from stream.state.links import group_links
from stream.state.objects import Objects
from stream.state.sqlite.inspection import Inspection

__all__ = ["CaptureExport", "export_capture"]

TOGETHER: Final = "folded"
"""The label of days that were folded of several labels."""
MOST_WINDOWS: Final = 31
MOST_ROWS: Final = 5_000
"""What a page holds at most, but for a window that has more by itself."""
FIELDS: Final = {kind: name for name, kind in REFERENCES.items()}
ENCODE: Final = msgspec.json.Encoder(decimal_format="number").encode
HeldSlot: TypeAlias = tuple[int, Slot, Chain]
"""A window's revision, its slot, and its chain, in the order in which they are written."""


class CaptureExport(Struct, rename="camel"):
    """What was written: lines, windows, and rows; and the lists that are not whole, left out."""

    out: str
    pages: int = 0
    windows: int = 0
    rows: int = 0
    left_out: list[str] = []


def export_capture(state: Path, out: Path) -> CaptureExport:
    """Write what a state file holds as a capture, packed as its name says.

    Raises:
        Unavailable: the state cannot be read, or the file not written.
        BadInput: the state is damaged.
    """
    with closing(Inspection(state)) as store:
        return anyio.run(write_capture, store, out)


async def write_capture(store: Inspection, out: Path) -> CaptureExport:
    """Write the file, whole or not at all; say what is in it."""
    written = CaptureExport(spell_name(str(out)))
    async with capture_file(out) as capture:
        async for line in lines_of(store, written):
            await capture.write(line)
            written.pages += 1
    return written


async def lines_of(store: Inspection, written: CaptureExport) -> AsyncIterator[bytes]:
    """Yield the lines: lists, then endpoints, label by label and walk by walk."""
    saved = store.load()
    for line in list_lines(store, saved.objects, written):
        yield line
    account = Account()
    account.restore(saved.parts, counted=True)
    for chain in sorted(account.chains() - saved.chains):
        if chain.endpoint in ENDPOINTS:  # its pages had no window
            yield page_line(chain, 0, query_of(chain), {"data": [], "daily_costs": []}, None)
    for chain, sources in sorted(chains_alike(saved.chains).items()):
        slots = merge(*(held_slots(store, source) for source in sources))
        for revision, walk in groupby(slots, key=itemgetter(0)):
            for line in walk_lines(store, chain, revision, walk, written):
                yield line


def chains_alike(chains: Iterable[Chain]) -> dict[Chain, list[Chain]]:
    """Return the chains to write, each with those whose windows are in it."""
    alike: dict[Chain, list[Chain]] = {}
    for chain in sorted(chains):
        label = chain.page_label or TOGETHER
        own = Chain(chain.endpoint, label) if chain.is_folded else chain
        alike.setdefault(own, []).append(chain)
    return alike


def held_slots(store: Inspection, chain: Chain) -> Iterator[HeldSlot]:
    """Yield a chain's windows by their revisions, but for what several labels together have."""
    together = folded_chain(chain.endpoint)
    apart = chain.is_folded and chain != together
    for revision, slot in store.slots_by_revision(chain):
        if not apart or store.glance((together, slot)) is None:
            yield revision, slot, chain


def walk_lines(
    store: Inspection,
    chain: Chain,
    revision: int,
    walk: Iterable[HeldSlot],
    written: CaptureExport,
) -> Iterator[bytes]:
    """Yield the pages of one walk, each leading to the next."""
    query = query_of(chain)
    pages = page_slots(store, walk)
    slots, number = next(pages), 1
    while slots:
        more = next(pages, [])
        page: dict[str, list[Any]] = {"data": [], "daily_costs": []}
        for _, slot, source in slots:
            snapshot = store.recall((source, slot))
            assert snapshot is not None  # noqa: S101 -- it was there a moment ago, in one file
            page["daily_costs" if slot.rollup else "data"].append(
                bucket_of(chain.endpoint, slot, snapshot)
            )
            written.windows += 1
            written.rows += snapshot.rows
        asked = query if query is None or number == 1 else {**query, "page": f"page{number}"}
        yield page_line(chain, revision, asked, page, f"page{number + 1}" if more else None)
        slots, number = more, number + 1


def query_of(chain: Chain) -> dict[str, Any] | None:
    """Return what a chain was asked with; ``None``: nobody knows."""
    return msgspec.json.decode(chain.view) if chain.view else None


def page_slots(store: Inspection, walk: Iterable[HeldSlot]) -> Iterator[list[HeldSlot]]:
    """Cut a walk into what fits into a page."""
    slots: list[HeldSlot] = []
    rows = 0
    for one in walk:
        seen = store.glance((one[2], one[1]))
        found = seen.rows if seen is not None else 0
        if slots and (len(slots) >= MOST_WINDOWS or rows + found > MOST_ROWS):
            yield slots
            slots, rows = [], 0
        slots.append(one)
        rows += found
    if slots:
        yield slots


def page_line(
    chain: Chain,
    revision: int,
    query: Mapping[str, Any] | None,
    page: Mapping[str, list[Any]],
    cursor: str | None,
) -> bytes:
    """Write a page's line; ``cursor`` leads to the next."""
    shown: dict[str, Any] = {"object": "page", "data": page["data"]}
    if page["daily_costs"]:
        shown["daily_costs"] = page["daily_costs"]
    shown |= {"has_more": cursor is not None, "next_page": cursor}
    return line_of(chain.endpoint, chain.label, revision, query, ENCODE(shown))


def bucket_of(key: str, slot: Slot, snapshot: Snapshot) -> dict[str, Any]:
    """Write a window as a bucket, or as a day of line items."""
    endpoint = ENDPOINTS[key]
    rows = [
        {
            "object": endpoint.result,
            **present_values(endpoint.dimensions, identity),
            **present_values(endpoint.counters, counters),
        }
        for identity, counters in pair_rows(snapshot)
    ]
    if slot.rollup:
        return {"timestamp": slot.window.start, "line_items": rows}
    start, end = slot.window
    return {"object": "bucket", "start_time": start, "end_time": end, "results": rows}


def list_lines(store: Inspection, saved: bytes, written: CaptureExport) -> Iterator[bytes]:
    """Yield a line for each list that is whole; others define nothing, and are left out."""
    objects = Objects()
    objects.restore(saved)
    broken = {chain.endpoint for (chain, _), _ in judge_all(group_links(store.links()))}
    broken |= {chain.endpoint for _, chain, _ in store.placed_letters()}
    for name, elements in sorted(Relations(objects.pages).elements().items()):
        if name in broken:
            written.left_out.append(name)
            continue
        rows = []
        for one, references in sorted(elements.items(), key=lambda item: item[0] or ""):
            row = {"object": LISTS[name].element, **({"id": one} if one is not None else {})}
            rows += [{**row, FIELDS[kind]: other} for kind, other in sorted(references)] or [row]
        page = ENCODE({"object": "list", "data": rows, "has_more": False})
        yield line_of(name, PRIMARY, 0, None, page)
