"""What an engine's facts say: figures and lists, put where a replay has computed its own."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import msgspec

from stream.engines.flink.facts import Fact, Facts, Sum
from stream.engines.flink.kinds import GROUPED, KINDS, Written, currency_in
from stream.figures.day_totals import DayTotals
from stream.figures.endpoint import EndpointFigures
from stream.figures.totals import Totals
from stream.providers.endpoint import Endpoint
from stream.providers.openai import ENDPOINTS, LISTS
from stream.records.chains import Chain
from stream.records.money import Number, exact_number
from stream.records.windows import Counters
from stream.state.objects import ObjectPages
from stream.state.windows import Windows

__all__ = ["FactIndex", "figures_of", "objects_in", "project_names_in"]


class FactIndex:
    """Facts, found by endpoint and kind."""

    def __init__(self, facts: Facts) -> None:
        """Sort them; those that have come to nothing are left out."""
        self.by_kind: defaultdict[tuple[str, str], Facts] = defaultdict(dict)
        for fact, found in facts.items():
            if any(found):
                self.by_kind[fact.endpoint, fact.kind][fact] = found

    def facts_of(self, endpoint: str, kind: str) -> Iterator[tuple[Fact, Number]]:
        """Yield what is there of a kind."""
        for fact, (times, value) in self.by_kind.get((endpoint, kind), {}).items():
            if times:
                yield fact, exact_number(value)

    def written_facts(self, endpoint: str, kind: str) -> list[Written]:
        """Return the facts of a kind as they were written, in the order of keys."""
        grouped = kind in GROUPED
        found: list[tuple[list[Any], str, Number]] = [
            (key_members_of(fact, grouped=grouped), fact.counter, value)
            for fact, value in self.facts_of(endpoint, kind)
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
    endpoint = ENDPOINTS[key]
    figures = EndpointFigures(endpoint, windows, windows.chains_of(key), DayTotals(endpoint))
    for name, kind in KINDS.items():
        part = EndpointFigures.empty(endpoint)
        kind.decode(part, said.written_facts(key, name))
        figures.join(part)
    for label in sorted(figures.labels):
        figures.label_totals[label] = totals_of_label(said, endpoint, label)
    return figures


def totals_of_label(said: FactIndex, endpoint: Endpoint, label: str) -> Totals:
    """Put the sums of one label alone together; they are known by currency at most."""
    totals = Totals(endpoint)
    groups: dict[tuple[Any, ...], Counters] = {}
    for fact, value in said.facts_of(endpoint.key, "label"):
        found, *values = key_members_of(fact)
        if found == label:
            known = dict(zip(currency_in(totals), values, strict=True))
            group = tuple(map(known.get, totals.names))
            groups.setdefault(group, {})[fact.counter] = value
    records = said.facts_of(endpoint.key, "label_records")
    count = sum(int(value) for fact, value in records if key_members_of(fact) == [label])
    totals.take(count, groups)
    return totals


def objects_in(said: FactIndex) -> ObjectPages:
    """Return what the lists define and refer to, each label's pages as one."""
    pages: ObjectPages = {}
    for chain, _, counter, found in said.chains("pages"):
        if chain.endpoint in LISTS and counter == "pages" and found.value:
            pages[chain.endpoint, "", chain.label, 0] = {}  # a list of nothing is one too
    for chain, (_, one), _, _ in said.chains("object"):
        pages.setdefault((chain.endpoint, "", chain.label, 0), {}).setdefault(one, frozenset())
    for chain, (_, one, kind, other), _, _ in said.chains("refers"):
        pages[chain.endpoint, "", chain.label, 0][one] |= {(kind, other)}
    return pages


def project_names_in(said: FactIndex) -> dict[str, str]:
    """Return what projects are called: as the latest walk has it, and of one moment the last."""
    held: dict[str, tuple[int, str]] = {}
    for _, (_, one, *claim), _, _ in said.chains("name"):
        revision, name = claim
        held[one] = max(held.get(one, (revision, name)), (revision, name))
    return {one: name for one, (_, name) in sorted(held.items())}
