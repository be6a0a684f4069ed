"""What is charged for it, day by day: the events of costs, from those of usage and a price list.

In the end each day's charges are usage times price, and beside that what usage has no row for:
credits, which are negative, and training. Until then they come up to ``cost_late`` seconds after
their day, some dearer than they turn out to be, and some twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final, NamedTuple

from stream.providers.endpoint import Endpoint
from stream.providers.openai import ENDPOINTS
from stream.recordings.synth.draws import draw_number, draw_words
from stream.recordings.twin.organization import FOUNDED
from stream.recordings.twin.traffic import DAY, Traffic, UsageEvent

__all__ = ["COSTS", "Charges"]

COSTS: Final = ENDPOINTS["costs"]
DAYS_KEPT: Final = 64
ONE: Final = 1 << 16
MILLION: Final = 6
"""Prices are for so many units, as a power of ten."""
DEARER: Final = Decimal("1.1")


class Price(NamedTuple):
    """What of a use is charged: its counter, the line's last word, its unit, dollars for one."""

    counter: str
    line: str
    unit: str | None
    dollars: Decimal


def million(dollars: str) -> Decimal:
    """Return the price of one, from that of a million."""
    return Decimal(dollars).scaleb(-MILLION)


def token_prices(uncached: str, cached: str, output: str) -> tuple[Price, ...]:
    """Return the prices of a model, in dollars for a million tokens."""
    return (
        Price("input_uncached_tokens", "input_tokens", "tokens", million(uncached)),
        Price("input_cached_tokens", "cached_input_tokens", "tokens", million(cached)),
        Price("output_tokens", "output_tokens", "tokens", million(output)),
    )


PRICES: Final[dict[str, tuple[Price, ...]]] = {
    "gpt-4o-mini-2024-07-18": token_prices("0.15", "0.075", "0.60"),
    "gpt-4o-2024-08-06": token_prices("2.50", "1.25", "10.00"),
    "gpt-4.1-2025-04-14": token_prices("2.00", "0.50", "8.00"),
    "o4-mini-2025-04-16": token_prices("1.10", "0.275", "4.40"),
    "gpt-4o-audio-preview-2024-12-17": token_prices("2.50", "2.50", "10.00"),
    "text-embedding-3-small": (Price("input_tokens", "input_tokens", "tokens", million("0.02")),),
    "text-embedding-3-large": (Price("input_tokens", "input_tokens", "tokens", million("0.13")),),
    "omni-moderation-latest": (Price("input_tokens", "input_tokens", "tokens", Decimal(0)),),
    "gpt-image-1": (Price("images", "image", "images", Decimal("0.042")),),
    "dall-e-3": (Price("images", "image", "images", Decimal("0.04")),),
    "tts-1": (Price("characters", "characters", "characters", million("15")),),
    "tts-1-hd": (Price("characters", "characters", "characters", million("30")),),
    "whisper-1": (Price("seconds", "audio", "duration_seconds", Decimal("0.0001")),),
    "gpt-4o-transcribe": (Price("seconds", "audio", "duration_seconds", Decimal("0.0001")),),
}
"""What each model's use is charged with; a batch at half of it."""

CHARGED: Final = tuple(
    ENDPOINTS[f"usage/{name}"]
    for name in (
        "completions",
        "embeddings",
        "moderations",
        "images",
        "audio_speeches",
        "audio_transcriptions",
    )
)


class Charges:
    """Draws the events of costs; counters are the amount in dollars, and the quantity or ``None``.

    They may change until ``settle_seconds`` after the end of their day.
    """

    def __init__(self, traffic: Traffic, cost_late: float = 2.0 * DAY) -> None:
        """Charge for what the traffic uses."""
        self.traffic = traffic
        self.cost_late = cost_late
        self._day = lru_cache(DAYS_KEPT)(self._draw_day)

    @property
    def settle_seconds(self) -> float:
        """How long after its end a bucket of costs may change."""
        return self.cost_late + DAY

    def events(self, start: int, end: int) -> Iterator[UsageEvent]:
        """Yield what is charged for moments from ``start`` to ``end``, the latter not included."""
        for day in range(max(start, FOUNDED) // DAY, -(-end // DAY)):
            found = self._day(day)
            if start <= day * DAY and (day + 1) * DAY <= end:
                yield from found
            else:
                yield from (one for one in found if start <= one.moment < end)

    def _draw_day(self, day: int) -> tuple[UsageEvent, ...]:
        found = list(self._extras(day))
        for endpoint in CHARGED:
            used = list(self.traffic.events(endpoint, day * DAY, (day + 1) * DAY))
            words = draw_words(2 * len(used), self.traffic.seed, "charge", endpoint.key, day)
            for at, event in enumerate(used):
                delay, fate = words[2 * at : 2 * at + 2]
                for charge in charges_of(endpoint, event):
                    found.extend(self._schedule(charge, delay, fate))
        return tuple(found)

    def _schedule(self, charge: UsageEvent, delay: int, fate: int) -> Iterator[UsageEvent]:
        """Say when a charge comes, and what it is until it is corrected."""
        ends = (charge.moment // DAY + 1) * DAY
        soon = charge.moment + 600 + delay * 20_000 // ONE
        arrival = ends + delay * self.cost_late / ONE if delay % 5 < 2 else soon  # noqa: PLR2004 -- two in five
        on_time = charge._replace(arrival=min(arrival, ends + self.cost_late))
        corrected = ends + self.cost_late + fate * DAY / ONE
        amount, quantity = charge.counters
        if fate % 12 == 0:
            dearer = (amount * DEARER, quantity)
            yield on_time._replace(counters=dearer, revised_at=corrected, revision=charge.counters)
        else:
            yield on_time
        if fate % 40 == 1:
            yield on_time._replace(revised_at=corrected)

    def _extras(self, day: int) -> Iterator[UsageEvent]:
        """Draw what usage has no row for: nobody's credit, and a project's training."""
        drawn = draw_number(self.traffic.seed, "extras", day)
        moment, delay, fate = day * DAY + drawn % DAY, drawn >> 20 & 0xFFFF, drawn >> 40 & 0xFFFF
        if drawn % 6 == 0:
            credit = Decimal(-(drawn % 20) - 1).scaleb(-2)
            yield from self._schedule(
                charge_of(moment, (credit, None), line_item="Credit"), delay, fate
            )
        if drawn % 4 == 1:
            projects = self.traffic.organization.projects[:-1]
            tokens = 1000 + drawn % 500_000
            training = charge_of(
                moment,
                (tokens * million("3.00"), tokens),
                line_item="gpt-4o-mini-2024-07-18, training",
                project_id=projects[drawn % len(projects)]["id"],
                quantity_unit="tokens",
            )
            yield from self._schedule(training, delay, fate)


def charges_of(endpoint: Endpoint, event: UsageEvent) -> Iterator[UsageEvent]:
    """Charge for one event of usage as it is in the end; one that vanishes costs nothing."""
    if event.final is None:
        return
    known = dict(zip(endpoint.grouped_by, event.values, strict=True))
    amounts = dict(zip(endpoint.counts, event.final, strict=True))
    half, batch = (Decimal("0.5"), "batch ") if known.get("batch") else (Decimal(1), "")
    for price in PRICES[known["model"]]:
        if quantity := amounts[price.counter]:
            yield charge_of(
                event.moment,
                (quantity * price.dollars * half, quantity),
                line_item=f"{known['model']}, {batch}{price.line}",
                quantity_unit=price.unit,
                **{name: known.get(name) for name in ("project_id", "user_id", "api_key_id")},
                api_source=known.get("api_source") or "unlabeled",
            )


def charge_of(moment: int, counters: tuple[Any, ...], **values: Any) -> UsageEvent:
    """Make an event of costs, which is there from its moment on."""
    known = {"api_source": "unlabeled", "currency": "usd", **values}
    in_order = tuple(known.get(name) for name in COSTS.grouped_by)
    return UsageEvent(moment, moment, in_order, counters)
