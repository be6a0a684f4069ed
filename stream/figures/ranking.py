"""A breakdown as rows: the groups that matter most, what the others come to, and the total."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from decimal import localcontext
from typing import Final, NamedTuple, TypeAlias

from stream.figures.breakdown import BILLED, USUAL, Breakdown, Key, Measure
from stream.providers.openai import ENDPOINTS
from stream.records.money import MONEY, Number, exact_number

__all__ = ["Figures", "RankedRows", "Row", "rank_rows"]

Figures: TypeAlias = dict[Measure, Number]
LEVEL_NAMES: Final = frozenset(name for one in ENDPOINTS.values() for name in one.levels)


class Row(NamedTuple):
    """A period's group, or so many ``others`` together; a value of ``None`` does not apply."""

    period: int
    values: tuple[str | None, ...]
    figures: Figures
    others: int = 0


class RankedRows(NamedTuple):
    """Rows by period, the greatest group first, and what all come to; ``groups`` is how many."""

    measures: list[Measure]
    rows: list[Row]
    total: Figures
    groups: int


def rank_rows(found: Breakdown, top: int | None = None) -> RankedRows:
    """Return a breakdown's rows; beyond the ``top`` groups, all others of a period are one row.

    Groups are ordered by what they were billed in all periods, then by their tokens and requests.
    """
    measures = found.measures
    groups: defaultdict[tuple[str | None, ...], list[Key]] = defaultdict(list)
    for key in found.all_keys():
        groups[key[1:]].append(key)
    weights = {values: weigh(found, keys) for values, keys in groups.items()}
    ranked = sorted(groups, key=lambda one: (weights[one], spell(one)))
    shown = ranked if top is None or len(ranked) <= top + 1 else ranked[:top]
    ranks = {values: rank for rank, values in enumerate(shown)}
    rows: list[Row] = []
    others: defaultdict[int, list[Key]] = defaultdict(list)
    for key in found.all_keys():
        if key[1:] in ranks:
            rows.append(Row(key[0], key[1:], figures_of(found, measures, [key])))
        else:
            others[key[0]].append(key)
    rows.sort(key=lambda row: (row.period, ranks[row.values]))
    none = (None,) * len(found.choice.by)
    rows += [
        Row(period, none, figures_of(found, measures, keys), len(keys))
        for period, keys in others.items()
    ]
    rows.sort(key=lambda row: row.period)
    return RankedRows(measures, rows, figures_of(found, measures, found.all_keys()), len(ranked))


def figures_of(found: Breakdown, measures: list[Measure], keys: list[Key]) -> Figures:
    """Return what some keys come to, exactly; of a level it is what the last period has."""
    figures: Figures = {}
    with localcontext(MONEY):
        for measure in measures:
            sums = found.sums[measure]
            held = [key for key in keys if key in sums]
            if measure.name in LEVEL_NAMES:
                last = max((key[0] for key in held), default=0)
                held = [key for key in held if key[0] == last]
            if held:
                figures[measure] = exact_number(sum((sums[key] for key in held), start=0))
    return figures


def weigh(found: Breakdown, keys: list[Key]) -> list[Number]:
    """Return what orders a group: what is greatest comes first."""
    money = [one for one in found.measures if one.name == BILLED]
    counts = [Measure(name) for name in (USUAL[0], USUAL[2], USUAL[3])]
    with localcontext(MONEY):
        amounts = [add_keys(found, (one,), keys) for one in money]
        tokens = add_keys(found, counts[:2], keys)
        return [*(-one for one in amounts), -tokens, -add_keys(found, counts[2:], keys)]


def add_keys(found: Breakdown, measures: Iterable[Measure], keys: list[Key]) -> Number:
    """Add up some measures of some keys."""
    known = [found.sums[one] for one in measures if one in found.sums]
    return sum((sums.get(key, 0) for sums in known for key in keys), start=0)


def spell(values: tuple[str | None, ...]) -> tuple[str, ...]:
    """Return what orders values: what does not apply comes first."""
    return tuple(value or "" for value in values)
