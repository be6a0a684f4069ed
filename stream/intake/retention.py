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
from stream.records.windows import DAY, Window, timestamp
from stream.state.links import WalkKey
from stream.state.windows import SECOND, Fold, Place, Windows, WindowStore

__all__ = ["PrunePass", "PruneResult", "PruneStep", "Retention", "prune_file"]

MOST_FOLDS: Final = 32
MOST_ROWS: Final = 40_000
"""How many spans of days, and rows in them, a step folds: about half a second."""
MOST_WALKS: Final = 1_000
MOST_PAGES: Final = 2_000
"""How many pages of the file a step gives back: 8 MB."""


class FindFolds(Protocol):
    """Finds where days end, and what their windows fold into: it is figures that know."""

    def __call__(
        self, key: str, windows: Windows, store: WindowStore, within: Window, *, drops: bool
    ) -> Iterable[tuple[int, Fold | None]]: ...


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
    left to do, unless days were ``passed_over`` that cannot fold.
    """

    days: int = 0
    windows: int = 0
    links: int = 0
    bytes: int = 0
    changed_places: Collection[Place] = ()
    passed_over: int = 0

    @property
    def is_last(self) -> bool:
        """Whether there was nothing left to do."""
        return not (self.days or self.links or self.bytes or self.passed_over)


class PrunePass:
    """Prunes state once, a step at a time: no day is looked at twice, whether it folds or not."""

    def __init__(
        self, intake: Intake, find_folds: FindFolds, limit: int, *, drops: bool = False
    ) -> None:
        """Prune what is before ``limit``, the start of a UTC day, in Unix seconds."""
        self.intake = intake
        self.limit = limit
        self._find_folds = find_folds
        self._drops = drops
        self._begins: dict[str, int] = {}
        """Endpoint → the end of the days that were looked at."""

    def take_step(self) -> PruneStep:
        """Fold some of the windows; or else forget walks; or else give space back.

        All of state must be in the store.

        Raises:
            BadInput: the state is damaged.
            Unavailable: it cannot be written; what was there is still there.
        """
        store = self.intake.checkpoints.store
        folds, begins, passed_over = self._some_folds()
        if folds:
            store.fold(folds)
            self.intake.state.replace_windows(folds)
        self._begins = begins
        if folds:
            places = {place for fold in folds for place, _ in fold.windows}
            places.update(place for fold in folds for place in fold.replaced_places)
            days = sum(days_in(fold) for fold in folds)
            replaced = sum(len(fold.replaced_places) for fold in folds)
            return PruneStep(days, replaced, changed_places=places)
        if passed_over:
            return PruneStep(passed_over=passed_over)
        walks = list(old_walks(self.intake, self.limit))
        if walks:
            return PruneStep(links=store.forget_walks(walks))
        before = store.free_bytes
        if before:
            store.give_back(MOST_PAGES)
        return PruneStep(bytes=max(before - store.free_bytes, 0))

    def _some_folds(self) -> tuple[list[Fold], dict[str, int], int]:
        """Return as many folds as one step may make, and how far each endpoint was looked at.

        The last is how many days, or spans of them, cannot fold.
        """
        windows, store = self.intake.windows(), self.intake.checkpoints.store
        folds, begins, rows, passed_over = list[Fold](), dict(self._begins), 0, 0
        for key in sorted({chain.endpoint for chain in windows.chains} & ENDPOINTS.keys()):
            within = Window(begins.get(key, 0), self.limit)
            for end, fold in self._find_folds(key, windows, store, within, drops=self._drops):
                begins[key] = end
                if fold is None:
                    passed_over += 1
                else:
                    folds.append(fold)
                    rows += fold.rows
                if len(folds) + passed_over >= MOST_FOLDS or rows >= MOST_ROWS:
                    return folds, begins, passed_over
        return folds, begins, passed_over


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
        prune_pass = PrunePass(intake, find_folds, limit, drops=retention.drops)
        while True:
            step = prune_pass.take_step()
            if step.is_last:
                return done
            done.days += step.days
            done.windows += step.windows
            done.links += step.links
            done.bytes += step.bytes
