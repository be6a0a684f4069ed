"""A row of the comparison: what was billed and what was estimated, of the same thing."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from msgspec import Struct, field

from stream.figures.money.estimates import Estimate, UsageKey
from stream.providers.prices.line_items import Subject
from stream.records.money import MONEY
from stream.records.windows import Window

__all__ = ["BillPlace", "BillRow", "BillSums", "sum_bill_rows"]


class BillPlace(NamedTuple):
    """Where a row stands: its days, project, what it is about, and the currency."""

    days: Window
    project_id: str | None
    subject: Subject
    currency: str | None


class BillRow(Struct):
    """What was billed and estimated at a place, and what explains the difference.

    ``line_items`` are those that are about it; without any, nothing was billed.
    """

    place: BillPlace
    line_items: list[str | None] = field(default_factory=list)
    billed_amount: Decimal = Decimal(0)
    usage: dict[UsageKey, Estimate] = field(default_factory=dict)
    estimate: Estimate = field(default_factory=Estimate)
    reason: str = ""

    @property
    def matched_amount(self) -> Decimal:
        """What is both billed and estimated; of a credit nothing is. The rest of each is not."""
        return max(min(self.billed_amount, self.estimate.amount), Decimal(0))

    @property
    def difference(self) -> Decimal:
        """What is billed, less what is estimated."""
        return MONEY.subtract(self.billed_amount, self.estimate.amount)

    def use(self, key: UsageKey, estimate: Estimate) -> None:
        """Take an estimate up."""
        self.usage.setdefault(key, Estimate()).add(estimate)
        self.estimate.add(estimate)


class BillSums(NamedTuple):
    """What rows come to: billed is matched and not matched, estimated matched and not billed."""

    billed_amount: Decimal
    estimated_amount: Decimal
    matched_amount: Decimal

    @property
    def difference(self) -> Decimal:
        """What is billed, less what is estimated."""
        return MONEY.subtract(self.billed_amount, self.estimated_amount)

    @property
    def not_matched(self) -> Decimal:
        """What is billed, and not estimated."""
        return MONEY.subtract(self.billed_amount, self.matched_amount)

    @property
    def not_billed(self) -> Decimal:
        """What is estimated, and not billed."""
        return MONEY.subtract(self.estimated_amount, self.matched_amount)


def sum_bill_rows(rows: Iterable[BillRow]) -> BillSums:
    """Add rows up, exactly."""
    billed = estimated = matched = Decimal(0)
    for row in rows:
        billed = MONEY.add(billed, row.billed_amount)
        estimated = MONEY.add(estimated, row.estimate.amount)
        matched = MONEY.add(matched, row.matched_amount)
    return BillSums(billed, estimated, matched)
