"""What was written as charges: how many, what they come to, and what does not hold of them."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from msgspec import Struct

from stream.records.currencies import is_currency
from stream.records.money import MONEY, exact_number, plain_text_of
from stream.records.windows import timestamp
from stream.sinks.exports.charges import Charge

__all__ = ["FocusExport", "count_charges"]

NO_CURRENCY: Final = "unspecified"


class FocusExport(Struct, rename="camel"):
    """What was written: charges, what they come to by currency, and what does not hold of them.

    A record of costs without an amount is no charge, and is left out. The specification wants a
    national currency, a quantity of what was used, and a name of each project.
    """

    out: str
    focus_version: str
    charges: int = 0
    billed: dict[str, str] = {}
    left_out_without_amount: int = 0
    without_national_currency: int = 0
    without_quantity: int = 0
    without_project_name: int = 0
    across_months: int = 0
    first_across_months: str | None = None

    @property
    def is_conformant(self) -> bool:
        """Tell whether there is nothing that no reader of the specification's could guess."""
        return not (self.left_out_without_amount or self.without_national_currency)

    @property
    def notes(self) -> Iterator[str]:
        """Yield in words what there is to say."""
        if not self.charges:
            yield "nothing was billed, so there are no charges; usage alone is none"
        for count, text in (
            (self.left_out_without_amount, "records of costs have no amount, and are left out"),
            (self.without_national_currency, "charges are in no currency of ISO 4217"),
            (
                self.without_quantity,
                "charges have no quantity: the API has one where costs are grouped by line item",
            ),
            (
                self.without_project_name,
                "charges are of projects without a name: put a list of projects beside the pages",
            ),
        ):
            if count:
                yield f"{count} {text}"
        if self.across_months:
            count, first = self.across_months, self.first_across_months
            yield f"{count} charges cross a month, and stand in the first: {first} is one"


def count_charges(charges: Iterator[Charge], written: FocusExport) -> Iterator[Charge]:
    """Count charges, and leave out what has no amount."""
    sums: dict[str, Decimal] = {}
    for charge in charges:
        amount, currency = charge["BilledCost"], charge["BillingCurrency"] or NO_CURRENCY
        if amount is None:
            written.left_out_without_amount += 1
            continue
        written.charges += 1
        written.without_national_currency += not is_currency(currency)
        written.without_quantity += charge["PricingQuantity"] is None
        written.without_project_name += bool(
            charge["SubAccountId"] and not charge["SubAccountName"]
        )
        start, end = charge["ChargePeriodStart"], charge["ChargePeriodEnd"]
        if end > charge["BillingPeriodEnd"]:
            written.across_months += 1
            written.first_across_months = (
                written.first_across_months or f"{timestamp(start)} to {timestamp(end)}"
            )
        sums[currency] = MONEY.add(sums.get(currency, Decimal(0)), amount)
        yield charge
    written.billed = {one: plain_text_of(exact_number(sums[one])) for one in sorted(sums)}
