"""Prices by model, service tier and day; one list laid over another.

A price is in dollars (or the list's own currency) for one unit of a **kind** of use, exact, with at
most 40 fraction digits.
"""

from __future__ import annotations

import decimal
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final, NamedTuple, Protocol

from stream.records.money import MAX_FRACTION_DIGITS, MONEY, exact_number

__all__ = [
    "BATCH",
    "DEFAULT_TIER",
    "KINDS",
    "TIERS",
    "USD",
    "LayeredPrices",
    "ModelPrices",
    "PriceList",
    "UseKind",
    "price_of_one",
    "with_fallbacks",
]

USD: Final = "usd"
DEFAULT_TIER: Final = "default"
BATCH: Final = "batch"
"""The tier that a batch is charged in, whatever its row says of tiers."""
TIERS: Final = {
    BATCH: BATCH,
    DEFAULT_TIER: DEFAULT_TIER,
    "fast": "fast",
    "flex": "flex",
    "priority": "priority",
    "scale": "scale",
    "standard": DEFAULT_TIER,
}
"""The words that name a tier in line items and price lists, and the tier that is charged."""
MILLION: Final = 1_000_000


class UseKind(NamedTuple):
    """A kind of use: what a price list calls it, and how many units its price there is for."""

    key: str
    units: int = MILLION


KINDS: Final = {
    **{
        name: UseKind(name)
        for name in (
            "input",
            "cached_input",
            "cache_write",
            "output",
            "audio_input",
            "cached_audio_input",
            "audio_output",
            "image_input",
            "cached_image_input",
            "image_output",
            "characters",
        )
    },
    "images": UseKind("images", 1),
    "seconds": UseKind("minutes", 60),
    "sessions": UseKind("sessions", 1),
    "web_searches": UseKind("web_searches", 1000),
    "file_searches": UseKind("file_searches", 1000),
}
"""Every kind of use that may have a price. No unit is of two kinds: cached input is not input.

What has a tokens' name is counted in tokens; ``seconds`` are of audio, and priced by the minute.
"""

FALLBACKS: Final = {
    "cached_input": ("input",),
    "cache_write": ("input",),
    "image_input": ("input",),
    "cached_image_input": ("image_input", "cached_input", "input"),
    "image_output": ("output",),
    "cached_audio_input": ("audio_input",),
}
"""What a kind without a price of its own is charged as: the first of these that has one itself.

Audio is never charged as text.
"""
TOKENS: Final = frozenset(
    {*FALLBACKS, "input", "output", "audio_input", "audio_output"},
)
"""The kinds that are parts of a model's tokens, whose prices are agreed upon together."""

MOST_KNOWN: Final = 10_000
"""Prices that are remembered, so that memory does not grow with the names of models."""
ROUNDING: Final = decimal.Context(prec=120)
FINEST: Final = Decimal(1).scaleb(-MAX_FRACTION_DIGITS)


class ModelPrices(NamedTuple):
    """What a model's use costs in one tier, by kind, for one unit each.

    ``by_length``: long requests cost more, which sums of many requests cannot show.
    """

    by_kind: Mapping[str, Decimal]
    by_length: bool = False


class PriceList(Protocol):
    """Anything that has prices; ``title`` names it in the report, ``currency`` is in lower case.

    ``starts`` are the UTC days (Unix seconds) on which any price may begin to hold, in order.
    """

    title: str
    currency: str
    starts: list[int]

    def find(self, model: str | None, tier: str, day: int) -> ModelPrices | None:
        """Return the prices of a model in a tier on a day (its start); ``None``: none."""


class LayeredPrices:
    """Lists laid over each other: of each kind, the first that has a price says it.

    The first that prices any tokens of a model prices all of them: no contract is completed with
    what others have agreed upon.
    """

    def __init__(self, *lists: PriceList) -> None:
        """Lay lists over each other, the topmost first; all have one currency."""
        self._lists = lists
        self.title = " over ".join(one.title for one in lists)
        self.currency = lists[0].currency
        self.starts = sorted({start for one in lists for start in one.starts})
        self._known: dict[tuple[str | None, str, int], ModelPrices | None] = {}
        """What is known by model, tier and the period between two starts."""

    def find(self, model: str | None, tier: str, day: int) -> ModelPrices | None:
        """Return what the lists together say; between two starts it is looked up once."""
        key = model, tier, bisect_right(self.starts, day)
        if key not in self._known:
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            found = [one.find(model, tier, day) for one in self._lists]
            self._known[key] = merge_prices(one for one in found if one is not None)
        return self._known[key]


def merge_prices(found: Iterable[ModelPrices]) -> ModelPrices | None:
    """Merge what several lists say of a model, the topmost first."""
    by_kind: dict[str, Decimal] = {}
    by_length = False
    for one in found:
        news = one.by_kind.keys() - by_kind.keys()
        if not TOKENS.isdisjoint(by_kind):
            news -= TOKENS
        by_length |= one.by_length and bool(news)
        by_kind.update({kind: one.by_kind[kind] for kind in sorted(news)})
    return ModelPrices(with_fallbacks(by_kind), by_length) if by_kind else None


def with_fallbacks(stated: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """Add the kinds that are charged as others are: as the closest whose price is stated."""
    found = dict(stated)
    for kind, others in FALLBACKS.items():
        known = [stated[other] for other in others if other in stated]
        if kind not in stated and known:
            found[kind] = known[0]
    return found


def price_of_one(price: Decimal, per: int) -> Decimal:
    """Return the price of one unit, from that of ``per`` units.

    A third of a cent has no end: what is beyond 40 fraction digits is rounded here, once, so that
    every estimate is exact and adds up.
    """
    one = ROUNDING.divide(price, Decimal(per))
    exponent = one.as_tuple().exponent
    if isinstance(exponent, int) and exponent < -MAX_FRACTION_DIGITS:
        one = one.quantize(FINEST, context=ROUNDING)
    return Decimal(exact_number(MONEY.plus(one)))
