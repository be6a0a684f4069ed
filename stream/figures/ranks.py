"""A breakdown as rows: the groups that matter most, what the others come to, and the total."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from decimal import localcontext
from typing import Final, NamedTuple, TypeAlias

from stream.figures.breakdown import MONEY_NAMES, USUAL, Breakdown, Measure
from stream.figures.shown_groups import Values
from stream.providers.openai import ENDPOINTS
from stream.records.money import MONEY, Number, exact_number

__all__ = ["Figures", "RankedRow", "RankedRows", "rank_rows"]

Figures: TypeAlias = dict[Measure, Number]
LEVEL_NAMES: Final = frozenset(name for one in ENDPOINTS.values() for name in one.levels)


class RankedRow(NamedTuple):
    """A group in a period, or ``other_groups`` together; a value of ``None`` does not apply."""

    period: int
    values: Values
    figures: Figures
    other_groups: int = 0


class RankedRows(NamedTuple):
    """Rows by period, the greatest group first; ``hidden_groups`` is how many have none."""

    measures: list[Measure]
    rows: list[RankedRow]
    total: Figures
    hidden_groups: int


def rank_rows(found: Breakdown, top: int | None = None) -> RankedRows:
    """Return a breakdown's rows; beyond the ``top`` groups, all others of a period are one row.

    Groups are ordered by what they were billed in all periods, then by what they should have cost,
    if that is estimated, then by their tokens and requests.
    """
    measures, periods = found.measures, found.keys_by_period()
    ranked = rank_groups(found, measures, periods.values())
    shown = ranked if top is None or len(ranked) <= top + 1 else ranked[:top]
    ranks = {values: rank for rank, values in enumerate(shown)}
    none: Values = (None,) * len(found.choice.dimensions)
    rows: list[RankedRow] = []
    for period, keys in periods.items():
        own = sorted((one for one in keys if one in ranks), key=ranks.__getitem__)
        rows += (RankedRow(period, one, figures_of(found, measures, period, [one])) for one in own)
        if len(own) < len(keys):
            others = [one for one in keys if one not in ranks]
            figures = figures_of(found, measures, period, others)
            rows.append(RankedRow(period, none, figures, len(others)))
    return RankedRows(measures, rows, total_of(found, measures), len(ranked) - len(shown))


def rank_groups(
    found: Breakdown, measures: list[Measure], periods: Iterable[list[Values]]
) -> list[Values]:
    """Return the groups, the greatest first."""
    money = [(one,) for one in measures if one.name in MONEY_NAMES]
    counts = [Measure(name) for name in (USUAL[0], USUAL[2], USUAL[3])]
    weights = [sum_by_group(found, some) for some in (*money, tuple(counts[:2]), (counts[2],))]
    groups = dict.fromkeys(one for keys in periods for one in keys)
    return sorted(groups, key=lambda one: ([-weight.get(one, 0) for weight in weights], spell(one)))


def sum_by_group(found: Breakdown, measures: tuple[Measure, ...]) -> dict[Values, Number]:
    """Return what some measures come to together, of each group in all periods."""
    weights: defaultdict[Values, Number] = defaultdict(int)
    with localcontext(MONEY):
        for measure in measures:
            for groups in found.sums.get(measure, {}).values():
                for values, value in groups.items():
                    weights[values] += value
    return weights


def figures_of(
    found: Breakdown, measures: list[Measure], period: int, keys: list[Values]
) -> Figures:
    """Return what some groups come to in a period, exactly."""
    figures: Figures = {}
    with localcontext(MONEY):
        for measure in measures:
            groups = found.sums[measure].get(period)
            numbers = [groups[key] for key in keys if key in groups] if groups else []
            if numbers:
                figures[measure] = exact_number(sum(numbers, start=0))
    return figures


def total_of(found: Breakdown, measures: list[Measure]) -> Figures:
    """Return what all comes to, exactly; of a level it is what the last period has."""
    figures: Figures = {}
    with localcontext(MONEY):
        for measure in measures:
            periods = {period: groups for period, groups in found.sums[measure].items() if groups}
            if measure.name in LEVEL_NAMES:
                periods = {max(periods): periods[max(periods)]}
            numbers = (value for groups in periods.values() for value in groups.values())
            figures[measure] = exact_number(sum(numbers, start=0))
    return figures


def spell(values: Values) -> tuple[str, ...]:
    """Return what orders values: what does not apply comes first."""
    return tuple(value or "" for value in values)
