"""A row of the comparison, and what rows come to: billed, estimated, and both of the same thing."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from msgspec import Struct, field

from stream.figures.money.estimates import Estimate, UsageKey
from stream.providers.prices.line_items import Subject
from stream.records.money import MONEY
from stream.records.windows import Window

__all__ = ["BillPlace", "BillRow", "BillSums"]


class BillPlace(NamedTuple):
    """Where a row stands: its days, project, what it is about, and the currency."""

    days: Window
    project_id: str | None
    subject: Subject
    currency: str | None


class BillRow(Struct):
    """What was billed and estimated at a place, and what explains the difference.

    ``line_items`` are those that are about it; without any, nothing was billed. ``usage`` is what
    the estimate is of.
    """

    place: BillPlace
    line_items: list[str | None] = field(default_factory=list)
    billed_amount: Decimal = Decimal(0)
    usage: list[UsageKey] = field(default_factory=list)
    estimate: Estimate = field(default_factory=Estimate)
    reason: str = ""

    @property
    def matched_amount(self) -> Decimal:
        """What is both billed and estimated; of a credit nothing is. The rest of each is not."""
        return max(min(self.billed_amount, self.estimate.amount), Decimal(0))

    @property
    def is_estimated(self) -> bool:
        """Whether any of what was used has a price."""
        estimate = self.estimate
        return bool(self.usage and (estimate.amount or estimate.without_price != estimate.quantity))

    @property
    def difference(self) -> Decimal:
        """What is billed, less what is estimated."""
        return MONEY.subtract(self.billed_amount, self.estimate.amount)

    def use(self, key: UsageKey, estimate: Estimate) -> None:
        """Take an estimate up."""
        self.usage.append(key)
        self.estimate.add(estimate)


class BillSums(Struct):
    """What rows come to; all is exact, and each part adds up to its whole."""

    rows: int = 0
    billed: Decimal = Decimal(0)
    estimated: Decimal = Decimal(0)
    matched: Decimal = Decimal(0)

    def take(self, row: BillRow) -> None:
        """Count a row."""
        self.rows += 1
        self.estimated = MONEY.add(self.estimated, row.estimate.amount)
        if row.line_items:
            self.billed = MONEY.add(self.billed, row.billed_amount)
            self.matched = MONEY.add(self.matched, row.matched_amount)

    def join(self, other: BillSums) -> None:
        """Count what others have counted."""
        self.rows += other.rows
        self.billed = MONEY.add(self.billed, other.billed)
        self.estimated = MONEY.add(self.estimated, other.estimated)
        self.matched = MONEY.add(self.matched, other.matched)
