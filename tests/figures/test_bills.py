"""What was billed beside what was estimated: each goes to one line, and nothing is lost."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.figures.money.bills import Charge, compared_days, reconcile
from stream.figures.money.estimates import Estimate, UsageKey
from stream.figures.money.reasons import REASONS, Horizon
from stream.figures.money.rows import BillRow
from stream.providers.prices.line_items import Subject, subject_of
from stream.records.money import MONEY
from stream.records.windows import DAY, Window

FIRST: Final = Window(100 * DAY, 101 * DAY)
LAST: Final = Window(110 * DAY, 111 * DAY)
NOW: Final = 200 * DAY
END: Final = Charge(LAST, "p", "Storage", "usd", Decimal(1))
"""A later day's charge: the first day is not the last one that costs are known of."""


def used(
    kind: str = "input", amount: str = "0", tier: str = "default", **more: Any
) -> dict[UsageKey, Estimate]:
    """Return what a model was used in one tier."""
    days, project = more.pop("days", FIRST), more.pop("project", "p")
    endpoint, model = more.pop("endpoint", "usage/completions"), more.pop("model", "m")
    key = UsageKey(days, project, endpoint, model, tier, kind)
    return {key: Estimate(**{"quantity": 1, "amount": Decimal(amount), **more})}


def billed(
    line: str | None, amount: str, project: str | None = "p", currency: str | None = "usd"
) -> Charge:
    """Return what was billed on the first day."""
    return Charge(FIRST, project, line, currency, Decimal(amount))


def compare(charges: list[Charge], estimates: dict[UsageKey, Estimate]) -> list[BillRow]:
    """Compare all days at once."""
    last = max((one.days.end for one in charges), default=NOW + 1)
    return reconcile(charges, estimates, "usd", Horizon(NOW, last))


def rows_of(charges: list[Charge], *usage: dict[UsageKey, Estimate]) -> list[BillRow]:
    """Compare them, and return the rows of the first day."""
    estimates = {key: one for some in usage for key, one in some.items()}
    found = compare([*charges, END], estimates)
    return [row for row in found if row.place.days.start < LAST.start]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (None, Subject()),
        ("gpt-4o-mini-2024-07-18, input", Subject((), "gpt-4o-mini-2024-07-18", "input")),
        ("gpt-6-astra, input_tokens", Subject((), "gpt-6-astra", "input")),
        ("m, cached_input_tokens", Subject((), "m", "cached_input")),
        ("m, batch input_tokens", Subject((), "m", "input", "batch")),
        ("m, Cached Input, batch", Subject((), "m, Cached Input", "batch", None, False)),  # noqa: FBT003 -- a column
        ("m, output batch", Subject((), "m", "output", "batch")),
        ("m, priority audio output", Subject((), "m", "audio_output", "priority")),
        ("whisper-1, audio", Subject((), "whisper-1", "seconds")),
        ("m, training", Subject((), "m", "training", None, False)),  # noqa: FBT003 -- a column
        ("gpt-5", Subject((), "gpt-5")),
        ("usage.images", Subject(("usage/images",))),
        ("Web search", Subject(("usage/web_search_calls",))),
        (", input", Subject((), ", input")),
    ],
)
def test_line_items_are_about_models_and_kinds(text: str | None, wanted: Subject) -> None:
    """A line item is a model, a kind, and a tier in front of it or behind."""
    assert subject_of(text) == wanted


@pytest.mark.parametrize(
    ("charges", "usage", "reason"),
    [
        ([billed("m, input", "1.5")], [used(amount="1.5")], "equal"),
        ([billed("m, input", "1.5")], [used(amount="1.5000004")], "rounding"),
        ([billed("m, input", "1.5")], [used(amount="1")], "amount_differs"),
        ([billed("m, input", "1.5")], [used(amount="1", is_by_length=True)], "long_requests"),
        ([billed("m, input", "1")], [used(amount="2", is_vague=True)], "batch_unknown"),
        ([billed("m, input", "1")], [used(amount="2", tier="scale")], "free_or_priority"),
        ([billed("m, input", "1")], [used(without_price=1)], "no_price"),
        ([billed("m, input", "1")], [], "bill_without_usage"),
        ([billed("m, training", "1")], [], "unknown_line_item"),
        ([billed("Credit", "-1")], [], "credit"),
        ([billed("m, input", "1", currency="eur")], [], "other_currency"),
        ([billed("m, input", "1", currency=None)], [], "no_currency"),
        ([billed("Credit", "-1", currency=None)], [], "no_currency"),
        ([], [used(amount="1")], "usage_without_bill"),
        ([], [used(amount="0")], "free_or_priority"),
        ([], [used(amount="1", tier="priority")], "free_or_priority"),
        ([], [used(without_price=1)], "no_price"),
        ([], [used(amount="1", days=Window(NOW - DAY, NOW))], "late_costs"),
    ],
)
def test_a_difference_has_a_reason(charges: list[Charge], usage: list[Any], reason: str) -> None:
    """Each row says what explains it, and no reason is without words."""
    found = compare([*charges, END], {k: v for one in usage for k, v in one.items()})
    (row,) = [one for one in found if one.line_items != ["Storage"]]
    assert row.reason == reason
    assert REASONS[reason]


def test_the_last_day_of_costs_may_be_incomplete() -> None:
    """What is missing of it is late, however long ago that was."""
    found = compare([billed("m, input", "1")], used(amount="2"))
    assert [row.reason for row in found] == ["late_costs"]


@pytest.mark.parametrize(
    ("lines", "wanted"),
    [
        (["m, batch audio input", "m, audio input", "m, input"], "m, batch audio input"),
        (["m, audio input", "m, batch input", "m"], "m, audio input"),
        (["m, batch input", "m, input", "usage.completions"], "m, batch input"),
        (["m, input", "m", "n, input"], "m, input"),
        (["m", "usage.completions", None], "m"),
        (["usage.completions", None, "m, output"], "usage.completions"),
        ([None, "m, output", "usage.images"], None),
    ],
)
def test_an_estimate_goes_to_the_closest_line(lines: list[str | None], wanted: str | None) -> None:
    """Model, kind and tier; then what leaves some of that open; then the endpoint, then all."""
    found = rows_of([billed(line, "3") for line in lines], used("audio_input", "2", "batch"))
    assert [row.line_items for row in found if row.usage] == [[wanted]]
    assert len(found) == len(lines)


def test_projects_are_compared_where_both_sides_have_them() -> None:
    """Costs that were not asked for by project are compared with all projects together."""
    usage = [used(amount="1"), used(amount="2", project="q")]
    (row,) = rows_of([billed("m, input", "3", project=None)], *usage)
    assert (row.reason, row.place.project_id) == ("equal", None)
    (row,) = rows_of(
        [billed("m, input", "1"), billed("m, input", "2", project="q")],
        used(amount="3", project=None),
    )
    assert (row.reason, row.place.project_id) == ("equal", None)
    found = rows_of([billed("m, input", "1"), billed("m, input", "2", project="q")], *usage)
    assert [(row.place.project_id, row.reason) for row in found] == [("p", "equal"), ("q", "equal")]


def test_days_that_a_window_joins_are_one() -> None:
    """Days are compared as the least whole days that no window crosses."""
    days = [
        Window(DAY * start, DAY * end) for start, end in ((0, 1), (1, 2), (1, 3), (2, 3), (3, 4))
    ]
    joined = compared_days(set(days))
    assert [joined[one] for one in days] == [days[0], *[days[2]] * 3, days[4]]


MONEY_TEXT: Final = st.decimals(-100, 100, places=12)
CHARGES: Final = st.lists(
    st.builds(
        Charge,
        st.sampled_from([FIRST, LAST, Window(100 * DAY, 102 * DAY)]),
        st.sampled_from([None, "p", "q"]),
        st.sampled_from(
            [None, "m, input", "m, batch input", "m", "Credit", "usage.images", "m, x"]
        ),
        st.sampled_from(["usd", "eur", None]),
        MONEY_TEXT,
    ),
    max_size=12,
)
USAGE: Final = st.dictionaries(
    st.builds(
        UsageKey,
        st.sampled_from([FIRST, LAST, Window(101 * DAY, 102 * DAY)]),
        st.sampled_from([None, "p", "q"]),
        st.sampled_from(["usage/completions", "usage/images"]),
        st.sampled_from([None, "m", "n"]),
        st.sampled_from(["default", "batch", "scale"]),
        st.sampled_from(["input", "output", "cached_input"]),
    ),
    st.builds(Estimate, st.integers(1, 9), MONEY_TEXT, st.integers(0, 1)),
    max_size=12,
)


@given(CHARGES, USAGE)
def test_nothing_is_lost(charges: list[Charge], usage: dict[UsageKey, Estimate]) -> None:
    """Each charge and each estimate is in one row, to the last digit; matched is what both have."""
    rows = compare(charges, usage)

    def total(amounts: Any) -> Decimal:
        found = Decimal(0)
        for one in amounts:
            found = MONEY.add(found, one)
        return found

    for currency in ("usd", "eur", None):
        some = [row for row in rows if row.place.currency == currency]
        billed_all = total(one.amount for one in charges if one.currency == currency)
        estimated = total(one.amount for one in usage.values()) if currency == "usd" else Decimal(0)
        assert billed_all == total(row.billed_amount for row in some)
        assert estimated == total(row.estimate.amount for row in some)
        assert MONEY.subtract(billed_all, estimated) == total(row.difference for row in some)
    for row in rows:
        lower = min(row.billed_amount, row.estimate.amount)
        assert row.matched_amount == max(0, lower)
    assert sum(row.estimate.quantity for row in rows) == sum(one.quantity for one in usage.values())
    assert all(row.reason in REASONS for row in rows)


@given(CHARGES, USAGE, st.randoms(use_true_random=False))
def test_the_order_says_nothing(charges: list[Charge], usage: Any, random: Any) -> None:
    """Charges and estimates in any order come to the same rows."""
    shuffled, keys = list(charges), list(usage)
    random.shuffle(shuffled)
    random.shuffle(keys)
    again = compare(shuffled, {key: usage[key] for key in keys})
    assert list(map(flat, again)) == list(map(flat, compare(charges, usage)))


def flat(row: BillRow) -> tuple[Any, ...]:
    """Return all that a row says."""
    one = row.estimate
    amounts = (row.billed_amount, one.amount, one.quantity, one.without_price)
    return (row.place, row.line_items, *amounts, row.reason, sorted(row.usage, key=str))
