"""Figures by day, project and tier: exact, whatever order they come in, and nothing is lost."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import Any, Final

from hypothesis import given
from hypothesis import strategies as st

from stream.figures.daily import DailyFigures, DaySums, KeyDay, add_up, sum_by_project
from stream.figures.series import FAMILIES, Series
from stream.records.windows import DAY, Window

DAYS: Final = [Window(start * DAY, (start + 1) * DAY) for start in range(3)]
LABELS: Final = {
    "endpoint": st.sampled_from(["usage/completions", "usage/embeddings"]),
    "project_id": st.sampled_from(["p", "q", "unspecified"]),
    "service_tier": st.sampled_from(["default", "flex", "unspecified"]),
    "model": st.sampled_from(["m", "n"]),
    "token_type": st.sampled_from(["input", "input_cached", "output", "input_audio"]),
    "line_item": st.sampled_from(["a", "b"]),
    "currency": st.sampled_from(["usd", "eur"]),
    "kind": st.just("input"),
}
SERIES: Final = st.sampled_from(sorted(FAMILIES)).flatmap(
    lambda name: st.tuples(*(LABELS[label] for label in FAMILIES[name].labels)).map(
        lambda labels: Series(name, labels)
    )
)
MONEY: Final = st.decimals(-1_000, 1_000, places=9).map(lambda one: one.normalize() + 0)
SUMS: Final = st.dictionaries(SERIES, st.integers(0, 2**62), max_size=8).flatmap(
    lambda found: st.fixed_dictionaries(
        {one: MONEY if one.family == "openai_api_cost" else st.just(found[one]) for one in found}
    )
)
MANY: Final = st.lists(
    st.tuples(st.just("usage/completions"), st.sampled_from(DAYS), SUMS), max_size=6
)


def summed(days: list[DaySums]) -> dict[Any, Any]:
    """Add up the plain way: (day, project, tier, what) → number."""
    found: defaultdict[Any, Any] = defaultdict(int)
    for _, day, sums in days:
        for (family, labels), value in sums.items():
            known = dict(zip(FAMILIES[family].labels, labels, strict=True))
            project = known.get("project_id")
            if family == "openai_api_cost":
                found[day, project, None, known["currency"]] += Decimal(value)
            elif family == "openai_api_requests":
                found[day, project, known["service_tier"], "requests"] += value
            elif family == "openai_api_tokens" and known["token_type"] != "input_audio":
                found[day, project, known["service_tier"], known["token_type"]] += value
    return dict(found)


def spread(found: dict[KeyDay, DailyFigures]) -> dict[Any, Any]:
    """Write figures in the plain way."""
    flat = {}
    for key, figures in found.items():
        for name in ("input", "input_cached", "output", "requests"):
            if getattr(figures, name) is not None:
                flat[(*key, name)] = getattr(figures, name)
        flat |= {(*key, currency): amount for currency, amount in figures.cost.items()}
    return flat


@given(MANY)
def test_every_figure_is_the_plain_sum(days: list[DaySums]) -> None:
    """Tokens, requests and money are added up by day, project and tier, to the last digit."""
    assert spread(sum_by_project(days)) == summed(days)


@given(MANY, st.data())
def test_the_order_says_nothing(days: list[DaySums], data: st.DataObject) -> None:
    """Endpoints and days in any order come to the same."""
    again = data.draw(st.permutations(days))
    assert spread(sum_by_project(again)) == spread(sum_by_project(days))


def test_nothing_known_is_not_zero() -> None:
    """A figure that no series has is absent; one that is zero is there."""
    requests = Series("openai_api_requests", ("usage/completions", "p", "flex", "m"))
    found = sum_by_project([("usage/completions", DAYS[0], {requests: 0})])
    assert found == {KeyDay(DAYS[0], "p", "flex"): DailyFigures(requests=0)}
    assert add_up(found.values()) == DailyFigures(requests=0)
    assert add_up([]) == DailyFigures()


def test_money_keeps_every_digit() -> None:
    """Amounts of very different size add up exactly, and what cancels is zero."""
    paid = [
        DailyFigures(cost={"usd": Decimal("1e37")}),
        DailyFigures(cost={"usd": Decimal("1e-40"), "eur": Decimal("0.10")}),
        DailyFigures(cost={"eur": Decimal("-0.1")}),
    ]
    found = add_up(paid).cost
    assert found == {"usd": Decimal(f"1{'0' * 37}.{'0' * 39}1"), "eur": 0}
    assert add_up(paid) == add_up(reversed(paid))
    assert paid[0].cost == {"usd": Decimal("1e37")}
