"""What the generator makes: expectations that hold, shares that are kept, chains that are whole."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from stream.providers.openai import ENDPOINTS
from stream.recordings.synth.refusals import fault_in
from stream.recordings.synth.shape import Shape
from tests.support.generated import Json, by_oracle, in_order, made, revision

shares = st.sampled_from([0.0, 0.1, 0.5, 1.0])


@st.composite
def shapes(draw: st.DrawFn) -> Shape:
    """Draw any small shape that is not refused."""
    capture = draw(st.booleans())
    walks = draw(st.integers(1, 5))
    overlap = draw(st.sampled_from([0.3, 0.5, 0.8, 1.0])) if walks > 1 else 0.0
    again = shares if overlap else st.just(0.0)
    endpoints = draw(st.lists(st.sampled_from(list(ENDPOINTS)), unique=True, min_size=1))
    shape = Shape(
        seed=draw(st.integers(0, 2**70)),
        endpoints=tuple(endpoints),
        rows=draw(st.integers(1, 300)),
        rows_per_bucket=draw(st.integers(1, 12)),
        buckets_per_page=draw(st.integers(1, 5)),
        projects=draw(st.integers(1, 3)),
        tiers=draw(st.integers(1, 6)),
        models=draw(st.integers(1, 7)),
        keys=draw(st.integers(1, 5)),
        width=draw(st.sampled_from(["1m", "1h", "1d"])),
        walks=walks,
        overlap=overlap,
        revised=draw(again),
        late=draw(again),
        corrected=draw(again) if capture else 0.0,
        repeated=draw(shares),
        out_of_order=draw(shares),
        rollups="usage/completions" in endpoints and draw(st.booleans()),
        start=draw(st.integers(0, 2 * 10**9)),
        capture=capture,
    )
    assume(fault_in(shape) is None)
    return shape


@given(shapes())
@settings(max_examples=60)
def test_the_expectations_are_those_of_the_oracle(shape: Shape) -> None:
    """What a generator expects is what the oracle works out from the pages, to the last digit."""
    found = made(shape)
    assert in_order(found.expectations) == in_order(by_oracle(found.deliveries))


@given(shapes())
@settings(max_examples=40)
def test_the_summary_counts_what_is_there(shape: Shape) -> None:
    """Pages, buckets, rows, repeated pages and moved ones are as many as were counted."""
    found = made(shape)
    counted = found.generator.counts
    buckets = found.buckets()
    assert counted.pages == len(found.lines)
    assert counted.buckets == len(buckets)
    assert counted.rows == sum(len(bucket["results"]) for _, bucket in buckets)
    bodies = [
        (line["endpoint"], line["observed_at"], str(line["page"]["data"])) for line in found.lines
    ]
    assert counted.repeated == len(bodies) - len(set(bodies))
    assert found.generator.records == sum(one["records"] for one in found.expectations["endpoints"])


def histories(lines: list[Json]) -> dict[tuple[str, int], list[Json]]:
    """Return each bucket's deliveries by endpoint and start, in the order of their walks."""
    found: defaultdict[tuple[str, int], dict[int, Json]] = defaultdict(dict)
    for line in lines:
        for bucket in line["page"]["data"]:
            found[line["endpoint"], bucket["start_time"]][revision(line)] = bucket
    return {place: [walks[one] for one in sorted(walks)] for place, walks in found.items()}


def rows_of(bucket: Json) -> dict[tuple[object, ...], list[int]]:
    """Return a bucket's rows: dimensions → counters."""
    return {
        tuple(
            value for value in row.values() if isinstance(value, bool) or not isinstance(value, int)
        ): [
            value
            for value in row.values()
            if isinstance(value, int) and not isinstance(value, bool)
        ]
        for row in bucket["results"]
    }


def changes(before: Json, after: Json) -> dict[str, int]:
    """Count rows that are new, grew, fell and stayed in a bucket that comes again."""
    old, new = rows_of(before), rows_of(after)
    assert old.keys() <= new.keys()
    steps = [(sum(new[row]), sum(old[row])) for row in old]
    for row in old:
        assert min(old[row], new[row]) == list(map(min, old[row], new[row]))
    return {
        "late": len(new) - len(old),
        "grew": sum(now > then for now, then in steps),
        "fell": sum(now < then for now, then in steps),
    }


CAPTURE = {
    "rows": 4000,
    "rows_per_bucket": 20,
    "walks": 5,
    "overlap": 0.5,
    "capture": True,
}


@pytest.mark.parametrize(
    ("shares_", "counted"),
    [
        ({}, {}),
        ({"revised": 0.25}, {"revised": 20}),
        ({"revised": 1.0}, {"revised": 80}),
        ({"late": 0.1}, {"late": 160}),
        ({"corrected": 0.1}, {"corrected": 160}),
        ({"revised": 0.5, "late": 0.1, "corrected": 0.2, "out_of_order": 0.5}, {}),
    ],
)
def test_shares_are_kept(shares_: dict[str, float], counted: dict[str, int]) -> None:
    """Of the buckets that come again so many grew, and of their rows so many are late or fell."""
    found = made(Shape(**CAPTURE, **shares_))  # type: ignore[arg-type]  # a test's table of shapes
    pairs = [
        (before, after)
        for walks in histories(found.lines).values()
        for before, after in pairwise(walks)
    ]
    seen = [changes(before, after) for before, after in pairs]
    said = found.generator.counts
    assert said.redelivered == len(pairs) == 80
    assert said.late == sum(one["late"] for one in seen)
    assert said.corrected == sum(one["fell"] for one in seen)
    assert said.revised == sum(one["grew"] > 0 for one in seen)
    for name, wanted in counted.items():
        assert abs(getattr(said, name) - wanted) <= len(pairs) // 20
    if not shares_:
        assert all(before == after for before, after in pairs)


def test_pages_change_places() -> None:
    """Out of order, pages come before their neighbours and walks before the ones before them."""
    found = made(
        Shape(
            rows=4000,
            walks=8,
            overlap=0.2,
            buckets_per_page=1,
            rows_per_bucket=50,
            out_of_order=1.0,
            capture=True,
        )
    )
    walks = list(dict.fromkeys(map(revision, found.lines)))
    assert walks != sorted(walks)
    assert found.generator.counts.out_of_order == len(found.lines)
    starts = [line["page"]["data"][0]["start_time"] for line in found.lines]
    of_one = [
        start
        for line, start in zip(found.lines, starts, strict=True)
        if revision(line) == sorted(walks)[2]
    ]
    assert of_one != sorted(of_one)


@given(shapes())
@settings(max_examples=30)
def test_chains_are_whole(shape: Shape) -> None:
    """Each page's cursor is what the next one was asked with; fixtures end once, walks each."""
    found = made(shape)
    chains: defaultdict[tuple[str, str], list[Json]] = defaultdict(list)
    for line in found.lines:
        chains[line["endpoint"], line["observed_at"] * shape.capture].append(line)
    for lines in chains.values():
        cursors = [line["page"]["next_page"] for line in lines]
        assert [line["request"].get("page") for line in lines] == [None, *cursors[:-1]]
        assert [line["page"]["has_more"] for line in lines] == [True] * (len(lines) - 1) + [False]
        assert len(set(cursors)) == len(cursors)


def test_walks_poll_a_trailing_window() -> None:
    """Each walk is later than the one before, starts later, and has a part of it again."""
    found = made(Shape(rows=1200, rows_per_bucket=10, walks=4, overlap=0.6, capture=True))
    walks: defaultdict[int, list[int]] = defaultdict(list)
    for line, bucket in found.buckets():
        walks[revision(line)].append(bucket["start_time"])
        request = line["request"]
        assert request["start_time"] <= bucket["start_time"] < request["end_time"]
        assert request["bucket_width"] == "1h"
        assert set(request["group_by"]) == set(ENDPOINTS["usage/completions"].grouped_by)
    assert list(walks) == sorted(walks)
    for before, after in pairwise(walks.values()):
        assert (len(before), len(after), len(set(before) & set(after))) == (30, 30, 18)


def test_rows_are_as_the_api_sends_them() -> None:
    """Every counter is there, parts add up, and project, tier and batch are sometimes absent."""
    found = made(Shape(rows=3000, endpoints=("usage/completions",)))
    rows = [row for _, bucket in found.buckets() for row in bucket["results"]]
    entry = ENDPOINTS["usage/completions"]
    assert list(rows[0]) == ["object", *entry.counts, *entry.grouped_by]
    for row in rows:
        assert row["input_tokens"] == (
            row["input_cached_tokens"]
            + row["input_cache_write_tokens"]
            + row["input_uncached_tokens"]
        )
    for name in ("project_id", "service_tier", "batch"):
        absent = sum(row[name] is None for row in rows)
        assert 0 < absent < len(rows) / 2
    for name in ("project_id", "service_tier", "model", "api_key_id"):
        assert len({row[name] for row in rows}) >= 4
