"""Estimates by any dimensions and periods: those of each day's rows, however they are summed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from itertools import combinations
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stream.figures.breakdown import (
    ALL_TIME,
    DIMENSIONS,
    ESTIMATED,
    Choice,
    Measure,
    add_breakdown,
)
from stream.figures.daybook import Daybook
from stream.figures.days import COSTS, WANTED, rows_of
from stream.figures.money.estimates import GroupEstimate, estimate_group
from stream.figures.money.sums import PricedUse
from stream.figures.periods import PERIODS, Per, start_of_period
from stream.figures.ranks import rank_rows
from stream.figures.series import label_value_of
from stream.providers.openai import ENDPOINTS
from stream.providers.prices.own_prices import read_own_prices
from stream.providers.prices.price_list import LayeredPrices
from stream.records.money import MONEY
from tests.oracle import Delivery
from tests.support.days import book_of
from tests.support.pages import bucket, page, used
from tests.support.strategies import chains, deliveries

SOME = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
BYS: Final = [by for count in range(len(DIMENSIONS) + 1) for by in combinations(DIMENSIONS, count)]
PRICES: Final = LayeredPrices(
    read_own_prices(
        b"""
        default = false
        [[price]]
        model = "*"
        input = "3"
        cached_input = "1"
        output = "7"
        images = "0.04"
        minutes = "0.01"
        [[price]]
        model = "*"
        valid_from = 2024-09-24
        input = "2"
        output = "5"
        audio_input = "11"
        web_searches = "13"
        [[price]]
        model = "*"
        tier = "batch"
        input = "1.5"
        """,
        "prices.toml",
        "own",
    )
)
USD: Final = Measure(ESTIMATED, "usd")
SUITED: Final = {"project_id", "service_tier", "model"}


def estimated_rows(book: Daybook) -> Iterator[tuple[int, str, dict[str, Any], GroupEstimate]]:
    """Yield what each row of each day should have cost: day, endpoint, and what it is of."""
    for key, endpoint in ENDPOINTS.items():
        if key == COSTS or endpoint.levels:
            continue
        for day in book.read(key, ALL_TIME, {*WANTED, *endpoint.counters}):
            dimensions, counters = day.sums
            for values, found in rows_of(zip(*dimensions.values(), strict=True), counters):
                known = dict(zip(dimensions, values, strict=True))
                start = day.days.start
                yield start, key, known, estimate_group(PRICES, endpoint, start, known, found)


@SOME
@given(chains(), st.sampled_from(BYS), st.sampled_from(PERIODS))
def test_estimates_add_up_whatever_is_asked_for(
    made: dict[tuple[str, str], list[dict[str, object]]], by: tuple[str, ...], per: Per
) -> None:
    """Each figure is the sum over its rows' days, and what has no price is named, all of it."""
    book = book_of(deliveries(made))
    amounts: defaultdict[tuple[int, tuple[Any, ...]], Decimal] = defaultdict(Decimal)
    unpriced: defaultdict[PricedUse, int] = defaultdict(int)
    for start, key, known, group in estimated_rows(book):
        values = tuple(
            key
            if name == "endpoint"
            else label_value_of(known.get(name))
            if name in SUITED
            else None
            for name in by
        )
        for kind, one in group.by_kind:
            if one.without_price:
                unpriced[PricedUse(key, known["model"], group.tier, kind)] += one.without_price
            else:
                place = start_of_period(start, per), values
                amounts[place] = MONEY.add(amounts[place], one.amount)
    found = add_breakdown(book, Choice(dimensions=by, period=per), PRICES)
    shown = {
        (period, values): amount
        for period, groups in found.sums.get(USD, {}).items()
        for values, amount in groups.items()
    }
    assert shown == amounts
    assert found.estimates is not None
    assert found.estimates.without_price == unpriced
    plain = add_breakdown(book, Choice(dimensions=by, period=per))
    assert plain.sums == {one: sums for one, sums in found.sums.items() if one.name != ESTIMATED}


def test_a_price_that_changes_counts_from_its_day() -> None:
    """Of a month each day is charged at its own price, and a row's own cost wins."""
    days = [
        bucket(used(1_000_000, model="m", project_id="p"), day=-39),
        bucket(used(1_000_000, model="m", project_id="p"), day=-38),
        bucket(used(9, model="m", project_id="p", cost=0.5), day=-37),
    ]
    book = book_of([Delivery("usage/completions", "primary", page(*days))])
    found = add_breakdown(book, Choice(dimensions=("model",), period="month"), PRICES)
    (row,) = rank_rows(found).rows
    assert row.figures[USD] == Decimal("5.5")


def test_sums_are_exact_however_large() -> None:
    """The largest counts add up beyond 64 bits, beside days that lack one, and so does money."""
    most, fine = 2**63 - 1, Decimal("0.0000000000000000000000000000000000000001")
    days = [
        *(
            bucket(used(most, model="m", project_id="p", service_tier="scale"), day=day)
            for day in range(4)
        ),
        bucket(
            {"output_tokens": 5, "model": "m", "project_id": "p", "service_tier": "scale"}, day=4
        ),
        bucket(used(1, model="n", project_id="p", cost=10**9), day=5),
        bucket(used(1, model="n", project_id="p", cost=fine), day=6),
    ]
    book = book_of([Delivery("usage/completions", "primary", page(*days))])
    found = add_breakdown(book, Choice(dimensions=("model",)), PRICES)
    assert found.estimates is not None
    key = "usage/completions", "m", "scale"
    assert found.estimates.without_price == {
        PricedUse(*key, "input"): 4 * most,
        PricedUse(*key, "output"): 5,
    }
    assert found.sums[USD][0] == {("n",): MONEY.add(Decimal(10**9), fine)}


@pytest.mark.parametrize(
    ("counters", "message"),
    [
        ({"input_cached_tokens": 9}, "input tokens come to -4"),
        ({"output_audio_tokens": 2}, "output tokens come to -2"),
    ],
)
def test_what_contradicts_itself_is_noted(counters: dict[str, int], message: str) -> None:
    """Parts that are more than their whole are named with their model."""
    rows = page(bucket(used(5, model="m", project_id="p", **counters)))
    book = book_of([Delivery("usage/completions", "primary", rows)])
    notes = add_breakdown(book, Choice(), PRICES).estimates
    assert notes is not None
    (one,) = notes.contradictions
    assert (one.endpoint, one.model) == ("usage/completions", "m")
    assert message in one.message
