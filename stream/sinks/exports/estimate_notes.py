"""What must be said of estimates that stand in a table: what they leave out, and may get wrong."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any, Final

from stream.figures.breakdown import ESTIMATED, Breakdown
from stream.figures.money.day_estimates import DayEstimates, UnpricedUse
from stream.figures.series import label_value_of

__all__ = ["notes_of_estimates", "notes_of_unpriced", "show_unpriced"]

MOST: Final = 5
"""How many models or groups are named."""


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
        models = name_some(sorted(estimates.models_by_length))
        notes.append(f"long requests cost more, which sums cannot show, of {models}")
    if estimates.is_vague:
        notes.append("some rows do not say if they were a batch: they are estimated as none")
    return notes + notes_of_contradictions(estimates)


def notes_of_unpriced(without_price: Mapping[UnpricedUse, int]) -> list[str]:
    """Say how much there was of what has no price, model by model."""
    found = [
        f"{label_value_of(model)} ({tier}): {', '.join(name_quantity(*one) for one in some)}"
        for (_, model, tier), some in groupby(sort_unpriced(without_price), lambda one: one[0][:3])
    ]
    return [f"no price for {name_some(found, '; ')}"] if found else []


def name_quantity(use: UnpricedUse, quantity: int) -> str:
    """Write how much of a kind there was."""
    return f"{quantity:,} {use.kind.replace('_', ' ')}"


def notes_of_groups(found: Breakdown) -> list[str]:
    """Name the groups whose estimates leave something out."""
    estimated = {
        values
        for measure, periods in found.sums.items()
        if measure.name == ESTIMATED
        for groups in periods.values()
        for values in groups
    }
    partial = sorted(
        " / ".join(value or "–" for value in values)
        for values in found.unpriced_groups & estimated
        if values
    )
    if partial:
        return [f"estimated in part, as some of the use has no price: {name_some(partial)}"]
    return ["estimated in part, as some of the use has no price"] if found.unpriced_groups else []


def notes_of_contradictions(estimates: DayEstimates) -> list[str]:
    """Name the first of what cannot all be right."""
    if not estimates.contradictions:
        return []
    first, count = min(estimates.contradictions, key=str), len(estimates.contradictions)
    more = f", and {count - 1} more" if count > 1 else ""
    where = f"{first.endpoint}, {label_value_of(first.project_id)}, {label_value_of(first.model)}"
    told = "counters contradict each other, so that estimates may be wrong"
    return [f"{told}: {where}: {first.message}{more}"]


def show_unpriced(without_price: Mapping[UnpricedUse, int]) -> list[dict[str, Any]]:
    """Show what was used and has no price, with how much there was of it."""
    return [
        {**use._asdict(), "quantity": quantity} for use, quantity in sort_unpriced(without_price)
    ]


def sort_unpriced(without_price: Mapping[UnpricedUse, int]) -> list[tuple[UnpricedUse, int]]:
    """Return what has no price, in order; absent values come first."""
    return sorted(without_price.items(), key=lambda one: [value or "" for value in one[0]])


def name_some(names: Iterable[str], between: str = ", ") -> str:
    """Name the first ones, and how many more there are."""
    found = list(names)
    more = f"{between}and {len(found) - MOST} more" if len(found) > MOST else ""
    return between.join(found[:MOST]) + more
