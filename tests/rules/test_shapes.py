"""The shapes that rows, amounts, buckets and times have arrived in, and what they come to."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.support.bad_pages import ONE
from tests.support.pages import DAY, FIRST, Content, Json, bucket, listed, page, put_all, used
from tests.support.running import Replayed, replay


def replayed_row(directory: Path, row: Json, name: str = ONE) -> Replayed:
    """Replay one page with one bucket of one row."""
    replayed = replay(put_all(directory, {name: page(bucket(row))}))
    assert replayed.report is not None, replayed.errors
    return replayed


@pytest.mark.parametrize(
    ("value", "wanted"),
    [(True, True), ("true", True), (" False ", False), (None, None), ("", None), ("half", "half")],
)
def test_batch_is_a_flag(value: object, wanted: object, tmp_path: Path) -> None:
    """A batch may arrive as a flag, as a text or as null; another text stays a text."""
    report = replayed_row(tmp_path, used(1, batch=value)).report
    assert report is not None
    assert report["dedupedUsage"][0]["batch"] == wanted


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (12.5, b"12.5"),
        ("12.50", b"12.5"),
        ("0E-6176", b"0"),
        ("-0", b"0"),
        (-3, b"-3"),
        ("1e2", b"100"),
        ("+.5", b"0.5"),
        ("9" * 38 + "." + "9" * 30, b"9" * 38 + b"." + b"9" * 30),
        (Decimal("0." + "0" * 29 + "1"), b"0." + b"0" * 29 + b"1"),
        (None, b"null"),
    ],
)
def test_amounts_are_exact(value: object, wanted: bytes, tmp_path: Path) -> None:
    """An amount arrives as a number or as a text, and leaves canonical, digit for digit."""
    row = {"amount": {"value": value, "currency": "usd"}, "line_item": "x"}
    raw = replayed_row(tmp_path, row, name="costs.json").raw
    assert b'"amount_value": ' + wanted + b"," in raw
    assert b'"amount_value":' + wanted + b"," in raw


@pytest.mark.parametrize(
    "shape",
    [
        {},
        {"results": ..., "result": [used(7)]},
        {"end_time": ..., "window": "day", "object": "usage_bucket"},
        {"start_time": ..., "start_time_iso": "2024-11-01T00:00:00Z"},
        {"end_time": ..., "end_time_iso": "2024-11-02T01:00:00+01:00"},
        {"start_time_iso": "2024-11-01T00:00:00Z", "window": "day"},
    ],
)
def test_buckets_of_every_shape_are_read(shape: Any, tmp_path: Path) -> None:
    """``result`` stands for ``results``, ISO times for seconds, and a known width for an end."""
    report = replay(put_all(tmp_path, {ONE: page(bucket(used(7), **shape))})).report
    assert report is not None
    (found,) = report["dedupedUsage"]
    assert found["tokensIn"] == 7
    assert found["bucketTimestamp"] == "2024-11-01T00:00:00Z"
    assert found["windowEnd"] == "2024-11-02T00:00:00Z"


def test_a_day_rollup_may_stand_at_any_time_of_its_day(tmp_path: Path) -> None:
    """The timestamp of daily costs means the UTC day that holds it."""
    rows = [{"model": "m", "amount": {"value": "0.5", "currency": "usd"}}]
    late = page(daily_costs=[{"timestamp": FIRST + DAY - 1, "line_items": rows}])
    report = replay(put_all(tmp_path, {ONE: late})).report
    assert report is not None
    (found,) = report["dedupedUsage"]
    assert (found["bucketTimestamp"], found["costEstimate"]) == (
        "2024-11-01T00:00:00Z",
        Decimal("0.5"),
    )


@pytest.mark.parametrize(
    "time", [1_711_471_533, "2024-03-26T16:45:33Z", "2024-03-26T16:45:33.120Z"]
)
def test_lists_carry_times_of_both_kinds(time: object, tmp_path: Path) -> None:
    """The times of a list are Unix seconds today and ISO texts in older recordings."""
    projects = listed({"id": "proj_a", "created_at": time, "archived_at": None})
    files: dict[str, Content] = {
        "projects.json": projects,
        ONE: page(bucket(used(1, project_id="proj_a"))),
    }
    replayed = replay(put_all(tmp_path, files))
    assert (replayed.code, replayed.errors) == (0, "")
