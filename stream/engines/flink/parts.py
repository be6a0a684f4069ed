"""Parts: what an engine shares its work out by, and what each part says in facts.

A part is a UTC day of an endpoint, which no rule of figures crosses, a walk of a chain, or what a
capture has of a chain. It takes in what was read, in any order, and says its facts at any time.
What it holds are small byte strings by name, wherever the engine keeps them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator
from typing import Any, Final, NamedTuple, Protocol, TypeAlias

import msgspec
from msgspec.msgpack import decode, encode
from xxhash import xxh3_64_intdigest

from stream.engines.flink.facts import Fact, Facts, add_fact, key_of
from stream.engines.flink.kinds import currency_in, figure_facts
from stream.figures.endpoint import endpoint_figures
from stream.intake.walks import judge_walk
from stream.records.chains import Chain, Link, span_of
from stream.records.delivery import Part as SourcePart
from stream.records.windows import Bucket, Outcomes, Slot, Snapshot, Window
from stream.state.dedupe import merge_bucket
from stream.state.sqlite.codec import Codec
from stream.state.windows import Windows

__all__ = [
    "ChainPart",
    "DayPart",
    "EnginePart",
    "Entries",
    "LineCounts",
    "PackedBucket",
    "PackedWindow",
    "WalkPart",
    "engine_part_of",
    "entry_digest_of",
    "window_of_name",
]

NOTHING: Final = Outcomes()
NOWHERE: Final = SourcePart("", "")
"""Where a page of a walk stands, which an engine does not know."""


class Entries(Protocol):
    """Where a part's byte strings are, by name: a map of Flink's state, of the key at hand."""

    def get(self, name: str) -> bytes | None:
        """Return one; ``None``: it is not there."""

    def put(self, name: str, entry: bytes) -> None:
        """Put one in its place."""

    def keys(self) -> Iterable[str]:
        """Return all names, in any order."""


class PackedBucket(NamedTuple):
    """A bucket on its way to its day: ``body`` has its columns, packed."""

    label: str
    view: str
    window: Window
    rollup: bool
    revision: int
    digest: bytes
    rows: int
    body: bytes


class PackedWindow(NamedTuple):
    """A window as a day keeps it: ``body`` has its columns, packed."""

    revision: int
    rows: int
    digest: bytes
    body: bytes


def window_name_of(chain: Chain, slot: Slot) -> str:
    """Return the name of a window among those of its day."""
    return key_of((chain.label, chain.view, *slot.window, slot.rollup))


def entry_digest_of(entry: bytes) -> int:
    """Return a number by which the bytes of a window are known; numbers of many add up."""
    return xxh3_64_intdigest(entry)


def window_of_name(endpoint: str, name: str) -> tuple[Chain, Slot]:
    """Return the window that :func:`window_name_of` has named."""
    label, view, start, end, rollup = msgspec.json.decode(name)
    return Chain(endpoint, label, view), Slot(Window(start, end), rollup)


class DayPart:
    """A UTC day of an endpoint: its windows, those that end later among them.

    Of its rows no more are unpacked at once than windows that overlap have: one window with its
    labels, or where there are rollups or a window of the whole day, all of it.
    """

    def __init__(self, entries: Entries, codec: Codec, endpoint: str, _: int) -> None:
        """Go on with what ``entries`` hold."""
        self.endpoint = endpoint
        self.entries = entries
        self.codec = codec
        self._names: defaultdict[Chain, dict[Slot, str]] = defaultdict(dict)
        """Each chain's windows and their names, while facts are computed."""
        self._digests: dict[str, int] = {}
        """What the bytes of each window are known by, as :func:`entry_digest_of` says."""

    def take(self, body: bytes) -> tuple[Outcomes, str | None]:
        """Merge a bucket; return what became of its rows, and the window if it has changed."""
        one = decode(body, type=PackedBucket)
        chain, slot = Chain(self.endpoint, one.label, one.view), Slot(one.window, one.rollup)
        name = window_name_of(chain, slot)
        entry = self.entries.get(name)
        kept = None if entry is None else decode(entry, type=PackedWindow)
        if kept is not None and kept.digest and kept.digest == one.digest:
            if one.revision < kept.revision:
                return Outcomes(superseded=one.rows), None
            if one.revision > kept.revision:
                self.entries.put(name, encode(kept._replace(revision=one.revision)))
                return Outcomes(duplicate=one.rows), name
            return Outcomes(duplicate=one.rows), None
        columns = self._unpack(one)
        bucket = Bucket(
            one.window, one.rows, columns.dimensions, columns.counters, one.rollup, one.digest
        )
        before = None if kept is None else self._unpack(kept)
        after, outcomes = merge_bucket(before, bucket, one.revision)
        if after is before:
            return outcomes, None
        same = after.counters is bucket.counters and after.dimensions is bucket.dimensions
        packed = one.body if same else self.codec.pack(after)
        self.entries.put(
            name, encode(PackedWindow(after.revision, after.rows, after.digest, packed))
        )
        return outcomes, name

    def _unpack(self, kept: PackedWindow | PackedBucket) -> Snapshot:
        return self.codec.unpack(self.endpoint, kept.revision, kept.digest, kept.body)

    def facts(self) -> Facts:
        """Say what the day comes to."""
        self._names.clear()
        self._digests.clear()
        for name in list(self.entries.keys()):
            chain, slot = window_of_name(self.endpoint, name)
            self._names[chain][slot] = name
        figures = endpoint_figures(self.endpoint, Windows(frozenset(self._names), store=self))
        facts = figure_facts(figures)
        for label in sorted(figures.labels):
            totals = figures.totals_of_label(label)
            one = Fact(self.endpoint, "", "label_records", key_of([label]))
            add_fact(facts, one, totals.records)
            for values, counters in totals.sums_by(*currency_in(totals)):
                one = Fact(self.endpoint, "", "label", key_of([label, *values]))
                for counter, value in counters.items():
                    add_fact(facts, one._replace(counter=counter), value)
        for chain in sorted(self._names):
            facts |= self._chain_facts(chain)
        return facts

    def _chain_facts(self, chain: Chain) -> Facts:
        """Say which windows a chain has, and the span of them."""
        facts: Facts = {}
        span, names = None, self._names[chain]
        for slot in names:
            span = span_of(span, slot.window)
        assert span is not None  # noqa: S101 -- a chain is known by its windows
        say = Fact(self.endpoint, chain.view, "windows", key_of([chain.label]))
        add_fact(facts, say, sum(self._digests[name] for name in names.values()))
        add_fact(facts, say._replace(kind="span", key=key_of((chain.label, *span))))
        if any(slot.window.crosses_midnight for slot in names):
            add_fact(facts, say._replace(kind="wide"))
        return facts

    def scan(
        self, chain: Chain, _: Window | None, __: Container[Slot]
    ) -> Iterator[tuple[Slot, Snapshot]]:
        """Yield a chain's windows in order, as :class:`stream.state.windows.Windows` wants them."""
        for slot, name in sorted(self._names[chain].items()):
            entry = self.entries.get(name)
            assert entry is not None  # noqa: S101 -- the name comes from the entries
            self._digests[name] = entry_digest_of(entry)
            yield slot, self._unpack(decode(entry, type=PackedWindow))

    def slots(self, chain: Chain) -> Iterator[Slot]:
        """Yield the slots of a chain's windows, in order."""
        yield from sorted(self._names[chain])


class WalkPart:
    """One walk of a chain: what its pages say of it."""

    def __init__(
        self, entries: Entries, _: Codec, endpoint: str, label: str, view: str, revision: int
    ) -> None:
        """Go on with what ``entries`` hold."""
        self.chain, self.revision = Chain(endpoint, label, view), revision
        self.entries = entries

    def take(self, body: bytes) -> tuple[Outcomes, str | None]:
        """Take a page's word; nothing is counted here."""
        name = key_of(decode(body, type=Link))
        known = self.entries.get(name)
        self.entries.put(name, encode(1 + (decode(known) if known else 0)))
        return NOTHING, None

    def facts(self) -> Facts:
        """Say what is wrong with the walk, if anything is."""
        facts: Facts = {}
        verdict = judge_walk(self._links())
        if verdict is not None:
            reason, message, _, _, unended, cursor = verdict
            key = key_of((self.chain.label, self.revision, reason, message, unended, cursor))
            add_fact(facts, Fact(self.chain.endpoint, self.chain.view, "walk", key))
        return facts

    def _links(self) -> Iterator[tuple[SourcePart, Link]]:
        for name in list(self.entries.keys()):
            link = Link(*msgspec.json.decode(name))
            for _ in range(decode(self.entries.get(name) or b"\x00")):
                yield NOWHERE, link


class LineCounts(NamedTuple):
    """What a line of a capture delivered; ``elements`` are those of a list.

    Of each there is its id, its references, and its name if it has one, behind the revision.
    """

    pages: int
    rows: int
    buckets: int
    letters: int
    unknown: list[str]
    elements: list[tuple[str | None, list[tuple[str, str]], tuple[int, str] | None]]


class ChainPart:
    """What a capture has of a chain."""

    SUMS: Final = "sums"

    def __init__(
        self, entries: Entries, _: Codec, endpoint: str, label: str, view: str, capture: str
    ) -> None:
        """Go on with what ``entries`` hold."""
        self.chain, self.capture = Chain(endpoint, label, view), capture
        self.entries = entries

    def take(self, body: bytes) -> tuple[Outcomes, str | None]:
        """Count a line."""
        *numbers, unknown, elements = decode(body, type=LineCounts)
        known = self.entries.get(self.SUMS)
        sums = decode(known) if known else [0] * len(numbers)
        self.entries.put(self.SUMS, encode([a + b for a, b in zip(sums, numbers, strict=True)]))
        for field in unknown:
            self.entries.put(key_of(("unknown", field)), b"")
        for one, references, name in elements:
            self.entries.put(key_of(("object", one)), b"")
            if one is not None and name is not None:
                key = key_of(("name", one))
                known = self.entries.get(key)
                self.entries.put(key, encode(max(name, tuple(decode(known))) if known else name))
            for kind, other in references:
                self.entries.put(key_of(("refers", one, kind, other)), b"")
        return NOTHING, None

    def facts(self) -> Facts:
        """Say what was delivered."""
        facts: Facts = {}
        sums = decode(self.entries.get(self.SUMS) or b"")
        where = self.chain.label, self.capture
        said = Fact(self.chain.endpoint, self.chain.view, "pages", key_of(where))
        for counter, value in zip(LineCounts._fields, sums, strict=False):
            add_fact(facts, said._replace(counter=counter), value)
        for name in list(self.entries.keys()):
            if name != self.SUMS:
                kind, *what = msgspec.json.decode(name)
                if kind == "name":
                    what += decode(self.entries.get(name) or b"")
                add_fact(facts, said._replace(kind=kind, key=key_of((*where, *what))))
        return facts


EnginePart: TypeAlias = DayPart | WalkPart | ChainPart
ENGINE_PARTS: Final = {"day": DayPart, "walk": WalkPart, "pages": ChainPart}


def engine_part_of(key: str, entries: Entries, codec: Codec) -> EnginePart:
    """Return the part that a key names: what it is, and what tells it from others of its kind."""
    kind, *names = msgspec.json.decode(key)
    part: Any = ENGINE_PARTS[kind]
    found: EnginePart = part(entries, codec, *names)
    return found
