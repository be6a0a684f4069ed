"""How a budget stands, as a value: what is spent, what it may come to, and what is not known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Final, NamedTuple

from stream.figures.money.sums import PricedUse
from stream.figures.series import label_value_of
from stream.providers.prices.price_list import DEFAULT_TIER
from stream.records.money import MONEY

__all__ = [
    "FINEST",
    "ROUNDED",
    "TROUBLES",
    "ZERO",
    "BudgetStanding",
    "MonthlyBudget",
    "describe_troubles",
    "find_project",
]

ROUNDED: Final = Context(prec=120, rounding=ROUND_HALF_EVEN)
FINEST: Final = Decimal("1e-10")
ZERO: Final = Decimal(0)
MOST_NAMED: Final = 3
"""Models without a price that a sentence names."""
TROUBLES: Final = {
    "unknown_project": "no project has this id or name, so nothing is known of it",
    "ambiguous_project": "several projects have this name: give the id",
    "other_currency": "something is billed in another currency, which is not converted",
    "no_currency": "something is billed in a currency that is not said, and is not in it",
    "other_price_currency": "prices are in another currency, so nothing is estimated",
    "no_price": "some of what is not billed yet has no price, so more may be spent",
    "without_prices": "there are no prices, so what is used and not billed yet is in no figure",
    "without_project": "costs or usage of some days do not name projects, and are not in it",
}
"""Why a budget's figures may not be all there is, and what each means."""


class MonthlyBudget(NamedTuple):
    """So much for a month, of a project (its id or name) or all; thresholds are shares of it."""

    project: str | None
    limit: Decimal
    currency: str
    thresholds: tuple[Decimal, ...]


class BudgetStanding(NamedTuple):
    """How a budget stands; what nobody knows is ``None``. Amounts are in its currency.

    The forecast is rounded to ten places, as it is a mean; ``troubles`` are names in ``TROUBLES``.
    ``unpriced_counts`` has how many units are not billed yet and have no price.
    """

    budget: MonthlyBudget
    billed_amount: Decimal | None = None
    estimated_unbilled: Decimal | None = None
    forecast: Decimal | None = None
    troubles: tuple[str, ...] = ()
    unpriced_counts: Mapping[PricedUse, int] = {}

    @property
    def spent_amount(self) -> Decimal | None:
        """What is billed, and what is estimated of what is not."""
        if self.billed_amount is None and self.estimated_unbilled is None:
            return None
        return MONEY.add(self.billed_amount or ZERO, self.estimated_unbilled or ZERO)

    def share_of(self, amount: Decimal | None) -> Decimal | None:
        """Return what share of the budget an amount is, rounded."""
        if amount is None:
            return None
        return ROUNDED.divide(amount, self.budget.limit).quantize(FINEST, context=ROUNDED)

    def has_reached(self, threshold: Decimal) -> bool | None:
        """Tell whether a share of the budget is spent, exactly; ``None``: nobody knows."""
        spent = self.spent_amount
        if spent is None:
            return None
        return spent >= MONEY.multiply(threshold, self.budget.limit)


def find_project(
    wanted: str, names: Mapping[str, str], seen: Iterable[str]
) -> tuple[str | None, str | None]:
    """Return the id of the project that a text names, or why there is none.

    An id goes before a name; ``names`` are by id, and ``seen`` are ids that figures have.
    """
    if wanted in names or wanted in seen:
        return wanted, None
    found = [project for project, name in names.items() if name == wanted]
    if len(found) == 1:
        return found[0], None
    return None, "ambiguous_project" if found else "unknown_project"


def describe_troubles(standing: BudgetStanding) -> list[str]:
    """Say why a budget's figures may not be all there is, and which models have no price."""
    found = {one: TROUBLES[one] for one in standing.troubles}
    if "no_price" in found:
        ranked = sorted(standing.unpriced_counts.items(), key=lambda one: (-one[1], str(one[0])))
        named = [
            f"{count:,} {name_units(kind)} of {label_value_of(model)}"
            + (f" ({tier})" if tier != DEFAULT_TIER else "")
            for (_, model, tier, kind), count in ranked[:MOST_NAMED]
        ]
        named += [f"{len(ranked) - MOST_NAMED} more"] if len(ranked) > MOST_NAMED else []
        found["no_price"] += f": {', '.join(named)}"
    return [*found.values()]


def name_units(kind: str) -> str:
    """Name the units of a kind of use: what has a tokens' name is counted in tokens."""
    words = kind.replace("_", " ")
    return f"{words} tokens" if words.endswith(("input", "output", "write")) else words
