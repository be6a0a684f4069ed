"""What explains that a bill is not what was estimated, as far as can be known from both."""

from __future__ import annotations

from decimal import Decimal
from typing import Final, NamedTuple

from stream.figures.money.rows import BillRow
from stream.records.windows import DAY, Window

__all__ = ["REASONS", "Horizon", "reason_of"]

LATE: Final = 3 * DAY
"""How long after its end a day's costs may still come or change, in seconds. None is published."""
ROUNDING: Final = Decimal("5e-7")
COMMITTED: Final = frozenset({"priority", "scale"})
"""Tiers that are paid for in other ways too, and may be in no bill."""

REASONS: Final = {
    "equal": "billed is what was estimated",
    "rounding": "it differs by less than half a millionth",
    "no_price": "some of what was used has no price",
    "usage_without_bill": "used, and not billed",
    "late_costs": "not billed, or not all: a late day, or the last one that costs are known of",
    "free_or_priority": "not billed, or not all: free, or in a tier that is paid for in other ways",
    "credit": "a credit",
    "unknown_line_item": "nobody knows what use the line item is about",
    "bill_without_usage": "billed, and not used as far as is known",
    "other_currency": "billed in another currency than the prices'",
    "no_currency": "billed in a currency that is not said, and compared with nothing",
    "long_requests": "billed higher, of a model whose long requests cost more",
    "batch_unknown": "billed lower, of rows that do not say if they were a batch",
    "amount_differs": "both are known, and differ",
}
"""Every reason, and what it says."""


class Horizon(NamedTuple):
    """Until when bills are known, in Unix seconds: the clock, and the end of the last charge."""

    now: int
    last: int

    def covers(self, days: Window) -> bool:
        """Tell whether what was billed for some days is all there is by now."""
        return days.end <= self.now - LATE and days.end < self.last


def reason_of(row: BillRow, currency: str, horizon: Horizon) -> str:
    """Return what explains the difference; ``currency`` is the prices'."""
    is_recent = not horizon.covers(row.place.days)
    if not row.line_items:
        return reason_without_bill(row, is_recent=is_recent)
    if not row.usage:
        return reason_without_usage(row, currency)
    return reason_of_both(row, is_recent=is_recent)


def reason_of_both(row: BillRow, *, is_recent: bool) -> str:
    """Return why what was billed and used is not the same."""
    if row.estimate.without_price:
        return "no_price"
    if abs(row.difference) < ROUNDING:
        return "rounding" if row.difference else "equal"
    if row.difference > 0:
        return "long_requests" if row.estimate.is_by_length else "amount_differs"
    if is_recent:
        return "late_costs"
    if any(key.tier in COMMITTED for key in row.usage):
        return "free_or_priority"
    return "batch_unknown" if row.estimate.is_vague else "amount_differs"


def reason_without_bill(row: BillRow, *, is_recent: bool) -> str:
    """Return why something that was used may have no bill."""
    if row.estimate.without_price:
        return "no_price"
    if not row.estimate.amount or any(key.tier in COMMITTED for key in row.usage):
        return "free_or_priority"
    return "late_costs" if is_recent else "usage_without_bill"


def reason_without_usage(row: BillRow, currency: str) -> str:
    """Return why something that was billed may have no use."""
    if row.place.currency is None:
        return "no_currency"
    if row.place.currency != currency:
        return "other_currency"
    if row.billed_amount < 0:
        return "credit"
    if not row.place.subject.is_known:
        return "unknown_line_item"
    return "bill_without_usage"
