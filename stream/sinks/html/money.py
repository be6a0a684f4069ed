"""What was billed beside what it should have cost: tables that add up to the last digit."""

from __future__ import annotations

from collections import defaultdict
from typing import Final, NamedTuple

from stream.figures.money.billing import Bills, sum_by_currency
from stream.figures.money.estimates import Estimate
from stream.figures.money.reasons import REASONS
from stream.figures.money.rows import BillSums
from stream.figures.series import label_value_of
from stream.records.money import Number, exact_number
from stream.sinks.bills import absent_first, sort_groups
from stream.sinks.html.names import shorten_text
from stream.sinks.html.tables import PageColumn, PageRow, PageTable, call_currency, sum_columns

__all__ = ["MoneyView", "ShownSums", "view_money"]

TOP: Final = 60
MOST_CURRENCIES: Final = 8


class ShownSums(NamedTuple):
    """What rows come to, and what they are of; numbers are exact, and ``None`` is not known."""

    currency: str
    reason: str
    explanation: str
    rows: int
    billed_amount: Number | None
    estimated_amount: Number | None
    difference: Number | None
    matched_amount: Number | None
    not_matched: Number | None
    not_billed: Number | None


class MoneyView(NamedTuple):
    """All of it: what prices were taken, sums by currency and by reason, and estimates."""

    prices: str
    currency: str
    by_currency: list[ShownSums]
    by_reason: list[ShownSums]
    more_currencies: int
    estimates: PageTable


def view_money(bills: Bills) -> MoneyView:
    """Arrange what is known of bills and estimates."""
    sums = sum_by_currency(bills.sums)
    currencies = sorted(sums, key=absent_first)
    kept = currencies[:MOST_CURRENCIES]
    return MoneyView(
        shorten_text(bills.prices.title),
        call_currency(bills.prices.currency),
        [show_sums(name, None, sums[name]) for name in kept],
        [show_sums(*group, one) for group, one in sort_groups(bills.sums) if group[0] in kept],
        len(currencies) - len(kept),
        table_of_estimates(bills),
    )


def show_sums(currency: str | None, reason: str | None, sums: BillSums) -> ShownSums:
    """Show what rows come to."""
    numbers = (None if one is None else exact_number(one) for one in sums.known_amounts.values())
    return ShownSums(
        call_currency(label_value_of(currency)),
        (reason or "").replace("_", " "),
        REASONS[reason] if reason else "",
        sums.rows,
        *numbers,
    )


def table_of_estimates(bills: Bills) -> PageTable:
    """Make the table of estimates by model, tier and kind, the greatest first."""
    by_group: defaultdict[tuple[str | None, str, str], Estimate] = defaultdict(Estimate)
    for use, one in bills.estimates.by_use.items():
        by_group[use[1:]].add(one)
    sums = sorted(
        by_group.items(), key=lambda one: (-one[1].amount, [text or "" for text in one[0]])
    )
    cut = TOP if len(sums) > TOP + 1 else len(sums)
    rows = [
        PageRow(
            shorten_text(label_value_of(model)),
            f"{shorten_text(tier or '')}, {(kind or '').replace('_', ' ')}",
            figures_of(one),
        )
        for (model, tier, kind), one in sums[:cut]
    ]
    if others := sums[cut:]:
        whole = Estimate()
        for _, one in others:
            whole.add(one)
        rows.append(PageRow(f"{len(others):,} more together", "", figures_of(whole), is_rest=True))
    currency = call_currency(bills.prices.currency)
    titles = ("quantity", "without a price", f"estimated, {currency}")
    columns = [PageColumn(title, None) for title in titles]
    total = PageRow("all together", "", sum_columns([one.figures for one in rows], len(columns)))
    return PageTable(
        "estimates",
        "What was estimated",
        "Quantity times price, by model, tier as it is charged, and kind of use.",
        "model, tier and kind",
        columns,
        rows,
        total._replace(figures=[None, None, *total.figures[2:]]) if len(rows) > 1 else None,
    )


def figures_of(estimate: Estimate) -> list[Number | None]:
    """Return the figures of an estimate."""
    amount = exact_number(estimate.amount) if estimate.is_priced else None
    return [estimate.quantity, estimate.without_price or None, amount]
