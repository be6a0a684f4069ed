"""Walks that have waited for their next page for so long that they have stopped half way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from math import inf

from stream.intake.walks import Verdict, Walk
from stream.records.chains import Chain, Origin

__all__ = ["OverdueWalks"]


class OverdueWalks:
    """Knows since when walks wait; ``monotonic`` never jumps."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        """Know of no walk yet."""
        self.monotonic = monotonic
        self._waits: dict[Walk, tuple[Verdict, float]] = {}
        self._since: dict[str, float] = {}
        self.walks: set[Walk] = set()
        """Those that have waited for too long."""

    def look(self, verdicts: Mapping[Walk, Verdict], seconds: float) -> bool:
        """See which walks have waited for so many seconds; return whether others than before.

        A walk that has got a page, and still is not whole, waits anew.
        """
        now, waits = self.monotonic(), self._waits
        self._waits = {
            walk: waits[walk] if walk in waits and waits[walk][0] == verdict else (verdict, now)
            for walk, verdict in verdicts.items()
            if verdict.mendable
        }
        before = self.walks
        self.walks = {walk for walk, (_, since) in self._waits.items() if now - since >= seconds}
        return self.walks != before

    def note_sources(self, origins: Iterable[Origin], sources: Iterable[str]) -> None:
        """Note since when the oldest chain of each source waits; ``origins`` have their chains."""
        waiting: dict[Chain, float] = {}
        for (chain, _), (_, since) in self._waits.items():
            waiting[chain] = min(since, waiting.get(chain, since))
        self._since = dict.fromkeys(sources, inf)
        for source, chain in origins if waiting else ():
            if chain in waiting and source in self._since:
                self._since[source] = min(self._since[source], waiting[chain])

    def wait_seconds(self) -> dict[str, float]:
        """Return how long the oldest chain of each source waits; 0 where none does."""
        now = self.monotonic()
        return {source: max(now - since, 0.0) for source, since in self._since.items()}

    def seconds_until_next(self, seconds: float) -> float | None:
        """Return how many seconds pass before the next walk has waited for too long."""
        now = self.monotonic()
        left = [
            since + seconds - now for w, (_, since) in self._waits.items() if w not in self.walks
        ]
        return max(min(left), 0.0) if left else None
