"""The report's section ``billing``: what use should have cost, and what was billed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any, TypeAlias, TypeVar

from stream.figures.money.bills import Bills
from stream.figures.money.estimates import Estimate, UsageKey, sum_estimates
from stream.figures.money.reasons import REASONS
from stream.figures.money.rows import BillRow, sum_bill_rows
from stream.providers.prices.line_items import subject_of
from stream.records.money import exact_number
from stream.sinks.details import plain_number_of, show_project, times_of

__all__ = ["gather", "group_estimates", "show_bills", "show_row"]

T = TypeVar("T")
Group: TypeAlias = tuple[str | None, ...]


def show_bills(bills: Bills, names: Mapping[str, str]) -> dict[str, Any]:
    """Show all of it, but for the rows of each day, project and line item: there are many.

    ``names`` are those of projects.
    """
    return {
        "prices": bills.prices.title,
        "currency": bills.prices.currency,
        "estimated": show_estimates(bills.estimates, names),
        "withoutPrice": show_unpriced(bills.estimates),
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
            {"currency": currency, **show_sums(rows)}
            for (currency,), rows in gather(((row.place.currency,), row) for row in bills.rows)
        ],
        "byReason": [
            {
                "currency": currency,
                "reason": reason,
                "meaning": REASONS[str(reason)],
                "rows": len(rows),
                **show_sums(rows),
            }
            for (currency, reason), rows in gather(
                ((row.place.currency, row.reason), row) for row in bills.rows
            )
        ],
        "lineItems": show_line_items(bills.rows),
    }


def show_estimates(estimates: dict[UsageKey, Estimate], names: Mapping[str, str]) -> dict[str, Any]:
    """Show what use should have cost: in all, by day, by project, and by model, tier and kind."""
    return {
        "amount": money_of(sum_estimates(estimates.values()).amount),
        "byDay": [
            {**times_of(days), "amount": money_of(sum_estimates(found).amount)}
            for days, found in sorted(group_by_day(estimates).items())
        ],
        "byProject": [
            {
                **show_project(project, names),
                "amount": money_of(sum_estimates(found).amount),
            }
            for (project,), found in group_estimates(estimates, lambda key: (key.project_id,))
        ],
        "byModel": [
            {
                "endpoint": endpoint,
                "model": model,
                "tier": tier,
                "kind": kind,
                **show_estimate(sum_estimates(found)),
            }
            for (endpoint, model, tier, kind), found in group_estimates(
                estimates, lambda key: (key.endpoint, key.model, key.tier, key.kind)
            )
        ],
    }


def show_unpriced(estimates: dict[UsageKey, Estimate]) -> list[dict[str, Any]]:
    """Show what was used and has no price, with how much there was of it."""
    found = group_estimates(
        {key: one for key, one in estimates.items() if one.without_price},
        lambda key: (key.endpoint, key.model, key.tier, key.kind),
    )
    return [
        {
            "endpoint": endpoint,
            "model": model,
            "tier": tier,
            "kind": kind,
            "quantity": sum(one.without_price for one in some),
        }
        for (endpoint, model, tier, kind), some in found
    ]


def show_line_items(rows: Iterable[BillRow]) -> list[dict[str, Any]]:
    """Show what each line item was taken to be about."""
    found = {text for row in rows for text in row.line_items}
    return [
        {"lineItem": text, **show_subject_of(text)}
        for text in sorted(found, key=lambda one: (one is not None, one or ""))
    ]


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
    place = row.place
    return {
        **times_of(place.days),
        **show_project(place.project_id, names),
        "lineItems": row.line_items,
        "model": place.subject.model,
        "kind": place.subject.kind,
        "tier": place.subject.tier,
        "currency": place.currency,
        **show_sums([row]),
        "quantity": row.estimate.quantity,
        "withoutPrice": row.estimate.without_price,
        "reason": row.reason,
    }


def show_sums(rows: Iterable[BillRow]) -> dict[str, Any]:
    """Show what rows come to: all is exact, and each part adds up to its whole."""
    sums = sum_bill_rows(rows)
    return {
        "billed": money_of(sums.billed_amount),
        "estimated": money_of(sums.estimated_amount),
        "difference": money_of(sums.difference),
        "matched": money_of(sums.matched_amount),
        "notMatched": money_of(sums.not_matched),
        "notBilled": money_of(sums.not_billed),
    }


def show_estimate(estimate: Estimate) -> dict[str, Any]:
    """Show an estimate: how much was used, how much of it has no price, and what the rest costs."""
    return {
        "quantity": estimate.quantity,
        "withoutPrice": estimate.without_price,
        "amount": money_of(estimate.amount),
        "longRequestsCostMore": estimate.is_by_length,
    }


def group_by_day(estimates: dict[UsageKey, Estimate]) -> dict[Any, list[Estimate]]:
    """Return the estimates of each of the days."""
    found = defaultdict(list)
    for key, estimate in estimates.items():
        found[key.days].append(estimate)
    return found


def group_estimates(
    estimates: dict[UsageKey, Estimate], group_of: Callable[[UsageKey], Group]
) -> list[tuple[Group, list[Estimate]]]:
    """Return estimates in groups, in order; absent values come first."""
    return gather((group_of(key), one) for key, one in estimates.items())


def gather(found: Iterable[tuple[Group, T]]) -> list[tuple[Group, list[T]]]:
    """Gather what is of one group, and put groups in order; absent values come first."""
    groups = defaultdict(list)
    for group, one in found:
        groups[group].append(one)
    return sorted(groups.items(), key=lambda one: order_of(one[0]))


def order_of(group: Group) -> list[tuple[bool, str]]:
    """Return what orders groups."""
    return [(value is not None, value or "") for value in group]


def money_of(amount: Decimal) -> Any:
    """Return an amount as the report has it."""
    return plain_number_of(exact_number(amount))
