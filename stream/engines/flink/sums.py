"""What an engine's facts say: figures and lists, put where a replay has computed its own."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from decimal import localcontext
from typing import Any

import msgspec

from stream.engines.flink.facts import Fact, Facts, Sum, add_fact, key_of
from stream.engines.flink.kinds import GROUPED, KINDS, Written
from stream.figures.endpoint import EndpointFigures
from stream.figures.totals import Totals
from stream.figures.views import counting_chains, uncounted_chains
from stream.providers.endpoint import Endpoint
from stream.providers.openai import ENDPOINTS
from stream.records.chains import Chain
from stream.records.money import MONEY, Number, exact_number
from stream.state.objects import ObjectPages
from stream.state.windows import Windows

__all__ = ["FactIndex", "figures_of", "objects_in"]


class FactIndex:
    """Facts, found by endpoint and kind."""

    def __init__(self, facts: Facts) -> None:
        """Sort them; those that have come to nothing are left out."""
        self.by_kind: defaultdict[tuple[str, str], Facts] = defaultdict(dict)
        for fact, found in facts.items():
            if any(found):
                self.by_kind[fact.endpoint, fact.kind][fact] = found

    def merge_views(
        self, endpoint: str, kind: str, views: Collection[str]
    ) -> Iterator[tuple[Fact, Number]]:
        """Yield what is there when some views are seen as one."""
        facts: Facts = {}
        with localcontext(MONEY):
            for fact, (times, value) in self.by_kind.get((endpoint, kind), {}).items():
                if fact.view in views:
                    add_fact(facts, fact._replace(view=""), value, times)
        for fact, (times, value) in facts.items():
            if times:
                yield fact, exact_number(value)

    def written_facts(self, endpoint: str, kind: str, views: Collection[str]) -> list[Written]:
        """Return the facts of a kind as they were written, in the order of keys."""
        grouped = kind in GROUPED
        found: list[tuple[list[Any], str, Number]] = [
            (key_members_of(fact, grouped=grouped), fact.counter, value)
            for fact, value in self.merge_views(endpoint, kind, views)
        ]
        if not grouped:
            found.sort(key=lambda one: one[0])
        return [*found]

    def chains(self, kind: str) -> Iterator[tuple[Chain, list[Any], str, Sum]]:
        """Yield each fact of a chain: the chain, the rest of its key, the counter, and the sum."""
        for (_, one), facts in sorted(self.by_kind.items()):
            for fact, found in facts.items() if one == kind else ():
                label, *names = key_members_of(fact)
                yield Chain(fact.endpoint, label, fact.view), names, fact.counter, found


def key_members_of(fact: Fact, *, grouped: bool = False) -> list[Any]:
    """Return what a fact's key is made of; ``grouped``: project and tier come first."""
    found: list[Any] = msgspec.json.decode(fact.key)
    return [fact.project_id, fact.service_tier, *found] if grouped else found


def figures_of(said: FactIndex, key: str, windows: Windows) -> EndpointFigures:
    """Put an endpoint's figures together."""
    endpoint, chains = ENDPOINTS[key], windows.chains_of(key)
    counted = counting_chains(chains)
    views = {"", *(chain.view for chain in counted)}
    figures = EndpointFigures(
        endpoint, windows, counted, uncounted_chains(chains), Totals(endpoint)
    )
    for name, kind in KINDS.items():
        part = EndpointFigures.empty(endpoint)
        kind.decode(part, said.written_facts(key, name, views))
        figures.join(part)
    for label in sorted({chain.label for chain in chains}):
        figures.label_totals[label] = totals_of_label(said, endpoint, label, chains)
    return figures


def totals_of_label(said: FactIndex, endpoint: Endpoint, label: str, chains: list[Chain]) -> Totals:
    """Put the sums of one label alone together; they are not known by group."""
    mine = counting_chains(chain for chain in chains if chain.label == label)
    views, key = {"", *(chain.view for chain in mine)}, key_of([label])
    found = said.merge_views(endpoint.key, "label", views)
    counters = {fact.counter: value for fact, value in found if fact.key == key}
    records = said.merge_views(endpoint.key, "label_records", views)
    totals = Totals(endpoint)
    nowhere = (None,) * len(totals.names)
    totals.take(sum(int(value) for fact, value in records if fact.key == key), {nowhere: counters})
    return totals


def objects_in(said: FactIndex) -> ObjectPages:
    """Return what the lists define and refer to, each label's pages as one."""
    pages: ObjectPages = {}
    for chain, (_, one), _, _ in said.chains("object"):
        pages.setdefault((chain.endpoint, "", chain.label, 0), {}).setdefault(one, frozenset())
    for chain, (_, one, kind, other), _, _ in said.chains("refers"):
        pages[chain.endpoint, "", chain.label, 0][one] |= {(kind, other)}
    return pages
