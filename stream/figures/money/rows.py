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
        return bool(self.usage) and self.estimate.is_priced

    @property
    def difference(self) -> Decimal:
        """What is billed, less what is estimated."""
        return MONEY.subtract(self.billed_amount, self.estimate.amount)

    def use(self, key: UsageKey, estimate: Estimate) -> None:
        """Take an estimate up."""
        self.usage.append(key)
        self.estimate.add(estimate)


class BillSums(Struct):
    """What rows come to; all is exact, and each part adds up to its whole.

    ``is_billed``: some of them have a bill. ``is_estimated``: something that was used has a price.
    """

    rows: int = 0
    is_billed: bool = False
    is_estimated: bool = False
    billed_amount: Decimal = Decimal(0)
    estimated_amount: Decimal = Decimal(0)
    matched_amount: Decimal = Decimal(0)

    @property
    def difference(self) -> Decimal:
        """What is billed, less what is estimated."""
        return MONEY.subtract(self.billed_amount, self.estimated_amount)

    @property
    def not_matched_amount(self) -> Decimal:
        """What is billed, and not estimated."""
        return MONEY.subtract(self.billed_amount, self.matched_amount)

    @property
    def not_billed_amount(self) -> Decimal:
        """What is estimated, and not billed."""
        return MONEY.subtract(self.estimated_amount, self.matched_amount)

    @property
    def known_amounts(self) -> dict[str, Decimal | None]:
        """All of it by name; what is not billed, or has no price, is ``None`` with its parts.

        In the difference and in what matches it counts as nothing, if the other side is known.
        """
        is_either = self.is_billed or self.is_estimated
        return {
            "billed": self.billed_amount if self.is_billed else None,
            "estimated": self.estimated_amount if self.is_estimated else None,
            "difference": self.difference if is_either else None,
            "matched": self.matched_amount if is_either else None,
            "not_matched": self.not_matched_amount if self.is_billed else None,
            "not_billed": self.not_billed_amount if self.is_estimated else None,
        }

    def take(self, row: BillRow) -> None:
        """Count a row."""
        self.rows += 1
        self.is_estimated |= row.is_estimated
        self.estimated_amount = MONEY.add(self.estimated_amount, row.estimate.amount)
        if row.line_items:
            self.is_billed = True
            self.billed_amount = MONEY.add(self.billed_amount, row.billed_amount)
            self.matched_amount = MONEY.add(self.matched_amount, row.matched_amount)

    def join(self, other: BillSums) -> None:
        """Count what others have counted."""
        self.rows += other.rows
        self.is_billed |= other.is_billed
        self.is_estimated |= other.is_estimated
        self.billed_amount = MONEY.add(self.billed_amount, other.billed_amount)
        self.estimated_amount = MONEY.add(self.estimated_amount, other.estimated_amount)
        self.matched_amount = MONEY.add(self.matched_amount, other.matched_amount)
