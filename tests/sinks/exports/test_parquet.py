"""Parquet of records, as DuckDB and Polars read it: typed, exact, and whole."""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from decimal import Context, Decimal, Inexact, localcontext
from pathlib import Path
from typing import Any, TypeAlias

import duckdb
import polars as pl
import pyarrow as pa
import pytest
from pyarrow import parquet

from stream.sinks.exports import parquet as ours
from stream.sinks.exports.schema import COLUMNS
from tests.support.comparing import Json
from tests.support.exported import export, rows_in
from tests.support.generated import summary
from tests.support.pages import DAY, FIRST, bucket, page, put_all, used
from tests.support.places import FIXTURES
from tests.support.running import replay, run

Sums: TypeAlias = dict[tuple[Any, ...], dict[str, Decimal]]
COUNTED = ("input_tokens", "output_tokens", "num_model_requests", "images", "amount_value")
BY = ("project_id", "service_tier", "model")
TYPES = {
    "text": "VARCHAR",
    "flag": "BOOLEAN",
    "count": "BIGINT",
    "money": "DECIMAL(38,18)",
    "time": "TIMESTAMP WITH TIME ZONE",
    "texts": "VARCHAR[]",
    "json": "VARCHAR",
}


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a state file of all endpoints."""
    place = tmp_path_factory.mktemp("made")
    more = ("--rows-per-bucket", "20", "--walks", "3", "--overlap", "0.5", "--revised", "0.3")
    summary(place / "m.ndjson", "--endpoints", "all", "--rows", "6000", "--rollups", *more)
    assert replay(place / "m.ndjson", state=place / "state.db").report is not None
    return place / "state.db"


@pytest.fixture(scope="module")
def expected(month: Path) -> Sums:
    """Add up the report's records by endpoint, day, project, tier and model."""
    report = replay(month.with_name("m.ndjson")).report
    assert report is not None
    return sums_of(report["dedupedUsage"])


def sums_of(records: list[Json]) -> Sums:
    """Add up the plain way."""
    sums: Sums = defaultdict(dict)
    with localcontext(Context(prec=200, traps=[Inexact])):
        for one in records:
            day = one["bucketTimestamp"][:10]
            key = (one["endpoint"], day, one["projectId"], one["serviceTier"], one["model"])
            for name in COUNTED:
                value = one["metrics"].get(name)
                if value is not None:
                    sums[key][name] = sums[key].get(name, Decimal(0)) + value
    return {key: found for key, found in sums.items() if found}


def sums_in(rows: list[tuple[Any, ...]]) -> Sums:
    """Arrange rows: what they are of, then sums, as they are counted."""
    width = 2 + len(BY)
    return {
        row[:width]: found
        for row in rows
        if (
            found := {
                name: Decimal(value)
                for name, value in zip(COUNTED, row[width:], strict=True)
                if value is not None
            }
        )
    }


def by_duckdb(source: str, day: str) -> Sums:
    """Add up by DuckDB; ``day`` is what a day is in it."""
    sums = ", ".join(f"sum({name})" for name in COUNTED)
    query = f"SELECT endpoint, {day}, {', '.join(BY)}, {sums} FROM {source} GROUP BY ALL"  # noqa: S608 -- the test's own file
    with duckdb.connect() as database:
        database.execute("SET TimeZone = 'UTC'")
        return sums_in(database.execute(query).fetchall())


def by_polars(frame: pl.LazyFrame, day: Any) -> Sums:
    """Add up by Polars; ``day`` is what a day is in it."""
    sums = [
        pl.when(pl.col(name).count() > 0).then(pl.col(name).sum()).alias(name) for name in COUNTED
    ]
    found = frame.group_by(pl.col("endpoint"), day, *BY).agg(sums).collect()
    return sums_in(found.rows())


def test_duckdb_and_polars_add_up_to_the_report(
    month: Path, expected: Sums, tmp_path: Path
) -> None:
    """By endpoint, project, tier, model and day, to the last digit, from one file."""
    out = tmp_path / "records.parquet"
    told = json.loads(export("parquet", month, "--out", str(out)))
    assert len(expected) > 100
    assert by_duckdb(f"'{out}'", "strftime(window_start, '%Y-%m-%d')") == expected
    day = pl.col("window_start").dt.strftime("%Y-%m-%d").alias("day")
    assert by_polars(pl.scan_parquet(out), day) == expected
    assert (told["bytes"], told["files"]) == (out.stat().st_size, 1)
    assert out.stat().st_mode & 0o777 == 0o600


def test_days_are_read_as_one(month: Path, expected: Sums, tmp_path: Path) -> None:
    """A directory with a file for each day has the same sums, by the day that its name says."""
    out = tmp_path / "days"
    told = json.loads(export("parquet", month, "--partition", "day", "--out", str(out)))
    days = sorted({key[1] for key in expected})
    assert [one.name for one in sorted(out.iterdir())] == [f"day={one}" for one in days]
    assert told["files"] == len(days)
    source = f"read_parquet('{out}/*/*.parquet', hive_partitioning = true)"
    assert by_duckdb(source, "day::VARCHAR") == expected
    day = pl.col("day").cast(pl.String)
    assert by_polars(pl.scan_parquet(out, hive_partitioning=True), day) == expected
    assert {one.stat().st_mode & 0o077 for one in (out, *out.rglob("*"))} == {0}
    assert told["bytes"] == sum(one.stat().st_size for one in out.rglob("*.parquet"))


def test_a_file_has_the_records_of_the_csv(tmp_path: Path) -> None:
    """In the same order, with the same texts, times, lists and flags."""
    out = tmp_path / "records.parquet"
    export("parquet", FIXTURES, "--out", str(out))
    found = [one for one in parquet.read_table(out).to_pylist() if one.pop("exact_text") is None]
    rows = rows_in(export("csv", FIXTURES))
    for one, row in zip(found, rows, strict=True):
        assert cells_of(one) == row


def cells_of(row: Json) -> dict[str, str]:
    """Write a row as CSV does."""
    cells = {}
    for name, kind, _ in COLUMNS:
        value = row[name]
        if value is None:
            cells[name] = ""
        elif kind == "time":
            cells[name] = value.isoformat().replace("+00:00", "Z")
        elif kind == "money":
            cells[name] = f"{value.normalize():f}"
        elif kind in {"flag", "texts"}:
            cells[name] = json.dumps(value, separators=(",", ":"))
        else:
            cells[name] = str(value)
    return cells


def test_columns_are_typed(tmp_path: Path) -> None:
    """Each column is of its kind's type, also where all of it is null."""
    out = tmp_path / "records.parquet"
    export("parquet", FIXTURES, "--since", "2031", "--out", str(out))
    with duckdb.connect() as database:
        found = database.execute(f"DESCRIBE SELECT * FROM '{out}'").fetchall()  # noqa: S608 -- the test's own file
    types = [(one.name, TYPES[one.kind]) for one in COLUMNS]
    assert [row[:2] for row in found] == [*types, ("exact_text", "VARCHAR")]


def test_what_does_not_fit_is_exact_text(tmp_path: Path) -> None:
    """It is null in its own column, stands with its name in another, and is counted and said."""
    most, tiny, fitting = 2**63 - 1, "0.0000000000000000001", "12345678901234567890.5"
    large = "100000000000000000000"
    whole = bucket(*(used(most, model=one, cost=tiny) for one in "ab"), end_time=FIRST + 2 * DAY)
    part = page(bucket(used(1, project_id="p"), used(1, project_id="q")))
    rows = [
        {"amount": {"value": one, "currency": "usd"}, "line_item": one}
        for one in (fitting, large, f"-{large}", "-0.5")
    ]
    made = put_all(
        tmp_path / "made",
        {
            "usage_completions.json": page(whole),
            "usage_completions_b.json": part,
            "costs.json": page(bucket(*rows)),
        },
    )
    out = tmp_path / "records.parquet"
    code, output, errors = run(["export", "parquet", str(made), "--out", str(out)])
    rows = parquet.read_table(out).to_pylist()
    texts = [json.loads(one["exact_text"]) for one in rows if one["exact_text"]]
    assert {"amount_value": large} in texts
    assert {"amount_value": f"-{large}"} in texts
    assert any(int(one.get("input_tokens", 0)) > most for one in texts)
    assert "0.0000000000000000002" in {one.get("cost") for one in texts}
    assert {one["amount_value"] for one in rows if one["endpoint"] == "costs"} == {
        Decimal(fitting),
        Decimal("-0.5"),
        None,
    }
    count = sum(map(len, texts))
    assert (code, json.loads(output)["exactTexts"]) == (0, count)
    assert errors.startswith(f"usage-stream: warning: {count} figures have more digits than")


def test_the_same_pages_make_the_same_bytes(month: Path, tmp_path: Path) -> None:
    """From pages and from a state file, as one file and by days."""
    sources = (month, month.with_name("m.ndjson"))
    outs = [tmp_path / f"{number}.parquet" for number in range(2)]
    for source, out in zip(sources, outs, strict=True):
        export("parquet", source, "--out", str(out))
        export("parquet", source, "--partition", "day", "--out", str(out.with_suffix("")))
    assert outs[0].read_bytes() == outs[1].read_bytes()
    assert contents_of(tmp_path / "0") == contents_of(tmp_path / "1")


def contents_of(directory: Path) -> dict[str, bytes]:
    """Read all files of a directory."""
    return {
        str(one.relative_to(directory)): one.read_bytes()
        for one in directory.rglob("*")
        if one.is_file()
    }


def test_row_groups_are_bounded(
    month: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever batches bring, each group but the last has as many records as it may have."""
    export("parquet", month, "--out", str(tmp_path / "one.parquet"))
    monkeypatch.setattr(ours, "GROUP", 100)
    out = tmp_path / "many.parquet"
    export("parquet", month, "--out", str(out))
    metadata = parquet.ParquetFile(out).metadata
    sizes = [metadata.row_group(one).num_rows for one in range(metadata.num_row_groups)]
    assert set(sizes[:-1]) == {100}
    assert 0 < sizes[-1] <= 100
    assert parquet.read_table(out).equals(parquet.read_table(tmp_path / "one.parquet"))


def test_an_export_replaces_one_and_nothing_else(month: Path, tmp_path: Path) -> None:
    """A directory of days is replaced as a whole; what holds anything else is left alone."""
    out = tmp_path / "days"
    export("parquet", month, "--partition", "day", "--out", str(out))
    before = contents_of(out)
    export("parquet", FIXTURES, "--partition", "day", "--out", str(out))
    assert contents_of(out).keys().isdisjoint(before)
    kept = contents_of(out)
    for name in ("notes.txt", "day=2024-11-01/notes.txt", "day=2031-01-01/part-0.parquet"):
        stray = out / name
        stray.parent.mkdir(exist_ok=True)
        if stray.suffix == ".parquet":
            parquet.write_table(pa.table({"a": [1]}), stray)
        else:
            stray.write_text("mine", "utf-8")
        export("parquet", month, "--partition", "day", "--out", str(out), code=69)
        stray.unlink()
        if not any(stray.parent.iterdir()):
            stray.parent.rmdir()
        assert contents_of(out) == kept
    assert [one.name for one in tmp_path.iterdir()] == ["days"]


def test_without_pyarrow_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The extra is named, with 78, and nothing is written."""
    monkeypatch.delitem(sys.modules, "stream.sinks.exports.parquet")
    monkeypatch.delattr(sys.modules["stream.sinks.exports"], "parquet")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    code, output, errors = run(
        ["export", "parquet", str(FIXTURES), "--out", str(tmp_path / "r.parquet")]
    )
    assert (code, output) == (78, "")
    assert errors == "usage-stream: pyarrow is not installed: pip install 'usage-stream[parquet]'\n"
    assert not list(tmp_path.iterdir())
