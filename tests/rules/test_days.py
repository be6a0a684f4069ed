"""``byDay`` from outside: days in any runner, joined days, levels, names, money, what is folded."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.figures.day_totals import DayTotals
from stream.records.windows import Columns, Window
from tests.support.engines import Engine, same
from tests.support.envelopes import line, put_capture
from tests.support.generated import summary
from tests.support.pages import DAY, FIRST, bucket, listed, page, put_all, used
from tests.support.running import replay, run

HOUR = 3_600
ROW = {"project_id": "p", "model": "m"}


def days_in(place: Path, endpoint: str = "usage/completions", **options: Any) -> list[Any]:
    """Replay, and return what each day came to."""
    report = replay(place, **options).report
    assert report is not None
    found: list[Any] = report["endpoints"][endpoint]["byDay"]
    return found


def test_a_day_has_its_groups_in_order(tmp_path: Path) -> None:
    """Hours of a day are one; null comes first; a name stands beside its project, if it has one."""
    content = page(
        bucket(used(1, service_tier="flex", **ROW), end_time=FIRST + HOUR),
        bucket(used(2, service_tier="flex", **ROW), start_time=FIRST + HOUR, end_time=FIRST + DAY),
        bucket(used(4, unheard=Decimal("0.5"), **ROW), day=1),
        bucket(used(8), day=1, start_time=FIRST + DAY),
    )
    content["data"][3]["results"].append(used(16, project_id="q", model="m"))
    content["data"][2]["results"] += content["data"].pop()["results"]
    projects = listed({"id": "p", "name": "of jane@corp.test"})
    found = days_in(
        put_all(tmp_path, {"usage_completions.json": content, "projects.json": projects})
    )
    assert [
        (
            one["bucketTimestamp"],
            one["projectId"],
            one["projectName"],
            one["serviceTier"],
            one["model"],
            one["metrics"]["input_tokens"],
            one["metrics"]["output_tokens"],
            one["metrics"].get("unheard"),
        )
        for one in found
    ] == [
        ("2024-11-01T00:00:00Z", "p", "of ***", "flex", "m", 3, None, None),
        ("2024-11-02T00:00:00Z", None, None, None, None, 8, None, None),
        ("2024-11-02T00:00:00Z", "p", "of ***", None, "m", 4, None, Decimal("0.5")),
        ("2024-11-02T00:00:00Z", "q", None, None, "m", 16, None, None),
    ]


def test_days_of_costs_have_line_items_and_currencies(tmp_path: Path) -> None:
    """Each currency has sums of its own, exact."""
    rows = [
        {"amount": {"value": value, "currency": currency}, "line_item": "x", "project_id": "p"}
        | {"user_id": user}
        for value, currency, user in [
            ("0.1", "usd", "a"),
            ("0.2", "usd", "b"),
            ("-1", "eur", "a"),
        ]
    ]
    found = days_in(put_all(tmp_path, {"costs.json": page(bucket(*rows))}), "costs")
    assert [
        (one["lineItem"], one["currency"], one["metrics"]["amount_value"]) for one in found
    ] == [("x", "eur", -1), ("x", "usd", Decimal("0.3"))]
    assert "model" not in found[0]


def test_days_that_a_window_joins_are_one(tmp_path: Path) -> None:
    """Also where its figures are absorbed, and where it is empty; as ``show`` has them."""
    rows = {"usage_completions.json": page(bucket(used(1, **ROW)), bucket(used(2, **ROW), day=1))}
    weeks: list[list[Any]] = [[used(3)], []]
    for place, week in zip((tmp_path / "told", tmp_path / "empty"), weeks, strict=True):
        wide = {"usage_completions_week.json": page(bucket(*week, end_time=FIRST + 7 * DAY))}
        (one,) = days_in(put_all(place, {**rows, **wide}), workers=2)
        assert (one["windowEnd"], one["metrics"]["input_tokens"]) == ("2024-11-08T00:00:00Z", 3)
        flags = ["--by", "model", "--per", "day", "--format", "json"]
        code, output, errors = run(["show", str(place), *flags])
        assert code == 0, errors
        assert '"input_tokens": 3' in output or '"input_tokens":3' in output


def test_a_level_is_what_the_last_hour_of_a_day_says(tmp_path: Path) -> None:
    """It is not added up over hours, whatever leaves memory, and in each runner."""
    content = page(
        *(
            bucket(
                {"project_id": "p", "usage_bytes": 10 - hour},
                {"usage_bytes": hour},
                start_time=FIRST + hour * HOUR,
                end_time=FIRST + (hour + 1) * HOUR,
            )
            for hour in range(5)
        )
    )
    place = put_all(tmp_path, {"usage_vector_stores.json": content})
    for options in {}, {"memory": "8kB"}, {"workers": 2}:
        found = days_in(place, "usage/vector_stores", **options)
        assert [(one["projectId"], one["metrics"]["usage_bytes"]) for one in found] == [
            (None, 4),
            ("p", 6),
        ]


@pytest.mark.parametrize("flags", [[], ["--prices", "default"]], ids=["plain", "priced"])
def test_runners_agree(flags: list[str], tmp_path: Path) -> None:
    """Walks of all endpoints: with windows that leave memory, with workers, the same bytes."""
    shape = "--rows 4000 --rows-per-bucket 20 --walks 6 --overlap 0.5 --revised 0.5 --rollups"
    summary(tmp_path / "a.ndjson", *shape.split(), "--endpoints", "all")
    whole = replay(tmp_path / "a.ndjson", *flags).raw
    assert replay(tmp_path / "a.ndjson", *flags, memory="100kB").raw == whole
    assert replay(tmp_path / "a.ndjson", *flags, workers=2, memory="100kB").raw == whole
    assert replay(tmp_path / "a.ndjson", *flags, state=tmp_path / "state.db").raw == whole


def test_prices_change_no_day(tmp_path: Path) -> None:
    """What is kept apart for prices is one sum in the report."""
    rows = [used(1, batch=True, cost="0.5", **ROW), used(2, batch=False, **ROW)]
    place = put_all(tmp_path, {"usage_completions.json": page(bucket(*rows))})
    (one,) = days_in(place)
    assert one["metrics"]["input_tokens"] == 3
    assert days_in(place, prices="default") == [one]


NAMED = st.fixed_dictionaries({"id": st.sampled_from("pq"), "name": st.sampled_from("abc")})
WALKS = st.sampled_from([{}, *({"observed_at": f"2024-12-0{day}T00:00:00Z"} for day in (1, 2))])
LISTS = st.lists(st.tuples(st.lists(NAMED, max_size=3), WALKS), max_size=3)


@settings(max_examples=30, deadline=None)
@given(captures=st.fixed_dictionaries({"a": LISTS, "b": LISTS}))
def test_an_engine_knows_names(captures: dict[str, Any]) -> None:
    """Walks and pages that call projects this and that, on lines of several captures."""
    with TemporaryDirectory() as scratch:
        place = Path(scratch)
        (place / "in").mkdir()
        for name, found in captures.items():
            lists = [line(listed(*some), endpoint="projects", **when) for some, when in found]
            pages = [line(page(bucket(used(1, **ROW))))]
            put_capture(place / "in" / f"{name}.ndjson", pages + lists)
        engine = Engine(place / "out")
        engine.take(place / "in")
        engine.end()
        same(place / "in", place / "out")


def test_no_window_is_read_twice_for_its_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows that left memory were added up then: the store is not asked for them again."""
    summary(tmp_path / "a.ndjson", "--rows", "2000", "--rows-per-bucket", "20")
    whole = replay(tmp_path / "a.ndjson", "--no-details").raw
    taken = []
    take = DayTotals.take

    def count(self: DayTotals, span: Window, dimensions: Columns, counters: Columns) -> None:
        taken.append(span)
        take(self, span, dimensions, counters)

    monkeypatch.setattr(DayTotals, "take", count)
    assert replay(tmp_path / "a.ndjson", "--no-details", memory="50kB").raw == whole
    assert len(taken) == len(set(taken)) == 100
