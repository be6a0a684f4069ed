"""Bills beside estimates as a table: a row for each period, project and line item, and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any, Final

from msgspec import structs

from stream.figures.breakdown import BILLED, ESTIMATED, Measure, rank_currency
from stream.figures.money.billing import sum_by_currency
from stream.figures.money.reasons import REASONS
from stream.figures.money.rows import BillSums
from stream.figures.ranks import Figures, RankedRow, RankedRows
from stream.figures.reconciliation import PeriodRow, Reconciliation, RowSums
from stream.figures.series import label_value_of
from stream.figures.shown_groups import Values
from stream.records.money import exact_number, plain_text_of
from stream.sinks.bills import absent_first, show_subject_of
from stream.sinks.exports.breakdowns import FigureTable, note_long_spans
from stream.sinks.exports.estimate_notes import name_contradictions

__all__ = ["table_of_bills"]

DIMENSIONS: Final = ("project_id", "line_item", "endpoint", "model", "kind", "tier", "reason")
DIFFERENCE: Final = "difference"
MONEY_NAMES: Final = (BILLED, ESTIMATED, DIFFERENCE)
QUANTITY: Final = Measure("quantity")
WITHOUT_PRICE: Final = Measure("without_price")


def table_of_bills(found: Reconciliation, names: Mapping[str, str]) -> FigureTable:
    """Make the table; of several currencies each has its columns."""
    own = found.prices.currency
    rows = [
        RankedRow(one.period, values_of(one), figures_of_row(one, sums, own))
        for one, sums in found.rows
    ]
    by_currency = sum_by_currency(found.sums)
    total = dict(chain(*(figures_of(*one, own).items() for one in by_currency.items())))
    money = chain(*(measures_in(one, own) for one in by_currency))
    measures = [*sorted(money, key=rank_measure), QUANTITY, WITHOUT_PRICE]
    lines = {text for one, _ in found.rows for text in one.line_items}
    more = {
        "prices": found.prices.title,
        "by_currency": [
            {"currency": currency, **show_sums(sums)}
            for currency, sums in sorted(by_currency.items(), key=lambda one: absent_first(one[0]))
        ],
        "by_reason": [
            {"currency": currency, "reason": reason, "meaning": REASONS[reason], **show_sums(sums)}
            for (currency, reason), sums in sort_reasons(found)
        ],
        "line_items": [
            {"line_item": text, **show_subject_of(text)} for text in sorted(lines, key=absent_first)
        ],
    }
    choice = structs.replace(found.choice, dimensions=DIMENSIONS)
    return FigureTable(
        choice, RankedRows(measures, rows, total, 0), names, [*notes_of(found)], more
    )


def values_of(row: PeriodRow) -> Values:
    """Return what a row is of; what its line items leave open, or nobody was billed for, is not."""
    subject = row.subject
    return (
        label_value_of(row.project_id),
        " + ".join(map(label_value_of, row.line_items)) or None,
        ", ".join(subject.endpoints) or None,
        subject.model,
        subject.kind,
        subject.tier,
        row.reason,
    )


def figures_of_row(row: PeriodRow, sums: RowSums, estimated_in: str) -> Figures:
    """Return a row's figures."""
    figures = figures_of(row.currency, sums.money, estimated_in)
    if sums.is_used:
        figures |= {QUANTITY: sums.quantity, WITHOUT_PRICE: sums.without_price}
    return figures


def figures_of(currency: str | None, sums: BillSums, estimated_in: str) -> Figures:
    """Return sums by column: of what was not billed, or has no price, there is none."""
    amounts = ((one, sums.known_amounts[one.name]) for one in measures_in(currency, estimated_in))
    return {one: exact_number(amount) for one, amount in amounts if amount is not None}


def measures_in(currency: str | None, estimated_in: str) -> list[Measure]:
    """Return the columns of a currency; estimates are in that of the prices alone."""
    names = MONEY_NAMES if currency == estimated_in else (BILLED,)
    return [Measure(name, label_value_of(currency)) for name in names]


def rank_measure(measure: Measure) -> tuple[Any, ...]:
    """Order columns by currency, and each currency's as people subtract."""
    return rank_currency(measure), MONEY_NAMES.index(measure.name)


def show_sums(sums: BillSums) -> dict[str, Any]:
    """Show what rows come to: money is text or null, and each part adds up to its whole."""
    texts = {
        name: None if amount is None else plain_text_of(exact_number(amount))
        for name, amount in sums.known_amounts.items()
    }
    return {"rows": sums.rows, **texts}


def sort_reasons(found: Reconciliation) -> list[tuple[tuple[str | None, str], BillSums]]:
    """Return the reasons in order, currency by currency."""
    order = list(REASONS)
    return sorted(
        found.sums.items(), key=lambda one: (absent_first(one[0][0]), order.index(one[0][1]))
    )


def notes_of(found: Reconciliation) -> Iterator[str]:
    """Say by what was estimated, what each reason means, and what cannot be right."""
    yield f"estimated is use at the prices of {found.prices.title}, and no bill"
    for (currency, reason), sums in sort_reasons(found):
        shown = show_sums(sums)
        known = [f"{name} {shown[name]}" for name in (BILLED, ESTIMATED) if shown[name] is not None]
        amounts = f" ({', '.join(known)} {label_value_of(currency)})" if known else ""
        yield f"{reason}: {REASONS[reason]}{amounts}"
    yield from name_contradictions(found.contradictions)
    yield from note_long_spans(found.long_spans)
