"""The kinds of facts that an endpoint's figures are made of: a table, each with both directions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

from msgspec.json import decode

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
    """Write how many records and buckets there are, and how many records without an amount."""
    yield (), "records", figures.totals.records
    yield (), "buckets", figures.buckets
    yield (), "without_amount", figures.without_amount


def read_counts(figures: EndpointFigures, facts: list[Written]) -> None:
    """Read what :func:`count_facts` wrote."""
    for _, counter, value in facts:
        if counter == "buckets":
            figures.buckets = int(value)
        elif counter == "without_amount":
            figures.without_amount = int(value)
        else:
            figures.totals.take(int(value), {})


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


def day_facts(figures: EndpointFigures) -> Iterator[Written]:
    """Write what days came to, by group; that there were windows too, with no group."""
    for days, totals in figures.days.parts():
        yield (*days, ""), "", 0
        for group, counters in totals.groups().items():
            key = (*days, key_of(group))
            yield key, "", 0
            for counter, value in counters.items():
                yield key, counter, value


def read_days(figures: EndpointFigures, facts: list[Written]) -> None:
    """Read what :func:`day_facts` wrote."""
    found: dict[Window, dict[tuple[Any, ...], Counters]] = {}
    for (start, end, text), counter, value in facts:
        groups = found.setdefault(Window(start, end), {})
        if text:
            counters = groups.setdefault(tuple(decode(text)), {})
            counters.update({counter: value} if counter else {})
    for days, groups in found.items():
        figures.days.take_groups(days, groups)


def kind_of_keys(
    keys: Callable[[EndpointFigures], Iterable[Sequence[Any]]],
    take: Callable[[EndpointFigures, Any], None],
) -> Kind:
    """Return the kind of facts that are their keys alone; ``take`` reads one key again."""

    def decode(figures: EndpointFigures, facts: list[Written]) -> None:
        for key, _, _ in facts:
            take(figures, key)

    return Kind(lambda figures: ((key, "", 0) for key in keys(figures)), decode)


def take_group(figures: EndpointFigures, group: Any) -> None:
    """Read a group that is there, whether it has a counter or not."""
    figures.totals.take(0, {tuple(group): {}})


def finding_keys(figures: EndpointFigures) -> Iterator[Sequence[Any]]:
    """Write what rollups came to; figures as texts."""
    for place, one in enumerate(figures.findings):
        details = None if one.details is None else plain_text_of(one.details)
        figures_in = plain_text_of(one.rollup), details, plain_text_of(one.difference)
        yield (*one.window, place, one.status, one.dimensions, one.counter, *figures_in)


def take_finding(figures: EndpointFigures, key: Any) -> None:
    """Read one of what :func:`finding_keys` wrote."""
    start, end, _, status, dimensions, counter, rollup, details, difference = key
    number = None if details is None else read_number(details)
    numbers = read_number(rollup), number, read_number(difference)
    figures.findings.append(Finding(status, Window(start, end), dimensions, counter, *numbers))


def take_wider(figures: EndpointFigures, key: Any) -> None:
    """Read a window that contains narrower ones, and how many."""
    start, end, narrower = key
    figures.wider_windows.append((Window(start, end), narrower))


def collision_keys(figures: EndpointFigures) -> Iterator[Sequence[Any]]:
    """Write the records that one bucket gave different figures for."""
    for place, (label, window, dimensions) in enumerate(figures.collisions):
        yield (label, *window, place, dimensions)


def take_collision(figures: EndpointFigures, key: Any) -> None:
    """Read one of what :func:`collision_keys` wrote."""
    label, start, end, _, dimensions = key
    figures.collisions.append((label, Window(start, end), dimensions))


def take_overlap(figures: EndpointFigures, key: Any) -> None:
    """Read two windows that overlap, and the one that counts."""
    start, end, other_start, other_end, counted = key
    windows = Window(start, end), Window(other_start, other_end)
    figures.overlaps.append(Overlap(*windows, counted and Window(*counted)))


def difference_keys(figures: EndpointFigures) -> Iterator[Sequence[Any]]:
    """Write what labels say differently; figures as texts."""
    for place, one in enumerate(figures.label_differences):
        texts = {label: plain_text_of(value) for label, value in one.figures.items()}
        yield (*one.window, place, one.dimensions, one.counter, texts)


def take_difference(figures: EndpointFigures, key: Any) -> None:
    """Read one of what :func:`difference_keys` wrote."""
    start, end, _, dimensions, counter, texts = key
    said = {label: read_number(text) for label, text in texts.items()}
    figures.label_differences.append(LabelDifference(Window(start, end), dimensions, counter, said))


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


def take_reference(figures: EndpointFigures, key: Any) -> None:
    """Read what records refer to."""
    kind, one = key
    figures.references.add((kind, one))


KINDS: Final = {
    "count": Kind(count_facts, read_counts),
    "there": kind_of_keys(lambda figures: figures.totals.groups(), take_group),
    GROUP: Kind(group_facts, read_groups),
    "day": Kind(day_facts, read_days),
    "finding": kind_of_keys(finding_keys, take_finding),
    "wider": kind_of_keys(
        lambda figures: ((*window, inside) for window, inside in figures.wider_windows), take_wider
    ),
    "level": Kind(level_facts, read_levels),
    "overlap": kind_of_keys(
        lambda figures: ((*one, *other, counted) for one, other, counted in figures.overlaps),
        take_overlap,
    ),
    "difference": kind_of_keys(difference_keys, take_difference),
    "collision": kind_of_keys(collision_keys, take_collision),
    "reference": kind_of_keys(lambda figures: figures.references, take_reference),
}
"""Every kind of fact that an endpoint's figures are made of."""
GROUPED: Final = frozenset({"there", GROUP})
"""Kinds whose key begins with project and tier, which have columns of their own."""
