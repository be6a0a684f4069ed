"""The consumer's side of the channel: read a page, keep the account of it, merge it into state."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from time import perf_counter
from typing import Any, NamedTuple

from stream.decode import BucketPage, ListPage, everything, nothing_known
from stream.intake.account import Account, Entry, Tail
from stream.intake.changes import Changes
from stream.intake.letters import letter_of, masked_page, refusal_in
from stream.intake.reading import Reader, Reading, check_revision, lost_link
from stream.intake.rules import Rules
from stream.intake.standing import Standing, refuse_broken
from stream.intake.stretches import stretched
from stream.intake.walks import Walk
from stream.providers.openai import ENDPOINTS
from stream.records.chains import Chain, ChainSummary, Delivered, Link, spanned
from stream.records.delivery import UNKNOWN_CHAIN, Delivery, Page, Part
from stream.records.errors import BadInput
from stream.records.shares import ALL, Share
from stream.records.tally import Tally
from stream.records.windows import Bucket, Slot, Window
from stream.state.checkpoints import Checkpoints
from stream.state.objects import Objects
from stream.state.saved import SavedSeries
from stream.state.sqlite.store import Store

__all__ = ["Intake", "Taken"]


class Taken(NamedTuple):
    """What became of a delivery: its dead letters, what fell, and if its part was rewritten."""

    letters: list[bytes]
    fell: list[str]
    rewritten: bool = False


class Intake:
    """Takes what comes off the channel: it has keyed state, an account, walks and checkpoints."""

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
        self.rules = rules
        self.tally = tally
        self.clock = clock
        self.share = share
        self.reader = Reader(tolerant=rules.tolerant)
        self.objects = Objects()
        self.account = Account(tracked=rules.state is not None or share != ALL)
        opened = store or Store(rules.state)
        try:
            if rules.state is not None and store is None:
                opened.take_shards([])  # or they could come later, over what is newer
            self.checkpoints = Checkpoints(
                opened,
                self.objects,
                tally,
                rules.row_budget,
                lasting=rules.state is not None,
            )
            self.account.restore(self.checkpoints.parts, counted=share.first)
            self.state = self.checkpoints.state
            known = {one for one in self.account.chains() if one.endpoint in ENDPOINTS}
            for chain in sorted(self.state.chains - known):  # left by workers that were ended
                opened.check_chain(chain)
        except BaseException:
            opened.close()
            raise
        self.checkpoints.parts = {}
        self.state.chains |= known
        self.standing = Standing(self.checkpoints, wait=rules.unfinished == "wait")
        self.changes = Changes(self.state, self.account)
        self.letters_changed = True
        """Whether the dead letters on disk are not those of the pages any more."""
        self.forgotten: set[Part] = set()
        """Parts that were begun anew, or are gone, since this was made."""
        self._letters: list[bytes] = []
        """The dead letters of the page that is taken."""
        self._deserted: set[Chain] = set()
        """Chains of which parts were forgotten; perhaps nothing is left of them."""

    def close(self) -> None:
        """Give up what is held open."""
        self.checkpoints.close()

    def take(self, delivery: Delivery) -> Taken:
        """Take one delivery.

        Raises:
            BadInput: the page cannot be trusted, unless bad input is set aside.
        """
        part, page = delivery.part, delivery.page
        known = self.account.find(part)
        self._letters = []
        if known is not None and known.tail is not None:
            self._undo_tail(part, known, known.tail)
        if delivery.gone:
            self._take_gone(part, known, delivery.position)
            return Taken([], [])
        before: Entry | None = None
        if known is not None and delivery.anew:
            self.account.soil(part, known)
            if page is not None and known.number:
                before, known = known, None
            else:
                known = self._begin_anew(part, known)
        entry = known or Entry(delivery.name)
        if page is not None:
            entry = self._take_page(delivery, page, entry, before)
        else:
            move_on(entry, delivery)
            self.account.touch(part, entry)
        self.checkpoints.count()
        return Taken(self._letters, entry.fell, delivery.anew and entry.rewritten)

    def _begin_anew(self, part: Part, known: Entry) -> Entry:
        """Know nothing of a part's pages any more; what they brought into state still counts."""
        self._forget_pages(part)
        counted = any(one.delivered.pages or one.delivered.letters for one in known.brought)
        return Entry(known.name, rewritten=known.rewritten or counted)

    def _forget_pages(self, part: Part) -> None:
        """Forget what a part's pages said of their walks, and their dead letters."""
        self.checkpoints.forget(part)
        self.forgotten.add(part)
        self.letters_changed = True

    def _undo_tail(self, part: Part, entry: Entry, tail: Tail) -> None:
        """Forget the dead letters of a page that may have come again as something else."""
        chain, place, letters = tail
        entry.tail = None
        if letters:
            brought = entry.of(chain)
            self.account.soil(part, entry)
            brought.delivered.letters -= letters
            if not (brought.delivered.pages or brought.delivered.letters):
                entry.brought = [one for one in entry.brought if one is not brought]
            self.checkpoints.put_letters(part, place, chain, [])
            self.letters_changed = True
            self.account.touch(part, entry)

    def _take_gone(self, part: Part, known: Entry | None, position: bytes) -> None:
        """Forget a page that was set aside and whose file is gone; what counts still does."""
        if known is None:
            return
        if known.number and not any(one.delivered.pages for one in known.brought):
            self.account.forget(part, known)
            self._forget_pages(part)
            self._deserted |= {one.chain for one in known.brought}
            self.checkpoints.count()
        elif known.position != position:
            known.position = position
            self.account.touch(part, known)
            self.checkpoints.count()

    def _take_page(
        self, delivery: Delivery, page: Page, entry: Entry, before: Entry | None
    ) -> Entry:
        """Take a page into an entry; return the one that it has become.

        Raises:
            BadInput: as :meth:`take`.
        """
        part, chain, tally = delivery.part, page.chain, self.tally
        tally.page_bytes += len(page.content)
        tally.page_read.observe(page.seconds)
        entry.number = page.number if page.place else -1
        added = Delivered()
        link: Link | None
        try:
            check_revision(page, self.clock())
            link = self._count(delivery, page, entry, before, added)
        except BadInput as error:
            self._set_aside(delivery, error, 0, masked_page(page.content) if page.content else None)
            tally.pages[chain.endpoint, "dead_lettered"] += 1
            link = lost_link(page)
            if before is not None and before.of(chain).delivered.pages:
                entry, link = before, None  # what an earlier version of it said still counts
                entry.of(chain).delivered.letters = 0
        else:
            tally.pages[chain.endpoint, "ok"] += 1
            self._note_success(chain, added, before)
        move_on(entry, delivery)
        added.letters = len(self._letters)
        entry.of(chain).delivered.add(added)
        if chain.endpoint in ENDPOINTS:
            self.state.chains.add(chain)
        if not page.final:
            entry.tail = Tail(chain, page.place, len(self._letters))
        self.account.put(part, entry, chain, added)
        walked = page.place and self.share.first and chain.endpoint != UNKNOWN_CHAIN
        if link is not None and walked:  # a page 0 is of no walk
            self.checkpoints.put_link(part, page.place, chain, link)
        if self._letters or (before is not None and before.letters):
            self.checkpoints.put_letters(part, page.place, chain, self._letters)
            self.letters_changed = True
        return entry

    def _count(
        self, delivery: Delivery, page: Page, entry: Entry, before: Entry | None, added: Delivered
    ) -> Link:
        """Count what a page says; return what it says of its walk.

        Raises:
            BadInput: it cannot be trusted; nothing of it was counted.
        """
        chain = page.chain
        if page.error is not None:
            raise page.error
        if chain.endpoint not in ENDPOINTS:
            reading = self.reader.read(page)
            self.objects.take(
                (chain.endpoint, *delivery.part, page.place), listed(reading).elements
            )
            for rejected in listed(reading).rejected:
                self._set_aside(delivery, rejected.error, 1, rejected.content)
            added.pages += self.share.first
            return reading.link
        mine = self.share.days(chain.endpoint) or everything
        started = perf_counter()
        known = nothing_known if before is not None else partial(self.state.rows_of, chain)
        reading = self.reader.read(page, known, mine)
        self.tally.page_decode.observe(perf_counter() - started)
        own = bucketed(reading)
        if before is not None:
            stretches = before.of(chain).stretches
            entry.fell = self.changes.fallen(chain, delivery.name, stretches, own.buckets, mine)
        added.window = self.merge(chain, own.buckets, page.revision)
        for rejected in own.rejected:
            self.tally.records[chain.endpoint, "dead_lettered"] += rejected.rows
            self._set_aside(delivery, rejected.error, rejected.rows, rejected.content, own=True)
        if own.unknown_fields:
            self.tally.unknown_fields[chain.endpoint] += len(own.unknown_fields)
            added.unknown_fields |= own.unknown_fields
        added.pages += self.share.first
        added.rows, added.buckets = own.rows, own.data_buckets
        if page.number:
            brought = entry.of(chain)
            brought.stretches = stretched(Slot(one.window, one.rollup) for one in own.buckets)
            was = () if before is None else before.of(chain).stretches
            self.changes.note(chain, brought.stretches, was)
        return reading.link

    def merge(self, chain: Chain, buckets: list[Bucket], revision: int = 0) -> Window | None:
        """Merge a page's buckets into state; return the span of their windows."""
        key = chain.endpoint
        window: Window | None = None
        for bucket in buckets:
            window = spanned(window, bucket.window)
            outcomes = self.state.again(chain, bucket, revision)
            if outcomes is None:
                whole = bucket if bucket.unread is None else self.reader.decoder(key).read(bucket)
                outcomes = self.state.take(chain, whole, revision)
            for outcome, count in zip(outcomes._fields, outcomes, strict=True):
                if count:
                    self.tally.records[key, outcome] += count
        return window

    def _note_success(self, chain: Chain, added: Delivered, before: Entry | None) -> None:
        """Note when pages of an endpoint were last taken in, and when one of its chains moved."""
        now = self.clock()
        self.tally.last_success[chain.endpoint] = now
        moved = before is None or before.of(chain).delivered.window != added.window
        if moved or chain.endpoint not in self.tally.cursor_updated:
            self.tally.cursor_updated[chain.endpoint] = now

    def _set_aside(
        self, delivery: Delivery, error: BadInput, rows: int, content: Any, *, own: bool = False
    ) -> None:
        """Make a dead letter of something in a page, or end the run with what that would say.

        What all workers come upon the first of them speaks of, unless it is its ``own`` to count.
        """
        page = delivery.page
        assert page is not None  # noqa: S101 -- only what stands in a page is set aside
        error.at(place_of(delivery.name, page))
        if not self.rules.tolerant:
            raise error
        if own or self.share.first:
            self.tally.dead_letters[page.chain.endpoint, error.reason] += 1
            place = page.place, delivery.name, delivery.digest if page.number else None
            self._letters.append(letter_of(page.chain, place, error, rows, content))

    def touched(self) -> set[Walk]:
        """Return the walks of which pages have come since they were judged."""
        return self.standing.touched | self.checkpoints.walks()

    def judge(self) -> None:
        """Judge all walks.

        Raises:
            BadInput: one is not whole, unless that is allowed, or what is bad is set aside.
        """
        touched = self.touched()
        self.standing.judge_all()
        refuse_broken(self.standing.open, self.rules, self._name_of)
        for walk, verdict in self.standing.open.items():
            self.tally.anomalies[verdict.reason] += walk in touched

    def refuse_letters(self) -> None:
        """See that nothing is set aside any more, not by an earlier run either; as it is stored.

        Raises:
            BadInput: something is, and this run sets nothing aside.
        """
        if not self.rules.tolerant:
            for letter in self.checkpoints.letters():
                raise refusal_in(letter)

    def _name_of(self, part: Part) -> str | None:
        """Return what people are told of a part."""
        entry = self.account.find(part)
        return None if entry is None else entry.name

    def judge_touched(self) -> None:
        """Judge the walks of which pages have come, and count what is newly wrong with them.

        Raises:
            BadInput, Unavailable: the state file cannot be read.
        """
        standing = self.standing
        before = {walk: standing.open.get(walk) for walk in standing.touched}
        standing.judge_touched()
        for walk, known in before.items():
            verdict = standing.open.get(walk)
            if verdict is None or verdict.mendable:
                continue
            if known is None or known.reason != verdict.reason:
                self.tally.anomalies[verdict.reason] += 1
                self.checkpoints.count()  # the last checkpoint does not have it

    def summaries(self) -> list[ChainSummary]:
        """Return what each chain has come to, and how its walks stand."""
        found = self.account.summaries()
        self.standing.mark(found)
        return found

    def store(self, series: Callable[[], list[SavedSeries]] = list) -> None:
        """Store a checkpoint; ``series`` gives the series that move with it.

        Raises:
            Unavailable: it cannot be written; nothing of it is lost.
        """
        started = perf_counter()
        self._leave_deserted()
        lasting = self.checkpoints.lasting
        if lasting:
            self.standing.touched |= self.checkpoints.walks()
        if lasting and self.share == ALL:
            self.checkpoints.save(self.account.changes(), series)
            self.account.stored()
        else:  # what one of several workers has counted is put together by the main process
            self.checkpoints.save({}, series)
        self.state.shed()
        self.tally.checkpoint.observe(perf_counter() - started)
        self.tally.checkpointed_at = self.clock()
        self.tally.seal()

    def _leave_deserted(self) -> None:
        """Know nothing of chains any more of which no part is left."""
        if self._deserted and self.share.first:  # the others do not know which parts count
            left = {origin.chain for origin in self.account.delivered()}
            self.state.chains -= self._deserted - left
            self._deserted = set()


def move_on(entry: Entry, delivery: Delivery) -> None:
    """Let an entry be as far as a delivery has come."""
    entry.name, entry.position = delivery.name, delivery.position
    if delivery.digest is not None or delivery.anew:
        entry.sha256 = bytes.fromhex(delivery.digest or "")


def listed(reading: Reading) -> ListPage:
    """Return what a page of a list says."""
    assert isinstance(reading.content, ListPage)  # noqa: S101 -- its endpoint says so
    return reading.content


def bucketed(reading: Reading) -> BucketPage:
    """Return what a page of buckets says, as far as it is to be counted here."""
    assert isinstance(reading.own, BucketPage)  # noqa: S101 -- its endpoint says so
    return reading.own


def place_of(name: str, page: Page) -> str:
    """Name a file, and the page of it."""
    if page.number:
        return f"{name} (page {page.number} of {page.chain})"
    if page.chain.endpoint == UNKNOWN_CHAIN:
        return f"{name} (line {page.place})"
    return f"{name} (line {page.place}, {page.chain})" if page.place else f"{name} ({page.chain})"
