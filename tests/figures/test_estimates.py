"""Estimates: tiers, what contradicts itself, and adding up over any split."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.figures.days import DayGroups
from stream.figures.money.estimates import Estimates, UsageKey
from stream.providers.openai import ENDPOINTS
from stream.providers.prices.price_list import LayeredPrices
from stream.records.money import MONEY
from tests.support.estimating import NOVEMBER, OWN, PUBLISHED, day_at, estimates_of, tokens


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
