"""Views: chains of one endpoint that were asked for with different groups or filters.

They show the same usage, each in its own way, so that only one of them may count. A chain whose
request is not known (a fixture, or a capture without requests) is in no view, and always counts.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from stream.records.chains import Chain

__all__ = ["counting_chains", "uncounted_chains"]

GROUPS = "group_by"


def counting_chains(chains: Iterable[Chain]) -> list[Chain]:
    """Return the chains of one endpoint that count: those of the finest view, and of none."""
    found = sorted(chains)
    finest = min((chain.view for chain in found if chain.view), key=coarseness_of, default="")
    return [chain for chain in found if chain.view in {"", finest}]


def uncounted_chains(chains: Iterable[Chain]) -> list[Chain]:
    """Return the chains of one endpoint that do not count."""
    found = sorted(chains)
    kept = set(counting_chains(found))
    return [chain for chain in found if chain not in kept]


def coarseness_of(view: str) -> tuple[Any, ...]:
    """Give the order of views, the finest first: most groups, then fewest filters."""
    asked: dict[str, Any] = msgspec.json.decode(view)
    return -len(asked.get(GROUPS, ())), len(asked.keys() - {GROUPS}), view
