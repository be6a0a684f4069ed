"""What was billed as FOCUS: columns, formats, sums, and texts that nobody can trust."""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal, localcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.focus import (
    ACCOUNT,
    ALLOWED,
    MANDATORY,
    NEVER_NULL,
    OPTIONAL,
    billed,
    export,
    sum_billed,
)
from tests.support.pages import DAY, FIRST, bucket, listed, page, put_all, used
from tests.support.places import FIXTURES
from tests.support.processes import killed_at
from tests.support.running import replay, run

VERSIONS = sorted(MANDATORY)
NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
LONG = Decimal("0.1234567890123456789012345")
FILES: dict[str, Any] = {
    "costs.json": page(
        bucket(
            billed(Decimal("1.50"), project_id="p", line_item="gpt-4o, input", quantity=1500,
                   quantity_unit="tokens", api_key_id="key_1", api_source="agents_api"),
            billed("0E-6176", project_id="p", line_item="gpt-4o, cached input", quantity=2,
                   quantity_unit="1000_tokens"),
            billed(Decimal("-0.25"), project_id="p", line_item="credit", quantity=1),
            billed(3, "EUR", line_item="web search"),
        ),
        bucket(billed(LONG, project_id="q", line_item="dall-e-3, images", quantity=3), day=1),
    ),
    "usage_completions.json": page(bucket(used(7, project_id="p"))),
    "projects.json": listed({"id": "p", "name": "Paper"}, {"id": "q", "name": "Quill"}),
}  # fmt: skip


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    """Write a little of everything."""
    return put_all(tmp_path / "pages", FILES)


@pytest.mark.parametrize("version", VERSIONS)
def test_columns_are_those_of_the_version(version: str, pages: Path, tmp_path: Path) -> None:
    """All mandatory columns are there and no other version's, in order, and ours behind them."""
    rows = export(pages, tmp_path / "out.csv", version).rows
    columns = list(rows[0])
    own = [one for one in columns if one.startswith("x_")]
    standard = columns[: -len(own)]
    assert (standard, own) == (sorted(standard), sorted(own))
    assert set(standard) == MANDATORY[version] | OPTIONAL


@pytest.mark.parametrize("version", VERSIONS)
def test_values_have_the_formats_of_the_specification(
    version: str, pages: Path, tmp_path: Path
) -> None:
    """Numbers are plain, times UTC, currencies codes, and nothing is null that must not be."""
    for row in export(pages, tmp_path / "out.csv", version).rows:
        for name, text in row.items():
            assert text or name not in NEVER_NULL
            if name.endswith(("Cost", "Quantity")) and text:
                assert NUMBER.fullmatch(text)
            if name.endswith(("Start", "End")):
                assert TIME.fullmatch(text)
            assert text in ALLOWED.get(name, {text})
        assert re.fullmatch("[A-Z]{3}", row["BillingCurrency"])
        assert not row["ConsumedUnit"] or row["ConsumedQuantity"]
        assert bool(row["PricingUnit"]) == bool(row["PricingQuantity"])


def packed_rows(out: Path) -> list[dict[str, str]]:
    """Read Parquet with a reader that is not ours, and write its values as CSV has them."""
    found = duckdb.read_parquet(str(out))
    return [dict(zip(found.columns, map(text_of, one), strict=True)) for one in found.fetchall()]


def text_of(value: object) -> str:
    """Write a value as CSV has it."""
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    if isinstance(value, Decimal):
        text = f"{value:f}"
        return (text.rstrip("0").rstrip(".") if "." in text else text) or "0"
    return "" if value is None else str(value)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_published_validator_finds_nothing(version: str, pages: Path, tmp_path: Path) -> None:
    """The FOCUS data toolkit knows the columns of both versions, and lints rows of 1.4."""
    registry = pytest.importorskip("focus_data_toolkit.schema.registry")
    validator = pytest.importorskip("focus_data_toolkit.model.validator")
    out = tmp_path / "out.parquet"
    export(pages, out, version, "--format", "parquet")
    packed = packed_rows(out)
    rows = export(pages, tmp_path / "out.csv", version).rows
    name = "Cost and Usage"
    for columns in (list(packed[0]), list(rows[0])):
        assert registry.mandatory_columns(name, version) <= set(columns)
        others = set(columns) - registry.version_columns(name, version)
        assert all(one.startswith("x_") for one in others)
    if version == "1.4":
        for found in (rows, packed):
            assert validator.lint_focus_1_4_structure(name, found).messages() == []
    assert packed == rows


def test_a_record_of_costs_is_a_charge(pages: Path, tmp_path: Path) -> None:
    """Amounts, quantities, units, meters, projects and tags stand where the notes map them."""
    exported = export(pages, tmp_path / "out.csv")
    assert (exported.code, exported.summary["charges"]) == (0, 5)
    found = {row["x_LineItem"]: row for row in exported.rows}
    row = found["gpt-4o, input"]
    costs = {row[name] for name in ("BilledCost", "EffectiveCost", "ListCost", "ContractedCost")}
    assert costs == {"1.5"}
    assert (row["ConsumedQuantity"], row["ConsumedUnit"], row["SkuMeter"]) == (
        ("1500", "Tokens", "Input Tokens")
    )
    assert (row["SubAccountId"], row["SubAccountName"]) == ("p", "Paper")
    assert json.loads(row["Tags"]) == {
        "openai:api_key_id": "key_1",
        "openai:api_source": "agents_api",
    }
    assert (row["BillingPeriodStart"], row["BillingPeriodEnd"]) == (
        ("2024-11-01T00:00:00Z", "2024-12-01T00:00:00Z")
    )
    assert row["BillingAccountId"] == ACCOUNT
    assert found["gpt-4o, cached input"]["PricingUnit"] == "1000 Tokens"
    assert found["dall-e-3, images"]["PricingUnit"] == "Units"
    credit = found["credit"]
    assert (credit["ChargeCategory"], credit["BilledCost"]) == ("Credit", "-0.25")
    assert (credit["ConsumedQuantity"], credit["ConsumedUnit"]) == ("", "")
    assert found["web search"]["PricingQuantity"] == ""
    assert exported.summary["withoutQuantity"] == 1


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_the_sum_is_what_was_billed(form: str, pages: Path, tmp_path: Path) -> None:
    """BilledCost adds up to the report's cost to the last digit, by currency."""
    out = tmp_path / f"out.{form}"
    exported = export(pages, out, "1.4", "--format", form)
    report = replay(pages).report
    assert report is not None
    by_currency = report["endpoints"]["costs"]["breakdowns"]["byCurrency"]
    expected = {name.upper(): Decimal(amount) for name, amount in by_currency.items()}
    if form == "csv":
        found = sum_billed(exported.rows)
    else:
        sums = duckdb.read_parquet(str(out)).aggregate("BillingCurrency, sum(BilledCost)")
        found = dict(sums.fetchall())
    assert found == expected
    assert {name: Decimal(one) for name, one in exported.summary["billed"].items()} == expected


def test_months_are_chosen_by_days(tmp_path: Path) -> None:
    """``--since`` and ``--until`` leave the charges that start in these days."""
    days = [bucket(billed(day), day=day) for day in range(28, 34)]
    pages = put_all(tmp_path / "pages", {"costs.json": page(*days)})
    flags = ["--since", "2024-12", "--until", "2024-12"]
    rows = export(pages, tmp_path / "out.csv", "1.2", *flags).rows
    assert [row["BilledCost"] for row in rows] == ["30", "31", "32", "33"]
    assert {row["BillingPeriodStart"] for row in rows} == {"2024-12-01T00:00:00Z"}


def test_a_charge_across_months_is_named(tmp_path: Path) -> None:
    """A window that crosses a month stands in its first one, and is named."""
    across = bucket(billed(1), day=29) | {"end_time": FIRST + 31 * DAY}
    pages = put_all(tmp_path / "pages", {"costs.json": page(across)})
    exported = export(pages, tmp_path / "out.csv")
    assert (exported.code, exported.summary["acrossMonths"]) == (0, 1)
    assert "2024-11-30T00:00:00Z to 2024-12-02T00:00:00Z" in exported.errors
    assert exported.rows[0]["BillingPeriodEnd"] == "2024-12-01T00:00:00Z"


def test_what_is_no_charge_is_named(tmp_path: Path) -> None:
    """Costs without an amount are left out, those without a currency are not; both are 1."""
    others = [billed(2, None), billed(3, "credits"), billed(4, "zzz")]
    rows = [{"line_item": "a", "quantity": 3}, *others]
    pages = put_all(tmp_path / "pages", {"costs.json": page(bucket(*rows))})
    exported = export(pages, tmp_path / "out.csv")
    assert (exported.code, len(exported.rows)) == (1, 3)
    assert exported.summary["leftOutWithoutAmount"] == 1
    assert exported.summary["withoutNationalCurrency"] == 3
    assert exported.summary["billed"] == {"CREDITS": "3", "ZZZ": "4", "unspecified": "2"}
    assert sum_billed(exported.rows) == {"": 2, "CREDITS": 3, "ZZZ": 4}


def test_usage_alone_is_no_charge(tmp_path: Path) -> None:
    """Without costs there is a header alone, and that is said."""
    pages = put_all(tmp_path / "pages", {"usage_completions.json": page(bucket(used(7)))})
    exported = export(pages, tmp_path / "out.csv")
    assert (exported.code, exported.rows, exported.summary["charges"]) == (0, [], 0)
    assert "nothing was billed" in exported.errors
    assert (tmp_path / "out.csv").read_bytes().startswith(b"BilledCost,")
    assert export(pages, tmp_path / "out.parquet", "1.4", "--format", "parquet").code == 0
    assert duckdb.read_parquet(str(tmp_path / "out.parquet")).fetchall() == []


def test_who_is_billed_must_be_said(pages: Path, tmp_path: Path) -> None:
    """Without an account it is a usage error that says what to give."""
    out = tmp_path / "out.csv"
    command = ["export", "focus", str(pages), "--focus-version", "1.2", "--out", str(out)]
    code, _, errors = run(command)
    assert (code, out.exists()) == (2, False)
    assert "--billing-account org-abc" in errors


def test_hostile_texts_stay_texts(tmp_path: Path) -> None:
    """No cell is a formula, none has control characters, and secrets are digests."""
    row = billed(
        1, project_id='=HYPERLINK("x")', line_item="+1\n\x1b[2J", api_key_id="sk-" + 40 * "a"
    )
    pages = put_all(
        tmp_path / "pages",
        {"costs.json": page(bucket(row | {"team": "\u202e@x", "user_id": "ann@firm.example"}))},
    )
    (found,) = export(pages, tmp_path / "out.csv").rows
    assert found["SubAccountId"] == '\'=HYPERLINK("x")'
    assert found["SkuId"].startswith("'+1\\n\\x1b[2J (sha256:")
    raw = (tmp_path / "out.csv").read_text("utf-8")
    assert not re.search("[\x00-\x09\x0b\x0c\x0e-\x1f\u202e]", raw)
    assert "firm" not in raw
    assert "aaaaaa" not in raw
    assert set(json.loads(found["Tags"])) == {
        "openai:api_key_id", "openai:user_id", "openai:team"
    }  # fmt: skip


def test_parquet_is_as_wide_as_amounts_are(pages: Path, tmp_path: Path) -> None:
    """Decimals have 18 digits behind the point, or as many as the longest amount needs."""
    out = tmp_path / "out.parquet"
    export(pages, out, "1.2", "--format", "parquet")
    found = duckdb.read_parquet(str(out))
    types = dict(zip(found.columns, map(str, found.types), strict=True))
    assert types["BilledCost"] == "DECIMAL(38,25)"
    assert types["ChargePeriodStart"] == "TIMESTAMP WITH TIME ZONE"
    export(FIXTURES, out, "1.2", "--format", "parquet")
    assert str(duckdb.read_parquet(str(out)).types[0]) == "DECIMAL(38,18)"


def test_what_does_not_fit_into_parquet_is_named(tmp_path: Path) -> None:
    """An amount of too many digits ends with 65, naming it and what to do; CSV has it."""
    rows = [billed("1E-30", line_item="a"), billed("123456789", line_item="b")]
    pages = put_all(tmp_path / "pages", {"costs.json": page(bucket(*rows))})
    out = tmp_path / "out.parquet"
    exported = export(pages, out, "1.4", "--format", "parquet")
    assert (exported.code, out.exists(), len(exported.errors.splitlines())) == (65, False, 1)
    assert "123456789" in exported.errors
    assert "--format csv" in exported.errors
    assert export(pages, out).summary["billed"] == {"USD": f"123456789.{'0' * 29}1"}


def test_parquet_without_its_extra_is_78(
    pages: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where pyarrow is not installed, what to install is said."""
    monkeypatch.delitem(sys.modules, "stream.sinks.exports.parquet", raising=False)
    monkeypatch.delattr("stream.sinks.exports.parquet", raising=False)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    exported = export(pages, tmp_path / "out.parquet", "1.4", "--format", "parquet")
    assert (exported.code, len(exported.errors.splitlines())) == (78, 1)
    assert "usage-stream[parquet]" in exported.errors


AMOUNTS = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**6), max_value=10**6)
ROWS = st.fixed_dictionaries(
    {"amount": AMOUNTS, "project": st.sampled_from(["p", "q", None]), "day": st.integers(0, 40)}
)


@given(st.lists(ROWS, max_size=12), st.integers(), st.integers(1, 4))
@settings(max_examples=25, deadline=None)
def test_order_and_split_change_no_byte(rows: list[Any], seed: int, cuts: int) -> None:
    """The same costs in other pages and another order give the same file, and the exact sum."""
    buckets: dict[int, list[Any]] = {}
    for place, row in enumerate(rows):
        buckets.setdefault(row["day"], []).append(
            billed(f"{row['amount']:f}"[:40], project_id=row["project"], line_item=f"item {place}")
        )
    moved = {day: random.Random(seed).sample(found, len(found)) for day, found in buckets.items()}
    whole = [bucket(*found, day=day) for day, found in sorted(buckets.items())]
    again = [bucket(*moved[day], day=day) for day in sorted(moved)]
    some = [again[at::cuts] for at in range(cuts)]
    split = {
        f"costs_page{at + 1}.json" if at else "costs.json": page(
            *found, cursor=str(at + 2) if at + 1 < cuts else None
        )
        for at, found in enumerate(some)
    }
    with TemporaryDirectory() as name:
        root, files = Path(name), ({"costs.json": page(*whole)}, split)
        exports = [
            export(put_all(root / str(at), {**content}), root / f"{at}.csv")
            for at, content in enumerate(files)
        ]
        assert [one.code for one in exports] == [0, 0]
        assert (root / "0.csv").read_bytes() == (root / "1.csv").read_bytes()
    with localcontext(prec=200):
        expected = sum(
            (Decimal(one["amount"]["value"]) for found in buckets.values() for one in found),
            Decimal(0),
        )
        assert sum_billed(exports[0].rows).get("USD", Decimal(0)) == expected


@pytest.mark.no_cover
@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_an_export_that_is_killed_leaves_the_old_file(form: str, tmp_path: Path) -> None:
    """After a kill the file is the old one or the whole new one, and the next run is whole."""
    made = tmp_path / "pages"
    made.mkdir()
    generate = ["generate", str(made / "costs.ndjson"), "--endpoints", "costs"]
    assert run([*generate, "--rows", "6000", "--rows-per-bucket", "200"])[0] == 0
    (made / "costs.expectations.json").unlink()
    state, out = tmp_path / "state.db", tmp_path / "out"
    assert replay(made, state=state).code == 0
    assert export(state, out, "1.2", "--format", form).code in {0, 1}
    whole = out.read_bytes()
    out.write_bytes(b"old")
    command = [sys.executable, "-m", "stream", "export", "focus", str(state), "--format", form]
    command += ["--focus-version", "1.2", "--billing-account", ACCOUNT, "--out", str(out)]
    kills = 0
    for ticks in (25, 45, 60):
        kills += killed_at(subprocess.Popen(command, stdout=subprocess.DEVNULL), ticks)
        assert out.read_bytes() in {b"old", whole}
    assert kills
    assert export(state, out, "1.2", "--format", form).code in {0, 1}
    assert out.read_bytes() == whole
    assert [one.name for one in tmp_path.iterdir() if one.name.startswith(".")] == []
