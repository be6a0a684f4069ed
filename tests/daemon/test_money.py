"""Prices and budgets of a running daemon: a replay's billing, hand-made sums, and restarts."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any, Final

import pytest

from tests.support.daemons import Daemon, daemon
from tests.support.pages import DAY, bucket, listed, page, put, put_all, used
from tests.support.running import run

NOON: Final = "1733745600"  # 2024-12-09T12:00:00Z, a Monday; day 30 of the pages is December 1st
CLOCK: Final = {"SOURCE_DATE_EPOCH": NOON}
CENT: Final = 'default = false\n[[price]]\nmodel = "m"\ninput = "{}"\n'
MONEY: Final = """
prices = "prices.toml"
[[budget]]
monthly = "100 usd"
warn = [0.1, 0.3, 1.0]
[[budget]]
project = "Search"
monthly = "20 usd"
[[budget]]
project = "Serach"
monthly = "20 usd"
"""


def completions(tokens: int, day: int, project: str = "p", model: str = "m") -> Any:
    """Make a day's use: a token costs a cent."""
    rows = used(tokens, project_id=project, model=model, service_tier="default", batch=False)
    return bucket(rows, day=day)


def cost(amount: str, day: int, project: str = "p") -> Any:
    """Make a day's bill."""
    amounts = {"amount": {"value": amount, "currency": "usd"}, "line_item": "m, input"}
    return bucket({**amounts, "project_id": project}, day=day)


def put_month(place: Path) -> Path:
    """Write use of November 28th to December 9th, costs up to the 5th, and a list of projects."""
    put(place, "prices.toml", CENT.format(10_000))
    (place / "pages").mkdir(exist_ok=True)
    days = range(27, 39)
    files: dict[str, Any] = {
        "usage_completions.json": page(
            *(completions(200, day) for day in days), completions(7, 38, "q", "unheard-of")
        ),
        "costs.json": page(*(cost("3", day) for day in days if day < 35), cost("5", 30, "q")),
        "projects.json": listed({"id": "p", "name": "Search"}, {"id": "q", "name": "Drafts"}),
    }
    return put_all(place / "pages", files)


def figures(found: Daemon) -> dict[str, dict[str, float]]:
    """Return what a scrape has of budgets, by name and budget."""
    return {
        name.removeprefix("usage_stream_budget_"): {
            ", ".join(value for key, value in sorted(labels) if key != "currency"): value
            for labels, value in samples.items()
        }
        for name, samples in found.metrics().items()
        if name.startswith("usage_stream_budget_")
    }


def is_shown(found: Daemon) -> bool:
    """Tell whether all of it is worked out."""
    return bool(found.value("usage_stream_budget_billed")) and bool(
        found.value("openai_project_estimated_cost")
    )


def test_budgets_are_what_a_hand_adds_up(tmp_path: Path) -> None:
    """Five days are billed, the last of them may change; four have estimates: 2 a day.

    The seven days before today are known: four billed with 3, and three with 2 as estimated.
    """
    put_month(tmp_path)
    with daemon(tmp_path, more=MONEY, variables=CLOCK) as found:
        found.until(lambda: is_shown(found), "budgets")
        shown = figures(found)
        assert shown["limit"] == {"__all__": 100, "Search": 20, "Serach": 20}
        assert shown["billed"] == {"__all__": 20, "Search": 15}
        assert shown["estimated_unbilled"] == {"__all__": 8, "Search": 8}
        assert shown["spent_ratio"] == {"__all__": 0.28, "Search": 1.15}
        reached = {"0.1, __all__": 1, "0.3, __all__": 0, "1.0, __all__": 0}
        reached |= {f"{one}, Search": 1 for one in (0.5, 0.8, 1.0)}
        assert {
            ", ".join(sorted(k.split(", "))): v for k, v in shown["threshold_reached"].items()
        } == reached
        unclear = {key for key, value in shown["unclear"].items() if value}
        assert unclear == {"Serach, unknown_project", "__all__, no_price"}
        # 8 days are known: 15 and 3 times 2; 23 are as the mean, which is (4 * 3 + 3 * 2) / 7
        assert round(shown["forecast"]["Search"], 6) == round(15 + 6 + 23 * 18 / 7, 6)
        assert found.value("openai_project_estimated_cost", project_id="p", currency="usd") == 24
        assert found.value("openai_api_estimated_cost", model="m", service_tier="default") == 24
        assert found.value("openai_api_unpriced_usage", model="unheard-of", kind="input") == 7
        compared = {"month": "current", "currency": "usd"}
        late = found.value("usage_stream_reconciliation_estimated", reason="late_costs", **compared)
        assert late == 8
        assert found.value("usage_stream_reconciliation_billed", **compared) == 20
        matched = found.value("usage_stream_reconciliation_matched", **compared)
        differs = found.value("usage_stream_reconciliation_difference", **compared)
        assert (matched, differs) == (10, 20 - 18)
        logged = [one for one in found.events() if one["event"] == "budget_unclear"]
        assert {(one["budget"], one["reason"]) for one in logged} == {
            ("Serach", "unknown_project"),
            ("__all__", "no_price"),
        }
        assert any("7 input tokens of unheard-of" in one["message"] for one in logged)


@pytest.mark.no_cover
def test_restarts_and_kills_change_nothing(tmp_path: Path) -> None:
    """After a stop and after a kill the same is shown, also of days that have changed meanwhile."""
    pages = put_month(tmp_path)
    with daemon(tmp_path, more=MONEY, variables=CLOCK) as found:
        found.until(lambda: is_shown(found), "budgets")
        before = figures(found)
        put(pages, "costs_late.json", page(cost("4", 35)))
        found.until(lambda: figures(found) != before, "another figure")
        found.until(lambda: figures(found)["billed"]["Search"] == 19, "the cost")
        shown = figures(found), found.metrics()["openai_api_estimated_cost"]
        found.stop(signal.SIGKILL)
    for number in (signal.SIGTERM, signal.SIGKILL):
        with daemon(tmp_path, more=MONEY, variables=CLOCK) as found:
            found.until(lambda: is_shown(found), "budgets")
            assert (figures(found), found.metrics()["openai_api_estimated_cost"]) == shown
            found.stop(number)


def test_the_report_has_the_billing_of_a_replay(tmp_path: Path) -> None:
    """With prices the daemon's report says what a replay of the pages does, byte for byte."""
    pages = put_month(tmp_path)
    with daemon(tmp_path, "--details", "true", more=MONEY, variables=CLOCK) as found:
        found.until(lambda: is_shown(found), "budgets")
        found.stop()
        kept = (tmp_path / "report.json").read_bytes()
    replayed = tmp_path / "replayed.json"
    prices = str(tmp_path / "prices.toml")
    command = ["replay", str(pages), "--report", str(replayed), "--now", NOON, "--prices", prices]
    assert run(command)[0] == 0
    mark = b'"billing": {'
    parts = [text[text.index(mark) :] for text in (kept, replayed.read_bytes())]
    assert parts[0] == parts[1]
    assert b'"late_costs"' in parts[0]


def test_a_reload_reads_prices_again(tmp_path: Path) -> None:
    """Estimates are all by the new prices; a file that is wrong changes nothing."""
    put_month(tmp_path)
    with daemon(tmp_path, more=MONEY, variables=CLOCK) as found:
        found.until(lambda: is_shown(found), "budgets")
        put(tmp_path, "prices.toml", CENT.format("much"))
        answer = found.ask("/-/reload", method="POST")
        assert (answer.status, 'price[0].input: found "much"' in answer.text) == (400, True)
        assert found.value("openai_project_estimated_cost") == 24
        put(tmp_path, "prices.toml", CENT.format(20_000))
        assert found.ask("/-/reload", method="POST").status == 200
        found.until(lambda: found.value("openai_project_estimated_cost") == 48, "new estimates")
        found.until(lambda: figures(found)["estimated_unbilled"]["Search"] == 17, "new budgets")


def test_a_new_month_begins_with_nothing_spent(tmp_path: Path) -> None:
    """By a clock of the next month what was spent is the last month's, and nothing is foreseen."""
    put_month(tmp_path)
    january = {"SOURCE_DATE_EPOCH": str(int(NOON) + 25 * DAY)}
    with daemon(tmp_path, more=MONEY, variables=january) as found:
        found.until(lambda: bool(found.value("openai_project_estimated_cost")), "estimates")
        found.until(lambda: "limit" in figures(found), "budgets")
        shown = figures(found)
        assert {"billed", "estimated_unbilled", "spent_ratio", "forecast"} & shown.keys() == set()
        assert found.value("usage_stream_reconciliation_billed", month="last") == 20
        assert found.value("usage_stream_reconciliation_billed", month="current") == 0
