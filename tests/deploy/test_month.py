"""A month in a real Prometheus: every panel of usage and cost has figures, and they are right."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from tests.support.dashboards import dashboards, labels_in, panels, substituted
from tests.support.month import DECEMBER, NOW, blocks_of, put_blocks
from tests.support.pages import DAY, FIRST, Content, bucket, page, put_all, used
from tests.support.prometheus import Prometheus, prometheus
from tests.support.running import replay, run

pytestmark = [pytest.mark.needs_program("prometheus"), pytest.mark.needs_program("promtool")]

USAGE = {one["uid"]: one for one in dashboards()}
OVERVIEW, HISTORY = USAGE["usage-stream-overview"], USAGE["usage-stream-history"]
LIVE_TITLES, PAST_TITLES = (
    [panel["title"] for panel in panels(board) if panel.get("targets")]
    for board in (OVERVIEW, HISTORY)
)


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """Run a Prometheus that has scraped a daemon for a month, and recorded its rules."""
    with prometheus(blocks_of(tmp_path_factory.mktemp("month"))) as running:
        yield running


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """Run a Prometheus into which sixty days were backfilled, as they were exported."""
    place = tmp_path_factory.mktemp("history")
    named = {"project_id": "proj_a", "service_tier": "default", "model": "m"}
    counts = {"output_tokens": 2, "num_model_requests": 3}
    files: dict[str, Content] = {
        "usage_completions.json": page(
            *(bucket(used(100 + day, **named, **counts), day=day) for day in range(61))
        ),
        "costs.json": page(
            *(
                bucket(
                    {
                        "amount": {"value": Decimal(f"{day}.25"), "currency": "usd"},
                        "project_id": "proj_a",
                        "line_item": "m, input",
                    },
                    day=day,
                )
                for day in range(61)
            )
        ),
    }
    state, out = place / "state.db", place / "usage.om"
    assert replay(put_all(place / "pages", files), state=state).code == 0
    command = ["export", "openmetrics", str(state), "--out", str(out)]
    assert run([*command, "--now", str(NOW)])[0] == 0
    put_blocks(out, place / "data")
    with prometheus(place) as running:
        yield running


def answers(server: Prometheus, board: dict[str, Any], title: str) -> list[list[dict[str, Any]]]:
    """Ask a panel's queries as Grafana does: with its own time, or a bar for each day."""
    (panel,) = (one for one in panels(board) if one["title"] == title)
    since = DECEMBER if panel.get("timeFrom") == "now/M" else NOW - 30 * DAY
    found = []
    for target in panel["targets"]:
        expr = substituted(target["expr"], __range=f"{NOW - since}s", __rate_interval="10m")
        if panel.get("interval") == "1d":
            days = {"start": DECEMBER, "end": NOW - NOW % DAY, "step": DAY}
            results = server.ask("query_range", query=expr, **days)["result"]
        else:
            results = server.ask("query", query=expr, time=NOW)["result"]
        for one in results:
            assert labels_in(target["legendFormat"]) <= one["metric"].keys()
        found.append(results)
    return found


def figures(results: list[dict[str, Any]], *labels: str) -> dict[tuple[str, ...], float]:
    """Return each series' figure by some of its labels."""
    return {
        tuple(one["metric"][label] for label in labels): float(one["value"][1]) for one in results
    }


def days_of(results: list[dict[str, Any]], *labels: str) -> dict[tuple[str, ...], dict[int, float]]:
    """Return each series' figures by the day of December, from 1, that they stand at."""
    return {
        tuple(one["metric"][label] for label in labels): {
            (int(moment) - DECEMBER) // DAY + 1: float(value) for moment, value in one["values"]
        }
        for one in results
    }


@pytest.mark.parametrize("title", LIVE_TITLES)
def test_every_panel_of_the_overview_has_figures(live: Prometheus, title: str) -> None:
    """A month after the start no panel is empty."""
    assert all(answers(live, OVERVIEW, title))


@pytest.mark.parametrize("title", PAST_TITLES)
def test_every_panel_of_the_history_has_figures(past: Prometheus, title: str) -> None:
    """After a backfill no panel is empty."""
    assert all(answers(past, HISTORY, title))


def test_the_month_to_date_is_what_the_month_added(live: Prometheus) -> None:
    """Thirty and a half days at 24 usd, a new project's first 500 whole, and 10 taken back."""
    (total,) = answers(live, OVERVIEW, "Cost, month to date")
    assert figures(total, "currency") == {("usd",): 732 + 500 - 10, ("eur",): 366}
    (bars,) = answers(live, OVERVIEW, "Cost by project, month to date")
    assert figures(bars, "name", "currency") == {
        ("Research (new)", "usd"): 732,
        ("Research (new)", "eur"): 366,
        ("Lab", "usd"): 500,
        ("proj_less", "usd"): -10,
    }


def test_the_table_says_name_and_id(live: Prometheus) -> None:
    """Its columns are the month, the last day and all; who has no name is called by the id."""
    month, day, everything = answers(live, OVERVIEW, "Projects and their cost")
    new = ("Lab", "proj_new", "usd")
    asked = ("name", "project_id", "currency")
    assert [figures(one, *asked)[new] for one in (month, day, everything)] == [500, 0, 500]
    nameless = ("proj_less", "proj_less", "usd")
    assert [figures(one, *asked)[nameless] for one in (month, day, everything)] == [-10, 0, 40]


def test_each_day_has_its_cost(live: Prometheus) -> None:
    """Each bar stands at the beginning of its day, and today, which has not ended, has none."""
    (bars,) = answers(live, OVERVIEW, "Cost by day, by project, in $currency")
    found = days_of(bars, "project_id", "currency", "name")
    whole = set(range(1, 31))
    new = found["proj_new", "usd", "Lab"]
    assert {day: value for day, value in new.items() if value} == {10: 500}
    renamed = found["proj_a", "usd", "Research (new)"]
    assert renamed.keys() == whole
    assert set(renamed.values()) == {24}
    restated = found["proj_less", "usd", "proj_less"]
    assert restated.keys() == whole
    assert {day: value for day, value in restated.items() if value} == {19: -10}


def test_each_day_has_its_tokens(live: Prometheus) -> None:
    """Input and output, less what was taken back."""
    (bars,) = answers(live, OVERVIEW, "Tokens by day, by project")
    values = {value for days in days_of(bars, "name").values() for value in days.values()}
    assert values == {24 * (100 - 10 + 5)}


def test_the_month_is_unknown_before_a_month_has_begun(live: Prometheus) -> None:
    """A daemon that was not scraped at the month's beginning has no month to date."""
    (panel,) = (one for one in panels(OVERVIEW) if one["title"] == "Cost, month to date")
    (target,) = panel["targets"]
    early = DECEMBER - 2 * DAY
    november = substituted(target["expr"], __range=f"{early - (DECEMBER - 30 * DAY)}s")
    assert live.ask("query", query=november, time=early)["result"] == []


def test_history_has_each_day_at_its_day(past: Prometheus) -> None:
    """The bars are the days' own figures, and the month is the sum of its days."""
    first = (DECEMBER - FIRST) // DAY
    (bars,) = answers(past, HISTORY, "Cost by day, by project, in $currency")
    by_day = {day: first + day - 1 + 0.25 for day in range(1, 31)}
    assert days_of(bars, "name", "currency") == {("proj_a", "usd"): by_day}
    (month,) = answers(past, HISTORY, "Cost, month to date")
    assert figures(month, "currency") == {("usd",): sum(by_day.values())}
    (tokens,) = answers(past, HISTORY, "Tokens in by day, by project")
    assert days_of(tokens, "name") == {("proj_a",): {day: 99 + first + day for day in by_day}}
    (reach,) = answers(past, HISTORY, "Reaches up to")
    assert float(reach[0]["value"][1]) == (DECEMBER + 30 * DAY - 1) * 1000
