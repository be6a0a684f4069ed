"""The consumer's side of the channel: decode a page, follow its chain, merge it into state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from time import perf_counter

from msgspec.structs import replace

from stream.decode import Decoder, Known, Page, decode_list, everything, nothing_known, owned
from stream.figures.relations import Objects
from stream.intake.changes import NO_PAGES, Changes
from stream.intake.entries import ChainRun, PageEntry
from stream.intake.following import Following, place_of
from stream.intake.letters import masked_page
from stream.intake.rules import Rules
from stream.intake.stretches import stretched
from stream.providers.cursors import Walk, root_of
from stream.providers.endpoint import Endpoint, ObjectList
from stream.records.chains import Chain, spanned
from stream.records.errors import BadInput
from stream.records.shares import ALL, Share
from stream.records.tally import Tally
from stream.records.windows import Bucket, Slot, Window
from stream.sources.files import Fixture, spelled
from stream.sources.fixtures import Delivery, FixtureChain, entry_named
from stream.state.checkpoints import Checkpoints
from stream.state.saved import SavedSeries
from stream.state.sqlite.store import Store

__all__ = ["Intake"]


class Intake(Following):
    """The consumer: decodes pages, follows each chain's cursors, and merges records into state."""

    def __init__(
        self,
        rules: Rules,
        tally: Tally,
        clock: Callable[[], int],
        share: Share = ALL,
        store: Store | None = None,
    ) -> None:
        """Start with what the state file holds, or with empty state; ``clock`` is in Unix seconds.

        ``share`` is what is counted here, ``store`` another file than the rules' own.

        Raises:
            Unavailable: a file that the run writes to cannot be opened, or is in use.
            BadInput: the state file is damaged.
        """
        super().__init__(rules, tally, speaks=share.first)
        self.share = share
        self.clock = clock
        self.objects = Objects()
        self.decoders: dict[str, Decoder] = {}
        self.checkpoints = Checkpoints(rules, self.objects, tally, store)
        self.state = self.checkpoints.state
        self.changes = Changes(self.state, self.runs, self.checkpoints.known)
        self.fell: Counter[str] = Counter()
        """Endpoint → changed pages whose figures fell, and still count as they were."""
        self.letters_changed = True
        """Whether the dead letters on disk are not those of the pages any more."""

    def close(self) -> None:
        """Give up what is held open."""
        self.checkpoints.close()

    def store(self, series: Callable[[], list[SavedSeries]] = list) -> None:
        """Store a checkpoint; ``series`` gives the series that move with it.

        Raises:
            Unavailable: it cannot be written; nothing of it is lost.
        """
        started = perf_counter()
        self.checkpoints.save(self.runs, self.clock(), series)
        self.state.shed()
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
                self.letters += self.letter(chain, page, error, 0)
            self.count_aside(chain, Fixture(spelled(found[0][0]), number, b"", None))
        for number in chain.missing:
            error = BadInput("gap", f"page {number} is missing, and later pages are there")
            self.anomaly(chain.origin, error.at(place_of(chain)))

    def start(self, chain: FixtureChain) -> None:
        """Begin with a chain, and with what durable state knows of its windows."""
        self.runs[chain.origin] = ChainRun(chain.chain)
        self.walks[chain.origin] = Walk(root_of(chain.entry))
        if isinstance(chain.entry, Endpoint):
            self.start_state(chain.entry, chain.chain)
        for entry in self.checkpoints.known.get(chain.origin, NO_PAGES).values():
            self.fell[chain.chain.endpoint] += bool(entry.fell)

    def start_state(self, endpoint: Endpoint, chain: Chain) -> None:
        """See that a chain is in state, and can be decoded."""
        self.state.chains.add(chain)
        if endpoint.key not in self.decoders:
            self.decoders[endpoint.key] = Decoder(endpoint)

    def mine(self, endpoint: str) -> Callable[[int], bool]:
        """Return what tells which buckets of an endpoint are to be counted here."""
        return self.share.days(endpoint) or everything

    def recall(self) -> None:
        """Walk every chain that durable state has, by what its pages said."""
        for origin, pages in sorted(self.checkpoints.known.items()):
            chain = FixtureChain(entry_named(origin.chain.endpoint), origin)
            self.start(chain)
            self.runs[origin].pages = pages.copy()
            self.runs[origin].delivered = None
            self.walk_again(chain)
            self.end(chain)

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
        self.letters = []
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
            self.letters += self.letter(chain, page, error, 0, masked_page(page.payload))
            self.count_aside(chain, page, delivery.loop)
            return
        outcome = "dead_lettered" if entry.set_aside else "ok"
        self.tally.pages[chain.chain.endpoint, outcome] += 1
        entry.letters, entry.loop = len(self.letters), delivery.loop
        self.note(chain, entry)

    def note(self, chain: FixtureChain, entry: PageEntry) -> None:
        """Remember a page as read, and when its chain moved."""
        origin, run, now = chain.origin, self.runs[chain.origin], self.clock()
        known = self.checkpoints.known.get(origin, NO_PAGES)
        before = run.pages.find(entry.page) or known.find(entry.page)
        run.put(entry)
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
        self.changes.note(chain.chain, entry, before)
        if before is not None:
            self.fell[key] -= bool(before.fell)
        self.fell[key] += bool(entry.fell)
        self.letters_changed |= bool(self.letters or (before is not None and before.letters))
        self.checkpoints.add(origin, run, entry.page, self.letters)
        self.letters = []

    def forget(self, chain: FixtureChain, page: int) -> None:
        """Forget a page that was set aside and whose file is gone."""
        run = self.runs[chain.origin]
        known = run.pages.get(page)
        if known is not None and known.set_aside:
            run.forget(page)
            self.letters_changed = True
            self.checkpoints.add(chain.origin, run, page, [])

    def take_known(self, chain: FixtureChain, page: Fixture, known: PageEntry) -> None:
        """Follow the cursor of a page that durable state has; its records are there already."""
        if not known.set_aside:
            self.step(chain, page, known.rows, known.has_more, known.next_page)
        entry = replace(known, name=page.name, signature=page.signature)
        if not self.speaks:  # another worker counts what it delivered
            entry = PageEntry(
                page.page,
                page.name,
                known.sha256,
                page.signature,
                known.has_more,
                known.next_page,
                set_aside=known.set_aside,
                fault=known.fault,
                loop=known.loop,
            )
        run = self.runs[chain.origin]
        run.put(entry)
        if entry != known:
            self.checkpoints.add(chain.origin, run, entry.page, [])

    def take_page(self, delivery: Delivery, chain: FixtureChain, page: Fixture) -> PageEntry:
        """Decode a page of buckets, and merge it when all of it has been read."""
        key = chain.chain.endpoint
        started = perf_counter()
        known = self.runs[chain.origin].pages.find(page.page) or page.known
        fresh = known is None and not delivery.shift
        whole, decoded = self.decoded(
            key, page.payload, partial(self.state.rows_of, chain.chain) if fresh else nothing_known
        )
        self.tally.page_decode.observe(perf_counter() - started)
        entry = self.entry_of(chain, page, whole.rows, whole.has_more, whole.next_page)
        entry.rows, entry.buckets = decoded.rows, decoded.data_buckets
        if known is not None and delivery.loop > known.loop:
            entry.rows += known.rows
            entry.buckets += known.buckets
            known = None
        if entry.set_aside:
            entry.rows = whole.rows if self.speaks else 0
            self.tally.records[key, "dead_lettered"] += entry.rows
            return entry
        self.tally.unknown_fields[key] += len(decoded.unknown_fields)
        buckets = moved_on(decoded.buckets, delivery.shift)
        if known is not None:
            entry.fell = self.changes.fallen(chain.chain, page.name, known, buckets, self.mine(key))
        entry.window = self.merge(chain.chain, buckets)
        for rejected in decoded.rejected:
            self.tally.records[key, "dead_lettered"] += rejected.rows
            self.letters += self.letter(
                chain, page, rejected.error, rejected.rows, rejected.content, own=True
            )
        entry.unknown_fields = sorted(decoded.unknown_fields)
        entry.slots = stretched(Slot(bucket.window, bucket.rollup) for bucket in buckets)
        return entry

    def decoded(self, key: str, payload: bytes, known: Known) -> tuple[Page, Page]:
        """Decode a page; return it, and what of it is to be counted here.

        Where bad input is set aside a page is decoded whole, as one bad enough goes as a whole;
        else a bad one ends the run, whoever comes upon it.

        Raises:
            BadInput: it cannot be trusted.
        """
        mine = self.mine(key)
        page = self.decoders[key].decode(
            payload,
            tolerant=self.tolerant,
            known=known,
            mine=everything if self.tolerant else mine,
        )
        return page, owned(page, mine) if self.tolerant else page

    def merge(self, chain: Chain, buckets: list[Bucket], revision: int = 0) -> Window | None:
        """Merge a page's buckets into state; return the span of their windows."""
        key = chain.endpoint
        window: Window | None = None
        for bucket in buckets:
            window = spanned(window, bucket.window)
            outcomes = self.state.again(chain, bucket, revision)
            if outcomes is None:
                read = bucket if bucket.unread is None else self.decoders[key].read(bucket)
                outcomes = self.state.take(chain, read, revision)
            for outcome, count in zip(outcomes._fields, outcomes, strict=True):
                if count:
                    self.tally.records[key, outcome] += count
        return window

    def take_list(self, chain: FixtureChain, entry: ObjectList, page: Fixture) -> PageEntry:
        """Decode a page of a list, and remember what it defines and refers to."""
        listed = decode_list(entry, page.payload, tolerant=self.tolerant)
        rows = len(listed.elements)
        noted = self.entry_of(chain, page, rows, listed.has_more, listed.next_page)
        if not noted.set_aside:
            self.objects.take((chain.chain.endpoint, chain.chain.label, page.page), listed.elements)
            for rejected in listed.rejected:
                self.letters += self.letter(chain, page, rejected.error, 1, rejected.content)
        return noted

    def count_aside(self, chain: FixtureChain, page: Fixture, loop: int = 0) -> None:
        """Note a page that was set aside whole; what an earlier version of it said still counts."""
        self.tally.pages[chain.chain.endpoint, "dead_lettered"] += 1
        before = self.runs[chain.origin].pages.get(page.page)
        if before is None or before.set_aside:
            entry = PageEntry(
                page.page,
                page.name,
                page.sha256,
                page.signature,
                has_more=False,
                next_page=None,
                set_aside=True,
            )
        else:
            entry = before
            entry.signature = page.signature
        entry.letters, entry.loop = len(self.letters), loop
        self.note(chain, entry)


def moved_on(buckets: list[Bucket], shift: int) -> list[Bucket]:
    """Move windows on by so many seconds."""
    if not shift:
        return buckets
    return [
        bucket._replace(
            window=Window(bucket.window.start + shift, bucket.window.end + shift), digest=b""
        )
        for bucket in buckets
    ]
