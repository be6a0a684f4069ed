"""How the walks stand: which of them are not whole, and why."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Final

from stream.intake.rules import Rules
from stream.intake.walks import FAULTS, Verdict, Walk, judge_all, judge_walk
from stream.providers.openai import LISTS
from stream.records.chains import Chain, ChainSummary
from stream.records.delivery import Part
from stream.records.errors import BadInput
from stream.state.checkpoints import Checkpoints

__all__ = ["Standing", "mark_standing", "refuse_broken"]

ADVICE: Final = (
    "add the missing page, or replay with --allow-incomplete, and --state FILE where that is to be "
    "shown or exported"
)
"""What to do about a chain that has no end; not all commands have that option."""


class Standing:
    """Knows the walks that are not whole.

    Where runs ``wait`` for more pages, those that can still come are no error.
    """

    def __init__(self, checkpoints: Checkpoints, *, wait: bool) -> None:
        """Know of no walk yet; ``checkpoints`` have what pages say of them."""
        self.checkpoints = checkpoints
        self.wait = wait
        self.open: dict[Walk, Verdict] = {}
        """Walks that are not whole."""
        self.overdue_walks: frozenset[Walk] = frozenset()
        """Walks that may be mended, and have waited for that for too long."""
        self.touched_walks: set[Walk] = set()
        """Walks of which pages have come, or are gone, since they were judged."""

    def judge_all(self) -> None:
        """Judge every walk.

        Raises:
            BadInput, Unavailable: the links cannot be read.
        """
        self.open = dict(judge_all(self.checkpoints.links_by_walk(), self.wait))
        self.touched_walks = set()

    def judge_touched(self) -> None:
        """Judge the walks of which pages have come.

        Raises:
            BadInput, Unavailable: the links cannot be read.
        """
        for walk in sorted(self.touched_walks):
            # Another walk of the same revision may have begun: it will have an end of its own.
            verdict = judge_walk(self.checkpoints.store.links_of(walk), self.wait)
            if verdict is None:
                self.open.pop(walk, None)
            else:
                self.open[walk] = verdict
        self.touched_walks = set()

    def mark(self, summaries: Iterable[ChainSummary]) -> None:
        """Let chains say how their walks stand."""
        mark_standing(summaries, self.open, wait=self.wait, overdue=self.overdue_walks)


def mark_standing(
    summaries: Iterable[ChainSummary],
    verdicts: Mapping[Walk, Verdict],
    *,
    wait: bool,
    overdue: Collection[Walk] = (),
) -> None:
    """Let chains say how their walks stand; faults that no page can mend come first.

    Those that are ``overdue`` wait no more.
    """
    found: dict[Chain, Verdict] = {}
    late = {chain for chain, _ in overdue}
    for (chain, _), verdict in sorted(
        verdicts.items(), key=lambda one: (one[1].mendable, one[0] not in overdue, one[0])
    ):
        found.setdefault(chain, verdict)
    for summary in summaries:
        if summary.chain in found:
            verdict = found[summary.chain]
            summary.has_more, summary.next_page = verdict.open, verdict.cursor
            summary.is_waiting = wait and verdict.mendable and summary.chain not in late
            summary.incomplete = None if summary.is_waiting else verdict.message


def refuse_broken(
    verdicts: Mapping[Walk, Verdict],
    rules: Rules,
    name_of: Callable[[Part], str | None] = lambda _: None,
) -> None:
    """See that every walk is whole, where nothing is set aside; a list's ends no run.

    ``name_of`` a part is what people are told of it.

    Raises:
        BadInput: one is not, and nothing allows that.
    """
    for (chain, _), verdict in sorted(verdicts.items()) if not rules.tolerant else ():
        name = None if verdict.part is None else name_of(verdict.part)
        error = refusal_of(chain, verdict, rules, name)
        if error is not None and chain.endpoint not in LISTS:
            raise error


def refusal_of(chain: Chain, verdict: Verdict, rules: Rules, name: str | None) -> BadInput | None:
    """Return what ends a run for a verdict, unless bad input is set aside; ``None``: it is allowed.

    ``name`` is the file's that the verdict is of, where it is of one.
    """
    message = verdict.message
    if verdict.reason == "incomplete":
        if rules.unfinished_walks == "report":
            return None
        message += f" ({ADVICE})"
    where = f"chain {chain}"
    if name is not None:
        page = f"page {verdict.number} of " if verdict.number else ""
        where = f"{name} ({page}{chain})"
    path = "$.next_page" if verdict.reason in {"repeated_cursor", *FAULTS} else None
    return BadInput(verdict.reason, message, path=path).name_place(where)
