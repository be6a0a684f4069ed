"""The consumer's side of the channel: decode a page, follow its chain, merge it into state."""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

from msgspec.structs import replace

from stream.checkpoint import Checkpoints
from stream.config import Replay
from stream.decode import Decoder, decode_list
from stream.dedupe import KeyedState, fallen
from stream.endpoints import Endpoint, ObjectList
from stream.errors import BadInput
from stream.figures import ChainRun, PageEntry, spanned
from stream.privacy import shielded
from stream.records import Bucket, Chain, Slot, Window, timestamp
from stream.relations import Objects
from stream.sinks.dead_letters import DeadLetters, masked_page
from stream.sources.fixtures import FixtureChain
from stream.sources.reading import Fixture
from stream.sources.walk import Walk
from stream.tally import Tally

__all__ = ["Delivery", "Intake"]


class Delivery(NamedTuple):
    """A page on the channel; a chain's last delivery has none: the chain has ended."""

    chain: FixtureChain
    page: Fixture | None


class Intake:
    """The consumer: decodes pages, follows each chain's cursors, and merges records into state."""

    def __init__(self, run: Replay, tally: Tally) -> None:
        """Start with what the state file holds, or with empty state.

        Raises:
            Unavailable: a file that the run writes to cannot be opened, or is in use.
            BadInput: the state file is damaged.
        """
        self.run = run
        self.tally = tally
        self.state = KeyedState()
        self.objects = Objects()
        self.runs: dict[Chain, ChainRun] = {}
        self.walks: dict[Chain, Walk] = {}
        self.decoders: dict[str, Decoder] = {}
        self.checkpoints = Checkpoints(run, self.state, self.objects, tally)
        self.dead_letters: DeadLetters | None = None
        if run.dead_letters is not None:
            try:
                self.dead_letters = DeadLetters(run.dead_letters)
            except BaseException:
                self.checkpoints.close()
                raise

    def close(self) -> None:
        """Give up what is held open; dead letters that were not finished are gone."""
        if self.dead_letters is not None:
            self.dead_letters.close()
        self.checkpoints.close()

    def open(self, chains: list[FixtureChain]) -> None:
        """Expect these chains; what is wrong with the set of their files is a fault.

        Raises:
            BadInput: two files for a page, a page 0, or a gap, unless bad input is set aside.
        """
        for chain in chains:
            self.runs[chain.chain] = ChainRun(chain.chain)
            path = chain.entry.path if isinstance(chain.entry, Endpoint) else None
            self.walks[chain.chain] = Walk(path)
            if isinstance(chain.entry, Endpoint):
                self.state.chains[chain.chain]
                self.decoders.setdefault(chain.entry.key, Decoder(chain.entry))
            for number, name, error in chain.faults:
                self.set_aside(chain, Fixture(name, number, b"", None), error, None)
            for number in chain.missing:
                error = BadInput("gap", f"page {number} is missing, and later pages are there")
                self.anomaly(chain, error.at(place_of(chain)))

    def anomaly(self, chain: FixtureChain, error: BadInput) -> None:
        """Name what breaks a chain; it ends the run unless bad input is set aside."""
        self.tally.anomalies[error.reason] += 1
        if self.dead_letters is None:
            raise error
        run = self.runs[chain.chain]
        run.incomplete = run.incomplete or error.message.partition(" (")[0]
        self.objects.partial.add(chain.chain.endpoint)

    def take(self, delivery: Delivery) -> None:
        """Take one page, or the end of a chain.

        Raises:
            BadInput: the page cannot be trusted, unless bad input is set aside.
        """
        chain, page = delivery
        if page is None:
            self.end(chain)
            return
        if page.known is not None and page.sha256 == page.known.sha256 and page.error is None:
            self.take_known(chain, page, page.known)
            return
        self.tally.page_bytes += len(page.payload)
        letters = sum(self.tally.dead_letters.values())
        try:
            if page.error is not None:
                raise page.error
            if isinstance(chain.entry, Endpoint):
                entry = self.take_page(chain, page)
            else:
                entry = self.take_list(chain, chain.entry, page)
        except BadInput as error:
            self.set_aside(chain, page, error, masked_page(page.payload))
            return
        if entry is not None:
            self.tally.pages[chain.chain.endpoint, "ok"] += 1
            self.runs[chain.chain].add(entry)
            if letters == sum(self.tally.dead_letters.values()):  # else it is read again
                self.checkpoints.add(chain.chain, entry)

    def take_known(self, chain: FixtureChain, page: Fixture, known: PageEntry) -> None:
        """Follow the cursor of a page that durable state has; its records are there already."""
        self.step(chain, page, known.rows, known.has_more, known.next_page)
        entry = replace(known, name=page.name, signature=page.signature)
        self.runs[chain.chain].add(entry)
        if entry != known:
            self.checkpoints.add(chain.chain, entry)

    def take_page(self, chain: FixtureChain, page: Fixture) -> PageEntry | None:
        """Decode a page of buckets, and merge it when all of it has been read."""
        key = chain.chain.endpoint
        decoded = self.decoders[key].decode(page.payload, tolerant=self.dead_letters is not None)
        if not self.step(chain, page, decoded.rows, decoded.has_more, decoded.next_page):
            self.tally.records[key, "dead_lettered"] += decoded.rows
            self.runs[chain.chain].rows += decoded.rows
            self.runs[chain.chain].buckets += decoded.data_buckets
            return None
        self.tally.unknown_fields[key] += len(decoded.unknown_fields)
        known, buckets = page.known, decoded.buckets
        fell = [] if known is None else self.fallen(chain, page, known, buckets)
        window: Window | None = None
        for bucket in buckets:
            window = spanned(window, bucket.window)
            outcomes = self.state.take(chain.chain, bucket)
            for outcome, count in zip(outcomes._fields, outcomes, strict=True):
                if count:
                    self.tally.records[key, outcome] += count
        for rejected in decoded.rejected:
            self.tally.records[key, "dead_lettered"] += rejected.rows
            self.letter(chain, page, rejected.error, rejected.rows, rejected.content)
        entry = self.entry_of(chain, page)
        return replace(
            entry,
            rows=decoded.rows,
            buckets=decoded.data_buckets,
            window=window,
            unknown_fields=sorted(decoded.unknown_fields),
            slots=sorted({Slot(bucket.window, bucket.rollup) for bucket in buckets}),
            fell=fell,
        )

    def fallen(
        self, chain: FixtureChain, page: Fixture, known: PageEntry, buckets: list[Bucket]
    ) -> list[str]:
        """Name what a changed file no longer says, and what still counts all the same.

        A plain file has no revision, so nobody can tell a correction from an older copy.
        """
        held = self.state.chains[chain.chain]
        others = Counter(
            slot for entry in self.checkpoints.known[chain.chain].values() for slot in entry.slots
        )
        again = {Slot(bucket.window, bucket.rollup): bucket for bucket in buckets}
        return [
            f"{page.name} has changed, and figures of {timestamp(slot.window.start)} in it fell "
            "or are gone: what had been counted still counts."
            for slot in known.slots
            if slot in held and fallen(held[slot], again.get(slot), sole=others[slot] == 1)
        ]

    def entry_of(self, chain: FixtureChain, page: Fixture) -> PageEntry:
        """Note a page as read, and what it said of its chain."""
        run = self.runs[chain.chain]
        return PageEntry(
            page.page, page.name, page.sha256, page.signature, run.has_more, run.next_page
        )

    def take_list(self, chain: FixtureChain, entry: ObjectList, page: Fixture) -> PageEntry | None:
        """Decode a page of a list, and remember what it defines and refers to."""
        listed = decode_list(entry, page.payload, tolerant=self.dead_letters is not None)
        rows = len(listed.elements)
        if not self.step(chain, page, rows, listed.has_more, listed.next_page):
            return None
        self.objects.take((*chain.chain, page.page), listed.elements)
        for rejected in listed.rejected:
            self.letter(chain, page, rejected.error, 1, rejected.content)
        return self.entry_of(chain, page)

    def step(
        self,
        chain: FixtureChain,
        page: Fixture,
        rows: int,
        has_more: bool,  # noqa: FBT001 -- the two words of the page on where its chain goes
        next_page: str | None,
    ) -> bool:
        """Follow the cursor; tell whether the page counts.

        Where bad input is set aside, a page after the end of its chain goes whole, and one whose
        cursor is bad counts, in a chain that is incomplete.
        """
        walk, run = self.walks[chain.chain], self.runs[chain.chain]
        try:
            walk.step(has_more=has_more, next_page=next_page)
        except BadInput as error:
            self.anomaly(chain, error.at(place_of(chain, page)))
            beyond = error.reason == "after_end"
            content = masked_page(page.payload) if beyond else None
            self.letter(chain, page, error, rows if beyond else 0, content)
            if beyond:
                self.tally.pages[chain.chain.endpoint, "dead_lettered"] += 1
                return False
        run.has_more, run.next_page = walk.has_more, walk.cursor and shielded(walk.cursor)
        return True

    def set_aside(self, chain: FixtureChain, page: Fixture, error: BadInput, content: Any) -> None:
        """Set a whole page aside with its reason, or end the run with it."""
        error.at(place_of(chain, page))
        if self.dead_letters is None:
            raise error
        self.tally.pages[chain.chain.endpoint, "dead_lettered"] += 1
        self.letter(chain, page, error, 0, content)

    def letter(
        self, chain: FixtureChain, page: Fixture, error: BadInput, rows: int, content: Any
    ) -> None:
        """Write a dead letter."""
        if self.dead_letters is not None:
            self.runs[chain.chain].dead_letters = True
            self.objects.partial.add(chain.chain.endpoint)
            self.tally.dead_letters[chain.chain.endpoint, error.reason] += 1
            self.dead_letters.put(
                chain.chain, (page.page, page.name, page.sha256), error, rows, content
            )

    def end(self, chain: FixtureChain) -> None:
        """Judge a chain that has no more pages: it must have said so itself."""
        walk, run = self.walks[chain.chain], self.runs[chain.chain]
        if not walk.has_more:
            return
        last = max((entry.page for entry in run.fixtures), default=0)
        message = (
            f"page {last} says that more follows, and no page {last + 1} could be counted"
            if last
            else "no page of it could be read"
        )
        error = BadInput("incomplete", f"{message} (--allow-incomplete reports it all the same)")
        self.objects.partial.add(chain.chain.endpoint)
        if not self.run.allow_incomplete:
            self.anomaly(chain, error.at(place_of(chain)))
        run.incomplete = run.incomplete or message


def place_of(chain: FixtureChain, page: Fixture | None = None) -> str:
    """Name a chain, or a file and its place in its chain."""
    name = f"{chain.chain.endpoint}, label {chain.chain.label}"
    if page is None:
        return f"chain {name}"
    return f"{page.name} (page {page.page} of {name})" if page.page else f"{page.name} ({name})"
