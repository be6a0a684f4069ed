"""The consumer's side of the channel: decode a page, follow its chain, merge it into state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from time import perf_counter
from typing import Any

from msgspec.structs import replace

from stream.checkpoint import Checkpoints
from stream.config import Rules
from stream.decode import Decoder, decode_list
from stream.dedupe import KeyedState, fallen
from stream.endpoints import Endpoint, ObjectList
from stream.errors import BadInput
from stream.figures import ChainRun, PageEntry, spanned
from stream.privacy import shielded
from stream.records import Bucket, Chain, Origin, Slot, Window, timestamp
from stream.relations import Objects
from stream.series import SavedSeries
from stream.sinks.dead_letters import letter_of, masked_page
from stream.sources.fixtures import Delivery, FixtureChain, entry_named
from stream.sources.reading import Fixture, spelled
from stream.sources.walk import Walk, word_of
from stream.tally import Tally

__all__ = ["Intake"]


class Intake:
    """The consumer: decodes pages, follows each chain's cursors, and merges records into state."""

    def __init__(self, rules: Rules, tally: Tally, clock: Callable[[], int]) -> None:
        """Start with what the state file holds, or with empty state; ``clock`` is in Unix seconds.

        Raises:
            Unavailable: a file that the run writes to cannot be opened, or is in use.
            BadInput: the state file is damaged.
        """
        self.rules = rules
        self.tally = tally
        self.clock = clock
        self.tolerant = rules.dead_letters is not None
        self.state = KeyedState()
        self.objects = Objects()
        self.runs: dict[Origin, ChainRun] = {}
        self.walks: dict[Origin, Walk] = {}
        self.decoders: dict[str, Decoder] = {}
        self.checkpoints = Checkpoints(rules, self.state, self.objects, tally)
        self.delivered: Counter[tuple[Chain, Slot]] = Counter()
        """How many pages delivered each window."""
        self.again: set[tuple[Origin, int]] = set()
        """Pages that were set aside for their place in the chain, which has changed since."""
        self.fell: Counter[str] = Counter()
        """Endpoint → changed pages whose figures fell, and still count as they were."""
        self.letters_changed = True
        """Whether the dead letters on disk are not those of the pages any more."""
        self._letters: list[bytes] = []

    def close(self) -> None:
        """Give up what is held open."""
        self.checkpoints.close()

    def store(self, series: Callable[[], list[SavedSeries]] = list) -> None:
        """Store a checkpoint; ``series`` gives the series that move with it.

        Raises:
            Unavailable: it cannot be written; nothing of it is lost.
        """
        started = perf_counter()
        self.checkpoints.store(self.runs, self.clock(), series)
        self.tally.checkpoint.observe(perf_counter() - started)
        self.tally.checkpointed_at = self.clock()
        self.tally.seal()

    def open(self, chain: FixtureChain) -> None:
        """Expect a chain; what is wrong with the set of its files is a fault.

        Raises:
            BadInput: two files for a page, a page 0, or a gap, unless bad input is set aside.
        """
        self.start(chain)
        for number, found in sorted(chain.faults.items()):
            for name, error in found:
                page = Fixture(spelled(name), number, b"", None)
                self._letters += self.letter(chain, page, error, 0)
            self.count_aside(chain, Fixture(spelled(found[0][0]), number, b"", None))
        for number in chain.missing:
            error = BadInput("gap", f"page {number} is missing, and later pages are there")
            self.anomaly(chain.origin, error.at(place_of(chain)))

    def start(self, chain: FixtureChain) -> None:
        """Begin with a chain, and with what durable state knows of its windows."""
        self.runs[chain.origin] = ChainRun(chain.chain)
        path = chain.entry.path if isinstance(chain.entry, Endpoint) else None
        self.walks[chain.origin] = Walk(path)
        if isinstance(chain.entry, Endpoint):
            self.state.chains[chain.chain]
            self.decoders.setdefault(chain.entry.key, Decoder(chain.entry))
        for entry in self.checkpoints.known.get(chain.origin, {}).values():
            self.delivered.update((chain.chain, slot) for slot in entry.slots)
            self.fell[chain.chain.endpoint] += bool(entry.fell)

    def recall(self) -> None:
        """Walk every chain that durable state has, by what its pages said."""
        for origin, pages in sorted(self.checkpoints.known.items()):
            chain = FixtureChain(entry_named(origin.chain.endpoint), origin.chain, origin.source)
            self.start(chain)
            self.runs[origin].pages = dict(pages)
            self.walk_again(chain)
            self.end(chain)

    def anomaly(self, origin: Origin, error: BadInput, *, counted: bool = False) -> None:
        """Name what breaks a chain; it ends the run unless bad input is set aside."""
        if not self.tolerant:
            raise error
        if not counted:
            self.tally.anomalies[error.reason] += 1
        run = self.runs[origin]
        run.incomplete = run.incomplete or error.message.partition(" (")[0]

    def take(self, delivery: Delivery) -> None:
        """Take one page, or the end of a chain.

        Raises:
            BadInput: the page cannot be trusted, unless bad input is set aside.
        """
        chain, page = delivery.chain, delivery.page
        if chain.origin not in self.runs:
            self.start(chain)
        if page is None:
            self.end(chain)
            return
        self._letters = []
        if delivery.gone:
            self.forget(chain, page.page)
            return
        if page.known is not None and not page.payload and page.error is None:
            self.take_known(chain, page, page.known)
            return
        self.tally.page_bytes += len(page.payload)
        self.tally.page_read.observe(page.seconds)
        try:
            if page.error is not None:
                raise page.error
            if isinstance(chain.entry, Endpoint):
                entry = self.take_page(delivery, chain, page)
            else:
                entry = self.take_list(chain, chain.entry, page)
        except BadInput as error:
            self._letters += self.letter(chain, page, error, 0, masked_page(page.payload))
            self.count_aside(chain, page, delivery.loop)
            return
        outcome = "dead_lettered" if entry.set_aside else "ok"
        self.tally.pages[chain.chain.endpoint, outcome] += 1
        self.note(chain, replace(entry, letters=len(self._letters), loop=delivery.loop))

    def note(self, chain: FixtureChain, entry: PageEntry) -> None:
        """Remember a page as read, and when its chain moved."""
        origin, run, now = chain.origin, self.runs[chain.origin], self.clock()
        known = self.checkpoints.known.get(origin, {})
        before = run.pages.get(entry.page, known.get(entry.page))
        run.pages[entry.page] = entry
        key = chain.chain.endpoint
        if not entry.set_aside:
            self.tally.last_success[key] = now
            moved = before is None or (before.next_page, before.window, before.loop) != (
                entry.next_page,
                entry.window,
                entry.loop,
            )
            if moved or key not in self.tally.cursor_updated:
                self.tally.cursor_updated[key] = now
        self.delivered.update((chain.chain, slot) for slot in entry.slots)
        if before is not None:
            self.delivered.subtract((chain.chain, slot) for slot in before.slots)
            self.fell[key] -= bool(before.fell)
        self.fell[key] += bool(entry.fell)
        self.letters_changed |= bool(self._letters or (before is not None and before.letters))
        self.checkpoints.add(origin, entry.page, entry, self._letters)
        self._letters = []

    def forget(self, chain: FixtureChain, page: int) -> None:
        """Forget a page that was set aside and whose file is gone."""
        known = self.runs[chain.origin].pages.get(page)
        if known is not None and known.set_aside:
            del self.runs[chain.origin].pages[page]
            self.letters_changed = True
            self.checkpoints.add(chain.origin, page, None, [])

    def take_known(self, chain: FixtureChain, page: Fixture, known: PageEntry) -> None:
        """Follow the cursor of a page that durable state has; its records are there already."""
        if not known.set_aside:
            self.step(chain, page, known.rows, known.has_more, known.next_page)
        entry = replace(known, name=page.name, signature=page.signature)
        self.runs[chain.origin].pages[entry.page] = entry
        if entry != known:
            self.checkpoints.add(chain.origin, entry.page, entry, [])

    def take_page(self, delivery: Delivery, chain: FixtureChain, page: Fixture) -> PageEntry:
        """Decode a page of buckets, and merge it when all of it has been read."""
        key = chain.chain.endpoint
        started = perf_counter()
        decoded = self.decoders[key].decode(page.payload, tolerant=self.tolerant)
        self.tally.page_decode.observe(perf_counter() - started)
        known = self.runs[chain.origin].pages.get(page.page, page.known)
        entry = self.entry_of(chain, page, decoded.rows, decoded.has_more, decoded.next_page)
        entry = replace(entry, rows=decoded.rows, buckets=decoded.data_buckets)
        if known is not None and delivery.loop > known.loop:
            entry = replace(
                entry, rows=known.rows + entry.rows, buckets=known.buckets + entry.buckets
            )
            known = None
        if entry.set_aside:
            self.tally.records[key, "dead_lettered"] += decoded.rows
            return entry
        self.tally.unknown_fields[key] += len(decoded.unknown_fields)
        buckets = moved_on(decoded.buckets, delivery.shift)
        fell = [] if known is None else self.fallen(chain, page, known, buckets)
        window = self.merge(chain, buckets)
        for rejected in decoded.rejected:
            self.tally.records[key, "dead_lettered"] += rejected.rows
            self._letters += self.letter(
                chain, page, rejected.error, rejected.rows, rejected.content
            )
        return replace(
            entry,
            window=window,
            unknown_fields=sorted(decoded.unknown_fields),
            slots=sorted({Slot(bucket.window, bucket.rollup) for bucket in buckets}),
            fell=fell,
        )

    def merge(self, chain: FixtureChain, buckets: list[Bucket]) -> Window | None:
        """Merge a page's buckets into state; return the span of their windows."""
        key = chain.chain.endpoint
        window: Window | None = None
        for bucket in buckets:
            window = spanned(window, bucket.window)
            outcomes = self.state.take(chain.chain, bucket)
            for outcome, count in zip(outcomes._fields, outcomes, strict=True):
                if count:
                    self.tally.records[key, outcome] += count
        return window

    def fallen(
        self, chain: FixtureChain, page: Fixture, known: PageEntry, buckets: list[Bucket]
    ) -> list[str]:
        """Name what a changed file no longer says, and what still counts all the same.

        A plain file has no revision, so nobody can tell a correction from an older copy.
        """
        held = self.state.chains[chain.chain]
        again: dict[Slot, Bucket] = {}
        for bucket in buckets:
            slot = Slot(bucket.window, bucket.rollup)
            again[slot] = appended(again[slot], bucket) if slot in again else bucket
        return [
            f"{page.name} has changed, and figures of {timestamp(slot.window.start)} in it fell "
            "or are gone: what had been counted still counts."
            for slot in known.slots
            if slot in held
            and fallen(held[slot], again.get(slot), sole=self.delivered[chain.chain, slot] == 1)
        ]

    def take_list(self, chain: FixtureChain, entry: ObjectList, page: Fixture) -> PageEntry:
        """Decode a page of a list, and remember what it defines and refers to."""
        listed = decode_list(entry, page.payload, tolerant=self.tolerant)
        rows = len(listed.elements)
        noted = self.entry_of(chain, page, rows, listed.has_more, listed.next_page)
        if not noted.set_aside:
            self.objects.take((*chain.chain, page.page), listed.elements)
            for rejected in listed.rejected:
                self._letters += self.letter(chain, page, rejected.error, 1, rejected.content)
        return noted

    def entry_of(
        self,
        chain: FixtureChain,
        page: Fixture,
        rows: int,
        has_more: bool,  # noqa: FBT001 -- the two words of the page on where its chain goes
        next_page: str | None,
    ) -> PageEntry:
        """Follow a page's cursor, and note what it said; a page after the end is set aside."""
        origin, run = chain.origin, self.runs[chain.origin]
        word = word_of(next_page, self.walks[origin].root)
        entry = PageEntry(page.page, page.name, page.sha256, page.signature, has_more, word)
        before = run.pages.get(page.page)
        sound = before is not None and not before.set_aside and before.fault is None
        if before and sound and (before.has_more, before.next_page) == (has_more, word):
            return entry
        if page.page <= self.walks[origin].page:
            self.walk_again(chain, until=page.page)
        fault = self.step(chain, page, rows, has_more, next_page)
        entry = replace(entry, fault=fault, set_aside=fault == "after_end")
        if page.page < max(run.pages, default=0):
            run.pages[page.page] = entry
            self.walk_again(chain)
        if before is None:
            run.pages.pop(page.page, None)
        else:
            run.pages[page.page] = before
        return entry

    def step(  # noqa: PLR0913, PLR0917 -- a page's place in its chain, and its two words on where that goes
        self,
        chain: FixtureChain,
        page: Fixture,
        rows: int,
        has_more: bool,  # noqa: FBT001 -- as in entry_of
        next_page: str | None,
        noted: PageEntry | None = None,
    ) -> str | None:
        """Follow the cursor; return what is wrong with it, if anything.

        Where bad input is set aside, a page after the end of its chain goes whole, and one whose
        cursor is bad counts, in a chain that is incomplete. A page that is ``noted`` has had its
        dead letter.
        """
        walk, run = self.walks[chain.origin], self.runs[chain.origin]
        walk.page = max(walk.page, page.page)
        fault = None
        try:
            walk.step(has_more=has_more, next_page=next_page)
        except BadInput as error:
            fault = error.reason
            counted = noted is not None and noted.fault == fault
            self.anomaly(chain.origin, error.at(place_of(chain, page)), counted=counted)
            if noted is None:
                beyond = fault == "after_end"
                content = masked_page(page.payload) if beyond else None
                self._letters += self.letter(chain, page, error, rows if beyond else 0, content)
        run.has_more, run.next_page = walk.has_more, walk.cursor and shielded(walk.cursor)
        return fault

    def walk_again(self, chain: FixtureChain, until: int | None = None) -> None:
        """Walk a chain from its start by what its pages said; ``until`` is not walked any more."""
        origin, run = chain.origin, self.runs[chain.origin]
        self.walks[origin] = Walk(chain.entry.path if isinstance(chain.entry, Endpoint) else None)
        run.has_more, run.next_page, run.incomplete = False, None, None
        for entry in run.entries():
            if until is not None and entry.page >= until:
                break
            if entry.set_aside:
                if entry.fault == "after_end" and self.walks[origin].has_more:
                    self.again.add((origin, entry.page))
                continue
            page = Fixture(entry.name, entry.page, b"", entry.sha256)
            fault = self.step(chain, page, 0, entry.has_more, entry.next_page, entry)
            if fault != entry.fault:
                run.pages[entry.page] = replace(entry, fault=fault)

    def count_aside(self, chain: FixtureChain, page: Fixture, loop: int = 0) -> None:
        """Note a page that was set aside whole; what an earlier version of it said still counts."""
        self.tally.pages[chain.chain.endpoint, "dead_lettered"] += 1
        before = self.runs[chain.origin].pages.get(page.page)
        letters = len(self._letters)
        if before is not None and not before.set_aside:
            kept = replace(before, signature=page.signature, letters=letters, loop=loop)
            self.note(chain, kept)
            return
        entry = PageEntry(
            page.page,
            page.name,
            page.sha256,
            page.signature,
            has_more=False,
            next_page=None,
            letters=letters,
            set_aside=True,
            loop=loop,
        )
        self.note(chain, entry)

    def letter(
        self, chain: FixtureChain, page: Fixture, error: BadInput, rows: int, content: Any = None
    ) -> list[bytes]:
        """Make a dead letter, or end the run with what it would say."""
        error.at(place_of(chain, page))
        if not self.tolerant:
            raise error
        self.tally.dead_letters[chain.chain.endpoint, error.reason] += 1
        place = (page.page, page.name, page.sha256)
        return [letter_of(chain.chain, place, error, rows, content)]

    def end(self, chain: FixtureChain) -> None:
        """Judge a chain that has no more pages for now: it must have said so itself, or waits."""
        walk, run = self.walks[chain.origin], self.runs[chain.origin]
        if self.rules.unfinished == "wait":
            run.waiting = walk.has_more
        if not walk.has_more or self.rules.unfinished == "wait":
            return
        last = max((entry.page for entry in run.entries() if not entry.set_aside), default=0)
        message = (
            f"page {last} says that more follows, and no page {last + 1} could be counted"
            if last
            else "no page of it could be read"
        )
        error = BadInput("incomplete", f"{message} (--allow-incomplete reports it all the same)")
        if self.rules.unfinished == "refuse":
            self.anomaly(chain.origin, error.at(place_of(chain)))
        run.incomplete = run.incomplete or message


def appended(first: Bucket, more: Bucket) -> Bucket:
    """Put the rows of two buckets of one window into one."""
    dimensions = zip(first.dimensions, more.dimensions, strict=True)
    counters = zip(first.counters, more.counters, strict=True)
    return first._replace(
        rows=first.rows + more.rows,
        dimensions=tuple(one + other for one, other in dimensions),
        counters=tuple(one + other for one, other in counters),
    )


def moved_on(buckets: list[Bucket], shift: int) -> list[Bucket]:
    """Move windows on by so many seconds."""
    if not shift:
        return buckets
    return [
        bucket._replace(window=Window(bucket.window.start + shift, bucket.window.end + shift))
        for bucket in buckets
    ]


def place_of(chain: FixtureChain, page: Fixture | None = None) -> str:
    """Name a chain, or a file and its place in its chain."""
    name = f"{chain.chain.endpoint}, label {chain.chain.label}"
    if page is None:
        return f"chain {name}"
    return f"{page.name} (page {page.page} of {name})" if page.page else f"{page.name} ({name})"
