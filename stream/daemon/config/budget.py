"""A ``[[budget]]``: how much may be spent in a month, by a project or by all together."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Final, TypeAlias

from msgspec import Meta, Struct

from stream.figures.money.standings import MonthlyBudget

__all__ = ["BudgetSettings"]

MONTHLY: Final = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,18})?) ([A-Za-z]{3})")
MOST: Final = 10


ProjectText: TypeAlias = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=200,
        pattern=r"^[^\x00-\x1f\x7f]*\Z",
        extra_json_schema={"expected": "a project's id or name, of up to 200 characters"},
    ),
]


class BudgetSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A budget for each UTC month; without a project it is for all of them.

    ``warn`` are the shares of it that an alert tells of.
    """

    monthly: Annotated[
        str,
        Meta(
            pattern=rf"^{MONTHLY.pattern}\Z",
            extra_json_schema={"expected": 'an amount and its currency, such as "500 usd"'},
        ),
    ]
    project: ProjectText | None = None
    warn: Annotated[
        tuple[Annotated[float, Meta(gt=0, le=MOST)], ...],
        Meta(
            max_length=10,
            extra_json_schema={"expected": f"up to 10 shares from 0 to {MOST}, as [0.5, 1.0]"},
        ),
    ] = (0.5, 0.8, 1.0)

    @property
    def budget(self) -> MonthlyBudget:
        """The budget, as figures have it; a text that is none is one of nothing."""
        match = MONTHLY.fullmatch(self.monthly)
        amount, currency = (match[1], match[2].lower()) if match else ("0", "")
        thresholds = tuple(Decimal(repr(one)) for one in self.warn)
        return MonthlyBudget(self.project, Decimal(amount), currency, thresholds)
