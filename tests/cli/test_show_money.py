"""``usage-stream show --prices`` and ``--reconcile``: estimates, and bills beside them."""

from __future__ import annotations

import json
from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest

from tests.support.comparing import Json
from tests.support.generated import summary
from tests.support.pages import bucket, page, put_all, used
from tests.support.places import FIXTURES
from tests.support.priced_month import ROW, cost, put_month
from tests.support.running import NOW, replay, run

PRICED: Final = ("--prices", "default")
RECONCILED: Final = ("--reconcile", "--now", NOW)
D: Final = Decimal
Key = tuple[Any, ...]


def show(source: object, *arguments: str, code: int = 0) -> tuple[str, str]:
    """Run the command; return what it printed, and what it said of that."""
    found, output, errors = run(["show", str(source), *arguments])
    assert found == code, errors
    return output, errors


def shown(source: object, *arguments: str) -> Json:
    """Return what is shown as JSON."""
    found: Json = json.loads(show(source, *arguments, "--format", "json")[0])
    return found


def billing_of(source: Path) -> Json:
    """Return what the report says."""
    report = replay(source, prices="default").report
    assert report is not None
    found: Json = report["billing"]
    return found


@pytest.fixture(autouse=True)
def _no_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have tables be as wide as they are."""
    monkeypatch.delenv("COLUMNS", raising=False)


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return pages of a few days, used and billed."""
    return put_month(tmp_path_factory.mktemp("month") / "pages")


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make some days of all endpoints."""
    out = tmp_path_factory.mktemp("made") / "days.ndjson.zst"
    summary(out, "--endpoints", "all", "--rows", "1200", "--rows-per-bucket", "20", "--width", "1d")
    return out


def test_use_is_estimated(month: Path) -> None:
    """Each model has its estimate, worked out by hand; what has no price has none, and is named."""
    found = shown(month, "--by", "model", *PRICED)
    rows = {row["model"]: row for row in found["rows"]}
    # 0.00030735 + 0.00006 + 0.0005472, 0.000075 in a batch, and 0.0000015 of the next day.
    assert rows["gpt-4o-mini"]["estimated"] == {"usd": "0.00099105"} == found["total"]["estimated"]
    assert "estimated" not in rows["unheard-of"]
    assert rows["unheard-of"]["input_tokens"] == 7
    assert rows[None]["billed"] == {"usd": "-0.99954765"} == found["total"]["billed"]
    assert found["without_price"] == [
        {
            "endpoint": "usage/completions",
            "model": "unheard-of",
            "tier": "default",
            "kind": "input",
            "quantity": 7,
        }
    ]
    assert "no price for unheard-of (default): 7 input tokens" in found["notes"]
    assert any(one.endswith("and no bill") for one in found["notes"])


def test_each_form_calls_it_estimated(month: Path) -> None:
    """A column of its own in tables, CSV and Markdown; without prices there is none."""
    asked = ("--by", "model", "--per", "day")
    table, said = show(month, *asked, *PRICED)
    assert table.splitlines()[0].endswith("billed usd  estimated usd")
    assert "no price for unheard-of (default): 7 input tokens\n" in said
    rows, said = show(month, *asked, *PRICED, "--format", "csv")
    assert rows.splitlines()[0].endswith(",billed_usd,estimated_usd")
    assert "2024-11-02,gpt-4o-mini,10,,,,0.0000015" in rows.splitlines()
    assert "2024-11-01,unheard-of,7,,,," in rows.splitlines()
    assert "no price for unheard-of" in said
    marked, _ = show(month, *asked, *PRICED, "--format", "markdown")
    assert "| 2024-11-02 | gpt-4o-mini | 10 |  |  |  | 0.00000150 |" in marked
    assert "no price for unheard-of" in marked
    for form in ("table", "csv", "json", "markdown"):
        output, said = show(month, *asked, "--format", form)
        assert "estimated" not in output + said


def test_many_models_without_a_price_are_bounded(tmp_path: Path) -> None:
    """The note names the first ones, and how many more there are; JSON has all of them."""
    rows = [used(7, model=f"unheard-of-{at:03}", project_id="p") for at in range(23)]
    pages = put_all(tmp_path / "pages", {"usage_completions.json": page(bucket(*rows))})
    _, said = show(pages, *PRICED)
    (line,) = [one for one in said.splitlines() if "no price" in one]
    assert line.count("unheard-of") == 5
    assert line.endswith("; and 18 more")
    assert len(shown(pages, *PRICED)["without_price"]) == 23


def test_it_adds_up_to_the_report(generated: Path) -> None:
    """By day, project and model the estimates are the report's, to the last digit."""
    for source in (FIXTURES, generated):
        estimated = billing_of(source)["estimated"]
        amounts = {
            "byDay": [
                (row["day"], row["estimated"]["usd"])
                for row in shown(source, "--by", "none", "--per", "day", *PRICED)["rows"]
                if "estimated" in row
            ],
            "byProject": [
                (row["project_id"], row["estimated"]["usd"])
                for row in shown(source, "--by", "project", *PRICED)["rows"]
                if "estimated" in row
            ],
        }
        expected = {
            "byDay": [(one["bucketTimestamp"][:10], one["amount"]) for one in estimated["byDay"]],
            "byProject": [
                (one["projectId"] or "unspecified", one["amount"]) for one in estimated["byProject"]
            ],
        }
        for name, pairs in amounts.items():
            found = {key: D(amount) for key, amount in pairs if D(amount)}
            assert found == {key: amount for key, amount in expected[name] if amount}
        total = shown(source, "--by", "none", *PRICED)["total"]
        assert D(total["estimated"]["usd"]) == estimated["amount"]


def test_a_list_of_ones_own_has_its_currency(month: Path, tmp_path: Path) -> None:
    """Estimates are in the currency of the prices, and a row's own cost wins over a price."""
    prices = tmp_path / "prices.toml"
    prices.write_text(
        'default = false\ncurrency = "eur"\n[[price]]\nmodel = "unheard-of"\ninput = "2000000"\n',
        "utf-8",
    )
    found = shown(month, "--prices", str(prices))
    assert found["total"]["estimated"] == {"eur": "14"}
    assert found["total"]["billed"] == {"usd": "-0.99954765"}
    own = {**ROW, "model": "unheard-of", "cost": 3}
    made = put_all(tmp_path / "own", {"usage_completions.json": page(bucket(used(7, **own)))})
    assert shown(made, "--prices", str(prices))["total"]["estimated"] == {"eur": "3"}


def keys_of(row: Json) -> Key:
    """Return what a row of the report is of."""
    start, project = row["bucketTimestamp"][:10], row["projectId"] or "unspecified"
    lines = " + ".join(one or "unspecified" for one in row["lineItems"]) or None
    return start, project, lines, row["model"], row["kind"], row["tier"], row["reason"]


@pytest.mark.parametrize("name", ["fixtures", "month", "generated"])
def test_bills_stand_beside_estimates(name: str, request: pytest.FixtureRequest) -> None:
    """Each row is the report's, and so is what they come to; nothing is lost on the way."""
    source = FIXTURES if name == "fixtures" else request.getfixturevalue(name)
    billing, found = billing_of(source), shown(source, *RECONCILED)
    expected: defaultdict[Key, list[Any]] = defaultdict(list)
    for row in billing["rows"]:
        expected[keys_of(row)].append((row["billed"], row["estimated"], row["quantity"]))
    for row in found["rows"]:
        key = tuple(
            row[one]
            for one in ("day", "project_id", "line_item", "model", "kind", "tier", "reason")
        )
        texts = [row.get(one, {}).get("usd") for one in ("billed", "estimated")]
        known = [None if one is None else D(one) for one in texts]
        expected[key].remove((*known, row.get("quantity", 0)))
        if known != [None, None]:
            assert D(row["difference"]["usd"]) == D(texts[0] or 0) - D(texts[1] or 0)
    assert not any(expected.values())
    for one in found["by_currency"]:
        (of_report,) = [
            every for every in billing["byCurrency"] if every["currency"] == one["currency"]
        ]
        for ours, theirs in (("matched", "matched"), ("not_matched", "notMatched")):
            assert D(one[ours]) == of_report[theirs]
        for whole, rest in (("billed", "not_matched"), ("estimated", "not_billed")):
            assert (one[whole] is None) == (one[rest] is None)
            if one[whole] is not None:
                assert D(one[whole]) == D(one["matched"]) + D(one[rest])
    assert {
        (one["reason"], one["rows"], one["billed"] and D(one["billed"]))
        for one in found["by_reason"]
    } == {(one["reason"], one["rows"], one["billed"]) for one in billing["byReason"]}
    assert found["line_items"] == [
        {"line_item": one.pop("lineItem"), **one} for one in billing["lineItems"]
    ]
    plain = shown(source, *PRICED)["total"]
    assert found["total"]["billed"] == plain["billed"]
    assert found["total"]["estimated"] == plain["estimated"]


def test_it_is_worked_out_by_hand(month: Path) -> None:
    """Line items with their map, what was billed, what it should have been, and why."""
    table, said = show(month, *RECONCILED, "--format", "csv")
    lines = table.splitlines()
    assert lines[0] == (
        "day,project_id,project_name,line_item,endpoint,model,kind,tier,reason,"
        "billed_usd,estimated_usd,difference_usd,quantity,without_price"
    )
    cached, own = "gpt-4o-mini,cached_input,,amount_differs", "gpt-4o-mini,output,default"
    for line in (
        f'2024-11-01,p,,"gpt-4o-mini, cached input",,{cached},0.00007,0.00006,0.00001,800,0',
        f"2024-11-01,p,,,,{own},usage_without_bill,,0.0005472,-0.0005472,912,0",
        "2024-11-01,p,,,,unheard-of,input,default,no_price,,,,7,7",
        "2024-11-01,unspecified,,Credit,,Credit,,,credit,-1,,-1,,",
    ):
        assert line in lines
    assert "no_price: some of what was used has no price\n" in said


def test_periods_and_spans_are_parts_of_it(month: Path) -> None:
    """By month rows of the same are one; a span or a project has those rows, as they are in all."""
    whole = shown(month, *RECONCILED)
    by_month = shown(month, *RECONCILED, "--per", "month")
    assert by_month["total"] == whole["total"]
    assert {row["month"] for row in by_month["rows"]} == {"2024-11"}
    assert shown(month, *RECONCILED, "--per", "total")["total"] == whole["total"]
    part = ("--since", "2024-11-02", "--until", "2024-11-02")
    rows = shown(month, *RECONCILED, *part)["rows"]
    assert rows == [row for row in whole["rows"] if row["day"] == "2024-11-02"]
    assert rows
    rows = shown(month, *RECONCILED, "--project", "p")["rows"]
    assert rows == [row for row in whole["rows"] if row["project_id"] == "p"]


def test_a_window_over_the_edge_of_a_span_is_compared_whole(tmp_path: Path) -> None:
    """Days that a window joins stand in the span that they begin in, with all that is of them."""
    day = 86400
    start = 1_730_419_200  # 2024-11-01
    wide = {"start_time": start, "end_time": start + 2 * day}
    made = put_all(
        tmp_path / "wide",
        {
            "usage_completions.json": page(bucket(used(10, **ROW), **wide)),
            "costs.json": page(
                bucket(cost("gpt-4o-mini, input", "1", project_id="p")),
                bucket(cost("gpt-4o-mini, input", "2", project_id="p"), day=1),
                bucket(cost("gpt-4o-mini, input", "4", project_id="p"), day=2),
            ),
        },
    )
    first = shown(made, *RECONCILED, "--until", "2024-11-01")
    assert [(row["day"], row["billed"]["usd"]) for row in first["rows"]] == [("2024-11-01", "3")]
    assert any("cross midnight" in one for one in first["notes"])
    later = shown(made, *RECONCILED, "--since", "2024-11-02")
    assert [(row["day"], row["billed"]["usd"]) for row in later["rows"]] == [("2024-11-03", "4")]


def test_a_state_file_has_the_same(month: Path, tmp_path: Path) -> None:
    """Pages and the state that they came to are estimated and compared alike."""
    state = tmp_path / "state.db"
    replay(month, state=state)
    for asked in (("--by", "model,tier", "--per", "day", *PRICED), RECONCILED):
        assert show(state, *asked) == show(month, *asked)


@pytest.mark.parametrize(
    ("source", "arguments", "code", "said"),
    [
        (FIXTURES, ("--reconcile", "--by", "model"), 2, "no --by, --endpoint or --top"),
        (FIXTURES, ("--reconcile", "--top", "3"), 2, "no --by, --endpoint or --top"),
        (FIXTURES, ("--reconcile", "--endpoint", "costs"), 2, "no --by, --endpoint or --top"),
        ("http://127.0.0.1:9", ("--reconcile",), 2, "give its state file"),
        (FIXTURES, ("--prices", "no-such.toml"), 78, "no-such.toml: cannot be read"),
    ],
)
def test_what_cannot_be_is_refused(
    source: object, arguments: tuple[str, ...], code: int, said: str
) -> None:
    """One line says what to do instead."""
    _, errors = show(source, *arguments, code=code)
    assert said in errors
