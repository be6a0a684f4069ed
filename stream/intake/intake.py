"""The consumer's side of the channel: read a page, keep the account of it, merge it into state."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import NamedTuple

from stream.intake.account import Account, Brought, Entry, Tail
from stream.intake.counting import Counter
from stream.intake.letters import refusal_in
from stream.intake.rules import Rules
from stream.intake.standing import Standing, refuse_broken
from stream.intake.walks import Walk
from stream.providers.openai import ENDPOINTS
from stream.records.chains import Chain, ChainSummary, Delivered
from stream.records.delivery import Delivery, Page, Part
from stream.records.shares import ALL, Share
from stream.records.tally import Tally
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
        self.counter = Counter(
            self.state,
            self.objects,
            self.account,
            tally,
            clock,
            share=share,
            tolerant=rules.tolerant,
        )
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
        part, chain = delivery.part, page.chain
        was = None if before is None else before.of(chain)
        had_letters = before is not None and before.letters > 0
        counted = self.counter.count(delivery, page, was)
        self._letters = [letter.body for letter in counted.letters]
        if counted.sound:
            self._note_success(chain, counted.brought.delivered, was)
        elif before is not None and was is not None and was.delivered.pages:
            entry, counted.link = before, None  # what an earlier version of it said still counts
            was.delivered.letters = 0
        entry.number = page.number if page.place else -1
        if entry is not before:
            entry.fell = counted.fell
        entry.add(counted.brought)
        move_on(entry, delivery)
        if chain.endpoint in ENDPOINTS:
            self.state.chains.add(chain)
        if not page.final:
            entry.tail = Tail(chain, page.place, len(self._letters))
        self.account.put(part, entry, chain, counted.brought.delivered)
        if counted.link is not None:
            self.checkpoints.put_link(part, page.place, chain, counted.link)
        if self._letters or had_letters:
            self.checkpoints.put_letters(part, page.place, chain, self._letters)
            self.letters_changed = True
        return entry

    def _note_success(self, chain: Chain, added: Delivered, before: Brought | None) -> None:
        """Note when pages of an endpoint were last taken in, and when one of its chains moved."""
        now, tally = self.clock(), self.tally
        tally.last_success[chain.endpoint] = now
        moved = before is None or before.delivered.window != added.window
        if moved or chain.endpoint not in tally.cursor_updated:
            tally.cursor_updated[chain.endpoint] = now

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
