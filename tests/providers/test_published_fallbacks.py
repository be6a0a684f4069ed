"""What a kind without a price of its own is charged as, against the library that has the prices.

Its calculator is not ours: it takes the parts of a count out of the whole, and charges what is left
at the closest price. The one difference is meant: audio is never charged as text.
"""

from __future__ import annotations

import datetime as dt
from typing import Final

import pytest
from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import ModelInfo, Usage

from stream.providers.prices.price_list import DEFAULT_TIER, with_fallbacks
from stream.providers.prices.published_list import prices_in_tier
from tests.support.estimating import NOVEMBER

(MODELS,) = (one.models for one in get_snapshot().providers if one.id == "openai")
MOMENT: Final = dt.datetime.fromtimestamp(NOVEMBER.start, dt.UTC)
CACHED: Final = ("input_tokens", "cache_read_tokens")
COUNTS: Final = {
    "input": ("input_tokens",),
    "cached_input": CACHED,
    "cache_write": ("input_tokens", "cache_write_tokens"),
    "image_input": ("input_tokens", "input_image_tokens"),
    "cached_image_input": (*CACHED, "input_image_tokens", "cache_image_read_tokens"),
    "audio_input": ("input_tokens", "input_audio_tokens"),
    "cached_audio_input": (*CACHED, "input_audio_tokens", "cache_audio_read_tokens"),
    "output": ("output_tokens",),
    "audio_output": ("output_tokens", "output_audio_tokens"),
    "image_output": ("output_tokens", "output_image_tokens"),
}
"""Kind → the library's counts that one such token is in."""
LIKE: Final = {
    **dict.fromkeys(("input", "cached_input", "cache_write"), "input_mtok"),
    **dict.fromkeys(("image_input", "cached_image_input"), "input_mtok"),
    **dict.fromkeys(("audio_input", "cached_audio_input"), "input_audio_mtok"),
    **dict.fromkeys(("output", "image_output"), "output_mtok"),
    "audio_output": "output_audio_mtok",
}
"""Kind → the price without which it has none here."""


@pytest.mark.parametrize("kind", COUNTS)
def test_each_kind_is_charged_as_the_closest_that_has_a_price(kind: str) -> None:
    """Of every published model, one token costs what the library works out for it."""
    compared = {one.id: compare(one, kind) for one in MODELS}
    assert {name: pair for name, pair in compared.items() if pair[0] != pair[1]} == {}
    assert any(pair[0] for pair in compared.values())


def compare(info: ModelInfo, kind: str) -> tuple[object, object]:
    """Return what a token of a kind costs here and there; ``None``: it has no price."""
    found = prices_in_tier(info, DEFAULT_TIER, MOMENT)
    here = None if found is None else with_fallbacks(found.by_kind).get(kind)
    published = info.get_prices(MOMENT)
    if getattr(published, LIKE[kind]) is None:
        return here, None
    return here, published.calc_price(Usage(**dict.fromkeys(COUNTS[kind], 1)))["total_price"]
