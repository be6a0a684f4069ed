"""Which series a metric may have, and what the others are added up in.

A counter that was shown must go on, so what is decided of a series holds for good. Room is kept
back: details may not use it all up, or a project that comes later would be seen nowhere.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from decimal import localcontext
from typing import Final

import msgspec

from stream.figures.series import FAMILIES, Series, targets_of
from stream.records.money import MONEY, Number
from stream.state.saved_series import SavedSeries

__all__ = ["Admission", "read_labels", "write_labels"]

KEPT_BACK: Final = 0.2
"""How much of a metric's limit each step up finds still free, at least."""


class Admission:
    """Says what each series counts in: itself, or a coarser one."""

    def __init__(self, limit: int) -> None:
        """Let nobody in yet; ``limit`` is how many series a metric may have."""
        self.limit = limit
        self.folds: dict[Series, int] = {}
        """Series that count in a coarser one, and how many steps up that is."""
        self._admitted: set[Series] = set()
        self._counts: Counter[str] = Counter()
        self._unsaved: list[Series] = []

    def restore(self, series: Series, steps: int) -> None:
        """Take up what was decided of a series."""
        if steps:
            self.folds[series] = steps
        else:
            self._let_in(series)

    def admit(self, series: Series) -> Series:
        """Return what a series counts in; where it is new, that is decided, for good."""
        if series in self._admitted:
            return series
        targets = targets_of(series)
        steps = self.folds.get(series)
        if steps is None:
            steps = self._first_free(targets)
            if steps:
                self.folds[series] = steps
                self._unsaved.append(series)
        target = targets[min(steps, len(targets) - 1)]
        self._let_in(target)
        return target

    def _first_free(self, targets: list[Series]) -> int:
        """Return how many steps up there is room; at the last there always is."""
        family = FAMILIES[targets[0].family]
        most, last = max(self.limit, family.room), len(targets) - 1
        for steps, target in enumerate(targets[:last]):
            share = 1 - KEPT_BACK * (last - 1 - steps)
            if target in self._admitted or self._counts[family.name] < most * share:
                return steps
        return last

    def _let_in(self, series: Series) -> None:
        """Let a series in, which counts from now on if it did not."""
        if series not in self._admitted:
            self._admitted.add(series)
            self._counts[series.family] += 1

    def fold(self, sums: Mapping[Series, Number]) -> dict[Series, Number]:
        """Add up what is counted by the series that it counts in, the largest first."""
        folded: dict[Series, Number] = {}
        with localcontext(MONEY):
            for series, value in sorted(sums.items(), key=lambda one: (-one[1], one[0])):
                target = self.admit(series)
                folded[target] = folded.get(target, 0) + value
        return folded

    def unsaved_folds(self) -> list[SavedSeries]:
        """Return what was decided, and a state file does not have."""
        return [
            SavedSeries(one.family, write_labels(one), "0", "0", self.folds[one])
            for one in sorted(self._unsaved)
        ]

    def note_saved(self) -> None:
        """Note that a state file has all of it."""
        self._unsaved = []


def write_labels(series: Series) -> str:
    """Write a series' labels for a state file."""
    return msgspec.json.encode(series.labels).decode()


def read_labels(saved: SavedSeries) -> Series:
    """Return the series that a state file has."""
    return Series(saved.family, tuple(msgspec.json.decode(saved.labels)))
