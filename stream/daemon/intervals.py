"""How often pages are expected: of each endpoint and list, from each source."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from stream.daemon.config import Settings, WatchSettings
from stream.providers.openai import ENDPOINTS
from stream.sources.api.schedule import PollPlan, parts_of

__all__ = ["expected_intervals"]

Feed: TypeAlias = tuple[str, str]
"""A source, and an endpoint or a list that comes from it."""


def expected_intervals(settings: Settings, feeds: Iterable[Feed]) -> dict[Feed, float]:
    """Return the seconds from one delivery to the next, by source and endpoint.

    Accounts have one for each endpoint and list that they are asked for, directories for each of
    ``feeds``, of which something has come. Evidence has the shortest of its accounts; a list there
    brings no page while it says the same, so that none is expected. Nor is any of a pace.
    """
    plans = {one.name: one.plan for one in settings.poll}
    found: dict[Feed, float] = {
        (name, part): interval_in(plan, part)
        for name, plan in plans.items()
        for part in parts_of(plan, [])
    }
    watched, chosen = {one.name: one for one in settings.watches}, {*settings.watch}
    for source, endpoint in feeds:
        directory = watched.get(source)
        if directory is None:
            continue
        if directory in chosen:
            found[source, endpoint] = interval_of(directory, endpoint)
            continue
        names = [one.name for one in settings.poll if one.evidence == directory.path]
        asked = [found[name, endpoint] for name in names if (name, endpoint) in found]
        if asked and endpoint in ENDPOINTS:
            found[source, endpoint] = min(asked)
    return found


def interval_of(directory: WatchSettings, endpoint: str) -> float:
    """Return how often a watched directory gets pages of an endpoint or a list, in seconds."""
    usage, costs, lists = directory.intervals
    if endpoint == "costs":
        return costs
    return usage if endpoint in ENDPOINTS else lists


def interval_in(plan: PollPlan, part: str) -> float:
    """Return how often an account is asked for an endpoint or a list, in seconds."""
    if part == "costs":
        return plan.costs_interval
    return plan.interval if part in ENDPOINTS else plan.lists_interval or 0.0
