"""Which project a budget is of, and what is said of models that have no price."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import pytest

from stream.figures.money.standings import (
    TROUBLES,
    BudgetStanding,
    MonthlyBudget,
    describe_troubles,
    find_project,
)
from stream.figures.money.sums import PricedUse

AT: Final = "usage/completions"


def test_a_project_is_found_by_id_before_its_name() -> None:
    """A name that two have is none, and what no list has may be an id that figures have."""
    names = {"p": "Search", "q": "p", "r": "Twice", "s": "Twice"}
    assert find_project("p", names, ()) == ("p", None)
    assert find_project("Search", names, ()) == ("p", None)
    assert find_project("Twice", names, ()) == (None, "ambiguous_project")
    assert find_project("none", names, ()) == (None, "unknown_project")
    assert find_project("none", names, ("none",)) == ("none", None)


@pytest.mark.parametrize(
    ("unpriced", "said"),
    [
        ({("n", "default", "input"): 1_205}, "1,205 input tokens of n"),
        ({(None, "default", "web_searches"): 3}, "3 web searches of unspecified"),
        (
            {("n", "priority", "cache_write"): 2, ("m", "default", "images"): 9},
            "9 images of m, 2 cache write tokens of n (priority)",
        ),
        (
            {(f"m{number}", "default", "output"): number for number in range(1, 6)},
            "5 output tokens of m5, 4 output tokens of m4, 3 output tokens of m3, 2 more",
        ),
    ],
)
def test_models_without_a_price_are_named_with_their_tokens(
    unpriced: dict[tuple[str | None, str, str], int], said: str
) -> None:
    """The most first, and no more than three; other reasons are said as they are."""
    standing = BudgetStanding(
        MonthlyBudget(None, Decimal(9), "usd", ()),
        troubles=("other_currency", "no_price"),
        unpriced_counts={
            PricedUse("usage/completions", *use): count for use, count in unpriced.items()
        },
    )
    assert describe_troubles(standing) == [
        TROUBLES["other_currency"],
        f"{TROUBLES['no_price']}: {said}",
    ]
