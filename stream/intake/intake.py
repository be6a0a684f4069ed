"""The consumer's side of the channel: read a page, keep the account of it, merge it into state."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import TYPE_CHECKING

from msgspec import Struct

from stream.intake.account import Account, Contribution, Entry, Tail
from stream.intake.former import former_chains
from stream.intake.letters import refusal_in, rename_letter
from stream.intake.page_counter import PageCounter
from stream.intake.rules import Rules
from stream.intake.standing import Standing, refuse_broken
from stream.intake.walks import Walk
from stream.providers.openai import ENDPOINTS
from stream.records.chains import Chain, ChainSummary, PageSums
from stream.records.delivery import Delivery, Page, Part
from stream.records.interruption import INTERRUPTION
from stream.records.shares import ALL, Share
from stream.records.tally import Tally
from stream.state.checkpoints import Checkpoints, open_state_file
from stream.state.objects import Objects
from stream.state.windows import OrderedWindows, Windows

if TYPE_CHECKING:  # only runs that store something import them
    from stream.state.saved_series import SavedFigures
    from stream.state.sqlite.store import Store

__all__ = ["Intake", "TakeResult"]


class TakeResult(Struct, frozen=True):
    """What became of a delivery: its dead letters, what fell, and if its part was rewritten.

    ``mended_letters`` is how many dead letters fewer the part has than before.
    """

    letters: list[bytes]
    falls: list[str]
    is_rewritten: bool = False
    mended_letters: int = 0


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
        lasting = rules.state is not None
        self.account = Account(tracked=lasting or share.by_days)
        if store is None and rules.state is not None:
            store = open_state_file(rules.state)
        try:
            budget = rules.memory // share.total
            self.checkpoints = Checkpoints(store, self.objects, tally, budget, lasting=lasting)
            self.state = self.checkpoints.state
            self._restore_account()
        except BaseException:
            if store is not None:
                store.close()
            raise
        self.standing = Standing(self.checkpoints, wait=rules.unfinished_walks == "wait")
        counted = self.state, self.objects, self.account, tally, clock
        self.counter = PageCounter(
            *counted, share=share, tolerant=rules.tolerant, keeps_digests=lasting
        )
        self.letters_changed = True
        """Whether the dead letters on disk are not those of the pages any more."""
        self.forgotten_parts: set[Part] = set()
        """Parts that were begun anew, or are gone, since this was made."""
        self._letters: list[bytes] = []
        """The dead letters of the page that is taken."""
        self._deserted: set[Chain] = set()
        """Chains of which parts were forgotten; perhaps nothing is left of them."""
        self._former: set[Chain] = set()
        """Chains that pages have left which were counted in them: that still counts."""

    def _restore_account(self) -> None:
        """Take up what the state file knows of parts, and so of the chains that they are of."""
        self.account.restore(self.checkpoints.parts, counted=self.share.counts_pages)
        self.checkpoints.parts = {}
        known = {one for one in self.account.chains() if one.endpoint in ENDPOINTS}
        for chain in sorted(self.state.chains - known):  # left by workers that were ended
            if not chain.is_folded:
                self.checkpoints.store.check_chain(chain)
        self.state.chains |= known

    def close(self) -> None:
        """Give up what is held open."""
        self.checkpoints.close()

    def take(self, delivery: Delivery) -> TakeResult:
        """Take one delivery.

        Raises:
            BadInput: the page cannot be trusted, unless bad input is set aside.
        """
        part, page = delivery.part, delivery.page
        known = self.account.find(part)
        self._letters = []
        letters = 0 if known is None else known.letters
        if known is not None and known.tail is not None:
            self._undo_tail(part, known, known.tail)
        if known is not None and delivery.comes_again and page is not None:
            self._undo_letter(part, known, page)
        if delivery.is_gone:
            self._take_gone(part, known, delivery.position)
            left = self.account.find(part)
            return TakeResult(
                [], [], mended_letters=letters - (0 if left is None else left.letters)
            )
        if known is not None and known.letters and known.name != delivery.name:
            self._rename_letters(part, delivery.name)
        before: Entry | None = None
        if known is not None and delivery.begins_anew:
            self.account.soil(part, known)
            if page is not None and known.number:
                self._leave_chains(part, known, page.chain)
                before, known = known, None
            else:
                known = self._begin_anew(part, known)
        is_rewritten = before is not None and before.is_rewritten
        entry = known or Entry(delivery.name, is_rewritten=is_rewritten)
        if page is not None:
            entry = self._take_page(delivery, page, entry, before)
        else:
            move_on(entry, delivery)
            self.account.touch(part, entry)
        self.checkpoints.count()
        is_rewritten = delivery.begins_anew and entry.is_rewritten
        mended = max(letters - entry.letters, 0) if letters else 0
        return TakeResult(self._letters, entry.falls, is_rewritten, mended)

    def _begin_anew(self, part: Part, known: Entry) -> Entry:
        """Know nothing of a part's pages any more; what they brought into state still counts."""
        self._forget_pages(part)
        counted = any(one.sums.pages or one.sums.letters for one in known.contributions)
        is_changed = counted and not known.is_retried
        return Entry(known.name, is_rewritten=known.is_rewritten or is_changed)

    def _leave_chains(self, part: Part, known: Entry, chain: Chain) -> None:
        """Let a page be of a chain alone: what was known of it can be of another view.

        Where other sources have pages of that one too, what the page had brought of it is named.
        """
        others = [one for one in known.contributions if one.chain != chain]
        if others:
            self._forget_pages(part)
        for one in others:
            (self._former if one.sums.pages else self._deserted).add(one.chain)
            is_shared = bool(self.account.sources_of(one.chain) - {part.source})
            known.is_rewritten = known.is_rewritten or (is_shared and one.sums.pages > 0)
        known.contributions = [one for one in known.contributions if one.chain == chain]

    def _forget_pages(self, part: Part) -> None:
        """Forget what a part's pages said of their walks, and their dead letters."""
        self.checkpoints.forget(part)
        self.forgotten_parts.add(part)
        self.letters_changed = True

    def _undo_tail(self, part: Part, entry: Entry, tail: Tail) -> None:
        """Forget the dead letters of a page that may have come again as something else."""
        chain, place, letters = tail
        entry.tail = None
        if letters:
            brought = entry.contribution_of(chain)
            self.account.soil(part, entry)
            brought.sums.letters -= letters
            if not (brought.sums.pages or brought.sums.letters):
                entry.contributions = [one for one in entry.contributions if one is not brought]
            self.checkpoints.put_letters(part, place, chain, [])
            self.letters_changed = True
            self.account.touch(part, entry)

    def _rename_letters(self, part: Part, name: str) -> None:
        """Let a part's dead letters name its file as it is called now."""
        for place, (chain, letters) in self.checkpoints.letters_of(part).items():
            renamed = [rename_letter(one, name) for one in letters]
            self.checkpoints.put_letters(part, place, chain, renamed)
        self.letters_changed = True

    def _undo_letter(self, part: Part, entry: Entry, page: Page) -> None:
        """Forget that a page was set aside as a whole."""
        self.account.soil(part, entry)
        entry.contribution_of(page.chain).sums.letters -= self.share.counts_pages
        self.checkpoints.put_letters(part, page.place, page.chain, [])
        self.letters_changed = True

    def _take_gone(self, part: Part, known: Entry | None, position: bytes) -> None:
        """Forget a page that was set aside and whose file is gone; what counts still does."""
        if known is None:
            return
        if known.number and not any(one.sums.pages for one in known.contributions):
            self.account.forget(part, known)
            self._forget_pages(part)
            self._deserted |= {one.chain for one in known.contributions}
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
        was = None if before is None else before.contribution_of(chain)
        had_letters = before is not None and before.letters > 0
        counted = self.counter.count(delivery, page, was)
        self._letters = [letter.body for letter in counted.letters]
        if counted.is_sound:
            self._note_success(part.source, chain, counted.contribution.sums, was)
        elif before is not None and was is not None and was.sums.pages:
            entry, counted.link = before, None  # what an earlier version of it said still counts
            was.sums.letters = 0
        entry.number = page.number if page.place else -1
        entry.is_retried = False
        if entry is not before:
            entry.falls = counted.falls
        entry.add(counted.contribution)
        move_on(entry, delivery)
        if chain.endpoint in ENDPOINTS:
            self.state.chains.add(chain)
        if not page.final:
            entry.tail = Tail(chain, page.place, len(self._letters))
        self.account.put(part, entry, chain, counted.contribution.sums)
        if counted.link is not None:
            self.checkpoints.links.put(part, page.place, chain, counted.link)
        if self._letters or had_letters:
            self.checkpoints.put_letters(part, page.place, chain, self._letters)
            self.letters_changed = True
        return entry

    def _note_success(
        self, source: str, chain: Chain, added: PageSums, before: Contribution | None
    ) -> None:
        """Note when pages of an endpoint were last taken in, and when one of its chains moved."""
        now, tally = self.clock(), self.tally
        tally.last_success[chain.endpoint] = now
        tally.source_success[source, chain.endpoint] = now
        moved = before is None or before.sums.window != added.window
        if moved or chain.endpoint not in tally.cursor_updated:
            tally.cursor_updated[chain.endpoint] = now

    def touched_walks(self) -> set[Walk]:
        """Return the walks of which pages have come since they were judged."""
        return self.standing.touched_walks | self.checkpoints.walks()

    def judge(self) -> None:
        """Judge all walks.

        Raises:
            BadInput: one is not whole, unless that is allowed, or what is bad is set aside.
        """
        touched = self.touched_walks()
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
        before = {walk: standing.open.get(walk) for walk in standing.touched_walks}
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

    def windows(self, store: OrderedWindows | None = None) -> Windows:
        """Return all windows as they stand, and which chains no page is of any more.

        ``store`` is another view of where those are that are not in memory.
        """
        windows = self.state.windows(store)
        windows.former_chains = former_chains(windows.chains, self.account)
        return windows

    def store(self, figures: SavedFigures | None = None) -> None:
        """Store a checkpoint; ``figures`` of its windows move with it, where somebody shows them.

        Where a page could not be merged as a whole, the checkpoint before stays the last one.

        Raises:
            Unavailable: it cannot be written; nothing of it is lost.
        """
        if self.counter.is_half_merged:
            return
        started = perf_counter()
        self._leave_deserted()
        if self.checkpoints.is_lasting:
            self._save(figures)
        else:
            with INTERRUPTION.allow():  # nobody goes on from a scratch file
                self._save(figures)
        self.tally.checkpoint.observe(perf_counter() - started)
        self.tally.checkpointed_at = self.clock()
        self.tally.seal()

    def _save(self, figures: SavedFigures | None) -> None:
        """Move what has changed to the store, and let windows leave memory."""
        lasting = self.checkpoints.is_lasting
        if lasting:
            self.standing.touched_walks |= self.checkpoints.walks()
        if lasting and not self.share.by_days:
            self.checkpoints.save(self.account.changes(), figures)
            self.account.note_stored()
        else:  # what one of several workers has counted is put together by the main process
            self.checkpoints.save({}, figures)
        self.state.shed_windows()

    def store_rest(self) -> None:
        """Store what was taken in before the run was broken off, if anybody can go on from it.

        Raises:
            Unavailable: it cannot be written.
        """
        if self.checkpoints.is_lasting:
            self.store()

    def _leave_deserted(self) -> None:
        """Know nothing of chains any more of which no part is left."""
        if self._deserted and self.share.counts_pages:  # the others do not know which parts count
            left = {origin.chain for origin in self.account.sums_by_origin()}
            self.state.chains -= self._deserted - left - self._former
            self._deserted = set()


def move_on(entry: Entry, delivery: Delivery) -> None:
    """Let an entry be as far as a delivery has come."""
    entry.name, entry.position = delivery.name, delivery.position
    if delivery.digest or delivery.begins_anew:
        entry.digest = delivery.digest
