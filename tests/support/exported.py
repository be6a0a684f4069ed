"""Exports as tests read them: records of a CSV, and the same records of a report."""

from __future__ import annotations

import csv
import io
import json
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from tests.oracle import ENDPOINTS
from tests.support.comparing import Json
from tests.support.running import run

PLACE = ("endpoint", "window_start", "window_end")
STANDARD = {
    "model": "model",
    "projectId": "project_id",
    "openaiApiKeyId": "api_key_id",
    "openaiUserId": "user_id",
    "serviceTier": "service_tier",
    "batch": "batch",
}
DIMENSIONS = {name for one in ENDPOINTS.values() for name in one.dimensions}
COUNTERS = {name for one in ENDPOINTS.values() for name in one.counters}
FLAGS = {"true": True, "false": False}


class ToldRecord(NamedTuple):
    """A record: where it is, what it is of, and what counts, without what is absent."""

    place: tuple[str, ...]
    dimensions: dict[str, Any]
    counters: dict[str, Decimal]
    sources: list[str]


def export(form: str, source: Path, *arguments: str, code: int = 0) -> str:
    """Run an export; return what it printed."""
    found, output, errors = run(["export", form, str(source), *arguments])
    assert found == code, errors
    return output


def rows_in(text: str) -> list[dict[str, str]]:
    """Read CSV, whose lines end as they are written."""
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def records_in(text: str) -> list[ToldRecord]:
    """Read the records of a CSV."""
    return [record_in(row) for row in rows_in(text)]


def record_in(row: dict[str, str]) -> ToldRecord:
    """Read a line."""
    dimensions: dict[str, Any] = {name: row[name] for name in DIMENSIONS if row[name]}
    if "batch" in dimensions:
        dimensions["batch"] = FLAGS[dimensions["batch"]]
    counters = {name: Decimal(row[name]) for name in COUNTERS if row[name]}
    others = json.loads(row["other_counters"] or "{}", parse_float=Decimal, parse_int=Decimal)
    return ToldRecord(
        tuple(row[name] for name in PLACE),
        dimensions | json.loads(row["other_dimensions"] or "{}"),
        counters | others,
        json.loads(row["sources"]),
    )


def records_of(report: Json) -> list[ToldRecord]:
    """Return the records of a report."""
    return [told_record(record) for record in report["dedupedUsage"]]


def told_record(record: Json) -> ToldRecord:
    """Return a record of a report."""
    spelled = {camel_name(name): name for name in DIMENSIONS}
    dimensions = {name: record[shown] for shown, name in STANDARD.items()}
    dimensions |= {spelled.get(name, name): one for name, one in record["dimensions"].items()}
    return ToldRecord(
        (record["endpoint"], record["bucketTimestamp"], record["windowEnd"]),
        {name: value for name, value in dimensions.items() if value is not None},
        {name: Decimal(one) for name, one in record["metrics"].items() if one is not None},
        record["sources"],
    )


def camel_name(name: str) -> str:
    """Write a name as the report does."""
    first, *rest = name.split("_")
    return first + "".join(one.capitalize() for one in rest)
