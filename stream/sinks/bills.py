"""The report's section ``billing``: what use should have cost, and what was billed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, TypeVar

from stream.figures.money.billing import Bills, sum_by_currency
from stream.figures.money.estimates import Estimate
from stream.figures.money.reasons import REASONS
from stream.figures.money.rows import BillRow, BillSums
from stream.figures.money.sums import EstimateSums, PricedUse
from stream.providers.prices.line_items import subject_of
from stream.records.money import exact_number
from stream.sinks.details import plain_number_of, show_project, times_of

__all__ = [
    "absent_first",
    "show_bills",
    "show_row",
    "show_subject_of",
    "show_unpriced",
    "sort_groups",
]

K = TypeVar("K", bound=tuple[str | None, ...])
T = TypeVar("T")


def show_bills(bills: Bills, names: Mapping[str, str]) -> dict[str, Any]:
    """Show all of it, but for the rows of each day, project and line item: there are many.

    ``names`` are those of projects.
    """
    return {
        "prices": bills.prices.title,
        "currency": bills.prices.currency,
        "estimated": show_estimates(bills.estimates, names),
        "withoutPrice": show_unpriced(bills.estimates.without_price),
        "contradictions": [
            {
                **times_of(one.days),
                "endpoint": one.endpoint,
                **show_project(one.project_id, names),
                "model": one.model,
                "message": one.message,
            }
            for one in bills.contradictions
        ],
        "byCurrency": [
            {"currency": currency, **show_sums(sums)}
            for currency, sums in sorted(
                sum_by_currency(bills.sums).items(), key=lambda one: absent_first(one[0])
            )
        ],
        "byReason": [
            {
                "currency": currency,
                "reason": reason,
                "meaning": REASONS[reason],
                "rows": sums.rows,
                **show_sums(sums),
            }
            for (currency, reason), sums in sort_groups(bills.sums)
        ],
        "lineItems": show_line_items(bills.line_items),
    }


def show_estimates(estimates: EstimateSums, names: Mapping[str, str]) -> dict[str, Any]:
    """Show what use should have cost: in all, by day, by project, and by model, tier and kind."""
    return {
        "amount": money_of(estimates.amount if estimates.priced_days else None),
        "byDay": [
            {
                **times_of(days),
                "amount": money_of(amount if days in estimates.priced_days else None),
            }
            for days, amount in sorted(estimates.by_days.items())
        ],
        "byProject": [
            {
                **show_project(project, names),
                "amount": money_of(amount if project in estimates.priced_projects else None),
            }
            for project, amount in sorted(
                estimates.by_project.items(), key=lambda one: absent_first(one[0])
            )
        ],
        "byModel": [
            {**use._asdict(), **show_estimate(one)} for use, one in sort_groups(estimates.by_use)
        ],
    }


def show_unpriced(without_price: Mapping[PricedUse, int]) -> list[dict[str, Any]]:
    """Show what was used and has no price, with how much there was of it."""
    return [{**use._asdict(), "quantity": quantity} for use, quantity in sort_groups(without_price)]


def show_line_items(found: Iterable[str | None]) -> list[dict[str, Any]]:
    """Show what each line item was taken to be about."""
    return [{"lineItem": text, **show_subject_of(text)} for text in sorted(found, key=absent_first)]


def show_subject_of(text: str | None) -> dict[str, Any]:
    """Show what a line item is about."""
    subject = subject_of(text)
    return {
        "endpoints": list(subject.endpoints),
        "model": subject.model,
        "kind": subject.kind,
        "tier": subject.tier,
        "known": subject.is_known,
    }


def show_row(row: BillRow, names: Mapping[str, str]) -> dict[str, Any]:
    """Show one row of the comparison."""
    place, sums = row.place, BillSums()
    sums.take(row)
    return {
        **times_of(place.days),
        **show_project(place.project_id, names),
        "lineItems": row.line_items,
        "model": place.subject.model,
        "kind": place.subject.kind,
        "tier": place.subject.tier,
        "currency": place.currency,
        **show_sums(sums),
        "quantity": row.estimate.quantity,
        "withoutPrice": row.estimate.without_price,
        "reason": row.reason,
    }


def show_sums(sums: BillSums) -> dict[str, Any]:
    """Show what rows come to."""
    shown = sums.known_amounts
    return {
        "billed": money_of(shown["billed"]),
        "estimated": money_of(shown["estimated"]),
        "difference": money_of(shown["difference"]),
        "matched": money_of(shown["matched"]),
        "notMatched": money_of(shown["not_matched"]),
        "notBilled": money_of(shown["not_billed"]),
    }


def show_estimate(estimate: Estimate) -> dict[str, Any]:
    """Show an estimate: how much was used, how much of it has no price, and what the rest costs."""
    return {
        "quantity": estimate.quantity,
        "withoutPrice": estimate.without_price,
        "amount": money_of(estimate.amount if estimate.is_priced else None),
        "longRequestsCostMore": estimate.is_by_length,
    }


def sort_groups(found: Mapping[K, T]) -> list[tuple[K, T]]:
    """Return groups in order; absent values come first."""
    return sorted(found.items(), key=lambda one: [absent_first(value) for value in one[0]])


def absent_first(value: str | None) -> tuple[bool, str]:
    """Return what orders values."""
    return value is not None, value or ""


def money_of(amount: Decimal | None) -> Any:
    """Return an amount as the report has it; of what nobody knows there is none."""
    return None if amount is None else plain_number_of(exact_number(amount))
