"""Walks of captures, judged by what their pages said: whether each is whole, and went forward.

The judgement does not depend on the order of lines. A walk has an end if one of its pages says that
no more follow. A cursor that more pages hand out than there were ends is one that the walk came
back to. Where requests tell which cursor they asked with, each that was handed out must have been.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import NamedTuple

from stream.intake.rules import Rules
from stream.records.chains import Chain, Link
from stream.records.errors import BadInput

__all__ = ["Verdict", "judged", "refused"]


class Verdict(NamedTuple):
    """What is wrong with a walk; without a reason it waits for more."""

    chain: Chain
    reason: str
    message: str


def judged(links: Iterable[tuple[Chain, Link]]) -> Iterator[Verdict]:
    """Judge walks; ``links`` come in the order of chains and revisions."""
    for (chain, _), found in groupby(links, key=lambda one: (one[0], one[1].revision)):
        handed: defaultdict[int, set[int]] = defaultdict(set)
        asked: set[int] = set()
        ends = 0
        for _, link in found:
            ends += not link.after
            if link.after:
                handed[link.after].add(link.digest)
            if link.asked:
                asked.add(link.asked)
        verdict = verdict_of(chain, handed, asked, ends)
        if verdict is not None:
            yield verdict


def refused(verdict: Verdict, rules: Rules) -> BadInput | None:
    """Return what ends the run for a verdict, or is set aside; ``None``: it is allowed."""
    chain, reason, message = verdict
    if reason != "repeated_cursor":
        if rules.unfinished == "report":
            return None
        message += " (--allow-incomplete reports it all the same)"
    return BadInput(reason, message).at(f"chain {chain.endpoint}, label {chain.label}")


def verdict_of(
    chain: Chain, handed: dict[int, set[int]], asked: set[int], ends: int
) -> Verdict | None:
    """Say what is wrong with one walk, if anything is."""
    if any(len(pages) > max(ends, 1) for pages in handed.values()):
        return Verdict(chain, "repeated_cursor", "found a cursor that the walk has seen before")
    if not ends:
        return Verdict(chain, "incomplete", "a walk says that more follows, and has no last page")
    if asked and handed.keys() - asked:
        return Verdict(
            chain, "gap", "a page of a walk says that more follows, and no page of it came"
        )
    return None
