"""What the twin answers adds up: by group, by width, by page, by filter, and to its ledger."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.providers.endpoint import FILTERS, Endpoint
from stream.providers.openai import ENDPOINTS
from stream.recordings.twin import LedgerKey, TwinLedger
from tests.support.twins import (
    DAY,
    NOW,
    Asked,
    Row,
    ask,
    counters_in,
    dimensions_in,
    page_of,
    sum_rows,
    twin_at,
    walk,
)

TWIN = twin_at()
ENTRIES = st.sampled_from(list(ENDPOINTS.values()))
FEW = settings(max_examples=40, deadline=None)
SEED = 3  # with it, every endpoint has usage on that day
STARTS = st.integers(NOW - 5 * DAY, NOW - 1)


@st.composite
def queries(draw: st.DrawFn) -> tuple[Endpoint, Asked]:
    """Draw an endpoint and a query without groups, which may start and end inside a bucket."""
    entry = draw(ENTRIES)
    limits = draw(st.sampled_from(entry.limits))
    width = {"1m": 60, "1h": 3600, "1d": DAY}[limits.width]
    start = draw(STARTS)
    asked: Asked = [("start_time", start), ("bucket_width", limits.width)]
    end = start + draw(st.integers(1, 30 * width))
    return entry, [*asked, ("end_time", end), ("limit", min(31, limits.maximum))]


def finest(entry: Endpoint) -> Asked:
    """Ask for every dimension."""
    return [("group_by[]", name) for name in entry.groups]


@FEW
@given(queries(), st.data())
def test_a_coarser_row_is_the_sum_of_the_finest(query: tuple[Endpoint, Asked], data: Any) -> None:
    """Whatever a query groups by, each row is the sum of the finest rows that agree with it."""
    entry, asked = query
    names = data.draw(st.sets(st.sampled_from(entry.groups)))
    coarse = list(walk(TWIN, entry.key, [*asked, *(("group_by", one) for one in names)]))
    fine = list(walk(TWIN, entry.key, asked + finest(entry)))
    shown = {*names, "currency"} | ({"quantity_unit"} if "line_item" in names else set())
    assert [one["start_time"] for one in coarse] == [one["start_time"] for one in fine]
    for some, many in zip(coarse, fine, strict=True):
        groups: defaultdict[tuple[Any, ...], list[Row]] = defaultdict(list)
        for row in many["results"]:
            known = dimensions_in(entry.key, row)
            groups[tuple(value if one in shown else None for one, value in known.items())].append(
                row
            )
        expected = {key: sum_rows(entry.key, rows) for key, rows in groups.items()}
        if "line_item" not in names:
            expected = {
                key: {one: value for one, value in sums.items() if one != "quantity"}
                for key, sums in expected.items()
            }
        found = {
            tuple(dimensions_in(entry.key, row).values()): counters_in(entry.key, row)
            for row in some["results"]
        }
        assert found == expected
        assert len(found) == len(some["results"])


@FEW
@given(queries(), st.integers(1, 31))
def test_pages_of_any_size_are_one_page_of_all(query: tuple[Endpoint, Asked], limit: int) -> None:
    """A walk with any limit brings the buckets that one page would."""
    entry, asked = query
    whole = page_of(TWIN, entry.key, asked)
    assert (whole["has_more"], whole["next_page"]) == (False, None)
    assert list(walk(TWIN, entry.key, [*asked[:-1], ("limit", limit)])) == whole["data"]


@FEW
@given(queries(), st.data())
def test_a_filter_chooses_among_the_rows(query: tuple[Endpoint, Asked], data: Any) -> None:
    """A filter, by any of its spellings, leaves the rows that have one of its values."""
    entry, asked = query
    name = data.draw(st.sampled_from(entry.filters))
    buckets = list(walk(TWIN, entry.key, asked + finest(entry)))
    dimension = FILTERS[name]
    values = {row[dimension] for one in buckets for row in one["results"]} - {None}
    most = 1 if name == "batch" else None
    chosen = (
        data.draw(st.sets(st.sampled_from(sorted(values)), min_size=1, max_size=most))
        if (values)
        else {False if name == "batch" else "nobody"}
    )
    spelled = data.draw(st.sampled_from([name, f"{name}[]"]))
    filters = [(spelled, str(one).lower() if name == "batch" else one) for one in chosen]
    expected = [
        {**one, "results": [row for row in one["results"] if row[dimension] in chosen]}
        for one in buckets
    ]
    assert list(walk(TWIN, entry.key, asked + finest(entry) + filters)) == expected


@FEW
@given(queries(), st.floats(-6 * DAY, 4 * DAY), st.integers(1, 3))
def test_the_ledger_says_what_the_pages_say(
    query: tuple[Endpoint, Asked], later: float, seed: int
) -> None:
    """At any moment the finest rows are the ledger's records, and add up to its totals."""
    entry, asked = query
    now = NOW + later
    twin, ledger = twin_at(now, seed), TwinLedger(seed)
    buckets = list(walk(twin, entry.key, asked + finest(entry)))
    found = {
        LedgerKey(
            one["start_time"],
            one["end_time"],
            tuple(sorted(dimensions_in(entry.key, row).items())),
        ): counters_in(entry.key, row)
        for one in buckets
        for row in one["results"]
    }
    known: dict[str, Any] = dict(asked)
    start, end = known["start_time"], known["end_time"]
    assert found == ledger.records(entry.key, start, end, known["bucket_width"], now=now)
    rows = [row for one in buckets for row in one["results"]]
    assert sum_rows(entry.key, rows) == ledger.totals(entry.key, start, end, now=now)
    assert ledger.totals(entry.key, start, end, now=now) == twin.ledger.totals(
        entry.key, start, end, now=now
    )


@FEW
@given(queries())
def test_any_width_adds_up_to_the_same(query: tuple[Endpoint, Asked]) -> None:
    """Minutes, hours and days of the same time have the same sums."""
    entry, asked = query
    known = dict(asked)
    known["end_time"] = min(known["end_time"], known["start_time"] + DAY)
    sums = []
    for limit in entry.limits:
        query_ = {**known, "bucket_width": limit.width, "limit": min(1440, limit.maximum)}
        buckets = walk(TWIN, entry.key, list(query_.items()))
        sums.append(sum_rows(entry.key, [row for one in buckets for row in one["results"]]))
    assert sums == sums[:1] * len(sums)


@FEW
@given(queries(), st.floats(-6 * DAY, 6 * DAY))
def test_the_same_question_has_the_same_bytes(query: tuple[Endpoint, Asked], later: float) -> None:
    """A twin that was never asked before answers with the bytes of one that was asked a lot."""
    entry, asked = query
    old = twin_at(NOW - 10 * DAY)
    for now in (NOW + 9 * DAY, NOW - 20 * DAY, NOW + later):
        old.clock = lambda now=now: now  # type: ignore[misc]  # a clock that somebody moves
        found = ask(old, entry.key, asked + finest(entry)).body
    assert found == ask(twin_at(NOW + later), entry.key, asked + finest(entry)).body
    assert found != ask(twin_at(NOW + later, seed=2), entry.key, asked + finest(entry)).body or (
        b'"results":[{' not in found
    )


@pytest.mark.parametrize("entry", ENDPOINTS.values(), ids=ENDPOINTS.keys())
def test_a_day_grows_and_comes_to_rest(entry: Endpoint) -> None:
    """A day starts empty, grows, is corrected downwards here and there, and then stays."""
    ledger, start = TwinLedger(SEED), NOW - 4 * DAY
    rest = DAY + ledger.settle_seconds(entry.key)
    moments = [start + rest * step / 200 for step in range(201)]
    sums = [ledger.totals(entry.key, start, start + DAY, now=one) for one in moments]
    assert (sums[0], sums[-1] != {}) == ({}, True)
    assert ledger.totals(entry.key, start, start + DAY, now=moments[-1] + 99 * DAY) == sums[-1]
    main = [one.get(entry.main, 0) for one in sums]
    steps = [after - before for before, after in pairwise(main)]
    assert sum(step > 0 for step in steps) > sum(step < 0 for step in steps)
    if entry.name in {"completions", "costs"}:
        assert min(steps) < 0


def test_there_are_buckets_without_usage() -> None:
    """Nights, weekends and quiet days have buckets whose results are empty."""
    query: Asked = [("start_time", NOW - 20 * DAY), ("limit", 31)]
    days = page_of(TWIN, "usage/images", query)["data"]
    assert {bool(one["results"]) for one in days} == {True, False}
