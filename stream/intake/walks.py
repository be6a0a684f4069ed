"""Walks, judged by what their pages said: whether each is whole, and went forward.

One judge for every source, and for pages in any order. A walk has an end, hands out each cursor
once, and every cursor that it hands out was asked for, where that is known. Where pages are
numbered, each was asked for with what the page before it handed out. Elsewhere a walk has an end if
one of its pages says that no more follow, and a cursor that more pages hand out than there were
ends is one that the walk came back to; where requests tell which cursor they asked with, each that
was handed out must have been asked for, and the other way round.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple, TypeAlias

from stream.records.chains import Chain, Link
from stream.records.delivery import Part

__all__ = [
    "FAULTS",
    "LOST",
    "NumberedWalk",
    "PlacedLink",
    "Verdict",
    "Walk",
    "judge_all",
    "judge_walk",
]

LOST: Final = "lost"
"""The fault of a page that was set aside as a whole."""

FAULTS: Final = {
    "no_cursor": "found has_more without a cursor, expected where to go on",
    "cursor_url": "found a cursor that leads elsewhere, expected one of the API's own",
}
REPEATED: Final = "found a cursor that the chain has seen before"
CIRCULAR: Final = "found a cursor that the walk has seen before"
AFTER_END: Final = "found a page after the end of its chain, expected none"
UNASKED: Final = "found a page that no page of its walk leads to"
UNCOUNTED: Final = "a page of a walk says that more follows, and no page of it came"
ENDLESS: Final = "a walk says that more follows, and has no last page"
OPEN: Final = frozenset({"incomplete", "gap"})
"""Reasons that more pages can mend."""

Walk: TypeAlias = tuple[Chain, int]
"""One pass over a chain: the chain, and its revision."""
PlacedLink: TypeAlias = tuple[Part, Link]
"""What a page says, and the part that it stands in."""
Step: TypeAlias = tuple[Part, int, str, str | None]
"""What is kept of a numbered page that waits, as there may be a great many: its part, the cursor
that it hands out, why nobody knows that, and the cursor as it may be shown."""


class Verdict(NamedTuple):
    """What is wrong with a walk.

    ``part`` has the page that is wrong, where it is one. ``open``: no page says that the walk ends
    there; ``cursor`` is where it would go on, as it may be shown.
    """

    reason: str
    message: str
    part: Part | None = None
    number: int = 0
    open: bool = False
    cursor: str | None = None

    @property
    def mendable(self) -> bool:
        """Whether pages that are still to come can make the walk whole."""
        return self.reason in OPEN


def judge_all(
    walks: Iterable[tuple[Walk, Iterable[PlacedLink]]], more: int = 0
) -> Iterator[tuple[Walk, Verdict]]:
    """Yield what is wrong with walks, of which each comes with its links."""
    for walk, links in walks:
        verdict = judge_walk(links, more)
        if verdict is not None:
            yield walk, verdict


def judge_walk(links: Iterable[PlacedLink], more: int = 0) -> Verdict | None:
    """Say what is wrong with one walk, if anything is.

    Pages of one revision can be of several walks, of which ``more`` may have begun and not ended.
    """
    numbered: defaultdict[str, NumberedWalk] = defaultdict(NumberedWalk)
    others: list[Link] = []
    for part, link in links:
        if link.number:
            numbered[part.source].add(part, link)
        else:
            others.append(link)
    for _, walk in sorted(numbered.items()):
        verdict = walk.judge()
        if verdict is not None:
            return verdict
    return judge_cursors(others, more) if others else None


class NumberedWalk:
    """A walk whose pages are numbered, in any order; those that come in order are not kept."""

    def __init__(self) -> None:
        """Start without a page."""
        self.fault: Verdict | None = None
        """The first fault of the pages that came in order."""
        self._waiting: dict[int, Step] = {}
        """Pages that did not come in order, by number."""
        self._seen: set[int] = set()
        self._last = 0
        self._sound = 0
        """The last page that was not set aside."""
        self._missing = 0
        self._ended = False
        self._cursor: str | None = None
        """Where the last page that counts leads."""

    def add(self, part: Part, link: Link) -> None:
        """Take a page; rivals of one that counts were set aside, and say nothing."""
        if link.number == self._last + 1 and not self._waiting and link.fault != LOST:
            self._follow(link.number, part, link.given_mark, link.fault, link.cursor)
            return
        known = self._waiting.get(link.number)
        if link.number > self._last and (known is None or known[2] == LOST):
            self._waiting[link.number] = part, link.given_mark, link.fault, link.cursor

    def _follow(self, number: int, part: Part, after: int, fault: str, cursor: str | None) -> None:
        """Follow the walk to its next page."""
        self._missing = self._missing or (self._last + 1 if number > self._last + 1 else 0)
        self._last = number
        if fault == LOST:
            return
        self._sound = number
        wrong: tuple[str, str] | None = None
        if self._ended:
            wrong = "after_end", AFTER_END
        elif fault:
            wrong = fault, FAULTS[fault]
        elif after and after in self._seen:
            wrong = "repeated_cursor", REPEATED
        if wrong is not None:
            self.fault = self.fault or Verdict(*wrong, part, number)
            self._cursor = None
        else:
            self._ended, self._cursor = not after, cursor
            self._seen.add(after)

    def judge(self) -> Verdict | None:
        """Say what is wrong with the walk, if anything is; no page comes after that."""
        for number in sorted(self._waiting):
            self._follow(number, *self._waiting[number])
        unended, cursor = not self._ended, None if self._ended else self._cursor
        if self.fault is not None:
            return self.fault._replace(open=unended, cursor=cursor)
        if self._missing:
            message = f"page {self._missing} is missing, and later pages are there"
            return Verdict("gap", message, open=unended, cursor=cursor)
        if unended:
            return Verdict("incomplete", self._unfinished(), open=True, cursor=cursor)
        return None

    def _unfinished(self) -> str:
        """Say that the walk has no end."""
        last = self._sound
        if not last:
            return "no page of it could be read"
        return f"page {last} says that more follows, and no page {last + 1} could be counted"


def judge_cursors(links: Iterable[Link], more: int) -> Verdict | None:
    """Judge a walk, or several of one revision, by cursors alone."""
    walk = Cursors()
    for link in links:
        walk.add(link)
    handed, ends = walk.given_marks, walk.ends
    lost = handed.keys() - walk.asked_marks if walk.asked_marks else set[int]()
    unled = walk.asked_marks - handed.keys() if not walk.has_lost else set[int]()
    most = max(map(len, handed.values()), default=0)
    wrong: tuple[str, str] | None = None
    if walk.fault:
        wrong = walk.fault, FAULTS[walk.fault]
    elif most > max(ends + more, 1) or walk.is_circular:
        wrong = "repeated_cursor", CIRCULAR
    elif not ends or most > max(ends, 1):
        wrong = "incomplete", ENDLESS
    elif lost:  # and where a page is there that none leads to, one between them is missing
        wrong = "gap" if unled else "incomplete", UNCOUNTED
    elif unled:
        wrong = "after_end" if walk.has_start else "gap", UNASKED
    return None if wrong is None else Verdict(*wrong, open=not ends, cursor=walk.cursor)


class Cursors:
    """What the pages of a walk say of cursors, in any order."""

    def __init__(self) -> None:
        """Start without a page."""
        self.given_marks: defaultdict[int, set[int]] = defaultdict(set)
        """Cursor → the pages that hand it out."""
        self.asked_marks: set[int] = set()
        self.ends = 0
        self.has_lost = False
        """Whether a page was set aside."""
        self.has_start = False
        """Whether a page is there that was asked for without a cursor, as far as is known."""
        self.fault = ""
        self._answered: set[int] = set()
        self._asked_by: defaultdict[int, set[int]] = defaultdict(set)
        self._shown: dict[int, str | None] = {}

    def add(self, link: Link) -> None:
        """Take a page."""
        self.has_start = self.has_start or not link.asked_mark
        if link.asked_mark:
            self.asked_marks.add(link.asked_mark)
        if link.fault == LOST:
            self.has_lost = True
            return
        self._answered.add(link.asked_mark)
        if link.fault:
            self.fault = max(self.fault, link.fault)
        elif link.given_mark:
            self.given_marks[link.given_mark].add(link.digest)
            self._asked_by[link.given_mark].add(link.asked_mark)
            self._shown[link.given_mark] = link.cursor
        else:
            self.ends += 1

    @property
    def is_circular(self) -> bool:
        """Whether pages that were asked for with different cursors hand out the same one."""
        return bool(self.asked_marks) and any(len(found) > 1 for found in self._asked_by.values())

    @property
    def cursor(self) -> str | None:
        """Where the walk would go on: the one cursor of which no page that counts has come."""
        going = self.given_marks.keys() - self._answered if not self.ends else set[int]()
        return self._shown[going.pop()] if len(going) == 1 else None
