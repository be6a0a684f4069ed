"""A replay from the outside: what it prints, what it writes, and what its options do."""

from __future__ import annotations

import json
import os
import stat
from decimal import Decimal
from pathlib import Path

import pytest
from xxhash import xxh3_128_hexdigest

from stream import __version__
from tests.support.bad_pages import GOOD, MORE, ONE, TWO
from tests.support.pages import Content, Json, bucket, listed, page, put, put_all, used
from tests.support.places import FIXTURES
from tests.support.running import replay, run

SECOND = bucket(used(5), day=1)


def test_fixtures_give_the_expected_summary() -> None:
    """The recorded snapshot comes out with the figures that the project started from."""
    replayed = replay(FIXTURES)
    assert (replayed.code, replayed.errors) == (0, "")
    shown = json.loads(replayed.output, parse_float=Decimal)
    assert list(shown) == ["reportPath", "usageSummary", "endpoints", "relationshipIssues"]
    assert shown["usageSummary"] == {
        "totalBuckets": 1,
        "totalRawEvents": 2,
        "totalDedupedEvents": 1,
        "tokensIn": 2849,
        "tokensOut": 912,
        "costEstimate": Decimal("0.003918"),
        "cursor": {
            "endpoint": "usage/completions",
            "nextPage": None,
            "lastSyncedAt": "2025-01-01T00:00:00Z",
            "hasMore": False,
            "windowStart": "2024-09-23T00:00:00Z",
            "windowEnd": "2024-09-24T00:00:00Z",
        },
    }
    assert shown["relationshipIssues"] == []
    assert len(shown["endpoints"]) == 12


def test_the_dual_fixture_keeps_its_two_records() -> None:
    """Rows that differ in project and tier alone stay two records, each with its sources."""
    report = replay(FIXTURES).report
    assert report is not None
    assert report["usageVariants"]["dual"]["totalDedupedEvents"] == 2
    found = {
        (one["projectId"], one["serviceTier"], one["batch"]): (one["tokensIn"], one["sources"])
        for one in report["dedupedUsage"]
        if one["endpoint"] == "usage/completions"
    }
    assert found == {
        ("proj_abc123", None, None): (2849, ["bucket:data:primary", "daily_costs:primary"]),
        ("proj_alpha", "standard", False): (2048, ["bucket:data:dual"]),
        ("proj_beta", "scale", True): (1024, ["bucket:data:dual"]),
    }


def test_two_runs_give_the_same_bytes(tmp_path: Path) -> None:
    """The report depends on the pages and the clock alone, not on where it goes or on capacity."""
    put_all(tmp_path, {ONE: MORE, TWO: page(SECOND)})
    first, second = replay(tmp_path), replay(tmp_path, channel_capacity=1)
    assert first.raw == second.raw


def test_the_report_is_for_its_owner_alone(tmp_path: Path) -> None:
    """The report can be read by its owner alone, whatever stood there before and the umask says."""
    pages = put_all(tmp_path / "pages", {ONE: page(GOOD)})
    report = put(tmp_path, "report.json", "{}")
    report.chmod(0o666)
    old = os.umask(0)
    try:
        assert run(["replay", str(pages), "--report", str(report)])[0] == 0
    finally:
        os.umask(old)
    assert stat.S_IMODE(report.stat().st_mode) == 0o600


@pytest.mark.parametrize("place", ["file/report.json", "."])
def test_a_report_that_cannot_be_written_is_69(place: str, tmp_path: Path) -> None:
    """A report below a file, or in the place of a directory, ends the replay with 69."""
    put_all(tmp_path, {"file": ""})
    pages = put_all(tmp_path / "pages", {ONE: page(GOOD)})
    code, output, errors = run(["replay", str(pages), "--report", str(tmp_path / place)])
    assert (code, output, len(errors.splitlines())) == (69, "", 1)


def test_a_directory_that_is_not_there_is_69(tmp_path: Path) -> None:
    """A source that cannot be reached ends the replay with 69."""
    assert replay(tmp_path / "nowhere").code == 69


def test_the_report_says_what_it_was_made_from(tmp_path: Path) -> None:
    """The report names version, clock, and each fixture with its digest and place."""
    text = b'{"object":"page","data":[],"has_more":false}'
    report = replay(put_all(tmp_path, {ONE: text})).report
    assert report is not None
    assert report["metadata"] == {"version": __version__, "generatedAt": "2025-01-01T00:00:00Z"}
    assert report["run"]["pages"] == 1
    (fixture,) = report["run"]["fixtures"]
    assert (fixture["name"], fixture["page"]) == (ONE, 1)
    assert fixture["digest"] == f"xxh3-128:{xxh3_128_hexdigest(text)}"


def test_details_can_be_left_out(tmp_path: Path) -> None:
    """Without details the report is the same but for ``dedupedUsage``."""
    put_all(tmp_path, {ONE: page(GOOD)})
    whole, short = replay(tmp_path).report, replay(tmp_path, "--no-details").report
    assert whole is not None
    assert len(whole.pop("dedupedUsage")) == 1
    assert short == whole


CHAIN: Json = {"endpoint": "usage/completions", "label": "primary"}
SURVIVOR: Json = {
    **CHAIN,
    "bucketTimestamp": "2024-11-01T00:00:00Z",
    "windowEnd": "2024-11-02T00:00:00Z",
    "dimensions": {"project_id": None},
}


@pytest.mark.parametrize(
    ("expected", "named"),
    [
        ({"chains": [{**CHAIN, "metrics": {"input_tokens": 8}}]}, ("input_tokens", "8", "7")),
        ({"chains": [{**CHAIN, "metrics": {"output_tokens": 0}}]}, ("output_tokens", "nothing")),
        ({"chains": [{**CHAIN, "metrics": {"cost": 0.1}}]}, ("cost", "0.1")),
        ({"chains": [{**CHAIN, "label": "dual", "metrics": {}}]}, ("usage/completions", "dual")),
        ({"chains": [{**CHAIN, "endpoint": "costs", "metrics": {}}]}, ("costs", "primary")),
        ({"survivors": [{**SURVIVOR, "dimensions": {"project_id": "proj_a"}}]}, ("proj_a",)),
        ({"survivors": [{**SURVIVOR, "windowEnd": "2024-11-01T01:00:00Z"}]}, ("2024-11-01",)),
        ({"survivors": [{**SURVIVOR, "metrics": {"input_tokens": 6}}]}, ("input_tokens", "6", "7")),
        ({"survivors": [{**SURVIVOR, "dimensions": {"region": "eu"}}]}, ("region", "eu")),
    ],
)
def test_expectations_are_asserted(expected: Json, named: tuple[str, ...], tmp_path: Path) -> None:
    """A counter that differs or a bucket that is gone is named, in a whole report, with exit 1."""
    put_all(tmp_path, {ONE: page(GOOD), "expectations.json": expected})
    replayed = replay(tmp_path)
    assert (replayed.code, replayed.errors) == (1, "")
    assert replayed.report is not None
    (issue,) = replayed.report["relationshipIssues"]
    assert [name for name in named if name not in issue] == [], issue


def test_expectations_that_hold_are_silent(tmp_path: Path) -> None:
    """Counters and survivors that come out as expected leave no issue."""
    row = used(7, region="eu", cost="0.10", extra_tokens=3)
    metrics = {"input_tokens": 7, "cost": Decimal("0.1"), "extra_tokens": 3}
    survivor = {**SURVIVOR, "dimensions": {"region": "eu"}, "metrics": metrics}
    expected: Content = {"chains": [{**CHAIN, "metrics": metrics}], "survivors": [survivor]}
    replayed = replay(put_all(tmp_path, {ONE: page(bucket(row)), "expectations.json": expected}))
    assert replayed.report is not None
    assert replayed.report["relationshipIssues"] == []


def test_an_empty_set_of_rows_has_no_figures(tmp_path: Path) -> None:
    """A chain without rows has null totals, not zeros, and counts its buckets."""
    report = replay(put_all(tmp_path, {ONE: page(bucket()), "users.json": listed()})).report
    assert report is not None
    assert report["usageSummary"]["totalBuckets"] == 1
    assert report["usageSummary"]["totalDedupedEvents"] == 0
    assert report["usageSummary"]["tokensIn"] is None
    assert set(report["endpoints"]["usage/completions"]["metrics"].values()) == {None}
