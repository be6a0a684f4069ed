"""A price list of one's own: contract prices, models that nobody publishes, discounts, tiers.

::

    default = true                  # over the published list; false: this list alone
    currency = "usd"

    [[price]]
    model = "gpt-4o-mini*"          # a name as rows have it; * at its end: any ending
    tier = "default"                # or flex, priority, scale, fast, batch
    valid_from = 2026-01-01         # from that UTC day on; absent: ever
    input = "0.12"                  # for a million tokens; every key is in price_list.KINDS

    [[discount]]                    # off the published prices
    model = "*"
    share = "0.1"
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from stream.providers.prices.checks import Checks, TomlTable, quote_value, read_tables
from stream.providers.prices.price_list import (
    DEFAULT_TIER,
    KINDS,
    TIERS,
    USD,
    ModelPrices,
    PriceList,
    price_of_one,
)
from stream.records.currencies import is_currency
from stream.records.money import MONEY

__all__ = ["DiscountedPrices", "OwnPrices", "read_own_prices"]


class Scope(NamedTuple):
    """What an entry is about; ``tier`` is ``None`` for every tier, ``start`` in Unix seconds.

    ``model`` is in lower case: a name is the same in any case, as it is in the published list.
    """

    model: str
    tier: str | None
    start: int

    def covers(self, model: str | None, tier: str, day: int) -> bool:
        """Tell whether a model's use in a tier at a time is meant; ``*`` is for no model too."""
        if day < self.start or self.tier not in {None, tier}:
            return False
        name = (model or "").lower()
        if self.model.endswith("*"):
            return name.startswith(self.model[:-1])
        return name == self.model

    @property
    def rank(self) -> tuple[bool, int, bool, int]:
        """What orders entries that cover the same: the closest name, a tier, the latest start."""
        wild = self.model.endswith("*")
        return not wild, len(self.model), self.tier is not None, self.start


class OwnPrice(NamedTuple):
    """An entry of ``[[price]]``: prices by kind, for one unit each."""

    scope: Scope
    by_kind: dict[str, Decimal]


class Discount(NamedTuple):
    """An entry of ``[[discount]]``: ``remainder`` is the share that stays to be paid."""

    scope: Scope
    remainder: Decimal


class OwnPrices:
    """The prices of a file; of the entries that cover a use, the closest says all of them.

    Laid over the published list, an entry with the price of any tokens says what all of them cost;
    what else it does not name (searches, images, sessions, …) is charged as published.
    """

    def __init__(
        self,
        title: str,
        currency: str,
        prices: Sequence[OwnPrice],
        discounts: Sequence[Discount] = (),
        *,
        default: bool = True,
    ) -> None:
        """Hold what a file says; ``default``: it is laid over the published list."""
        self.title = title
        self.currency = currency
        self.default = default
        self._prices = sorted(prices, key=lambda one: one.scope.rank, reverse=True)
        self._discounts = sorted(discounts, key=lambda one: one.scope.rank, reverse=True)
        scopes = [*(one.scope for one in prices), *(one.scope for one in discounts)]
        self.starts = sorted({one.start for one in scopes})

    def find(self, model: str | None, tier: str, day: int) -> ModelPrices | None:
        """Return the prices of the closest entry."""
        for price in self._prices:
            if price.scope.covers(model, tier, day):
                return ModelPrices(price.by_kind)
        return None

    def share_kept(self, model: str | None, tier: str, day: int) -> Decimal:
        """Return what remains to be paid of a published price."""
        found = (one.remainder for one in self._discounts if one.scope.covers(model, tier, day))
        return next(found, Decimal(1))

    def discount_prices(self, published: PriceList) -> PriceList:
        """Return the published list, less the discounts."""
        return DiscountedPrices(self, published)


class DiscountedPrices:
    """A list, less the discounts of another."""

    def __init__(self, own: OwnPrices, published: PriceList) -> None:
        """Take the discounts of ``own`` off ``published``."""
        self._own = own
        self._published = published
        self.title = published.title
        self.currency = published.currency
        self.starts = sorted({*own.starts, *published.starts})

    def find(self, model: str | None, tier: str, day: int) -> ModelPrices | None:
        """Return the prices that remain to be paid."""
        found = self._published.find(model, tier, day)
        if found is None:
            return None
        kept = self._own.share_kept(model, tier, day)
        by_kind = {kind: MONEY.multiply(price, kept) for kind, price in found.by_kind.items()}
        return found._replace(by_kind=by_kind)


def read_own_prices(content: bytes, place: str, title: str) -> OwnPrices:
    """Read a price list; ``place`` names the file in messages, ``title`` in reports.

    Raises:
        BadConfiguration: with every key that is wrong, what was found and what was expected.
    """
    checks = Checks(place)
    top = TomlTable(read_tables(content, place), "", checks)
    currency = top.text("currency", USD).lower()
    default = top.flag("default", absent=True)
    found = quote_value(currency)
    if not is_currency(currency):
        checks.note("currency", f"found {found}, expected a code of ISO 4217, as usd")
    elif default and currency != USD:
        checks.note("currency", f"found {found}, expected usd, or default = false")
    prices = [price_of(one) for one in top.tables("price")]
    discounts = [discount_of(one) for one in top.tables("discount")]
    top.refuse_rest()
    for name, scopes in (
        ("price", [one.scope for one in prices]),
        ("discount", [one.scope for one in discounts]),
    ):
        for at, scope in enumerate(scopes):
            if scope in scopes[:at]:
                first = scopes.index(scope)
                checks.note(f"{name}[{at}]", f"is for the same as {name}[{first}]; expected one")
    checks.raise_all()
    return OwnPrices(title, currency, prices, discounts, default=default)


def price_of(table: TomlTable) -> OwnPrice:
    """Read an entry of ``[[price]]``."""
    scope = scope_of(table, DEFAULT_TIER)
    included = table.flag("included", absent=False)
    by_kind = {}
    for kind, (key, per) in KINDS.items():
        price = table.amount(key)
        if price is not None:
            by_kind[kind] = price_of_one(price, per)
    if included and by_kind:
        table.note("included", "found true beside prices; expected one or the other")
    elif included:
        by_kind = dict.fromkeys(KINDS, Decimal(0))
    elif not by_kind and not table.is_bad:
        table.note("", "found no price; expected some, or included = true")
    table.refuse_rest()
    return OwnPrice(scope, by_kind)


def discount_of(table: TomlTable) -> Discount:
    """Read an entry of ``[[discount]]``."""
    scope = scope_of(table, None)
    share = table.amount("share", most=1, required=True)
    table.refuse_rest()
    return Discount(scope, MONEY.subtract(Decimal(1), share or Decimal(0)))


def scope_of(table: TomlTable, tier: str | None) -> Scope:
    """Read what an entry is about; ``tier`` is what is meant where it names none."""
    model = table.text("model", "", required=True)
    if "*" in model[:-1]:
        table.note("model", f"found {quote_value(model)}, expected a name, or one that ends in *")
    named = table.text("tier", "").lower()
    if named and named not in TIERS:
        known = ", ".join(sorted(TIERS))
        table.note("tier", f"found {quote_value(named)}, expected one of {known}")
    start = table.day("valid_from")
    seconds = 0 if start is None else int(dt.datetime.combine(start, dt.time(), dt.UTC).timestamp())
    return Scope(model.lower(), TIERS.get(named, named or tier), seconds)
