"""What must come out: each endpoint's sums by project and tier, from the numbers drawn."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal, localcontext
from operator import add
from typing import Any

from stream.providers.endpoint import Endpoint
from stream.recordings.synth.dimensions import Key
from stream.recordings.synth.figures import Vector, metrics_of
from stream.records.money import MONEY

__all__ = ["ExpectedSums", "Metrics"]

Metrics = dict[str, int | Decimal]
MANY = 1 << 14
NOBODY: Key = (None, None)


class ExpectedSums:
    """Adds up one endpoint's records; each is to be given once, with its last figures."""

    def __init__(self, endpoint: Endpoint) -> None:
        """Start with no records."""
        self.endpoint = endpoint
        self.records = 0
        self._sums: dict[Key, Vector] = {}
        self._waiting: dict[Key, list[Vector]] = {}
        self._many = 0
        self._left: Metrics = {}

    def add(self, keys: Iterable[Key], vectors: list[Vector]) -> None:
        """Count records; they are added up many at a time."""
        waiting = self._waiting
        for key, vector in zip(keys, vectors, strict=True):
            if key in waiting:
                waiting[key].append(vector)
            else:
                waiting[key] = [vector]
        self.records += len(vectors)
        self._many += len(vectors)
        if self._many > MANY:
            self._add_up()

    def add_left(self, metrics: Metrics) -> None:
        """Count what a rollup has beyond its details: a record of nobody."""
        self.records += 1
        self._left = join_sums(self._left, metrics)

    def _add_up(self) -> None:
        for key, vectors in self._waiting.items():
            if key in self._sums:
                vectors.append(self._sums[key])
            self._sums[key] = tuple(map(sum, zip(*vectors, strict=True)))
        self._waiting.clear()
        self._many = 0

    def metrics(self) -> Metrics:
        """Return the sums over all records."""
        self._add_up()
        total: Vector = ()
        for sums in self._sums.values():
            total = tuple(map(add, total, sums)) if total else sums
        found = metrics_of(self.endpoint, total) if total else {}
        return join_sums(found, self._left)

    def by_key(self) -> list[tuple[Key, Metrics]]:
        """Return the sums of each project and tier, in order."""
        self._add_up()
        found = {key: metrics_of(self.endpoint, sums) for key, sums in self._sums.items()}
        if self._left:
            found[NOBODY] = join_sums(found.get(NOBODY, {}), self._left)
        return sorted(found.items(), key=lambda one: [value or "" for value in one[0]])

    def entries(self, label: str) -> dict[str, list[dict[str, Any]]]:
        """Return the endpoint's entries of ``expectations.json``."""
        name, metrics = self.endpoint.key, self.metrics()
        return {
            "chains": [{"endpoint": name, "label": label, "metrics": metrics}],
            "endpoints": [{"endpoint": name, "records": self.records, "metrics": metrics}],
            "keys": [
                {"endpoint": name, "projectId": project, "serviceTier": tier, "metrics": sums}
                for (project, tier), sums in self.by_key()
            ],
        }


def join_sums(some: Metrics, others: Metrics) -> Metrics:
    """Add two sums up, exactly."""
    with localcontext(MONEY):
        return some | {name: value + some.get(name, 0) for name, value in others.items()}
