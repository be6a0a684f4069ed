"""The same usage in several recordings, as collectors leave it: what counts, and what is named."""

from __future__ import annotations

from decimal import Decimal
from time import process_time
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.envelopes import line, put_capture
from tests.support.pages import DAY, FIRST, Json, bucket, page, put_all, used
from tests.support.running import Replayed, replay

if TYPE_CHECKING:
    from pathlib import Path

COMPLETIONS = "usage/completions"
HOUR = 3_600


def recorded(directory: Path, **pages: Json) -> Replayed:
    """Replay completions, a label for each page."""
    files = {f"usage_completions_{label}.json": one for label, one in pages.items()}
    return replay(put_all(directory, {**files}))


def tokens_in(found: Replayed) -> object:
    """Find the sum of input tokens."""
    assert found.report is not None, found.errors
    return found.report["endpoints"][COMPLETIONS]["metrics"]["input_tokens"]


def span(first: int, last: int, tokens: int) -> Json:
    """Make a page of one bucket, from one hour of the first day to another."""
    start, end = FIRST + first * HOUR, FIRST + last * HOUR
    return page(bucket(used(tokens), start_time=start, end_time=end))


def test_groups_that_are_not_comparable_are_compared_by_their_sums(tmp_path: Path) -> None:
    """By model 600 + 400, by project 900 + 100, and in total: a thousand, once."""
    found = recorded(
        tmp_path,
        a=page(bucket(used(600, model="x"), used(400, model="y"))),
        b=page(bucket(used(900, project_id="p"), used(100, project_id="q"))),
        c=page(bucket(used(1_000))),
    )
    assert (found.code, tokens_in(found)) == (0, 1_000)
    assert found.report is not None
    assert {len(one["sources"]) for one in found.report["dedupedUsage"]} == {3}


def test_hours_of_few_dimensions_stand_in_a_day_of_more(tmp_path: Path) -> None:
    """Hours without a model, beside the day by model, are that day's usage again."""
    day = page(bucket(used(60, model="x"), used(40, model="y")))
    hours = page(*(span(hour, hour + 1, 5)["data"][0] for hour in range(24)))
    found = recorded(tmp_path, day=day, hours=hours)
    assert (found.code, tokens_in(found)) == (0, 120)
    assert found.report is not None
    (excess,) = found.report["reconciliation"]["excess"]
    assert (excess["dimensions"], excess["difference"]) == ({}, 20)


def test_a_few_hours_are_not_short_of_their_day(tmp_path: Path) -> None:
    """Hours that do not cover the day say nothing of what it has beyond them."""
    day = page(bucket(used(60, model="x"), used(40, model="y")))
    found = recorded(tmp_path, day=day, hours=span(3, 4, 5))
    assert (found.code, tokens_in(found)) == (0, 100)


def test_a_coarser_figure_that_is_smaller_is_named(tmp_path: Path) -> None:
    """Less in total than by model: the models count, the total is named, the run ends with 1."""
    found = recorded(tmp_path, a=page(bucket(used(6, model="x"))), b=page(bucket(used(5))))
    assert (found.code, tokens_in(found)) == (1, 6)
    assert "is short of its records: input_tokens is 5, they have 6" in found.output


def test_windows_that_overlap_are_named(tmp_path: Path) -> None:
    """Neither contains the other: both count, and that is said, with an exit code of 1."""
    found = recorded(tmp_path, a=span(6, 24, 60), b=span(0, 18, 70))
    assert (found.code, tokens_in(found)) == (1, 130)
    assert "overlap, and neither contains the other" in found.output


def test_a_wider_window_counts_instead_of_those_that_overlap(tmp_path: Path) -> None:
    """Where a window covers both, what they say does not matter."""
    found = recorded(tmp_path, a=span(6, 24, 60), b=span(0, 18, 70), c=span(0, 24, 100))
    assert (found.code, tokens_in(found)) == (0, 100)
    assert found.report is not None
    (named,) = found.report["reconciliation"]["overlappingWindows"]
    assert named["counted"]["windowEnd"] == "2024-11-02T00:00:00Z"


def test_labels_that_differ_are_named_with_their_figures(tmp_path: Path) -> None:
    """The maximum counts; both figures stand in the report, and a warning says what to do."""
    found = recorded(tmp_path, a=page(bucket(used(700))), b=page(bucket(used(650))))
    assert (found.code, tokens_in(found)) == (0, 700)
    assert found.report is not None
    (named,) = found.report["reconciliation"]["labelsDiffer"]
    assert named["figures"] == {"a": 700, "b": 650}
    assert "observed_at" in named["hint"]
    assert "labels differ" in found.errors


def test_labels_with_times_are_in_order_and_do_not_differ(tmp_path: Path) -> None:
    """Where each has its observed_at nothing is unclear, and nothing is named."""
    lines = [
        line(page(bucket(used(tokens))), label=label, observed_at=f"2024-12-0{tokens}T00:00:00Z")
        for label, tokens in (("a", 1), ("b", 2))
    ]
    found = replay(put_capture(tmp_path / "a.ndjson", lines))
    assert found.report is not None, found.errors
    assert found.report["reconciliation"]["labelsDiffer"] == []
    assert found.errors == ""


@pytest.mark.parametrize(
    "query",
    [
        {"group_by": ["project_id", "model"]},
        {"group_by[]": ["model", "project_id"]},
        {"group_by": "project_id,model"},
        {"group_by": ["project_id,model"]},
        {"group_by[]": "model", "group_by": " project_id "},
    ],
)
def test_groups_are_read_in_every_spelling(query: Json, tmp_path: Path) -> None:
    """However the groups are written, it is one query, and one chain."""
    rows = [used(6, project_id="p"), used(4)]
    lines = [
        line(page(bucket(*rows)), request=query),
        line(page(bucket(*rows)), request={"group_by": ["model", "project_id"]}),
    ]
    found = replay(put_capture(tmp_path / "a.ndjson", lines))
    assert (found.code, tokens_in(found)) == (0, 10)
    assert found.report is not None
    assert found.report["usageSummary"]["totalDedupedEvents"] == 2


@pytest.mark.parametrize("one", [["p"], "p", ["p", "p"]])
@pytest.mark.parametrize("name", ["project_ids", "project_ids[]"])
def test_walks_through_a_filter_add_up(one: Any, name: str, tmp_path: Path) -> None:
    """A walk for each project: each row has the project that was asked for."""
    lines = [
        line(page(bucket(used(7))), request={name: one}),
        line(page(bucket(used(3))), request={name: ["q"]}),
    ]
    found = replay(put_capture(tmp_path / "a.ndjson", lines))
    assert (found.code, tokens_in(found)) == (0, 10)
    assert found.report is not None
    by_project = found.report["endpoints"][COMPLETIONS]["byProject"]
    assert [entry["projectId"] for entry in by_project] == ["p", "q"]


def test_filters_of_several_values_that_share_none_add_up(tmp_path: Path) -> None:
    """What one filter lets through the other does not, so neither says the other's usage."""
    lines = [
        line(page(bucket(used(7, model="x"))), request={"project_ids": "p,q", "group_by": "model"}),
        line(page(bucket(used(3, model="x"))), request={"project_ids": "r,s", "group_by": "model"}),
    ]
    found = replay(put_capture(tmp_path / "a.ndjson", lines))
    assert (found.code, tokens_in(found)) == (0, 10)


def test_line_items_have_commas_in_them(tmp_path: Path) -> None:
    """A filter by line item is one text, with its comma."""
    row = {"amount": {"value": 1, "currency": "usd"}}
    one = line(page(bucket(row)), endpoint="costs", request={"line_items": "gpt, input"})
    report = replay(put_capture(tmp_path / "a.ndjson", [one])).report
    assert report is not None
    assert report["endpoints"]["costs"]["breakdowns"]["byLineItem"] == {"gpt, input": 1}


@pytest.mark.parametrize("query", [{"page": ["c2"]}, {"after": "c2"}, {"after": ["c2"]}])
def test_a_cursor_is_read_in_every_spelling(query: Json, tmp_path: Path) -> None:
    """A page that was asked for by another cursor than the one handed out leaves a gap."""
    lines = [
        line(page(bucket(used(7)), cursor="c1"), request={}),
        line(page(bucket(used(3), day=1)), request=query),
    ]
    assert replay(put_capture(tmp_path / "a.ndjson", lines)).code == 65


def costs(directory: Path, *rows: tuple[str, str | None]) -> Json:
    """Replay costs of one project and line item; return what the report has of them."""
    made = [
        {"project_id": "p", "line_item": "x", "amount": {"value": value, "currency": currency}}
        for value, currency in rows
    ]
    report = replay(put_all(directory, {"costs.json": page(bucket(*made))})).report
    assert report is not None
    found: Json = report["endpoints"]["costs"]
    return found


def test_money_of_different_currencies_is_never_one_number(tmp_path: Path) -> None:
    """The sum is null, and whatever is by project or line item is by currency too."""
    found = costs(tmp_path, ("1.5", "usd"), ("2", "EUR"))
    assert found["metrics"]["amount_value"] is None
    assert found["breakdowns"] == {
        "byLineItem": {"x (eur)": 2, "x (usd)": Decimal("1.5")},
        "byCurrency": {"eur": 2, "usd": Decimal("1.5")},
    }
    shown = [(one["currency"], one["metrics"]["amount_value"]) for one in found["byProject"]]
    assert shown == [("eur", 2), ("usd", Decimal("1.5"))]


def test_one_currency_is_one_number(tmp_path: Path) -> None:
    """In whatever case its code is written."""
    found = costs(tmp_path, ("1.5", "usd"), ("1.5", "USD"))
    assert found["metrics"]["amount_value"] == Decimal("1.5")
    assert found["breakdowns"]["byLineItem"] == {"x": Decimal("1.5")}


def test_a_level_is_the_latest_and_the_average(tmp_path: Path) -> None:
    """Bytes of two days do not add up to what anybody has."""
    first = bucket({"project_id": "p", "usage_bytes": 10}, {"usage_bytes": 2})
    second = bucket({"project_id": "p", "usage_bytes": 3}, day=1)
    third = bucket({"project_id": "p", "usage_bytes": 5}, day=2)
    content = page(first, third, second)
    report = replay(put_all(tmp_path, {"usage_vector_stores.json": content})).report
    assert report is not None
    found = report["endpoints"]["usage/vector_stores"]
    assert found["metrics"]["usage_bytes"] == 20
    level = found["levels"]["usage_bytes"]
    assert (level["latest"], level["average"], level["windows"]) == (5, 7, 3)
    assert level["byProject"] == [
        {"projectId": None, "projectName": None, "latest": None, "average": 1},
        {"projectId": "p", "projectName": None, "latest": 5, "average": 6},
    ]


@pytest.mark.no_cover
@pytest.mark.parametrize("name", ["d", "x"])
def test_the_work_grows_with_rows_and_rollups(name: str, tmp_path: Path) -> None:
    """Each of 1,500 line items has a dimension of its own, and so has each of 1,500 rows."""
    rows = [used(1, **{f"x{number}": "u"}) for number in range(1_500)]
    items = [used(2, **{f"{name}{number}": "u"}) for number in range(1_500)]
    content = page(bucket(*rows), daily_costs=[{"timestamp": FIRST, "line_items": items}])
    before = process_time()
    assert tokens_in(recorded(tmp_path, a=content)) is not None
    assert process_time() - before < 20  # a slow machine is no failure; minutes are


def test_weeks_beside_days_are_one_resolution(tmp_path: Path) -> None:
    """A week in total beside days by model adds what the days lack."""
    week = page(bucket(used(100), end_time=FIRST + 7 * DAY))
    days = page(*(bucket(used(10, model="x"), day=day) for day in range(7)))
    found = recorded(tmp_path, week=week, days=days)
    assert (found.code, tokens_in(found)) == (0, 100)
