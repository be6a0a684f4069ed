"""The kinds of facts that an endpoint's figures are made of: a table, each with both directions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

from stream.engines.flink.facts import GROUP, Fact, Facts, add_fact, key_of, read_number
from stream.figures.endpoint import EndpointFigures
from stream.figures.levels import Level
from stream.figures.rollup import Finding, LabelDifference, Overlap
from stream.figures.totals import Totals
from stream.records.money import Number, plain_text_of
from stream.records.windows import Counters, Window

__all__ = ["GROUPED", "KINDS", "Written", "figure_facts"]

Written: TypeAlias = tuple[Sequence[Any], str, Number]
"""A fact's key, its counter and its figure."""


def figure_facts(figures: EndpointFigures) -> Facts:
    """Return an endpoint's figures as facts."""
    facts: Facts = {}
    for name, kind in KINDS.items():
        for key, counter, value in kind.encode(figures):
            fact = Fact(figures.endpoint.key, "", name, "", counter)
            if name in GROUPED:
                project, tier, *others = key
                fact = fact._replace(project_id=project, service_tier=tier, key=key_of(others))
            else:
                fact = fact._replace(key=key_of(key))
            add_fact(facts, fact, value)
    return facts


class Kind(NamedTuple):
    """One kind of fact: how it is made of figures, and how figures are made of it again.

    It is written as its key, a counter and a figure; what is read comes in the order of keys.
    """

    encode: Callable[[EndpointFigures], Iterator[Written]]
    decode: Callable[[EndpointFigures, list[Written]], None]


def currency_in(totals: Totals) -> tuple[str, ...]:
    """Return what sums of a label are told apart by, beside their counters: money's currency."""
    return tuple(name for name in totals.names if name == "currency")


def count_facts(figures: EndpointFigures) -> Iterator[Written]:
    """Write how many records and buckets there are."""
    yield (), "records", figures.totals.records
    yield (), "buckets", figures.buckets


def read_counts(figures: EndpointFigures, facts: list[Written]) -> None:
    """Read what :func:`count_facts` wrote."""
    for _, counter, value in facts:
        if counter == "buckets":
            figures.buckets = int(value)
        else:
            figures.totals.take(int(value), {})


def there_facts(figures: EndpointFigures) -> Iterator[Written]:
    """Write which groups there are, whether they have a counter or not."""
    return ((group, "", 0) for group in figures.totals.groups())


def read_there(figures: EndpointFigures, facts: list[Written]) -> None:
    """Read what :func:`there_facts` wrote."""
    figures.totals.take(0, {tuple(group): {} for group, _, _ in facts})


def group_facts(figures: EndpointFigures) -> Iterator[Written]:
    """Write the sums by group."""
    for group, counters in figures.totals.groups().items():
        for counter, value in counters.items():
            yield group, counter, value


def read_groups(figures: EndpointFigures, facts: list[Written]) -> None:
    """Read what :func:`group_facts` wrote."""
    groups: dict[tuple[Any, ...], Counters] = {}
    for group, counter, value in facts:
        groups.setdefault(tuple(group), {})[counter] = value
    figures.totals.take(0, groups)


def finding_facts(figures: EndpointFigures) -> Iterator[Written]:
    """Write what rollups came to; figures as texts."""
    for place, one in enumerate(figures.findings):
        details = None if one.details is None else plain_text_of(one.details)
        figures_in = plain_text_of(one.rollup), details, plain_text_of(one.difference)
        yield (*one.window, place, one.status, one.dimensions, one.counter, *figures_in), "", 0


def read_findings(figures: EndpointFigures, facts: list[Written]) -> None:
    """Read what :func:`finding_facts` wrote."""
    for key, _, _ in facts:
        start, end, _, status, dimensions, counter, rollup, details, difference = key
        number = None if details is None else read_number(details)
        numbers = read_number(rollup), number, read_number(difference)
        window = Window(start, end)
        figures.findings.append(Finding(status, window, dimensions, counter, *numbers))


def wider_facts(figures: EndpointFigures) -> Iterator[Written]:
    """Write the windows that contain narrower ones, and how many."""
    return (((*window, narrower), "", 0) for window, narrower in figures.wider_windows)


def read_wider(figures: EndpointFigures, facts: list[Written]) -> None:
    """Read what :func:`wider_facts` wrote."""
    figures.wider_windows += [
        (Window(start, end), narrower) for (start, end, narrower), _, _ in facts
    ]


def collision_facts(figures: EndpointFigures) -> Iterator[Written]:
    """Write the records that one bucket gave different figures for."""
    for place, (label, window, dimensions) in enumerate(figures.collisions):
        yield (label, *window, place, dimensions), "", 0


def read_collisions(figures: EndpointFigures, facts: list[Written]) -> None:
    """Read what :func:`collision_facts` wrote."""
    for (label, start, end, _, dimensions), _, _ in facts:
        figures.collisions.append((label, Window(start, end), dimensions))


def overlap_facts(figures: EndpointFigures) -> Iterator[Written]:
    """Write the windows that overlap."""
    return (((*one, *other, counted), "", 0) for one, other, counted in figures.overlaps)


def read_overlaps(figures: EndpointFigures, facts: list[Written]) -> None:
    """Read what :func:`overlap_facts` wrote."""
    for (start, end, other_start, other_end, counted), _, _ in facts:
        windows = Window(start, end), Window(other_start, other_end)
        figures.overlaps.append(Overlap(*windows, counted and Window(*counted)))


def difference_facts(figures: EndpointFigures) -> Iterator[Written]:
    """Write what labels say differently; figures as texts."""
    for place, (window, dimensions, counter, said) in enumerate(figures.label_differences):
        texts = {label: plain_text_of(value) for label, value in said.items()}
        yield (*window, place, dimensions, counter, texts), "", 0


def read_differences(figures: EndpointFigures, facts: list[Written]) -> None:
    """Read what :func:`difference_facts` wrote."""
    for (start, end, _, dimensions, counter, texts), _, _ in facts:
        said = {label: read_number(text) for label, text in texts.items()}
        window = Window(start, end)
        figures.label_differences.append(LabelDifference(window, dimensions, counter, said))


def place_of(project: Any) -> list[Any]:
    """Write a project so that keys have an order: null is an empty list."""
    return [] if project is None else [project]


def level_facts(figures: EndpointFigures) -> Iterator[Written]:
    """Write how many windows have levels, what those come to, and what the latest holds."""
    for name, level in figures.levels.by_counter.items():
        yield (name, "windows"), "", level.windows
        for project, value in level.sums.items():
            yield (name, "sum", place_of(project)), "", value
        for project, value in level.latest.items():
            yield (name, "latest", place_of(project), level.latest_window), "", value


def read_levels(figures: EndpointFigures, facts: list[Written]) -> None:
    """Read what :func:`level_facts` wrote; of the latest windows of days, the latest holds."""
    for (name, kind, *others), _, value in facts:
        level, part = figures.levels.by_counter[name], Level()
        if kind == "windows":
            part.windows = int(value)
        elif kind == "sum":
            part.sums[next(iter(others[0]), None)] = value
        else:
            project, window = next(iter(others[0]), None), Window(*others[1])
            if window == level.latest_window:
                level.latest[project] = value
            part.latest_window, part.latest = window, {project: value}
        level.join(part)


def reference_facts(figures: EndpointFigures) -> Iterator[Written]:
    """Write what records refer to."""
    return ((reference, "", 0) for reference in figures.references)


def read_references(figures: EndpointFigures, facts: list[Written]) -> None:
    """Read what :func:`reference_facts` wrote."""
    figures.references |= {(kind, one) for (kind, one), _, _ in facts}


KINDS: Final = {
    "count": Kind(count_facts, read_counts),
    "there": Kind(there_facts, read_there),
    GROUP: Kind(group_facts, read_groups),
    "finding": Kind(finding_facts, read_findings),
    "wider": Kind(wider_facts, read_wider),
    "level": Kind(level_facts, read_levels),
    "overlap": Kind(overlap_facts, read_overlaps),
    "difference": Kind(difference_facts, read_differences),
    "collision": Kind(collision_facts, read_collisions),
    "reference": Kind(reference_facts, read_references),
}
"""Every kind of fact that an endpoint's figures are made of."""
GROUPED: Final = frozenset({"there", GROUP})
"""Kinds whose key begins with project and tier, which have columns of their own."""
