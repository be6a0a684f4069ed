"""Retention in the daemon: some of what is old folds at a time, between checkpoints."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Final

from stream.daemon.events import log_event
from stream.figures.folds import find_folds
from stream.intake.intake import Intake
from stream.intake.retention import PrunePass, PruneStep, Retention
from stream.records.errors import Unavailable

__all__ = ["Pruner"]

PAUSE: Final = 1.0
"""Seconds between two steps while there is more to do."""
RETRY: Final = 60.0
"""Seconds until a step is tried again that could not be stored."""


class Pruner:
    """Prunes state once for each day that leaves the retention, and for each new retention."""

    def __init__(self, intake: Intake, clock: Callable[[], int]) -> None:
        """Start with everything to do; ``clock`` is in Unix seconds."""
        self.intake = intake
        self.clock = clock
        self.retention: Retention | None = None
        """How long windows are kept; ``None``: for ever."""
        self._done: tuple[Retention, int] | None = None
        self._under_way: tuple[tuple[Retention, int], PrunePass] | None = None
        self._next_step = 0.0

    @property
    def pause(self) -> float | None:
        """In how many seconds there is something to do; ``None``: not before the next day."""
        if self.retention is None or self._done == (
            self.retention,
            self.retention.limit(self.clock()),
        ):
            return None
        return max(self._next_step - monotonic(), 0.0)

    def prune_some(self) -> PruneStep:
        """Do one step, all of state being in the store; runs in a thread.

        Raises:
            BadInput: the state is damaged.
        """
        assert self.retention is not None  # noqa: S101 -- there was something to do
        wanted = self.retention, self.retention.limit(self.clock())
        if self._under_way is None or self._under_way[0] != wanted:
            drops = self.retention.drops
            self._under_way = wanted, PrunePass(self.intake, find_folds, wanted[1], drops=drops)
        self._next_step = monotonic() + PAUSE
        try:
            step = self._under_way[1].take_step()
        except Unavailable as error:
            self._next_step = monotonic() + RETRY
            log_event("warning", "prune_failed", "old windows stay for now", reason=str(error))
            return PruneStep()
        if step.is_last:
            self._done, self._under_way = wanted, None
        else:
            done = {name: getattr(step, name) for name in ("days", "windows", "links", "bytes")}
            log_event("info", "pruned", "what is older than the retention has folded", **done)
        return step
