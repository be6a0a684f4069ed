"""How much of time is covered: each chain's watermark, and the holes in it."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable

from stream.records.chains import Chain
from stream.records.windows import Slot, Window

__all__ = ["Coverage"]


class Coverage:
    """Follows the windows of every chain as they come; nothing is gone over twice."""

    def __init__(self) -> None:
        """Start with no windows."""
        self._spans: defaultdict[Chain, Spans] = defaultdict(Spans)
        self._open: set[tuple[str, Window]] = set()

    def take(self, changed: Iterable[tuple[Chain, Slot]], now: int) -> None:
        """Take up windows that are new or changed; ``now`` is the clock, in Unix seconds."""
        for chain, slot in changed:
            if not slot.rollup:
                self._spans[chain].add(slot.window)
            if slot.window.end > now:
                self._open.add((chain.endpoint, slot.window))

    def open_windows(self, now: int) -> int:
        """Count the windows that end later than ``now``."""
        self._open = {one for one in self._open if one[1].end > now}
        return len(self._open)

    def watermarks(self) -> dict[str, int]:
        """Return each endpoint's greatest window end."""
        found: dict[str, int] = {}
        for chain, spans in self._spans.items():
            found[chain.endpoint] = max(found.get(chain.endpoint, 0), spans.ends[-1])
        return found

    def watermark(self, chain: Chain) -> int | None:
        """Return a chain's greatest window end, if it has windows."""
        return self._spans[chain].ends[-1] if chain in self._spans else None

    def missing_windows(self) -> dict[str, int]:
        """Return how many windows each endpoint's chains lack between their first and last."""
        found: dict[str, int] = {}
        for chain, spans in self._spans.items():
            found[chain.endpoint] = found.get(chain.endpoint, 0) + spans.missing_windows()
        return found


class Spans:
    """The time that windows cover, as spans that do not touch."""

    def __init__(self) -> None:
        """Start with nothing covered."""
        self.starts: list[int] = []
        self.ends: list[int] = []
        self.width = 0
        """The narrowest window, in seconds."""

    def add(self, window: Window) -> None:
        """Cover a window."""
        width = window.end - window.start
        self.width = min(self.width or width, width)
        first = bisect_left(self.ends, window.start)
        last = bisect_right(self.starts, window.end)
        start = min(window.start, *self.starts[first:last], window.start)
        end = max(window.end, *self.ends[first:last], window.end)
        self.starts[first:last] = [start]
        self.ends[first:last] = [end]

    def missing_windows(self) -> int:
        """Count the windows of the narrowest width that fit into the holes, at least one each."""
        return sum(
            max((start - end) // self.width, 1)
            for end, start in zip(self.ends, self.starts[1:], strict=False)
        )
