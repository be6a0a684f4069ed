"""What hostile pages once got past: each test is a page that counted wrong, or told a secret."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest

from tests.support.bad_pages import END, ONE, TWO
from tests.support.pages import DAY, FIRST, Content, Json, bucket, letters_in, page, put_all, used
from tests.support.running import replay

KEY = "sk-proj-Abcdefgh0123456789"
COSTS = "costs_fixture.json"


def report_of(directory: Path, files: dict[str, Content]) -> Json:
    """Replay files into a report."""
    replayed = replay(put_all(directory, files))
    assert replayed.report is not None, replayed.errors
    return replayed.report


def amount(value: object, **fields: object) -> Json:
    """Make a row of costs."""
    return {"amount": {"value": value, "currency": "usd"}, **fields}


@pytest.mark.parametrize("value", ["1_000", "१२", "0x10", "1e", "--1"])
def test_money_in_a_text_must_be_a_number(value: str, tmp_path: Path) -> None:
    """A text that Python would read as a number, and JSON would not, is bad input."""
    assert replay(put_all(tmp_path, {COSTS: page(bucket(amount(value)))})).code == 65


@pytest.mark.parametrize("value", ["", " ", "\u00a0"])
def test_a_blank_amount_is_absent(value: str, tmp_path: Path) -> None:
    """An amount that is a text with nothing in it is absent, and not zero."""
    report = report_of(tmp_path, {COSTS: page(bucket(amount(value, quantity=2)))})
    assert report["endpoints"]["costs"]["metrics"] == {"amount_value": None, "quantity": 2}


def test_a_rollup_of_forty_dimensions_is_compared(tmp_path: Path) -> None:
    """The work grows with the records, not with the subsets of a rollup's dimensions."""
    row = {"input_tokens": 5, "model": "m", **{f"tag_{n}": "x" for n in range(40)}}
    daily = {"timestamp": FIRST, "line_items": [row]}
    report = report_of(tmp_path, {ONE: page(bucket(used(5, model="m")), daily_costs=[daily])})
    assert report["endpoints"]["usage/completions"]["metrics"]["input_tokens"] == 5


def test_residuals_keep_their_place_in_the_order(tmp_path: Path) -> None:
    """What a residual covers does not depend on when its dimensions were first asked for."""
    hour = bucket(used(5, model="m2"), start_time=FIRST + 3600, end_time=FIRST + 7200)
    rows = [
        {"input_tokens": 10, "project_id": "A", "model": "m", "user_id": "u"},
        {"input_tokens": 5, "service_tier": "t"},
        {"input_tokens": 5, "project_id": "B"},
    ]
    daily = {"timestamp": FIRST, "line_items": rows}
    report = report_of(tmp_path, {ONE: page(hour, daily_costs=[daily])})
    assert report["usageSummary"]["tokensIn"] == 15


def test_what_no_narrower_window_has_is_kept(tmp_path: Path) -> None:
    """A credit or a zero of a wider window stays when no narrower window shows that counter."""
    wide = bucket(amount(-5), end_time=FIRST + 2 * DAY)
    narrow = bucket({"quantity": 3, "amount": {"value": None, "currency": "usd"}})
    report = report_of(tmp_path, {COSTS: page(wide, narrow)})
    assert report["endpoints"]["costs"]["metrics"]["amount_value"] == Decimal(-5)


def test_a_blank_private_field_is_absent(tmp_path: Path) -> None:
    """A blank owner is no owner, so both deliveries are one record."""
    files: dict[str, Content] = {
        ONE: page(bucket(used(5, owner=" ")), cursor="2"),
        TWO: page(bucket(used(5))),
    }
    assert report_of(tmp_path, files)["usageSummary"]["tokensIn"] == 5


def test_a_value_called_unspecified_stands_apart(tmp_path: Path) -> None:
    """A breakdown tells what is null from a value of that name, and loses neither."""
    rows = {"images": 5}, {"images": 7, "size": "unspecified"}
    report = report_of(tmp_path, {"usage_images.json": page(bucket(*rows))})
    assert report["endpoints"]["usage/images"]["breakdowns"]["bySize"] == {
        "unspecified": 5,
        "_unspecified": 7,
    }


@pytest.mark.parametrize(
    "fault",
    [
        page(bucket(result=[used(7)])),
        page(bucket(used(7)), daily_costs={}),
        page(bucket(used(7)), cursor="https://api.openai.com/v1/organization/costs?page=abc"),
    ],
    ids=["results and result", "daily_costs of another type", "URL of another endpoint"],
)
def test_odd_shapes_are_refused(fault: Json, tmp_path: Path) -> None:
    """What could lose usage, or lead into another chain, is bad input."""
    assert replay(put_all(tmp_path, {ONE: fault, TWO: END})).code == 65


@pytest.mark.parametrize(
    "name", ["private_key", "access_key", "given_name", "displayName", "userEmail", "apiKey"]
)
def test_private_names_are_known_in_any_spelling(name: str, tmp_path: Path) -> None:
    """The value of a field whose name speaks of a person or a secret is a digest."""
    replayed = replay(put_all(tmp_path, {ONE: page(bucket(used(5, **{name: "Hidden Value"})))}))
    assert replayed.code == 0
    assert b"Hidden" not in replayed.raw
    assert name.encode() in replayed.raw


@pytest.mark.parametrize("secret", [KEY, "jane.doe@corp.test"])
def test_labels_names_and_cursors_tell_no_secret(secret: str, tmp_path: Path) -> None:
    """A secret in a file name, a dimension's midst or a cursor reaches no output."""
    files: dict[str, Content] = {
        f"usage_completions_fixture_{secret}.json": page(
            bucket(used(5, project_id=f"x_{secret}")), cursor=secret
        ),
    }
    notes = tmp_path / "notes.md"
    replayed = replay(
        put_all(tmp_path / "pages", files), "--allow-incomplete", "--notes", str(notes)
    )
    assert replayed.code == 1
    told = notes.read_text("utf-8").partition("Versions:")[2]
    for text in (replayed.raw.decode(), replayed.output, replayed.errors, told):
        assert secret not in text


def test_rows_of_a_page_beyond_the_end_count(tmp_path: Path) -> None:
    """Set aside, the rows of a page after the end count, and its chain is named."""
    files: dict[str, Content] = {ONE: END, TWO: page(bucket(used(1), used(2, model="m")))}
    pages, metrics = put_all(tmp_path / "pages", files), tmp_path / "metrics.prom"
    options = {"on_error": "dead-letter", "dead_letters": tmp_path / "dead", "metrics": metrics}
    replayed = replay(pages, **options)
    assert replayed.report is not None
    assert replayed.report["usageSummary"]["totalRawEvents"] == 3
    assert letters_in(tmp_path / "dead") == []
    (issue,) = replayed.report["relationshipIssues"]
    assert "is incomplete: found a page after the end of its chain" in issue
    counted = metrics.read_text("utf-8")
    assert 'records_total{endpoint="usage/completions",outcome="new"} 3.0' in counted
    assert 'anomalies_total{kind="after_end"} 1.0' in counted


def test_a_long_text_costs_no_more_than_its_length(tmp_path: Path) -> None:
    """A megabyte that begins like a token again and again is looked through in one pass."""
    model = "eyJ-" * 250_000
    report = report_of(tmp_path, {ONE: page(bucket(used(5, model=model)))})
    assert json.dumps(report["endpoints"]["usage/completions"]["byModel"]).count("eyJ-") == 250_000
