"""Whether prices can be read, and whether budgets are some."""

from __future__ import annotations

from itertools import pairwise

from stream.daemon.config.problems import Problems
from stream.daemon.config.settings import Settings
from stream.providers.prices.choice import load_prices
from stream.providers.prices.price_list import PriceList
from stream.records.currencies import is_currency
from stream.records.errors import BadConfiguration
from stream.sinks.money_metrics import EVERYTHING

__all__ = ["check_money", "prices_of"]


def prices_of(settings: Settings) -> PriceList | None:
    """Return the price list that settings ask for, as its file is now; ``None``: for none.

    Raises:
        BadConfiguration: as :func:`load_prices`.
    """
    return None if settings.prices is None else load_prices(settings.prices)


def check_money(settings: Settings, problems: Problems) -> None:
    """See that there are prices where they are asked for, and that budgets make sense."""
    if problems.is_good("prices"):
        try:
            prices_of(settings)
        except BadConfiguration as error:
            for line in error.problems:
                problems.note("prices", line)
    if problems.is_good("budget"):
        check_budgets(settings, problems)


def check_budgets(settings: Settings, problems: Problems) -> None:
    """See that each budget is of something, and of something else than the others."""
    known: dict[tuple[str | None, str], str] = {}
    for index, one in enumerate(settings.budget):
        key, budget = f"budget[{index}]", one.budget
        if not problems.is_good(f"{key}.monthly", f"{key}.project"):
            continue
        if not budget.limit:
            problems.note(f"{key}.monthly", f'found "{one.monthly}", expected more than 0')
        if not is_currency(budget.currency):
            problems.note(
                f"{key}.monthly",
                f'found "{one.monthly}", expected a currency of ISO 4217, such as "500 usd"',
            )
        if one.project == EVERYTHING or (one.project is not None and not one.project.strip()):
            problems.note(
                f"{key}.project", f'found "{one.project}", expected a project, or no such key'
            )
        first = known.setdefault((one.project, budget.currency), key)
        if first != key:
            problems.note(key, f"is for the same as {first}, expected one budget in a currency")
        if problems.is_good(f"{key}.warn") and any(a >= b for a, b in pairwise(one.warn)):
            found = ", ".join(map(str, one.warn))
            problems.note(f"{key}.warn", f"found {found}, expected shares in rising order")
