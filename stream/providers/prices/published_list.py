"""The price list that genai-prices publishes: bundled with it, dated, and never fetched.

It has prices by model, and beside them what tiers and batches cost; these have start dates that
say when somebody wrote them down. Before that date they count as long as the model's own prices
were what they were on it. A tier of which nothing is published has no price.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from typing import Final

import genai_prices
from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import (
    ModelInfo,
    ModelPrice,
    PriceVariant,
    StartDateConstraint,
    TieredPrices,
)

from stream.providers.prices.price_list import (
    BATCH,
    DEFAULT_TIER,
    USD,
    ModelPrices,
    price_of_one,
)

__all__ = ["PublishedPrices"]

PROVIDER: Final = "openai"
HOUR: Final = 3600
THOUSAND: Final = 1000
MILLION: Final = 1_000_000
COLUMNS: Final = {
    "input": ("input_mtok", MILLION),
    "cached_input": ("cache_read_mtok", MILLION),
    "cache_write": ("cache_write_mtok", MILLION),
    "output": ("output_mtok", MILLION),
    "audio_input": ("input_audio_mtok", MILLION),
    "cached_audio_input": ("cache_audio_read_mtok", MILLION),
    "audio_output": ("output_audio_mtok", MILLION),
    "image_input": ("input_image_mtok", MILLION),
    "cached_image_input": ("cache_image_read_mtok", MILLION),
    "image_output": ("output_image_mtok", MILLION),
    "characters": ("input_mchars", MILLION),
    "seconds": ("audio_hours", HOUR),
    "web_searches": ("web_searches_kcount", THOUSAND),
    "file_searches": ("storage_searches_kcount", THOUSAND),
}
"""UseKind → what the library calls its price, and how many units that is for."""
SEARCHES: Final = ("web_searches", "file_searches")
"""What is charged the same with every model, and used by rows that name none."""


class PublishedPrices:
    """The published prices of one provider's models, in dollars."""

    currency = USD

    def __init__(self) -> None:
        """Read what is bundled."""
        self.title = f"genai-prices {genai_prices.__version__}"
        (self._provider,) = [one for one in get_snapshot().providers if one.id == PROVIDER]
        self._models: dict[str, ModelInfo | None] = {}
        found = {start for one in self._provider.models for start in starts_of(one)}
        self.starts = [*map(seconds_of, sorted(found))]

    def find(self, model: str | None, tier: str, day: int) -> ModelPrices | None:
        """Return what is published of a model in a tier at a time (Unix seconds)."""
        moment = dt.datetime.fromtimestamp(day, dt.UTC)
        if model is None:
            return self._searches(moment) if tier == DEFAULT_TIER else None
        if model not in self._models:
            self._models[model] = self._provider.find_model(model)
        info = self._models[model]
        prices = None if info is None else prices_in_tier(info, tier, moment)
        return prices if prices is not None and prices.by_kind else None

    def _searches(self, moment: dt.datetime) -> ModelPrices | None:
        """Return what searches cost, where that is the same with every model."""
        found = {}
        for kind in SEARCHES:
            column, per = COLUMNS[kind]
            models = (getattr(one.get_prices(moment), column) for one in self._provider.models)
            prices = {price for price in models if isinstance(price, Decimal)}
            if len(prices) == 1:
                found[kind] = price_of_one(prices.pop(), per)
        return ModelPrices(found) if found else None


def prices_in_tier(info: ModelInfo, tier: str, moment: dt.datetime) -> ModelPrices | None:
    """Return what a model costs in a tier; ``None``: nobody has published it."""
    standard = info.get_prices(moment)
    layers = [] if tier == DEFAULT_TIER else list(variants_in(info, tier, moment))
    if tier != DEFAULT_TIER and not layers:
        return None
    by_kind, by_length = {}, False
    for kind, (column, per) in COLUMNS.items():
        prices = (getattr(one, column) for one in (*layers, standard))
        price = next((one for one in prices if one is not None), None)
        if isinstance(price, TieredPrices):
            price, by_length = price.base, True
        if price is not None:
            by_kind[kind] = price_of_one(price, per)
    return ModelPrices(by_kind, by_length)


def variants_in(info: ModelInfo, tier: str, moment: dt.datetime) -> Iterator[ModelPrice]:
    """Yield what is published of a tier and counts at a time, the first first."""
    wanted = {"processing": BATCH} if tier == BATCH else {"service_tier": tier}
    for variant in info.price_variants or ():
        if variant.when == wanted and is_active(info, variant, moment):
            yield variant.prices


def is_active(info: ModelInfo, variant: PriceVariant, moment: dt.datetime) -> bool:
    """Tell whether a tier's prices count: from their start on, and before it at equal prices."""
    constraint = variant.constraint
    if constraint is None or constraint.active(moment):
        return True
    if not isinstance(constraint, StartDateConstraint):
        return False
    return bool(info.get_prices(moment) == info.get_prices(midnight_of(constraint.start_date)))


def starts_of(info: ModelInfo) -> Iterator[dt.date]:
    """Yield the days on which prices of a model begin to hold."""
    dated = info.prices if isinstance(info.prices, list) else []
    for one in (*dated, *(info.price_variants or ())):
        if isinstance(one.constraint, StartDateConstraint):
            yield one.constraint.start_date


def midnight_of(day: dt.date) -> dt.datetime:
    """Return when a UTC day begins."""
    return dt.datetime.combine(day, dt.time(), dt.UTC)


def seconds_of(day: dt.date) -> int:
    """Return when a UTC day begins, in Unix seconds."""
    return int(midnight_of(day).timestamp())
