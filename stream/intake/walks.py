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
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Final, NamedTuple, TypeAlias

from stream.records.chains import Chain, Link
from stream.records.delivery import Part

__all__ = ["LOST", "Placed", "Verdict", "Walk", "fault_of", "judge", "judge_all"]

LOST: Final = "lost"
"""The fault of a page that was set aside as a whole."""

FAULTS: Final = {
    "no_cursor": "found has_more without a cursor, expected where to go on",
    "cursor_url": "found a cursor that leads elsewhere, expected one of the API's own",
}
REPEATED: Final = "found a cursor that the chain has seen before"
AFTER_END: Final = "found a page after the end of its chain, expected none"
UNASKED: Final = "found a page that no page of its walk leads to"
UNCOUNTED: Final = "a page of a walk says that more follows, and no page of it came"
ENDLESS: Final = "a walk says that more follows, and has no last page"
OPEN: Final = frozenset({"incomplete", "gap"})
"""Reasons that more pages can mend."""

Walk: TypeAlias = tuple[Chain, int]
"""One pass over a chain: the chain, and its revision."""
Placed: TypeAlias = tuple[Part, Link]
"""What a page says, and the part that it stands in."""


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
    links: Iterable[tuple[Chain, Part, Link]], more: int = 0
) -> Iterator[tuple[Walk, Verdict]]:
    """Yield what is wrong with walks; ``links`` come in the order of chains and revisions."""
    for walk, found in groupby(links, key=lambda one: (one[0], one[2].revision)):
        verdict = judge(((part, link) for _, part, link in found), more)
        if verdict is not None:
            yield walk, verdict


def judge(links: Iterable[Placed], more: int = 0) -> Verdict | None:
    """Say what is wrong with one walk, if anything is.

    Pages of one revision can be of several walks, of which ``more`` may have begun and not ended.
    """
    numbered: defaultdict[str, dict[int, Placed]] = defaultdict(dict)
    others: list[Link] = []
    for part, link in links:
        if link.number:
            numbered[part.source][link.number] = part, link
        else:
            others.append(link)
    for _, pages in sorted(numbered.items()):
        verdict = judge_numbered(pages)
        if verdict is not None:
            return verdict
    return judge_cursors(others, more) if others else None


def judge_numbered(pages: Mapping[int, Placed]) -> Verdict | None:
    """Judge a walk whose pages are numbered."""
    seen: set[int] = set()
    fault: Verdict | None = None
    last, missing, ended, cursor = 0, 0, False, None
    for number in sorted(pages):
        part, link = pages[number]
        missing = missing or (last + 1 if number > last + 1 else 0)
        last = number
        if link.fault == LOST:
            continue
        wrong = fault_of(link, seen, ended=ended)
        if wrong is not None:
            fault = fault or Verdict(*wrong, part, number)
        else:
            ended, cursor = not link.after, link.cursor
            seen.add(link.after)
    if fault is not None:
        return fault._replace(open=not ended, cursor=cursor)
    if missing:
        message = f"page {missing} is missing, and later pages are there"
        return Verdict("gap", message, open=not ended, cursor=cursor)
    if ended:
        return None
    return Verdict("incomplete", unfinished(pages), open=True, cursor=cursor)


def fault_of(link: Link, seen: set[int], *, ended: bool) -> tuple[str, str] | None:
    """Return the reason and the words for what is wrong with the next page of a walk."""
    if ended:
        return "after_end", AFTER_END
    if link.fault:
        return link.fault, FAULTS[link.fault]
    if link.after and link.after in seen:
        return "repeated_cursor", REPEATED
    return None


def unfinished(pages: Mapping[int, Placed]) -> str:
    """Say that a numbered walk has no end."""
    last = max((number for number, (_, link) in pages.items() if link.fault != LOST), default=0)
    if not last:
        return "no page of it could be read"
    return f"page {last} says that more follows, and no page {last + 1} could be counted"


def judge_cursors(links: Iterable[Link], more: int) -> Verdict | None:
    """Judge a walk, or several of one revision, by cursors alone."""
    handed: defaultdict[int, set[int]] = defaultdict(set)
    words: dict[int, str | None] = {}
    asked: set[int] = set()
    ends, lost, fault = 0, False, ""
    for link in links:
        if link.asked:
            asked.add(link.asked)
        if link.fault:
            lost = lost or link.fault == LOST
            fault = max(fault, link.fault if link.fault != LOST else "")
        elif link.after:
            handed[link.after].add(link.digest)
            words[link.after] = link.cursor
        else:
            ends += 1
    going = [words[one] for one in sorted(handed.keys() - asked)] if asked or not ends else []
    cursor = going[0] if len(going) == 1 else None
    most = max(map(len, handed.values()), default=0)
    wrong: tuple[str, str] | None = None
    if fault:
        wrong = fault, FAULTS[fault]
    elif most > max(ends + more, 1):
        wrong = "repeated_cursor", REPEATED
    elif not ends or most > max(ends, 1):
        wrong = "incomplete", ENDLESS
    elif asked and handed.keys() - asked:
        wrong = "gap", UNCOUNTED
    elif asked - handed.keys() and not lost:
        wrong = "after_end", UNASKED
    return None if wrong is None else Verdict(*wrong, open=not ends, cursor=cursor)
