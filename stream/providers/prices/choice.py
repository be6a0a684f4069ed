"""The price list that somebody asks for: the published one, or a file over it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

from stream.providers.prices.own_prices import read_own_prices
from stream.providers.prices.price_list import LayeredPrices, PriceList
from stream.records.errors import BadConfiguration

__all__ = ["DEFAULT", "load_prices"]

DEFAULT: Final = "default"
"""What the published list is asked for with."""
LARGEST: Final = 1024 * 1024
EXTRA: Final = "the published price list is not installed: pip install 'usage-stream[prices]'"


def load_prices(wanted: str) -> PriceList:
    """Return the published list, or what the file of that name lays over it.

    Raises:
        BadConfiguration: the file cannot be read or is wrong, with every key that is; or the
            published list is wanted and not installed.
    """
    if wanted == DEFAULT:
        return LayeredPrices(load_published())
    path = Path(wanted)
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise BadConfiguration(f"{path}: cannot be read ({error.strerror})") from None
    if len(content) > LARGEST:
        raise BadConfiguration(f"{path}: found more than {LARGEST} bytes, expected a few")
    digest = hashlib.sha256(content).hexdigest()
    own = read_own_prices(content, str(path), f"{path.name} (sha256 {digest})")
    if not own.default:
        return LayeredPrices(own)
    return LayeredPrices(own, own.discount_prices(load_published(f"{path}: default = true: ")))


def load_published(place: str = "") -> PriceList:
    """Return the published list.

    Raises:
        BadConfiguration: it is not installed.
    """
    try:
        from stream.providers.prices.published_list import (  # noqa: PLC0415 -- an extra, and 200 ms
            PublishedPrices,
        )
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in {"genai_prices", "pydantic"}:
            raise
        raise BadConfiguration(place + EXTRA) from None
    return PublishedPrices()
