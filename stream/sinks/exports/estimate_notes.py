"""What must be said of estimates that stand in a table: what they leave out, and may get wrong."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import groupby
from typing import Final

from stream.figures.breakdown import ESTIMATED, Breakdown
from stream.figures.money.estimates import Contradiction
from stream.figures.money.group_estimates import GroupContradiction
from stream.figures.money.sums import PricedUse
from stream.figures.series import label_value_of
from stream.records.privacy import one_line
from stream.sinks.bills import sort_groups
from stream.sinks.exports.some_names import name_some

__all__ = ["name_contradictions", "notes_of_estimates"]

COUNTED: Final = frozenset(
    {"characters", "images", "seconds", "sessions", "web_searches", "file_searches"}
)
"""The kinds that are counted in what they are called; the others are of tokens."""


def notes_of_estimates(found: Breakdown) -> list[str]:
    """Say what the estimates of a breakdown leave out, and where they may be wrong."""
    estimates = found.estimates
    if estimates is None:
        return []
    notes = [
        f"estimated is use at the prices of {estimates.prices.title}, and no bill",
        *notes_of_unpriced(estimates.without_price),
        *notes_of_groups(found),
    ]
    if estimates.models_by_length:
        models = name_some(sorted(map(label_value_of, estimates.models_by_length)))
        notes.append(f"long requests cost more, which sums cannot show, of {models}")
    if estimates.is_vague:
        notes.append("some rows do not say if they were a batch: they are estimated as none")
    return notes + name_contradictions(estimates.contradictions)


def notes_of_unpriced(without_price: Mapping[PricedUse, int]) -> list[str]:
    """Say how much there was of what has no price, model by model; without one, by endpoint."""
    found = [
        f"{one_line(model or endpoint)} ({tier}): {', '.join(name_quantity(*one) for one in some)}"
        for (endpoint, model, tier), some in groupby(
            sort_groups(without_price), lambda one: one[0][:3]
        )
    ]
    return [f"no price for {name_some(found, between='; ')}"] if found else []


def name_quantity(use: PricedUse, quantity: int) -> str:
    """Write how much of a kind there was."""
    kind = use.kind.replace("_", " ")
    return f"{quantity:,} {kind}" if use.kind in COUNTED else f"{quantity:,} {kind} tokens"


def notes_of_groups(found: Breakdown) -> list[str]:
    """Name the groups whose estimates leave something out."""
    estimated = {
        values
        for measure, periods in found.sums.items()
        if measure.name == ESTIMATED
        for groups in periods.values()
        for values in groups
    }
    partial = found.unpriced_groups & estimated
    if not partial:
        return []
    named = sorted(" / ".join(value or "–" for value in values) for values in partial if values)
    where = f": {name_some(named)}" if named else ""
    return [f"estimated in part, as some of the use has no price{where}"]


def name_contradictions(found: Collection[Contradiction | GroupContradiction]) -> list[str]:
    """Name the first of what cannot all be right."""
    if not found:
        return []
    first, more = min(found, key=str), f", and {len(found) - 1} more" if len(found) > 1 else ""
    where = f"{first.endpoint}, {label_value_of(first.model)}"
    told = "counters contradict each other, so that estimates may be wrong"
    return [f"{told}: {where}: {first.message}{more}"]
