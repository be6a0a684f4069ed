"""A report as a page: its figures are the report's, and the same pages give the same bytes."""

from __future__ import annotations

import json
import re
import shutil
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.finance import HOSTILE, MARKUP, YEAR_END, put_hostile, put_year
from tests.support.pages import bucket, page, put_all, used
from tests.support.places import FIXTURES
from tests.support.pruning import prune
from tests.support.running import NOW, run
from tests.support.strategies import chains, shuffled, write_chains


class Reader(HTMLParser):
    """Reads tables by their ids, with the exact figures, and notes every tag."""

    def __init__(self, text: str) -> None:
        """Read a page."""
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.tables: dict[str, list[list[str]]] = {}
        self.texts: list[str] = []
        self._rows: list[list[str]] | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        found = dict(attrs)
        self.tags.append((tag, found))
        if tag == "table":
            self._rows = self.tables[found["id"] or ""] = []
        elif tag == "tr" and self._rows is not None:
            self._rows.append([])
        elif tag in {"th", "td"} and self._rows is not None:
            self._rows[-1].append("")
        elif tag == "data" and self._rows and self._rows[-1]:
            self._rows[-1][-1] = f"={found['value']}"

    def handle_endtag(self, tag: str) -> None:
        """End a table."""
        if tag == "table":
            self._rows = None

    def handle_data(self, data: str) -> None:
        """Take a text."""
        self.texts.append(data)
        if self._rows and self._rows[-1] and not self._rows[-1][-1].startswith("="):
            self._rows[-1][-1] += data.strip()

    def figures(self, table: str) -> dict[str, dict[str, Decimal]]:
        """Return a table's figures by row, whose name ends in its id if it has one, and column."""
        head, *rows = self.tables[table]
        return {
            row[0]: {
                name: Decimal(cell[1:])
                for name, cell in zip(head, row, strict=True)
                if cell.startswith("=")
            }
            for row in rows
        }


def write(command: list[str], out: Path, code: int = 0) -> str:
    """Run a command that writes a page; return the page."""
    option = "--html" if command[0] == "replay" else "--out"
    ended, _, errors = run([*command, option, str(out)])
    assert ended == code, errors
    return out.read_text("utf-8")


def replay(pages: Path, place: Path, *options: str, now: str = NOW, code: int = 0) -> str:
    """Replay pages into a report and a page."""
    report = str(place / "report.json")
    command = ["replay", str(pages), "--report", report, "--now", now, *options]
    return write(command, place / "page.html", code)


def export(source: Path, place: Path, *options: str, now: str = NOW, code: int = 0) -> str:
    """Write a page of a source, without a report."""
    return write(["export", "html", str(source), "--now", now, *options], place / "e.html", code)


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> tuple[Reader, dict[str, Any]]:
    """Replay a year with prices; give its page and its report."""
    place = tmp_path_factory.mktemp("year")
    text = replay(put_year(place / "pages"), place, "--prices", "default", now=YEAR_END)
    report = json.loads((place / "report.json").read_text("utf-8"), parse_float=Decimal)
    return Reader(text), report


def test_projects_have_the_report_s_figures(year: tuple[Reader, dict[str, Any]]) -> None:
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
        assert rows[one["projectId"]].get("estimated, USD", 0) == one["amount"]
    assert len(rows) == len(usage) + 1


@pytest.mark.parametrize(("table", "member"), [("models", "byModel"), ("tiers", "byServiceTier")])
def test_models_and_tiers_have_the_report_s_figures(
    year: tuple[Reader, dict[str, Any]], table: str, member: str
) -> None:
    """Each is there with the tokens that the report says."""
    shown, report = year
    rows, name = shown.figures(table), {"byModel": "model", "byServiceTier": "serviceTier"}[member]
    for one in report["endpoints"]["usage/completions"][member]:
        assert rows[one[name]]["tokens in"] == one["metrics"]["input_tokens"]
        assert "billed, USD" not in rows[one[name]]


def test_periods_line_items_and_the_total_add_up(year: tuple[Reader, dict[str, Any]]) -> None:
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


def test_bills_and_estimates_balance(year: tuple[Reader, dict[str, Any]]) -> None:
    """Sums by reason are the report's, and each side of a bill is said with its parts."""
    shown, report = year
    reasons = shown.figures("reasons")
    for one in report["billing"]["byReason"]:
        row = reasons[one["reason"].replace("_", " ")]
        assert (row["billed"], row["estimated"], row["difference"]) == (
            one["billed"],
            one["estimated"],
            one["difference"],
        )
    estimated = shown.figures("estimates")["all together"]["estimated, USD"]
    assert estimated == report["billing"]["estimated"]["amount"]
    text = "".join(shown.texts)
    for name in ("matched", "notMatched", "notBilled"):
        assert f"{report['billing']['byCurrency'][0][name]:,f}" in text


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_the_same_pages_give_the_same_bytes(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Pages in any order of rows and walks, with little memory, from state or without a report."""
    place = tmp_path_factory.mktemp("same")
    made = data.draw(chains())
    for name in ("pages", "other"):
        (place / name).mkdir()
    write_chains(place / "pages", made)
    options = ("--prices", "default")
    code = run(["replay", str(place / "pages"), "--report", str(place / "r.json"), "--now", NOW])[0]
    first = replay(place / "pages", place, *options, code=code)
    state = ("--state", str(place / "state.db"), "--row-budget", "2")
    assert replay(place / "pages", place, *options, *state, code=code) == first
    assert export(place / "pages", place, *options, code=code) == first
    assert export(place / "state.db", place, *options, code=code) == first
    write_chains(place / "other", data.draw(shuffled(made)))
    other = replay(place / "other", place, *options, code=code)
    assert without_origins(other) == without_origins(first)


def without_origins(text: str) -> str:
    """Return a page but for digests of files, which differ where bytes do."""
    return text.partition('<section aria-labelledby="origins">')[0]


def test_workers_change_nothing(tmp_path: Path) -> None:
    """Two processes write the page that one writes, and the report stays what it was."""
    one = replay(FIXTURES, tmp_path, "--prices", "default")
    report = (tmp_path / "report.json").read_bytes()
    assert replay(FIXTURES, tmp_path, "--prices", "default", "--workers", "2") == one
    plain = tmp_path / "plain.json"
    run(["replay", str(FIXTURES), "--report", str(plain), "--now", NOW, "--prices", "default"])
    assert report == (tmp_path / "report.json").read_bytes() == plain.read_bytes()


def test_state_that_is_in_use_is_shown_as_it_was_stored(tmp_path: Path) -> None:
    """A state file whose days are folded is read, and not written to."""
    state = tmp_path / "state.db"
    first = replay(put_year(tmp_path / "pages"), tmp_path, "--state", str(state), now=YEAR_END)
    prune(state)
    before = state.read_bytes()
    folded = Reader(export(state, tmp_path, now=YEAR_END))
    assert state.read_bytes() == before
    assert folded.figures("projects") == Reader(first).figures("projects")
    assert folded.figures("months") == Reader(first).figures("months")


def test_nothing_from_outside_is_markup(tmp_path: Path) -> None:
    """Names that are markup, an email, ten thousand letters long or turned around are harmless."""
    text = replay(put_hostile(tmp_path / "pages"), tmp_path, "--allow-incomplete", code=1)
    shown = Reader(text)
    assert {"script", "img", "link", "iframe", "object", "base"}.isdisjoint(
        tag for tag, _ in shown.tags
    )
    attributes = {name for _, found in shown.tags for name in found}
    assert not [one for one in attributes if one.startswith("on")]
    assert {"src", "style", "action", "srcdoc"}.isdisjoint(attributes)
    assert all(found["href"].startswith("#") for tag, found in shown.tags if tag == "a")  # type: ignore[union-attr]  # each has one
    assert "\u202e" not in text
    assert HOSTILE[4] not in text
    assert "p" * 700 not in text
    assert len(text) < 200_000
    assert any(MARKUP in one for one in shown.texts)
    assert "url(" not in text
    assert "http:" not in text.replace("http-equiv", "")


def test_what_wants_a_look_is_first_and_says_what_to_do(tmp_path: Path) -> None:
    """Missing pages, files that were not read, strange ids and use without a price are named."""
    pages = put_hostile(tmp_path / "pages")
    text = replay(pages, tmp_path, "--allow-incomplete", "--prices", "default", code=1)
    wants = re.findall(r'id="want-([\w-]+)"', text)
    assert wants == ["incomplete", "left-out", "relations", "unpriced"]
    assert text.index('id="want-incomplete"') < text.index("Month by month")
    report = json.loads((tmp_path / "report.json").read_text("utf-8"))
    shown = " ".join(Reader(text).texts)
    assert report["relationshipIssues"][0] in shown
    assert "Nothing wants a look" in replay(FIXTURES, tmp_path)


def test_dead_letters_short_sums_and_two_figures_are_explained(tmp_path: Path) -> None:
    """What was set aside, what is less than its parts and what contradicts itself is counted."""
    twice = [used(5, project_id="p"), used(6, project_id="p")]
    pages = put_all(
        tmp_path / "pages",
        {"usage_completions.json": page(bucket(used(-1), *twice)), "usage_images.json": "no JSON"},
    )
    dead = ("--on-error", "dead-letter", "--dead-letters", str(tmp_path / "dead"))
    text = replay(pages, tmp_path, *dead, code=1)
    assert {"letters", "collisions"} <= set(re.findall(r'id="want-([\w-]+)"', text))


def test_very_many_projects_are_one_row(tmp_path: Path) -> None:
    """The first hundred have a row, the others one together, and the page stays small."""
    rows = [
        used(number + 1, project_id=f"p{number}", model=f"m{number}") for number in range(2_000)
    ]
    pages = put_all(tmp_path / "pages", {"usage_completions.json": page(bucket(*rows))})
    text = replay(pages, tmp_path)
    projects = Reader(text).figures("projects")
    assert len(projects) == 102
    (rest,) = [row for name, row in projects.items() if name.startswith("1,900 more together")]
    assert rest["tokens in"] == sum(range(1, 1_901))
    assert projects["all together"]["tokens in"] == sum(range(1, 2_001))
    assert len(text) < 250_000


def test_currencies_beyond_the_columns_are_said(tmp_path: Path) -> None:
    """Four currencies have columns and shares of their own; how many more there are is said."""
    rows = [
        {"amount": {"value": "1.50", "currency": one}, "project_id": "p", "line_item": "l"}
        for one in ("usd", "eur", "chf", "gbp", "jpy", "sek")
    ]
    pages = put_all(tmp_path / "pages", {"costs.json": page(bucket(*rows))})
    shown = Reader(replay(pages, tmp_path))
    heads = shown.tables["projects"][0]
    assert heads[1:] == [
        *(f"billed, {one}" for one in ("USD", "CHF", "EUR", "GBP")),
        "share of billed, USD",
    ]
    assert any("2 more currencies were billed" in one for one in shown.texts)


def test_a_page_takes_nobody_s_place(tmp_path: Path) -> None:
    """Neither the report, nor a page that was read, nor the state file is written over."""
    pages = put_all(tmp_path / "pages", {"usage_completions.json": page(bucket(used(1)))})
    report, state = tmp_path / "r.json", tmp_path / "state.db"
    command = ["replay", str(pages), "--report", str(report), "--state", str(state)]
    assert run([*command, "--html", str(report)])[0] == 2
    assert run([*command, "--html", str(pages / "costs.json")])[0] == 2
    assert run(command)[0] == 0
    before = state.read_bytes()
    assert run(["export", "html", str(state), "--out", str(state)])[0] == 2
    assert run(["export", "html", str(pages), "--out", str(pages / "costs.json")])[0] == 2
    assert state.read_bytes() == before


@pytest.mark.parametrize(("source", "code"), [("broken", 65), ("nowhere", 69), ("state.db", 65)])
def test_bad_input_leaves_no_page(source: str, code: int, tmp_path: Path) -> None:
    """What cannot be trusted or read ends with one line, and the page of before stays."""
    put_all(tmp_path / "broken", {"usage_completions.json": "{"})
    (tmp_path / "state.db").write_bytes(b"SQLite format 3\0" + b"x" * 5_000)
    out = tmp_path / "page.html"
    out.write_text("before", "utf-8")
    ended, _, errors = run(["export", "html", str(tmp_path / source), "--out", str(out)])
    assert (ended, len(errors.splitlines())) == (code, 1)
    assert out.read_text("utf-8") == "before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broken", "page.html", "state.db"]
    shutil.rmtree(tmp_path / "broken")
