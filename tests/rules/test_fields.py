"""What becomes of each field of a row: registered, unknown, private, of the older shape."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from tests.support.bad_pages import ONE
from tests.support.pages import FIRST, Content, Json, bucket, page, put_all, used
from tests.support.running import Replayed, replay

KEY = "sk-proj-Abcdefgh0123456789"


def replayed_rows(directory: Path, *rows: Json, name: str = ONE) -> Replayed:
    """Replay one page with one bucket of these rows."""
    replayed = replay(put_all(directory, {name: page(bucket(*rows))}))
    assert replayed.report is not None, replayed.errors
    return replayed


def record(directory: Path, row: Json, name: str = ONE) -> Json:
    """Replay a row and return its record, with the fields that its endpoint lists as unknown."""
    report = replayed_rows(directory, row, name=name).report
    assert report is not None
    (found,) = report["dedupedUsage"]
    (entry,) = report["endpoints"].values()
    return {**found, "unknownFields": entry["unknownFields"]}


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (5, 5),
        (0, 0),
        (2**63, 2**63),
        (-3, -3),
        (2.5, Decimal("2.5")),
        (Decimal("1.50"), Decimal("1.5")),
    ],
)
def test_unknown_numbers_are_counters(value: object, wanted: object, tmp_path: Path) -> None:
    """A number that the registry does not know is an exact counter, of record and totals."""
    report = replayed_rows(tmp_path, used(1, new_tokens=value)).report
    assert report is not None
    entry = report["endpoints"]["usage/completions"]
    assert entry["metrics"]["new_tokens"] == wanted
    assert entry["byKey"][0]["metrics"]["new_tokens"] == wanted
    assert report["dedupedUsage"][0]["metrics"]["new_tokens"] == wanted
    assert entry["unknownFields"] == ["new_tokens"]


@pytest.mark.parametrize(
    ("value", "wanted"), [("eu", "eu"), (" eu ", "eu"), (True, True), ("FALSE", False)]
)
def test_unknown_texts_and_flags_are_dimensions(
    value: object, wanted: object, tmp_path: Path
) -> None:
    """Rows that differ in an unknown text or flag stay apart, and blanks are no value."""
    rows = [used(1, region=value), used(1, region="other"), used(1, region=" "), used(1)]
    report = replayed_rows(tmp_path, *rows).report
    assert report is not None
    found = [one["dimensions"].get("region") for one in report["dedupedUsage"]]
    assert sorted(map(str, found)) == sorted(map(str, [None, wanted, "other"]))
    assert report["endpoints"]["usage/completions"]["metrics"]["input_tokens"] == 3


@pytest.mark.parametrize("value", [None, [], {"a": 1}, [KEY], {"email": "jane@corp.test"}])
def test_nested_and_null_fields_are_only_listed(value: object, tmp_path: Path) -> None:
    """A nested value or null is listed by name, and is part of no figure and no identity."""
    replayed = replayed_rows(tmp_path, used(4, extra=value), used(4))
    report = replayed.report
    assert report is not None
    assert len(report["dedupedUsage"]) == 1
    assert report["endpoints"]["usage/completions"]["unknownFields"] == ["extra"]
    assert "extra" not in report["dedupedUsage"][0]["dimensions"]
    assert b"jane" not in replayed.raw
    assert b"sk-" not in replayed.raw


@pytest.mark.parametrize("value", [FIRST, "2024-11-01T00:00:00Z", 1.5, -1, "never"])
def test_times_are_only_listed(value: object, tmp_path: Path) -> None:
    """A field that ends in ``_at`` is a time: listed, whatever it holds."""
    found = record(tmp_path, used(4, refreshed_at=value))
    assert found["unknownFields"] == ["refreshed_at"]
    assert "refreshed_at" not in found["dimensions"] | found["metrics"]


@pytest.mark.parametrize(
    "name",
    [
        "object",
        "operation",
        "project_name",
        "api_key_name",
        "organization_id",
        "organization_name",
        "service_account_name",
        "user_email",
        "user_name",
        "start_time",
        "end_time",
        "start_time_iso",
        "end_time_iso",
        "timestamp",
        "aggregation_timestamp",
        "window",
    ],
)
def test_describing_fields_are_no_news(name: str, tmp_path: Path) -> None:
    """Fields that only describe a row are neither listed nor part of its identity."""
    report = replayed_rows(tmp_path, used(4, **{name: "completions"}), used(4)).report
    assert report is not None
    assert report["endpoints"]["usage/completions"]["unknownFields"] == []
    assert len(report["dedupedUsage"]) == 1


@pytest.mark.parametrize(
    "name",
    [
        "email",
        "billing_email",
        "owner_name",
        "phone",
        "password",
        "client_secret",
        "access_token",
        "ip_address",
        "fingerprint",
        "redacted_value",
        "customer_name",
        "username",
        "api_key",
    ],
)
def test_private_names_are_digested(name: str, tmp_path: Path) -> None:
    """A value whose name speaks of a person or a secret becomes a digest; equal ones stay equal."""
    rows = [used(1, **{name: value}) for value in ("Johnny", "Johnny", "Jennifer", 5_551_234)]
    replayed = replayed_rows(tmp_path, *rows)
    report = replayed.report
    assert report is not None
    found = [one["dimensions"][name] for one in report["dedupedUsage"]]
    assert len(set(found)) == 3
    assert all(value.startswith("sha256:") for value in found)
    assert [told for told in (b"Johnny", b"Jennifer", b"5551234") if told in replayed.raw] == []


SPOTS: dict[str, Content] = {
    "model": page(bucket(used(1, model=KEY))),
    "user": page(bucket(used(1, user_id="jane@corp.test"))),
    "unknown text": page(bucket(used(1, region=f"by jane@corp.test with {KEY}"))),
    "unknown name": page(bucket(used(1, **{KEY: 1, "jane@corp.test": "x"}))),
    "metadata": page(bucket(used(1, metadata={"note": KEY, "owner": "jane"}))),
    "metadata name": page(bucket(used(1, metadata={KEY: 1}))),
    "bucket field": page({**bucket(used(1)), KEY: "jane@corp.test"}),
    "rollup": page(daily_costs=[{"timestamp": FIRST, "line_items": [used(1, model=KEY)]}]),
    "escape": '{"object":"page","has_more":false,"data":[{"object":"bucket","start_time":1,'
    '"end_time":2,"results":[{"model":"s\\u006b-proj-Abcdefgh0123","user_id":"jane\\u0040corp.test"}]}]}',
}


@pytest.mark.parametrize("content", SPOTS.values(), ids=SPOTS.keys())
def test_no_secret_reaches_an_output(content: Content, tmp_path: Path) -> None:
    """Keys and emails are in neither report nor summary nor stderr, wherever a page holds them."""
    replayed = replay(put_all(tmp_path, {ONE: content}), "--allow-incomplete")
    assert replayed.report is not None
    shown = replayed.raw.decode() + replayed.output + replayed.errors
    assert [told for told in ("sk-", "Abcdefgh", "jane", "corp.test") if told in shown] == []


def test_the_row_wins_over_its_metadata(tmp_path: Path) -> None:
    """A dimension or counter of ``metadata`` counts where the row is silent, and only there."""
    metadata = {
        "project_id": "proj_m",
        "model": "m",
        "user_id": " u ",
        "output_tokens": 9,
        "new": 1,
    }
    row = used(1, project_id="proj_r", model="  ", user_id=None, metadata=metadata)
    found = record(tmp_path, row)
    assert (found["projectId"], found["model"], found["openaiUserId"]) == ("proj_r", "m", "u")
    assert (found["tokensOut"], found["metrics"]["new"]) == (9, 1)
    assert found["unknownFields"] == ["metadata.new"]
