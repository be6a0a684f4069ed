"""What an engine's facts say: figures and lists, put where a replay has computed its own."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from decimal import localcontext
from typing import Any

import msgspec

from stream.engines.flink.facts import GROUP, Fact, Facts, Sum, added, key_of, read_number
from stream.figures.endpoint import EndpointFigures
from stream.figures.rollup import Finding
from stream.figures.totals import Totals
from stream.figures.views import counting, others
from stream.providers.endpoint import Endpoint
from stream.providers.openai import ENDPOINTS
from stream.records.chains import Chain
from stream.records.money import MONEY, Number, exact
from stream.records.windows import Counters, Window
from stream.state.keyed import Windows
from stream.state.objects import ObjectPages

__all__ = ["Said", "figures_of", "objects_in"]


class Said:
    """Facts, found by endpoint and kind."""

    def __init__(self, facts: Facts) -> None:
        """Sort them; those that have come to nothing are left out."""
        self.found: defaultdict[tuple[str, str], Facts] = defaultdict(dict)
        for fact, found in facts.items():
            if any(found):
                self.found[fact.endpoint, fact.kind][fact] = found

    def of(self, endpoint: str, kind: str, views: Collection[str]) -> Iterator[tuple[Fact, Number]]:
        """Yield what is there when some views are seen as one."""
        facts: Facts = {}
        with localcontext(MONEY):
            for fact, (times, value) in self.found.get((endpoint, kind), {}).items():
                if fact.view in views:
                    added(facts, fact._replace(view=""), value, times)
        for fact, (times, value) in facts.items():
            if times:
                yield fact, exact(value)

    def keys(self, endpoint: str, kind: str, views: Collection[str]) -> list[list[Any]]:
        """Return the keys of what is there, in order."""
        return sorted(keyed(fact) for fact, _ in self.of(endpoint, kind, views))

    def chains(self, kind: str) -> Iterator[tuple[Chain, list[Any], str, Sum]]:
        """Yield each fact of a chain: the chain, the rest of its key, the counter, and the sum."""
        for (_, one), facts in sorted(self.found.items()):
            for fact, found in facts.items() if one == kind else ():
                label, *names = keyed(fact)
                yield Chain(fact.endpoint, label, fact.view), names, fact.counter, found


def keyed(fact: Fact) -> list[Any]:
    """Return what a fact's key is made of."""
    found: list[Any] = msgspec.json.decode(fact.key)
    return found


def figures_of(said: Said, key: str, windows: Windows) -> EndpointFigures:
    """Put an endpoint's figures together."""
    endpoint, chains = ENDPOINTS[key], windows.chains_of(key)
    counted = counting(chains)
    views = {"", *(chain.view for chain in counted)}
    count = {fact.counter: int(value) for fact, value in said.of(key, "count", views)}
    return EndpointFigures(
        endpoint,
        windows,
        counted,
        others(chains),
        totals_of(said, endpoint, views, count.get("records", 0)),
        count.get("buckets", 0),
        [finding(*one) for one in said.keys(key, "finding", views)],
        [(Window(*window), count) for *window, count in said.keys(key, "wider", views)],
        [
            (label, Window(start, end), dimensions)
            for label, start, end, _, dimensions in said.keys(key, "collision", views)
        ],
        {(kind, one) for kind, one in said.keys(key, "reference", views)},
        {label: totals_of_label(said, endpoint, label, chains) for label in labels_of(chains)},
    )


def labels_of(chains: list[Chain]) -> set[str]:
    """Return the labels of chains."""
    return {chain.label for chain in chains}


def totals_of(said: Said, endpoint: Endpoint, views: Collection[str], records: int) -> Totals:
    """Put the sums by group together."""

    def group_of(fact: Fact) -> tuple[Any, ...]:
        return fact.project_id, fact.service_tier, *keyed(fact)

    groups: dict[tuple[Any, ...], Counters] = {
        group_of(fact): {} for fact, _ in said.of(endpoint.key, "there", views)
    }
    for fact, value in said.of(endpoint.key, GROUP, views):
        groups[group_of(fact)][fact.counter] = value
    totals = Totals(endpoint)
    totals.take(records, groups)
    return totals


def totals_of_label(said: Said, endpoint: Endpoint, label: str, chains: list[Chain]) -> Totals:
    """Put the sums of one label alone together; they are not known by group."""
    mine = counting(chain for chain in chains if chain.label == label)
    views, key = {"", *(chain.view for chain in mine)}, key_of([label])
    found = said.of(endpoint.key, "label", views)
    counters = {fact.counter: value for fact, value in found if fact.key == key}
    records = said.of(endpoint.key, "label_records", views)
    totals = Totals(endpoint)
    nowhere = (None,) * len(totals.names)
    totals.take(sum(int(value) for fact, value in records if fact.key == key), {nowhere: counters})
    return totals


def finding(  # noqa: PLR0913, PLR0917 -- a finding has these parts
    start: int,
    end: int,
    _: int,
    status: str,
    dimensions: dict[str, Any],
    counter: str,
    rollup: str,
    details: str | None,
    difference: str,
) -> Finding:
    """Make a finding again."""
    return Finding(
        status,
        Window(start, end),
        dimensions,
        counter,
        read_number(rollup),
        None if details is None else read_number(details),
        read_number(difference),
    )


def objects_in(said: Said) -> ObjectPages:
    """Return what the lists define and refer to, each label's pages as one."""
    pages: ObjectPages = {}
    for chain, (_, one), _, _ in said.chains("object"):
        pages.setdefault((chain.endpoint, "", chain.label, 0), {}).setdefault(one, frozenset())
    for chain, (_, one, kind, other), _, _ in said.chains("refers"):
        pages[chain.endpoint, "", chain.label, 0][one] |= {(kind, other)}
    return pages
