"""Levels: counters that say how much there is, and not how much was used.

Over time they do not add up to anything that anybody has: what counts is the latest window, and
the average over windows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from decimal import localcontext
from typing import Any, NamedTuple

from stream.figures.rollup import Table
from stream.providers.endpoint import Endpoint
from stream.records.money import MONEY, Number, exact_number
from stream.records.windows import Window

__all__ = ["Level", "LevelFigure", "Levels", "latest_rows"]


class LevelFigure(NamedTuple):
    """A level in the latest window, and on average over all windows: ``None`` where there is none.

    The average is a whole number, half to even: half a byte is none.
    """

    latest: Number | None
    average: Number | None


class Level:
    """One counter's windows: how many there are, what they come to, and what the latest holds.

    Projects are told apart; a window in which one is not has nothing of it.
    """

    def __init__(self) -> None:
        """Start with no windows."""
        self.windows = 0
        self.sums: defaultdict[Any, Number] = defaultdict(int)
        self.latest_window: Window | None = None
        self.latest: dict[Any, Number] = {}

    def add(self, window: Window, values: dict[Any, Number]) -> None:
        """Add a window, by project."""
        other = Level()
        other.windows, other.latest_window, other.latest = 1, window, values
        other.sums.update(values)
        self.join(other)

    def join(self, other: Level) -> None:
        """Add other windows."""
        self.windows += other.windows
        with localcontext(MONEY):
            for project, value in other.sums.items():
                self.sums[project] += value
        if is_later(other.latest_window, self.latest_window):
            self.latest_window, self.latest = other.latest_window, other.latest

    def figure(self) -> LevelFigure:
        """Return the level of all projects together."""
        with localcontext(MONEY):
            latest = sum(self.latest.values()) if self.latest else None
            return LevelFigure(latest, self._average_of(sum(self.sums.values())))

    def figures_by_project(self) -> Iterator[tuple[Any, LevelFigure]]:
        """Yield the level of each project, in order."""
        for project in sorted(self.sums, key=lambda one: (one is not None, one)):
            average = self._average_of(self.sums[project])
            yield project, LevelFigure(self.latest.get(project), average)

    def _average_of(self, value: Number) -> Number | None:
        if not self.windows:
            return None
        from fractions import Fraction  # noqa: PLC0415 -- 1 ms that only levels need

        return round(Fraction(value) / self.windows)


def is_later(window: Window | None, other: Window | None) -> bool:
    """Tell whether a window ends later than another, or starts later."""
    if window is None or other is None:
        return window is not None
    return (window.end, window.start) > (other.end, other.start)


def latest_rows(endpoint: Endpoint, tables: Iterable[Table]) -> Table | None:
    """Return the records of the latest window that says how much there is; ``None``: none does."""
    places = [endpoint.counters.index(name) for name in endpoint.levels]
    latest: Window | None = None
    found: Table | None = None
    for table in tables:
        for window, rows in table.records_by_window() if table.windows else ():
            said = any(value is not None for place in places for value in rows.counters[place])
            if said and is_later(window, latest):
                latest, found = window, rows
    return found


class Levels:
    """The levels of an endpoint, by counter; most endpoints have none."""

    def __init__(self, endpoint: Endpoint) -> None:
        """Start with no windows."""
        self.by_counter = {name: Level() for name in endpoint.levels}
        self._places = [(name, endpoint.counters.index(name)) for name in endpoint.levels]
        self._project = endpoint.dimensions.index("project_id")

    def take(self, table: Table) -> None:
        """Add resolved records, whose windows are whole."""
        for window, rows in table.records_by_window() if self._places and table.windows else ():
            projects = rows.dimensions[self._project]
            for name, place in self._places:
                values: dict[Any, Number] = {}
                with localcontext(MONEY):
                    for project, value in zip(projects, rows.counters[place], strict=True):
                        if value is not None:
                            values[project] = exact_number(values.get(project, 0) + value)
                if values:
                    self.by_counter[name].add(window, values)

    def join(self, other: Levels) -> None:
        """Add other windows."""
        for name, level in other.by_counter.items():
            self.by_counter[name].join(level)
