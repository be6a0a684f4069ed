"""Estimates: usage times price, each worked out by hand, and adding up over any split."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from decimal import Decimal
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.figures.days import DayGroups
from stream.figures.money.estimates import OWN_COST, Estimates, UsageKey
from stream.providers.openai import ENDPOINTS
from stream.providers.prices.choice import load_prices
from stream.providers.prices.own_prices import read_own_prices
from stream.providers.prices.price_list import LayeredPrices, PriceList
from stream.records.money import MONEY, exact_number, plain_text_of
from stream.records.windows import DAY, Window

PUBLISHED: Final = load_prices("default")
OWN: Final = LayeredPrices(
    read_own_prices(
        b"""
        default = false
        [[price]]
        model = "*"
        sessions = "0.03"
        file_searches = "2.50"
        [[price]]
        model = "m"
        input = "3"
        output = "5"
        images = "0.04"
        minutes = "0.01"
        [[price]]
        model = "m"
        tier = "scale"
        included = true
        [[price]]
        model = "m"
        valid_from = 2025-01-01
        input = "2"
        """,
        "prices.toml",
        "own",
    )
)


def day_at(year: int, month: int, day: int) -> Window:
    """Return a UTC day."""
    start = int(dt.datetime(year, month, day, tzinfo=dt.UTC).timestamp())
    return Window(start, start + DAY)


NOVEMBER: Final = day_at(2026, 11, 1)
BEFORE: Final = day_at(2024, 12, 31)
"""The last day before the own list's later entry."""


def estimates_of(
    name: str,
    counters: dict[str, Any],
    prices: PriceList = PUBLISHED,
    days: Window = NOVEMBER,
    **known: Any,
) -> Estimates:
    """Estimate one group of an endpoint."""
    found = Estimates(prices)
    groups = DayGroups(tuple(known), {tuple(known.values()): counters})
    found.take(ENDPOINTS[f"usage/{name}"], days, groups)
    return found


def amounts_of(found: Estimates) -> dict[str, str | int]:
    """Return each kind's amount as text; of what has no price, its quantity as a number."""
    return {
        key.kind: one.without_price or plain_text_of(exact_number(one.amount))
        for key, one in found.by_key.items()
    }


def tokens(**counts: int) -> dict[str, int]:
    """Return counters of tokens."""
    return {f"{name}_tokens": count for name, count in counts.items()}


HAND: Final[dict[str, tuple[Estimates, dict[str, str | int]]]] = {
    # 2849 - 800 = 2049 at 0.15 / 10⁶ = 0.00030735; 800 at 0.075 / 10⁶; 912 at 0.60 / 10⁶.
    "cached": (
        estimates_of(
            "completions",
            tokens(input=2849, input_cached=800, output=912),
            model="gpt-4o-mini-2024-07-18",
        ),
        {"input": "0.00030735", "cached_input": "0.00006", "output": "0.0005472"},
    ),
    # A batch of gpt-5 is half of 1.25 and 10: 10⁶ at 0.625 / 10⁶, 10⁶ at 5 / 10⁶.
    "batch": (
        estimates_of(
            "completions",
            tokens(input=1_000_000, output=1_000_000),
            model="gpt-5",
            batch=True,
            service_tier="default",
        ),
        {"input": "0.625", "output": "5"},
    ),
    # The same in 2025, before anybody wrote it down: the model cost 1.25 then too.
    "batch before": (
        estimates_of(
            "completions",
            tokens(input=1_000_000),
            days=day_at(2025, 9, 1),
            model="gpt-5",
            batch=True,
        ),
        {"input": "0.625"},
    ),
    # o3 cost 10 until June 2025, and 2 since: its batches of May have no price that is known.
    "batch of another price": (
        estimates_of(
            "completions", tokens(input=7), days=day_at(2025, 5, 1), model="o3", batch=True
        ),
        {"input": 7},
    ),
    # 10⁶ at 10 / 10⁶ in May 2025; at 2 / 10⁶ in July.
    "dated": (
        estimates_of("completions", tokens(input=1_000_000), days=day_at(2025, 5, 1), model="o3"),
        {"input": "10"},
    ),
    "dated later": (
        estimates_of("completions", tokens(input=1_000_000), days=day_at(2025, 7, 1), model="o3"),
        {"input": "2"},
    ),
    # Flex is half as well: 4·10⁵ not cached at 0.625 = 0.25; 6·10⁵ cached at 0.0625 = 0.0375.
    "flex": (
        estimates_of(
            "completions",
            tokens(input=1_000_000, input_cached=600_000),
            model="gpt-5",
            service_tier="flex",
        ),
        {"input": "0.25", "cached_input": "0.0375"},
    ),
    # Priority is twice: 10⁶ at 2.50 and 10⁶ at 20.
    "priority": (
        estimates_of(
            "completions",
            tokens(input=1_000_000, output=1_000_000),
            model="gpt-5",
            service_tier="priority",
        ),
        {"input": "2.5", "output": "20"},
    ),
    # gpt-4o has no flex: it is not charged as if it were standard.
    "no such tier": (
        estimates_of("completions", tokens(input=5), model="gpt-4o", service_tier="flex"),
        {"input": 5},
    ),
    # gpt-realtime, of 1000: 200 cached (50 audio), 100 audio, 40 images, so 660 text at 4 / 10⁶;
    # 150 cached text at 0.4, 50 cached audio at 0.4, 100 audio at 32, 40 images at 5;
    # of 500 out 300 audio at 64, 200 text at 16.
    "audio": (
        estimates_of(
            "completions",
            tokens(
                input=1000,
                input_cached=200,
                input_cached_audio=50,
                input_audio=100,
                input_image=40,
                output=500,
                output_audio=300,
            ),
            model="gpt-realtime",
        ),
        {
            "input": "0.00264",
            "cached_input": "0.00006",
            "cached_audio_input": "0.00002",
            "audio_input": "0.0032",
            "image_input": "0.0002",
            "audio_output": "0.0192",
            "output": "0.0032",
        },
    ),
    # gpt-4o-audio-preview has prices of text alone, and audio is never charged as text.
    "audio without a price": (
        estimates_of(
            "completions",
            tokens(input=1_000_000, input_audio=400_000),
            model="gpt-4o-audio-preview",
        ),
        {"input": "1.5", "audio_input": 400_000},
    ),
    # gpt-6-astra: 12.5 / 10⁶ for what is written to the cache, 10 / 10⁶ for the rest.
    "cache write": (
        estimates_of(
            "completions", tokens(input=300_000, input_cache_write=100_000), model="gpt-6-astra"
        ),
        {"input": "2", "cache_write": "1.25"},
    ),
    # 768 at 0.13 / 10⁶.
    "embeddings": (
        estimates_of("embeddings", tokens(input=768), model="text-embedding-3-large"),
        {"input": "0.00009984"},
    ),
    # 3 images at 0.04; 25 searches at 2.50 / 1000; 9 sessions at 0.03.
    "images": (estimates_of("images", {"images": 3}, OWN, BEFORE, model="m"), {"images": "0.12"}),
    "file search": (
        estimates_of("file_search_calls", {"num_requests": 25}, OWN, project_id="p"),
        {"file_searches": "0.0625"},
    ),
    "sessions": (
        estimates_of("code_interpreter_sessions", {"num_sessions": 9}, OWN, project_id="p"),
        {"sessions": "0.27"},
    ),
    # 19 searches at 10 / 1000.
    "web search": (
        estimates_of("web_search_calls", {"num_requests": 19}, model="gpt-4o"),
        {"web_searches": "0.19"},
    ),
    # 3500 characters at 15 / 10⁶.
    "speech": (
        estimates_of("audio_speeches", {"characters": 3500}, model="tts-1"),
        {"characters": "0.0525"},
    ),
    # 90 seconds at 0.36 / 3600; and at 0.01 / 60, which has no end: 40 digits of a second's price.
    "transcription": (
        estimates_of("audio_transcriptions", {"seconds": 90}, model="whisper-1"),
        {"seconds": "0.009"},
    ),
    "transcription by the minute": (
        estimates_of("audio_transcriptions", {"seconds": 3}, OWN, BEFORE, model="m"),
        {"seconds": "0.0005000000000000000000000000000000000001"},
    ),
    "unknown model": (
        estimates_of("completions", tokens(input=5, output=2), model="nobody's"),
        {"input": 5, "output": 2},
    ),
    "no model": (estimates_of("completions", tokens(input=5), model=None), {"input": 5}),
    # What a row says itself counts, and its tokens are not charged beside it.
    "own cost": (
        estimates_of(
            "completions",
            tokens(input=5) | {"cost": Decimal("0.25")},
            model="gpt-5",
            has_cost=True,
        ),
        {OWN_COST: "0.25"},
    ),
    # The entry from 2025 on is the whole of it: input at 2, and no price of output.
    "own": (
        estimates_of("completions", tokens(input=1_000_000, output=3), OWN, model="m"),
        {"input": "2", "output": 3},
    ),
    "own before": (
        estimates_of(
            "completions",
            tokens(input=1_000_000, output=1_000_000),
            OWN,
            BEFORE,
            model="m",
        ),
        {"input": "3", "output": "5"},
    ),
    "included": (
        estimates_of("completions", tokens(input=9), OWN, model="m", service_tier="scale"),
        {"input": "0"},
    ),
    # How much there is of something is no use of it.
    "level": (estimates_of("vector_stores", {"usage_bytes": 9}, project_id="p"), {}),
}


@pytest.mark.parametrize("case", HAND)
def test_a_case_worked_out_by_hand(case: str) -> None:
    """Each kind has the amount in the comment; of what has no price, the quantity is there."""
    found, wanted = HAND[case]
    assert amounts_of(found) == wanted
    assert found.contradictions == []


def test_the_tier_is_the_one_that_is_charged() -> None:
    """A batch is a batch whatever its tier is called; no tier, auto and standard are default."""
    for known, tier in (
        ({"batch": True, "service_tier": "flex"}, "batch"),
        ({"batch": False, "service_tier": "batch"}, "batch"),
        ({"batch": None, "service_tier": None}, "default"),
        ({"service_tier": "standard"}, "default"),
        ({"service_tier": "Scale"}, "scale"),
    ):
        found = estimates_of("completions", tokens(input=1), model="gpt-5", **known)
        assert [key.tier for key in found.by_key] == [tier]


def test_long_requests_are_named() -> None:
    """A model whose long requests cost more is charged the lower price, and it is said."""
    found = estimates_of("completions", tokens(input=1_000_000), model="gpt-6-astra")
    (one,) = found.by_key.values()
    assert (one.amount, one.is_by_length) == (Decimal(10), True)


def test_rows_that_do_not_say_if_they_were_a_batch_are_vague() -> None:
    """Null, or never kept: of completions nobody knows; of embeddings there are no batches."""
    for name, known, wanted in (
        ("completions", {"batch": None}, True),
        ("completions", {}, True),
        ("completions", {"batch": False}, False),
        ("embeddings", {}, False),
    ):
        found = estimates_of(name, tokens(input=1), model="gpt-5", **known)
        assert [one.is_vague for one in found.by_key.values()] == [wanted]


@pytest.mark.parametrize(
    ("counters", "said"),
    [
        (tokens(input=5, input_cached=9), "input tokens come to -4"),
        (tokens(input=5, input_uncached=4), "input_uncached_tokens are 4, and by the others 5"),
        (tokens(output=1, output_audio=2), "output tokens come to -1"),
        ({"cost": Decimal(1)}, "a cost without any use"),
    ],
)
def test_what_contradicts_itself_is_named(counters: dict[str, Any], said: str) -> None:
    """Parts that are more than their whole are named, where they are."""
    found = estimates_of("completions", counters, model="gpt-5", project_id="p")
    (one,) = found.contradictions
    assert said in one.message
    assert one[:4] == (NOVEMBER, "usage/completions", "p", "gpt-5")


NAMES: Final = ("project_id", "service_tier", "model", "batch", "has_cost")
COUNTS: Final = st.integers(0, 10**15)
ROWS: Final = st.lists(
    st.tuples(
        st.sampled_from([NOVEMBER, day_at(2026, 11, 2)]),
        st.fixed_dictionaries(
            {
                "project_id": st.sampled_from([None, "p"]),
                "service_tier": st.sampled_from([None, "default", "flex", "priority", "scale"]),
                "model": st.sampled_from(["gpt-5", "m", "nobody's", None, "gpt-realtime"]),
                "batch": st.sampled_from([None, False, True]),
                "has_cost": st.booleans(),
            }
        ),
        st.fixed_dictionaries(
            {
                f"{name}_tokens": COUNTS
                for name in ("input", "input_cached", "output", "input_audio", "output_image")
            }
        ),
        st.decimals(0, 100, places=9),
    ),
    min_size=1,
    max_size=8,
)


@given(ROWS, st.data())
def test_estimates_add_up_over_any_split(rows: list[Any], data: st.DataObject) -> None:
    """Rows estimated in any parts come to what they do together: amounts, quantities, no price."""
    parts = [data.draw(st.integers(0, 3)) for _ in rows]
    layered = LayeredPrices(*(OWN, PUBLISHED))

    def estimate(some: list[Any]) -> dict[UsageKey, tuple[int, Decimal, int]]:
        groups: defaultdict[Any, dict[Any, dict[str, Any]]] = defaultdict(dict)
        for days, known, counters, cost in some:
            sums = groups[days].setdefault(tuple(map(known.get, NAMES)), {})
            news = counters | ({"cost": cost} if known["has_cost"] else {})
            for name, value in news.items():
                sums[name] = MONEY.add(Decimal(sums.get(name, 0)), Decimal(value))
        found = Estimates(layered)
        for days, one in groups.items():
            found.take(ENDPOINTS["usage/completions"], days, DayGroups(NAMES, one))
        return {
            key: (one.quantity, one.amount, one.without_price)
            for key, one in found.by_key.items()
            if one.quantity or one.amount
        }

    joined: dict[UsageKey, tuple[int, Decimal, int]] = {}
    for part in range(4):
        for key, (quantity, amount, without) in estimate(
            [row for row, at in zip(rows, parts, strict=True) if at == part]
        ).items():
            before = joined.get(key, (0, Decimal(0), 0))
            joined[key] = (
                before[0] + quantity,
                MONEY.add(before[1], amount),
                before[2] + without,
            )
    found = {key: one for key, one in joined.items() if one[0] or one[1]}
    assert found == estimate(rows)
