"""The account of what came: an entry for each part, and what each chain's parts add up to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import reduce
from typing import Final, NamedTuple, TypeAlias

import msgspec
from msgspec import Struct

from stream.records.chains import Chain, ChainSummary, Origin, PageSums
from stream.records.delivery import Part
from stream.records.digests import is_sha256
from stream.records.windows import Window

__all__ = [
    "ENCODE",
    "Account",
    "Contribution",
    "Entry",
    "FileChains",
    "FileEntry",
    "Tail",
    "file_chains_of",
    "head_in",
    "join_entries",
    "line_in",
    "name_in",
]


FileChains: TypeAlias = tuple[tuple[str, str, str], ...]
"""Chains that a part is a file of: endpoint, label and query of each."""


class Contribution(Struct, array_like=True):
    """What a part brought of a chain."""

    chain: Chain
    sums: PageSums


class Tail(NamedTuple):
    """A page that may come again as something else: its chain and place, and its dead letters."""

    chain: Chain
    place: int
    letters: int


class Entry(Struct, array_like=True):
    """What is known of a part; durable state keeps one for each.

    ``position`` is the source's own. ``number`` is that of the page, where the part is one page.
    ``is_rewritten``: it has said other things before, which still count; ``falls`` says which
    figures of a changed page fell. ``digest`` is that of its bytes as stored, once it is
    known. ``is_retried``: somebody has asked for it to be read again.
    """

    name: str
    position: bytes = b""
    digest: bytes = b""
    number: int = 0
    contributions: list[Contribution] = []
    tail: Tail | None = None
    is_rewritten: bool = False
    falls: list[str] = []
    is_retried: bool = False

    @property
    def letters(self) -> int:
        """How many dead letters it has."""
        return sum(one.sums.letters for one in self.contributions)

    def contribution_of(self, chain: Chain) -> Contribution:
        """Return what it brought of a chain, to be added to."""
        for one in self.contributions:
            if one.chain == chain:
                return one
        brought = Contribution(chain, PageSums())
        self.contributions = [*self.contributions, brought]
        return brought

    def add(self, brought: Contribution) -> None:
        """Add what a page brought."""
        if not self.contributions:
            self.contributions = [brought]
            return
        self.contribution_of(brought.chain).sums.add(brought.sums)


ENCODE: Final = msgspec.msgpack.Encoder().encode


def decode_entry(packed: bytes) -> Entry:
    """Return an entry; a plain replay asks for none, and does not wait for a decoder of them."""
    return msgspec.msgpack.decode(packed, type=Entry)


class PageCountAlone(Struct, array_like=True, gc=False):
    """Of :class:`PageSums`, what files are told by."""

    pages: int


class ContributionHead(Struct, array_like=True, gc=False):
    """Of a :class:`Contribution`, what files are told by."""

    chain: tuple[str, str, str]
    sums: PageCountAlone


class EntryHead(Struct, array_like=True, gc=False):
    """Of an :class:`Entry`, what its files are put in order by."""

    name: str
    position: bytes
    digest: bytes
    number: int
    contributions: list[ContributionHead]


class EntryName(Struct, array_like=True, gc=False):
    """Of an :class:`Entry`, the name alone."""

    name: str


class EntryLine(Struct, array_like=True, gc=False):
    """Of an :class:`Entry`, what a report shows of its files beside their chains."""

    name: str
    position: bytes
    digest: bytes
    number: int


head_in: Final = msgspec.msgpack.Decoder(EntryHead).decode
line_in: Final = msgspec.msgpack.Decoder(EntryLine).decode
name_in: Final = msgspec.msgpack.Decoder(EntryName).decode


class FileEntry(Struct, gc=False):
    """A fixture or a capture as the report shows it; a capture has no page."""

    name: str
    digest: str | None
    endpoint: str
    label: str
    page: int | None


class Account:
    """What every part has brought. There may be a great many parts, so entries are kept as bytes.

    Those that are being added to are objects until the next checkpoint.
    """

    def __init__(self, *, tracked: bool = True) -> None:
        """Start with nothing; ``tracked``: somebody asks for :meth:`changes`."""
        self._tracked = tracked
        self.packed_entries: dict[Part, bytes] = {}
        self.open: dict[Part, Entry] = {}
        self.changed_parts: set[Part] = set()
        """Parts of which the last checkpoint knows something else."""
        self.falls: Counter[str] = Counter()
        """Endpoint → changed pages whose figures fell, and still count as they were."""
        self._noted: dict[Part, Entry] = {}
        """Parts of which something has to be said: figures fell, or they were rewritten."""
        self._sums: dict[Origin, PageSums | None] = {}
        """What was delivered; ``None`` when entries have changed since it was added up."""

    def restore(self, packed: Mapping[Part, bytes], *, counted: bool) -> None:
        """Take over what a state file holds; unless ``counted``, somebody else counts that."""
        for part, body in packed.items():
            entry = decode_entry(body)
            if not counted:
                for one in entry.contributions:
                    one.sums = PageSums(one.sums.pages, window=one.sums.window)
                if entry.tail is not None:
                    entry.tail = entry.tail._replace(letters=0)
                entry.falls = []
            self.packed_entries[part] = body if counted else ENCODE(entry)
            self._note(part, entry)
            for one in entry.contributions:
                self._add(Origin(part.source, one.chain), one.sums)

    def find(self, part: Part) -> Entry | None:
        """Return what is known of a part; mostly that is nothing."""
        entry = self.open.get(part)
        if entry is not None:
            return entry
        packed = self.packed_entries.get(part)
        return None if packed is None else decode_entry(packed)

    def put(self, part: Part, entry: Entry, chain: Chain, added: PageSums) -> None:
        """Take an entry in the place of what was known; ``added`` has come to it, of a chain."""
        if entry.number:
            self.open.pop(part, None)
            self.packed_entries[part] = ENCODE(entry)
        else:
            self.open[part] = entry
        if self._tracked:
            self.changed_parts.add(part)
        self._add(Origin(part.source, chain), added)
        if entry.falls or entry.is_rewritten or part in self._noted:
            self._note(part, entry)

    def touch(self, part: Part, entry: Entry) -> None:
        """Take an entry that has moved on, and to which nothing was added."""
        if entry.contributions:
            self.put(part, entry, entry.contributions[0].chain, PageSums())
        else:
            self.open[part] = entry
            self.changed_parts.add(part)

    def take(self, part: Part, packed: bytes | None) -> Entry | None:
        """Take an entry that was put together elsewhere; return what was known of the part."""
        before = self.find(part)
        if before is not None:
            self.soil(part, before)
        if packed is None:
            if before is not None:
                self.forget(part, before)
            return before
        entry = decode_entry(packed)
        self.open.pop(part, None)
        self.packed_entries[part] = packed
        self.changed_parts.add(part)
        self.soil(part, entry)
        self._note(part, entry)
        return before

    def join(self, other: Account) -> None:
        """Take all entries of another, which are of other parts, or of later pages of a part."""
        both = self.packed_entries.keys() & other.packed_entries.keys()
        joined = {
            part: join_ranges(self.packed_entries[part], other.packed_entries[part])
            for part in both
        }
        self.packed_entries.update(other.packed_entries)
        self.packed_entries.update(joined)
        self.open.update(other.open)
        self.changed_parts |= other.changed_parts
        self.falls.update(other.falls)
        self._noted.update(other._noted)
        for origin, delivered in other._sums.items():
            if delivered is None:
                self._sums[origin] = None
            else:
                self._add(origin, delivered)

    def soil(self, part: Part, entry: Entry) -> None:
        """Note that what an entry says has to be added up anew."""
        self._sums.update((Origin(part.source, one.chain), None) for one in entry.contributions)

    def forget(self, part: Part, before: Entry) -> None:
        """Know nothing of a part any more."""
        self.packed_entries.pop(part, None)
        self.open.pop(part, None)
        self.changed_parts.add(part)
        self._note(part, Entry(before.name))
        self.soil(part, before)

    def _add(self, origin: Origin, delivered: PageSums) -> None:
        """Add to what a source has delivered of a chain, unless that is to be added up anyway."""
        try:
            known = self._sums[origin]
        except KeyError:
            known = self._sums[origin] = PageSums()
        if known is not None:
            known.add(delivered)

    def _note(self, part: Part, entry: Entry) -> None:
        """Remember, or forget, what has to be said of a part."""
        before = self._noted.pop(part, None)
        for one, times in ((before, -1), (entry, 1)):
            if one is not None and one.falls:
                self.falls[one.contributions[0].chain.endpoint] += times
        if entry.falls or entry.is_rewritten:
            self._noted[part] = entry

    def changes(self) -> dict[Part, bytes | None]:
        """Return what has changed since the last checkpoint; ``None``: the part was forgotten."""
        for part, entry in self.open.items():
            self.packed_entries[part] = ENCODE(entry)
        self.open = {}
        return {part: self.packed_entries.get(part) for part in self.changed_parts}

    def note_stored(self) -> None:
        """Note that a checkpoint holds what :meth:`changes` returned."""
        self.changed_parts = set()

    def positions(self, source: str) -> dict[str, bytes]:
        """Return the position of each part of a source, by the part's name."""
        return {
            part.name: entry.position
            for part, entry in self.entries()
            if part.source == source and entry.position
        }

    def parts_without_sha256(self, source: str) -> set[str]:
        """Return the parts of a source, by name, whose digest is no SHA-256."""
        return {
            part.name
            for part, entry in self.entries()
            if part.source == source and not is_sha256(entry.digest)
        }

    def entries(self) -> Iterator[tuple[Part, Entry]]:
        """Yield every part and its entry."""
        for part, packed in self.packed_entries.items():
            if part not in self.open:
                yield part, decode_entry(packed)
        yield from self.open.items()

    def chains(self) -> set[Chain]:
        """Return every chain of which something was brought."""
        return {chain for _, chain in self._sums}

    def sources_of(self, chain: Chain) -> set[str]:
        """Return the sources that have brought something of a chain."""
        return {origin.source for origin in self._sums if origin.chain == chain}

    def origins(self) -> list[Origin]:
        """Return which source has brought something of which chain."""
        return [*self._sums]

    def freeze_entries(self) -> list[bytes]:
        """Return all entries as they stand, as bytes."""
        if not self.open:
            return [*self.packed_entries.values()]
        return [ENCODE(entry) for _, entry in self.entries()]

    def sums_by_origin(self) -> dict[Origin, PageSums]:
        """Return what each source has delivered of each chain, in order."""
        if None in self._sums.values():
            anew = {origin for origin, found in self._sums.items() if found is None}
            self._sums.update((origin, PageSums()) for origin in anew)
            there: set[Origin] = set()
            for part, entry in self.entries():
                for one in entry.contributions:
                    origin = Origin(part.source, one.chain)
                    there.add(origin)
                    if origin in anew:
                        self._add(origin, one.sums)
            for origin in anew - there:
                del self._sums[origin]
        return {origin: found for origin in sorted(self._sums) if (found := self._sums[origin])}

    def summaries(self) -> list[ChainSummary]:
        """Return what each chain has come to, in order; nothing in it changes afterwards."""
        summaries: dict[Chain, ChainSummary] = {}
        for (_, chain), delivered in self.sums_by_origin().items():
            summaries.setdefault(chain, ChainSummary(chain, PageSums())).sums.add(delivered)
        for _, entry in sorted(self._noted.items(), key=lambda one: (one[1].number, one[0])):
            for one in entry.contributions:
                summary = summaries[one.chain]
                summary.falls = summary.falls + entry.falls
                if entry.is_rewritten:
                    summary.rewritten_files = [*summary.rewritten_files, entry.name]
        return [summaries[chain] for chain in sorted(summaries)]

    def spans_of(self, chain: Chain) -> dict[Part, Window]:
        """Return from where to where each part has windows of a chain."""
        return {
            part: one.sums.window
            for part, entry in self.entries()
            for one in entry.contributions
            if one.chain == chain and one.sums.window is not None
        }


def file_chains_of(entry: EntryHead) -> FileChains:
    """Return the chains, in order, that a part is a file of; a page that was set aside is none."""
    found: list[tuple[str, str, str]] = []
    for one in entry.contributions:
        if one.sums.pages or not entry.number:
            found.append(one.chain)  # noqa: PERF401 -- of one, as mostly, that takes less time
    if len(found) > 1:
        found.sort()
    return tuple(found)


def join_ranges(first: bytes, second: bytes) -> bytes:
    """Put together what was counted of two ranges of a part, of which the second follows."""
    one, other = decode_entry(first), decode_entry(second)
    for brought in other.contributions:
        one.add(brought)
    one.tail = other.tail
    return ENCODE(one)


def join_entries(entries: Iterable[bytes]) -> bytes:
    """Put together what workers counted of a part: each has other windows of its pages.

    They come by the workers' ranks: the others have a digest from before, if any.
    """
    found = [decode_entry(one) for one in entries]
    digest = found[found[0].number % len(found)].digest
    joined = reduce(join_two_entries, found)
    joined.digest = digest
    return ENCODE(joined)


def join_two_entries(one: Entry, other: Entry) -> Entry:
    """Add to an entry what another worker counted of the part; the first counts what is whole."""
    for contribution in other.contributions:
        sums = one.contribution_of(contribution.chain).sums
        pages = sums.pages
        sums.add(contribution.sums)
        sums.pages = pages
    if one.tail is not None and other.tail is not None:
        one.tail = one.tail._replace(letters=one.tail.letters + other.tail.letters)
    if other.falls:
        one.falls = sorted(one.falls + other.falls)
    return one
