"""Figures by day, project and tier: exact, whatever order they come in, and nothing is lost."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from hypothesis import given
from hypothesis import strategies as st

from stream.figures.daily import DailyFigures, KeyDay, add_up, sum_days
from stream.figures.days import DayGroups, pack_groups, unpack_groups
from stream.providers.openai import ENDPOINTS
from stream.records.windows import DAY, Window
from stream.state.saved_series import SavedDay, Span
from tests.support.days import PlainDaybook
from tests.support.money_days import charge, made_day

DAYS: Final = [Window(start * DAY, (start + 1) * DAY) for start in range(4)]
SPAN: Final = Window(DAYS[1].start, DAYS[2].end)
NAMES: Final = {
    "usage/completions": ("project_id", "service_tier", "model"),
    "usage/embeddings": ("project_id", "model"),
    "usage/images": ("project_id",),
    "costs": ("project_id", "line_item", "currency"),
}
VALUES: Final = {
    "project_id": st.sampled_from(["p", "q", None]),
    "service_tier": st.sampled_from(["default", "flex", None]),
    "model": st.sampled_from(["m", "n"]),
    "line_item": st.sampled_from(["a", "b"]),
    "currency": st.sampled_from(["usd", "eur"]),
}
COUNTERS: Final = {
    "input_tokens": "input",
    "input_cached_tokens": "input_cached",
    "output_tokens": "output",
    "num_model_requests": "requests",
    "input_audio_tokens": None,
}
MONEY: Final = st.decimals(-1_000, 1_000, places=9).map(lambda one: one.normalize() + 0)


def days_of_endpoint(endpoint: str) -> st.SearchStrategy[SavedDay]:
    """Draw what a day of an endpoint came to."""
    counters = {
        "usage/completions": COUNTERS,
        "usage/embeddings": ("input_tokens", "num_model_requests"),
        "usage/images": ("images", "num_model_requests"),
    }.get(endpoint, ())
    numbers: st.SearchStrategy[Mapping[str, Any]] = (
        st.fixed_dictionaries({"amount_value": MONEY})
        if endpoint == "costs"
        else st.dictionaries(st.sampled_from(sorted(counters)), st.integers(0, 2**62), min_size=1)
    )
    names = NAMES[endpoint]
    groups = st.dictionaries(st.tuples(*(VALUES[one] for one in names)), numbers, max_size=4)
    return st.builds(
        lambda day, found: SavedDay(
            Span(endpoint, day), pack_groups(DayGroups(names, found)), not found
        ),
        st.sampled_from(DAYS),
        groups,
    )


MADE: Final = st.lists(st.sampled_from(sorted(NAMES)).flatmap(days_of_endpoint), max_size=6)


def summed(days: list[SavedDay]) -> dict[Any, Any]:
    """Add up the plain way: (day, project, tier, what) → number."""
    found: defaultdict[Any, Any] = defaultdict(int)
    for day in days:
        endpoint, window = day.span
        names, groups = unpack_groups(ENDPOINTS[endpoint], day.sums)
        for values, counters in groups.items() if window in DAYS[1:3] else ():
            known = dict(zip(names, values, strict=True))
            project = known["project_id"] or "unspecified"
            tier = known.get("service_tier") or "unspecified"
            for name, value in counters.items():
                if endpoint == "costs":
                    found[window, project, None, known["currency"]] += value
                elif COUNTERS.get(name):
                    found[window, project, tier, COUNTERS[name]] += value
    return dict(found)


def spread(found: Mapping[KeyDay, DailyFigures]) -> dict[Any, Any]:
    """Write figures in the plain way."""
    flat = {}
    for key, figures in found.items():
        for name in ("input", "input_cached", "output", "requests"):
            if getattr(figures, name) is not None:
                flat[(*key, name)] = getattr(figures, name)
        flat |= {(*key, currency): amount for currency, amount in figures.cost.items()}
    return flat


@given(MADE)
def test_every_figure_is_the_plain_sum(days: list[SavedDay]) -> None:
    """Tokens, requests and money of a span by day, project and tier, to the last digit."""
    assert spread(sum_days(PlainDaybook(days), SPAN).figures) == summed(days)


def test_nothing_known_is_not_zero() -> None:
    """A figure that nobody has given is absent; one that is zero is there."""
    row = ("p", "flex", "m", False, False), {"num_model_requests": 0}
    found = sum_days(PlainDaybook([made_day("usage/completions", DAYS[1], row)]), SPAN)
    assert found == ({KeyDay(DAYS[1], "p", "flex"): DailyFigures(requests=0)}, False)
    assert add_up(found.figures.values()) == DailyFigures(requests=0)
    assert add_up([]) == DailyFigures()


def test_days_that_a_window_joins_are_the_first() -> None:
    """What they came to stands there, and it is said that there are such."""
    long = made_day("costs", Window(DAYS[1].start, DAYS[2].end), charge(Decimal(3)))
    found = sum_days(PlainDaybook([long]), SPAN)
    assert found == ({KeyDay(DAYS[1], "p", None): DailyFigures(cost={"usd": Decimal(3)})}, True)
    assert sum_days(PlainDaybook([long]), DAYS[2]) == ({}, False)


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
