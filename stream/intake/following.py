"""Follow each chain by its cursors: where its walk stands, and what is wrong with it."""

from __future__ import annotations

from typing import Any

from stream.intake.entries import ChainRun, PageEntry
from stream.intake.letters import letter_of, masked_page
from stream.intake.rules import Rules
from stream.providers.cursors import Walk, root_of, word_of
from stream.records.chains import Chain, Origin
from stream.records.errors import BadInput
from stream.records.tally import Tally
from stream.sources.files import Fixture
from stream.sources.fixtures import FixtureChain

__all__ = ["Following", "place_of"]


class Following:
    """Walks chains page by page; one whose pages have changed is walked again from its start."""

    def __init__(self, rules: Rules, tally: Tally, *, speaks: bool = True) -> None:
        """Start with no chain; only one of several workers ``speaks`` of whole pages."""
        self.speaks = speaks
        self.rules = rules
        self.tally = tally
        self.tolerant = rules.dead_letters is not None
        """Whether bad input is set aside, rather than the end of the run."""
        self.runs: dict[Origin, ChainRun] = {}
        self.walks: dict[Origin, Walk] = {}
        self.again: set[tuple[Origin, int]] = set()
        """Pages that were set aside for their place in the chain, which has changed since."""
        self.letters: list[bytes] = []
        """The dead letters of the page that is taken."""

    def anomaly(self, origin: Origin, error: BadInput, *, counted: bool = False) -> None:
        """Name what breaks a chain; it ends the run unless bad input is set aside."""
        if not self.tolerant:
            raise error
        if not counted:
            self.tally.anomalies[error.reason] += 1
        run = self.runs[origin]
        run.incomplete = run.incomplete or error.message.partition(" (")[0]

    def entry_of(
        self,
        chain: FixtureChain,
        page: Fixture,
        rows: int,
        has_more: bool,  # noqa: FBT001 -- the two words of the page on where its chain goes
        next_page: str | None,
    ) -> PageEntry:
        """Follow a page's cursor, and note what it said; a page after the end is set aside."""
        run, walk = self.runs[chain.origin], self.walks[chain.origin]
        word = word_of(next_page, walk.root)
        entry = PageEntry(page.page, page.name, page.sha256, page.signature, has_more, word)
        before = run.pages.find(page.page)
        sound = before is not None and not before.set_aside and before.fault is None
        if before and sound and (before.has_more, before.next_page) == (has_more, word):
            return entry
        if page.page <= walk.page:
            self.walk_again(chain, until=page.page)
        entry.fault = self.step(chain, page, rows, has_more, next_page)
        entry.set_aside = entry.fault == "after_end"
        if page.page < run.pages.last:
            run.pages[page.page] = entry
            self.walk_again(chain)
            if before is None:
                del run.pages[page.page]
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
                self.letters += self.letter(chain, page, error, rows if beyond else 0, content)
        run.has_more, run.cursor = walk.has_more, walk.cursor
        return fault

    def walk_again(self, chain: FixtureChain, until: int | None = None) -> None:
        """Walk a chain from its start by what its pages said; ``until`` is not walked any more."""
        origin, run = chain.origin, self.runs[chain.origin]
        self.walks[origin] = Walk(root_of(chain.entry))
        run.has_more, run.cursor, run.incomplete = False, None, None
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
                entry.fault = fault
                run.pages[entry.page] = entry

    def letter(  # noqa: PLR0913 -- a letter says where, why and what
        self,
        chain: FixtureChain,
        page: Fixture,
        error: BadInput,
        rows: int,
        content: Any = None,
        *,
        own: bool = False,
    ) -> list[bytes]:
        """Make a dead letter, or end the run with what it would say.

        What all workers come upon one of them speaks of, unless it is its ``own`` to count.
        """
        error.at(place_of(chain, page))
        if self.tolerant and not (self.speaks or own):
            return []
        return self.aside(chain.chain, error, (page.page, page.name, page.sha256), rows, content)

    def aside(
        self,
        chain: Chain,
        error: BadInput,
        place: tuple[int, str, str | None],
        rows: int,
        content: Any,
    ) -> list[bytes]:
        """Make a dead letter of what is at a place (page, name, digest), or end the run."""
        if not self.tolerant:
            raise error
        self.tally.dead_letters[chain.endpoint, error.reason] += 1
        return [letter_of(chain, place, error, rows, content)]

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


def place_of(chain: FixtureChain, page: Fixture | None = None) -> str:
    """Name a chain, or a file and its place in its chain."""
    name = f"{chain.chain.endpoint}, label {chain.chain.label}"
    if page is None:
        return f"chain {name}"
    return f"{page.name} (page {page.page} of {name})" if page.page else f"{page.name} ({name})"
