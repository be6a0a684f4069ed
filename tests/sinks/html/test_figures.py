"""The figures on the page of a report: each is the report's, to the last digit."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest

from tests.support.finance import YEAR_END, put_year
from tests.support.pages import bucket, page, put_all, used
from tests.support.report_pages import PageReader, replay_page

COLUMNS: Final = {
    "input_tokens": "tokens in",
    "input_cached_tokens": "of them cached",
    "output_tokens": "tokens out",
    "num_model_requests": "requests",
    "amount_value": "billed, USD",
}
DRAWN: Final = re.compile(r"(2\d{3}-\d\d[-\d]*): ([\d.,]+) (tokens|USD)(?: \(|$)")
"""What is said of a bar."""
CENT: Final = Decimal("0.01")


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> tuple[PageReader, dict[str, Any]]:
    """Replay a year with prices; give its page and its report."""
    place = tmp_path_factory.mktemp("year")
    text = replay_page(put_year(place / "pages"), place, "--prices", "default", now=YEAR_END)
    report = json.loads((place / "report.json").read_text("utf-8"), parse_float=Decimal)
    return PageReader(text), report


def test_projects_have_the_report_s_figures(year: tuple[PageReader, dict[str, Any]]) -> None:
    """Tokens, requests, what was billed and estimated are the report's, to the last digit."""
    shown, report = year
    rows = {name[-15:]: row for name, row in shown.figures("projects").items()}
    usage = report["endpoints"]["usage/completions"]["byProject"]
    for one in usage:
        row = rows[one["projectId"]]
        assert row["tokens in"] == one["metrics"]["input_tokens"]
        assert row["of them cached"] == one["metrics"]["input_cached_tokens"]
        assert row["tokens out"] == one["metrics"]["output_tokens"]
        assert row["requests"] == one["metrics"]["num_model_requests"]
    for one in report["endpoints"]["costs"]["byProject"]:
        assert rows[one["projectId"]]["billed, USD"] == one["metrics"]["amount_value"]
    for one in report["billing"]["estimated"]["byProject"]:
        assert rows[one["projectId"]].get("estimated, USD") == one["amount"]
    assert len(rows) == len(usage) + 1


@pytest.mark.parametrize(("table", "member"), [("models", "byModel"), ("tiers", "byServiceTier")])
def test_models_and_tiers_have_the_report_s_figures(
    year: tuple[PageReader, dict[str, Any]], table: str, member: str
) -> None:
    """Each is there with the tokens that the report says."""
    shown, report = year
    rows, name = shown.figures(table), {"byModel": "model", "byServiceTier": "serviceTier"}[member]
    for one in report["endpoints"]["usage/completions"][member]:
        assert rows[one[name]]["tokens in"] == one["metrics"]["input_tokens"]
        assert "billed, USD" not in rows[one[name]]


def test_periods_line_items_and_the_total_add_up(year: tuple[PageReader, dict[str, Any]]) -> None:
    """Months, the last month's days, line items and the top of the page say the same money."""
    shown, report = year
    whole = report["endpoints"]["costs"]["metrics"]["amount_value"]
    months, lines = shown.figures("months"), shown.figures("lines")
    assert list(months) == [
        *("2024-11", "2024-12", "2025-01", "2025-02", "2025-03", "2025-04"),
        *("2025-05", "2025-06", "2025-07", "2025-08", "2025-09", "2025-10", "all together"),
    ]
    for table in (months, lines):
        total = table.pop("all together")
        assert total["billed, USD"] == whole
        assert sum(row["billed, USD"] for row in table.values()) == whole
    days = shown.figures("days")
    assert days["all together"] == months["2025-10"]
    breakdown = report["endpoints"]["costs"]["breakdowns"]["byLineItem"]
    assert {name: row["billed, USD"] for name, row in lines.items()} == breakdown


def test_bills_and_estimates_balance(year: tuple[PageReader, dict[str, Any]]) -> None:
    """Sums by reason are the report's, and each side of a bill is said with its parts."""
    shown, report = year
    reasons = shown.figures("reasons")
    for one in report["billing"]["byReason"]:
        row = reasons[one["reason"].replace("_", " ")]
        for part in ("billed", "estimated", "difference"):
            assert row.get(part) == one[part]
    estimated = shown.figures("estimates")["all together"]["estimated, USD"]
    assert estimated == report["billing"]["estimated"]["amount"]
    text = "".join(shown.texts)
    for name in ("matched", "notMatched", "notBilled"):
        assert f"{report['billing']['byCurrency'][0][name]:,f}" in text


def day_figures_in(report: dict[str, Any]) -> Iterator[tuple[str, str, Decimal | int]]:
    """Yield what days come to as the report says: the day, the page's column, and a figure."""
    for found in report["endpoints"].values():
        for one in found["byDay"]:
            for counter, value in one["metrics"].items():
                if counter in COLUMNS and value is not None:
                    yield one["bucketTimestamp"][:10], COLUMNS[counter], value
    for one in report["billing"]["estimated"]["byDay"]:
        if one["amount"] is not None:
            yield one["bucketTimestamp"][:10], "estimated, USD", one["amount"]


@pytest.mark.parametrize(
    ("table", "since", "letters"), [("months", "", 7), ("days", "2025-10", 10)]
)
def test_months_and_days_are_sums_of_the_report_s_days(
    year: tuple[PageReader, dict[str, Any]], table: str, since: str, letters: int
) -> None:
    """Each month, and each day of the last one, is what the report's byDay adds up to."""
    shown, report = year
    sums: defaultdict[str, defaultdict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for day, column, value in day_figures_in(report):
        if day >= since:
            sums[day[:letters]][column] += value
    rows = shown.figures(table)
    del rows["all together"]
    assert rows == sums


def test_each_bar_is_drawn_from_a_row_of_the_table_below(
    year: tuple[PageReader, dict[str, Any]],
) -> None:
    """What is said of a bar is in the table: tokens in and out exactly, money to a cent."""
    shown, _ = year
    rows = shown.figures("months") | shown.figures("days")
    del rows["all together"]
    bars = {
        (period, unit): Decimal(figure.replace(",", ""))
        for period, figure, unit in filter(None, map(bar_in, shown.texts))
    }
    assert bars == {
        **{(one, "tokens"): row["tokens in"] + row["tokens out"] for one, row in rows.items()},
        **{(one, "USD"): row["billed, USD"].quantize(CENT) for one, row in rows.items()},
    }


def bar_in(text: str) -> tuple[str, str, str] | None:
    """Return the period, the figure and the unit that a text says of a bar."""
    found = DRAWN.match(text)
    return None if found is None else (found[1], found[2], found[3])


def test_what_was_read_is_named_with_its_digest(year: tuple[PageReader, dict[str, Any]]) -> None:
    """Each file of the report stands there with the digest of its bytes, and what it is of."""
    shown, report = year
    _, *files = shown.tables["files"]
    assert files == [
        [one["name"], f"{one['endpoint']}, {one['label']}, page {one['page']}", one["digest"]]
        for one in report["run"]["fixtures"]
    ]
    assert len(files) == 3


def test_what_has_no_price_has_no_estimate(tmp_path: Path) -> None:
    """A month, a project and a model of which nothing has a price have none, rather than 0."""
    known, strange = ({"project_id": one, "model": one} for one in ("gpt-4o", "strange"))
    days = page(bucket(used(1_000_000, **known), used(5, **strange)), bucket(used(7), day=40))
    pages = put_all(tmp_path / "pages", {"usage_completions.json": days})
    shown = PageReader(replay_page(pages, tmp_path, "--prices", "default"))
    for table, priced, unpriced in (
        ("months", "2024-11", ["2024-12"]),
        ("projects", "gpt-4o", ["strange", "no projectunspecified"]),
        ("models", "gpt-4o", ["strange", "unspecified"]),
    ):
        found = shown.figures(table)
        assert set(found) == {priced, *unpriced, "all together"}
        assert found[priced]["estimated, USD"] == Decimal("2.5")
        assert found["all together"]["estimated, USD"] == Decimal("2.5")
        assert not [one for one in unpriced if "estimated, USD" in found[one]]
    put_all(pages, {"usage_completions.json": page(bucket(used(5, **strange)))})
    nothing = replay_page(pages, tmp_path, "--prices", "default")
    assert re.search(r"<dt>Estimated, USD</dt>\s*<dd class=\"main soft\">–</dd>", nothing)
