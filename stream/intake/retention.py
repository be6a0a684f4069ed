"""Retention: what is older is folded into sums of its days, a few days at a time.

Each step is a transaction that leaves every total as it was; what is begun can be broken off
anywhere, and goes on with the next one. Days that were folded are closed: their pages may come
again, and count nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from msgspec import Struct

from stream.intake.intake import Intake
from stream.intake.rules import Rules
from stream.providers.openai import ENDPOINTS
from stream.records.chains import Chain
from stream.records.errors import Unavailable
from stream.records.tally import Tally
from stream.records.windows import DAY, timestamp
from stream.state.links import WalkKey
from stream.state.windows import SECOND, Fold, Place, Windows, WindowStore

__all__ = ["PruneResult", "PruneStep", "Retention", "prune_file", "prune_state"]

MOST_FOLDS: Final = 32
MOST_ROWS: Final = 40_000
"""How many spans of days, and rows in them, a step folds: about half a second."""
MOST_WALKS: Final = 1_000
MOST_PAGES: Final = 2_000
"""How many pages of the file a step gives back: 8 MB."""


class FindFolds(Protocol):
    """Finds what an endpoint's windows before a limit fold into: it is figures that know."""

    def __call__(
        self, key: str, windows: Windows, store: WindowStore, limit: int, *, drops: bool
    ) -> Iterable[Fold]: ...


class Retention(NamedTuple):
    """How long windows are kept as they came, and whether they are dropped then, and not folded."""

    seconds: int
    drops: bool = False

    def limit(self, now: int) -> int:
        """Return the start of the first day that is kept; ``now`` is the clock, in Unix seconds."""
        first = now - self.seconds
        return max(first - first % DAY, 0)


class PruneStep(NamedTuple):
    """What a step has done: days folded, windows that they were, links forgotten.

    ``changed_places`` are the windows that are others now. Without anything done there was nothing
    left to do.
    """

    days: int = 0
    windows: int = 0
    links: int = 0
    bytes: int = 0
    changed_places: Collection[Place] = ()

    @property
    def is_last(self) -> bool:
        """Whether there was nothing left to do."""
        return not (self.days or self.links or self.bytes)


def prune_state(
    intake: Intake, find_folds: FindFolds, limit: int, *, drops: bool = False
) -> PruneStep:
    """Fold some of the windows before ``limit``; or else forget walks; or else give space back.

    ``limit`` is the start of a UTC day, in Unix seconds. All of state must be in the store.

    Raises:
        BadInput: the state is damaged.
        Unavailable: it cannot be written; what was there is still there.
    """
    store = intake.checkpoints.store
    folds = list(some_folds(intake, find_folds, limit, drops=drops))
    if folds:
        store.fold(folds)
        intake.state.replace_windows(folds)
        places = {place for fold in folds for place, _ in fold.windows}
        places.update(place for fold in folds for place in fold.replaced_places)
        days = sum(days_in(fold) for fold in folds)
        replaced = sum(len(fold.replaced_places) for fold in folds)
        return PruneStep(days, replaced, changed_places=places)
    walks = list(old_walks(intake, limit))
    if walks:
        return PruneStep(links=store.forget_walks(walks))
    before = store.free_bytes
    if before:
        store.give_back(MOST_PAGES)
    return PruneStep(bytes=max(before - store.free_bytes, 0))


def some_folds(intake: Intake, find_folds: FindFolds, limit: int, *, drops: bool) -> Iterator[Fold]:
    """Yield as many folds as one step may make."""
    windows, store = intake.windows(), intake.checkpoints.store
    folds = rows = 0
    for key in sorted({chain.endpoint for chain in windows.chains} & ENDPOINTS.keys()):
        for fold in find_folds(key, windows, store, limit, drops=drops):
            yield fold
            folds, rows = folds + 1, rows + fold.rows
            if folds >= MOST_FOLDS or rows >= MOST_ROWS:
                return


def old_walks(intake: Intake, limit: int) -> Iterator[WalkKey]:
    """Yield walks that are over and whole, and of which every window is folded."""
    store, found = intake.checkpoints.store, 0
    for chain in store.link_chains():
        bound = links_limit(intake, chain, limit)
        for walk in store.walks_before(chain, bound * SECOND) if bound else ():
            if walk not in intake.standing.open:
                yield walk
                found += 1
            if found >= MOST_WALKS:
                return


def links_limit(intake: Intake, chain: Chain, limit: int) -> int:
    """Return when walks of a chain were made that are not needed; a list has no windows."""
    return min(limit, intake.state.folded_until(chain)) if chain.endpoint in ENDPOINTS else limit


def days_in(fold: Fold) -> int:
    """Return how many days a fold is of."""
    _, slot = fold.windows[0][0]
    return (slot.window.end - slot.window.start) // DAY


class PruneResult(Struct, rename="camel"):
    """What came of pruning a state file: until when it is folded now, and how much went."""

    folded_until: str
    days: int = 0
    windows: int = 0
    links: int = 0
    bytes: int = 0


def prune_file(state: Path, find_folds: FindFolds, retention: Retention, now: int) -> PruneResult:
    """Prune a state file that nobody holds; ``now`` is the clock, in Unix seconds.

    Raises:
        BadInput: the state is damaged.
        Unavailable: it is not there, in use, or cannot be written.
    """
    if not state.exists():
        raise Unavailable(f"{state}: cannot be opened (no such file)")
    limit = retention.limit(now)
    done = PruneResult(timestamp(limit))
    rules = Rules(state=state, unfinished_walks="wait")
    with closing(Intake(rules, Tally(), lambda: now)) as intake:
        intake.standing.judge_all()
        while True:
            step = prune_state(intake, find_folds, limit, drops=retention.drops)
            if step.is_last:
                return done
            done.days += step.days
            done.windows += step.windows
            done.links += step.links
            done.bytes += step.bytes
