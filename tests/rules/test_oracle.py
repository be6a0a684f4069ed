"""The oracle against figures that were worked out by hand, rule by rule of `design.md`."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.oracle import DAY, ENDPOINTS, Delivery, expected
from tests.support.strategies import (
    COMPLETIONS,
    DAYS,
    FIRST_DAY,
    HOUR,
    Chains,
    Json,
    bucket,
    chains,
    deliveries,
    file_name,
    read,
    write_chains,
    written,
)

if TYPE_CHECKING:
    from pathlib import Path

MONDAY, TUESDAY = DAYS
MORNING = (FIRST_DAY + 9 * HOUR, FIRST_DAY + 10 * HOUR)
NOON = (FIRST_DAY + 12 * HOUR, FIRST_DAY + 13 * HOUR)
MONDAY_ISO = "2024-09-23T00:00:00Z"
TUESDAY_ISO = "2024-09-24T00:00:00Z"


def page(*rows: Json, window: tuple[int, int] = MONDAY, rollups: tuple[Json, ...] = ()) -> Json:
    """Make a page of one bucket, and of rollups for Monday."""
    made: Json = {"data": [bucket(window, list(rows))] if rows else []}
    if rollups:
        made["daily_costs"] = [{"timestamp": FIRST_DAY, "line_items": list(rollups)}]
    return made


def used(tokens: int | None, **fields: object) -> Json:
    """Make a row with input tokens."""
    return {"input_tokens": tokens, **fields}


def figures(
    *pages: Json, endpoint: str = COMPLETIONS, label: str = "primary", revision: int = 0
) -> Json:
    """Ask the oracle about pages of one chain."""
    return expected([Delivery(endpoint, label, one, revision) for one in pages])


def input_tokens(report: Json) -> object:
    """Find the sum of input tokens over all labels."""
    return report["endpoints"][COMPLETIONS]["metrics"]["input_tokens"]


def tokens_in(report: Json) -> list[object]:
    """Find the input tokens of each record, in the report's order."""
    return [record["tokensIn"] for record in report["dedupedUsage"]]


def found(report: Json, outcome: str) -> list[tuple[Any, ...]]:
    """Shorten the rollups of one outcome."""
    return [
        (e["dimensions"], e["counter"], e["rollup"], e["details"], e["difference"])
        for e in report["reconciliation"][outcome]
    ]


# Identity -------------------------------------------------------------------------------


def test_absent_null_and_blank_dimensions_are_one_identity() -> None:
    """A dimension that is absent, null, or blank after trimming is the same None."""
    report = figures(
        page(used(5)), page(used(5, project_id=None)), page(used(5, project_id="  ", batch=""))
    )
    assert tokens_in(report) == [5]
    assert report["dedupedUsage"][0]["projectId"] is None


def test_dimensions_are_trimmed() -> None:
    """Blanks around a dimension's value do not make another identity."""
    report = figures(page(used(5, model=" gpt-4o ")), page(used(5, model="gpt-4o")))
    assert [r["model"] for r in report["dedupedUsage"]] == ["gpt-4o"]


@pytest.mark.parametrize("batch", [True, "true", " TRUE "])
def test_spelled_out_truth_is_truth(batch: object) -> None:
    """A batch that is the string "true" is the same as one that is true."""
    report = figures(page(used(5, batch=True)), page(used(5, batch=batch)))
    assert [r["batch"] for r in report["dedupedUsage"]] == [True]


def test_false_is_not_null() -> None:
    """A batch that is false is another identity than a batch that is not known."""
    assert tokens_in(figures(page(used(5, batch=None), used(7, batch="false")))) == [5, 7]


def test_row_wins_over_its_metadata() -> None:
    """A dimension on the row hides the one in its metadata, unless the row's says nothing."""
    metadata = {"project_id": "proj_meta"}
    report = figures(
        page(
            used(1, project_id="proj_row", metadata=metadata),
            used(2, project_id=" ", metadata=metadata),
            used(4, project_id=None, metadata={"project_id": "proj_other"}),
        )
    )
    assert {r["projectId"]: r["tokensIn"] for r in report["dedupedUsage"]} == {
        "proj_row": 1,
        "proj_meta": 2,
        "proj_other": 4,
    }


def test_window_start_and_end_are_identity() -> None:
    """The same row in Monday and in Tuesday counts twice."""
    report = figures(page(used(5)), page(used(5), window=TUESDAY))
    assert input_tokens(report) == 10
    assert [r["bucketTimestamp"] for r in report["dedupedUsage"]] == [MONDAY_ISO, TUESDAY_ISO]


@pytest.mark.parametrize("results", ["results", "result"])
def test_older_buckets_say_how_wide_they_are(results: str) -> None:
    """A bucket with `window: day` and no end ends a day after it starts."""
    old: Json = {"start_time": FIRST_DAY, "window": "day", results: [used(5)]}
    report = figures({"data": [old]})
    assert tokens_in(report) == [5]
    assert report["dedupedUsage"][0]["windowEnd"] == TUESDAY_ISO


@pytest.mark.parametrize(
    ("endpoint", "dimension"),
    [(endpoint, name) for endpoint, known in ENDPOINTS.items() for name in known.dimensions],
)
def test_every_dimension_separates_rows(endpoint: str, dimension: str) -> None:
    """Rows that differ in one dimension of their endpoint are both kept."""
    rows: list[Json] = [{dimension: "one"}, {dimension: "other"}]
    if dimension == "currency":
        rows = [{"amount": {"value": 1, "currency": row[dimension]}} for row in rows]
    assert len(figures(page(*rows), endpoint=endpoint)["dedupedUsage"]) == 2


# What is not known ----------------------------------------------------------------------


def test_unknown_strings_and_bools_are_dimensions() -> None:
    """Rows that differ in an unknown string or bool are different rows."""
    report = figures(
        page(used(1, region="eu"), used(2, region=" us "), used(4, flex="true"), used(8))
    )
    dimensions = [r["dimensions"] for r in report["dedupedUsage"]]
    assert tokens_in(report) == [8, 4, 1, 2]
    assert dimensions == [
        {"apiSource": None},
        {"apiSource": None, "flex": True},
        {"apiSource": None, "region": "eu"},
        {"apiSource": None, "region": "us"},
    ]
    assert report["endpoints"][COMPLETIONS]["unknownFields"] == ["flex", "region"]


def test_unknown_numbers_are_counters() -> None:
    """Unknown numbers are summed, counts as integers and the rest exactly."""
    report = figures(page({"tiles": Decimal("2.0"), "weight": Decimal("0.1")}, {"model": "m"}))
    metrics = report["endpoints"][COMPLETIONS]["metrics"]
    assert (metrics["tiles"], metrics["weight"]) == (2, Decimal("0.1"))
    assert isinstance(metrics["tiles"], int)
    assert "tiles" not in report["dedupedUsage"][1]["metrics"]


def test_unknown_rest_is_only_listed() -> None:
    """Nested values, times and nulls are listed by name, and are not part of a row."""
    rows = [
        used(5, extra={"a": 1}, closed_at=7, later=None, metadata={"tags": [], "model": "m"}),
        used(5, model="m", operation="chat", project_name="P", object="x", start_time=3),
    ]
    report = figures(page(*rows))
    assert tokens_in(report) == [5]
    assert report["endpoints"][COMPLETIONS]["unknownFields"] == [
        "closed_at",
        "extra",
        "later",
        "metadata.tags",
    ]


# Money and counts -----------------------------------------------------------------------


def test_absent_is_not_zero() -> None:
    """A counter that no row has is null, and one that some row has as 0 is 0."""
    metrics = figures(page(used(None, output_tokens=0)))["endpoints"][COMPLETIONS]["metrics"]
    assert metrics["input_tokens"] is None
    assert metrics["output_tokens"] == 0


def test_money_is_exact() -> None:
    """Numbers, strings, credits, and zeros with an exponent add up to the last digit."""
    amounts = [Decimal("12345678901234567890.000000000000000000000000000001"), "-0.5", "0E-6176"]
    rows = [
        {"amount": {"value": amount, "currency": "usd"}, "line_item": str(number)}
        for number, amount in enumerate(amounts)
    ]
    metrics = figures(page(*rows), endpoint="costs")["endpoints"]["costs"]["metrics"]
    assert metrics["amount_value"] == Decimal("12345678901234567889.500000000000000000000000000001")
    assert metrics["quantity"] is None


def test_sums_pass_the_largest_count() -> None:
    """A sum of counts may be greater than any count."""
    most = 2**63 - 1
    assert input_tokens(figures(page(used(most), used(most, model="m")))) == 2**64 - 2


# Snapshots ------------------------------------------------------------------------------


def test_equal_revisions_keep_each_counters_maximum() -> None:
    """Pages of one revision unite their rows, and keep the greatest figure of each counter."""
    report = figures(
        page(used(5, output_tokens=9), used(1, model="m")),
        page(used(7, output_tokens=None)),
        page(used(6, output_tokens=2)),
    )
    assert [(r["tokensIn"], r["tokensOut"]) for r in report["dedupedUsage"]] == [(7, 9), (1, None)]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_later_revision_replaces_the_window(order: tuple[int, int]) -> None:
    """Whichever arrives first, a later revision's rows are the only ones of their window."""
    walks = [
        Delivery(COMPLETIONS, "primary", page(used(9), used(3, model="gone")), 100),
        Delivery(COMPLETIONS, "primary", page(used(7), used(2, model="new")), 200),
    ]
    report = expected([walks[place] for place in order])
    assert [(r["model"], r["tokensIn"]) for r in report["dedupedUsage"]] == [(None, 7), ("new", 2)]
    assert report["usageSummary"]["totalRawEvents"] == 4


def test_later_revision_leaves_other_windows_alone() -> None:
    """A revision replaces the windows that it delivers, and no other."""
    report = expected(
        [
            Delivery(COMPLETIONS, "primary", page(used(9)), 100),
            Delivery(COMPLETIONS, "primary", page(used(4), window=TUESDAY), 200),
        ]
    )
    assert tokens_in(report) == [9, 4]


def test_labels_merge_by_maximum() -> None:
    """An identity in two labels counts once, with the greater figure, and names both."""
    report = expected(
        [
            Delivery(COMPLETIONS, "primary", page(used(5, output_tokens=8), used(2, model="n"))),
            Delivery(COMPLETIONS, "dual", page(used(6), used(1, model="m"))),
        ]
    )
    first, second, third = report["dedupedUsage"]
    assert (first["tokensIn"], first["tokensOut"], second["tokensIn"]) == (6, 8, 1)
    assert first["sources"] == ["bucket:data:dual", "bucket:data:primary"]
    assert (second["sources"], third["sources"]) == (
        ["bucket:data:dual"],
        ["bucket:data:primary"],
    )
    assert report["usageSummary"]["tokensIn"] == 7
    assert report["usageVariants"]["dual"]["tokensIn"] == 7


def test_null_group_of_the_data_adds_up() -> None:
    """A row without a project is its own group beside the projects, not their sum."""
    assert input_tokens(figures(page(used(5), used(5, project_id="p")))) == 10


def test_collisions_are_named_once() -> None:
    """Different figures of one identity in one bucket are named; equal ones are not."""
    clash = page(used(5, model="m"), used(6, model="m"), used(1), used(1))
    report = figures(clash, clash, page(used(2)))
    assert report["reconciliation"]["identityCollisions"] == [
        {
            "endpoint": COMPLETIONS,
            "label": "primary",
            "bucketTimestamp": MONDAY_ISO,
            "windowEnd": TUESDAY_ISO,
            "dimensions": {"model": "m"},
        }
    ]
    assert tokens_in(report) == [2, 6]


# Wider windows --------------------------------------------------------------------------


def test_wider_window_leaves_its_excess() -> None:
    """Of a day beside its hours, an identity leaves what the hours do not have."""
    report = figures(
        page(used(10, output_tokens=4), used(3, model="day only")),
        page(used(2, output_tokens=4), used(0, model="x"), window=MORNING),
        page(used(5), used(0, model="x"), window=NOON),
    )
    assert input_tokens(report) == 13
    day, alone, *hours = report["dedupedUsage"]
    assert (day["tokensIn"], day["tokensOut"]) == (3, None)
    assert (alone["model"], alone["tokensIn"]) == ("day only", 3)
    assert [hour["tokensIn"] for hour in hours] == [2, 0, 5, 0]
    assert report["reconciliation"]["widerWindowsCovered"] == [
        {
            "endpoint": COMPLETIONS,
            "bucketTimestamp": MONDAY_ISO,
            "windowEnd": TUESDAY_ISO,
            "narrowerWindows": 2,
        }
    ]


def test_wider_window_that_is_covered_goes() -> None:
    """A day whose hours have as much, or more, leaves no record."""
    assert tokens_in(figures(page(used(5)), page(used(6), window=MORNING))) == [6]


def test_windows_nest_more_than_once() -> None:
    """What a minute leaves of its hour counts, with the minute, against the day."""
    minute = (MORNING[0], MORNING[0] + 60)
    report = figures(page(used(10)), page(used(7), window=MORNING), page(used(4), window=minute))
    assert tokens_in(report) == [3, 4, 3]  # the day, the minute, and what the hour leaves
    assert input_tokens(report) == 10


def test_wider_window_of_another_label_counts_too() -> None:
    """A daily chain beside an hourly one is the same usage, whatever their labels."""
    report = expected(
        [
            Delivery(COMPLETIONS, "primary", page(used(5))),
            Delivery(COMPLETIONS, "hourly", page(used(5), window=MORNING)),
        ]
    )
    assert input_tokens(report) == 5
    assert report["usageSummary"]["tokensIn"] == report["usageVariants"]["hourly"]["tokensIn"] == 5


# Rollups --------------------------------------------------------------------------------


def test_recorded_snapshot_has_the_figures_of_the_seed() -> None:
    """The first fixture: one bucket, two raw events, one record, and nothing twice."""
    same = {"model": "gpt-4o-mini", "input_tokens": 2849, "output_tokens": 912}
    row = {**same, "cost": Decimal("0.003918"), "metadata": {"project_id": "proj_abc123"}}
    report = figures(page(row, rollups=({**same, "amount": Decimal("0.003918")},)))
    assert report["usageSummary"] == {
        "totalBuckets": 1,
        "totalRawEvents": 2,
        "totalDedupedEvents": 1,
        "tokensIn": 2849,
        "tokensOut": 912,
        "costEstimate": Decimal("0.003918"),
    }
    assert report["dedupedUsage"][0]["sources"] == ["bucket:data:primary", "daily_costs:primary"]
    assert {counter for _, counter, *_ in found(report, "absorbed")} == {
        "input_tokens",
        "output_tokens",
        "cost",
    }


def test_excess_of_a_rollup_is_one_residual_record() -> None:
    """What a rollup has beyond its details is a record of the day, with those counters only."""
    report = figures(
        page(
            used(4, model="m", project_id="a", output_tokens=2),
            used(3, model="m", project_id="b", output_tokens=2),
            rollups=(used(10, model="m", output_tokens=4, amount="1.5"),),
        )
    )
    residual = report["dedupedUsage"][0]
    assert (residual["model"], residual["projectId"]) == ("m", None)
    assert (residual["tokensIn"], residual["tokensOut"]) == (3, None)
    assert residual["costEstimate"] == Decimal("1.5")
    assert residual["sources"] == ["daily_costs:primary"]
    assert found(report, "excess") == [
        ({"model": "m"}, "input_tokens", 10, 7, 3),
        ({"model": "m"}, "cost", Decimal("1.5"), None, Decimal("1.5")),
    ]
    assert found(report, "absorbed") == [({"model": "m"}, "output_tokens", 4, 4, 0)]
    assert report["dedupedUsage"][1]["sources"] == ["bucket:data:primary", "daily_costs:primary"]


def test_residual_stands_beside_a_record_of_its_identity() -> None:
    """A residual is a record of its own, after the data record of the same identity."""
    report = figures(page(used(4, model="m"), rollups=(used(10, model="m"),)))
    assert tokens_in(report) == [4, 6]
    assert [r["sources"] for r in report["dedupedUsage"]] == [
        ["bucket:data:primary"],
        ["daily_costs:primary"],
    ]


def test_short_rollup_subtracts_nothing() -> None:
    """A rollup with less than its details is named, and the details stay."""
    report = figures(page(used(4, model="m"), rollups=(used(3, model="m"),)))
    assert tokens_in(report) == [4]
    assert found(report, "short") == [({"model": "m"}, "input_tokens", 3, 4, -1)]
    assert report["dedupedUsage"][0]["sources"] == ["bucket:data:primary"]


@pytest.mark.parametrize(
    ("amount", "outcome"),
    [
        ("1.0000004999", "rounding"),
        ("0.9999995001", "rounding"),
        ("1.0000005", "excess"),
        ("0.9999995", "short"),
        ("1.00", "absorbed"),
    ],
)
def test_money_may_be_rounded(amount: str, outcome: str) -> None:
    """Money that differs by less than half a millionth is rounding, whichever is greater."""
    report = figures(page({"cost": Decimal(1)}, rollups=({"amount": amount},)))
    assert len(found(report, outcome)) == 1
    assert len(report["dedupedUsage"]) == (2 if outcome == "excess" else 1)
    equal = outcome in {"rounding", "absorbed"}
    assert ("daily_costs:primary" in report["dedupedUsage"][0]["sources"]) == equal


def test_rows_that_do_not_know_a_dimension_cover_once() -> None:
    """Two rollups by project share the one row that has no project."""
    rollups = (used(4, model="m", project_id="a"), used(5, model="m", project_id="b"))
    report = figures(page(used(6, model="m"), rollups=rollups))
    assert input_tokens(report) == 9
    assert tokens_in(report) == [4, 5]  # they know more than the row, which is short of them
    assert found(report, "short") == [({"model": "m"}, "input_tokens", 6, 9, -3)]
    mixed = figures(page(used(6, model="m"), used(1, model="m", project_id="c"), rollups=rollups))
    assert tokens_in(mixed) == [6, 3, 1]
    assert found(mixed, "short") == []
    assert found(mixed, "absorbed") == [
        ({"model": "m", "project_id": "a"}, "input_tokens", 4, None, 4)
    ]
    assert found(mixed, "excess") == [
        ({"model": "m", "project_id": "b"}, "input_tokens", 5, None, 5)
    ]
    assert mixed["dedupedUsage"][0]["sources"] == ["bucket:data:primary", "daily_costs:primary"]


def test_rows_cover_in_canonical_order() -> None:
    """The earliest row gives first, and one that need not give is left as it was."""
    report = figures(
        page(used(3), used(0, model="x"), window=NOON),
        page(used(3), used(0, model="x"), window=MORNING),
        page(rollups=(used(3, model="m"),)),
    )
    named = [(r["bucketTimestamp"][11:13], len(r["sources"])) for r in report["dedupedUsage"]]
    assert named[::2] == [("09", 2), ("12", 1)]


def test_residuals_cover_too() -> None:
    """What remains of one rollup counts for another that knows what it does not."""
    report = figures(page(rollups=(used(5, model="m"), used(5, project_id="a"))))
    assert tokens_in(report) == [5]
    assert report["dedupedUsage"][0]["projectId"] == "a"  # of two grains, that with a project


def test_rows_of_another_value_cover_nothing() -> None:
    """A row of another model covers no rollup, even where its project is not known."""
    report = figures(page(used(6, model="other"), rollups=(used(4, model="m", project_id="a"),)))
    assert input_tokens(report) == 10


def test_finer_rollups_come_first() -> None:
    """What remains of a finer rollup counts as detail for a coarser one."""
    rollups = (used(12), used(5, model="m"), used(3, model="m", project_id="a"))
    report = figures(page(used(1, model="m", project_id="a"), rollups=rollups))
    assert input_tokens(report) == 12
    # Excess of the project 2, of the model 5 - 3, of the day 12 - 5.
    assert [e[4] for e in found(report, "excess")] == [2, 2, 7]


def test_rollup_sees_the_details_of_all_labels() -> None:
    """Details of any label count against a rollup; each label's summary sees its own only."""
    report = expected(
        [
            Delivery(COMPLETIONS, "primary", page(rollups=(used(5),))),
            Delivery(COMPLETIONS, "dual", page(used(5, model="m"))),
        ]
    )
    assert input_tokens(report) == 5
    assert report["usageSummary"]["tokensIn"] == report["usageVariants"]["dual"]["tokensIn"] == 5
    assert report["usageSummary"]["totalBuckets"] == 0


def test_rollup_is_of_its_utc_day() -> None:
    """A rollup belongs to the day that holds its timestamp, and sees that day's hours."""
    late = {"timestamp": FIRST_DAY + DAY - 1, "line_items": [used(6)]}
    report = figures(
        page(used(2), window=MORNING),
        page(used(9), window=TUESDAY),
        {"data": [], "daily_costs": [late]},
    )
    assert tokens_in(report) == [4, 2, 9]
    assert report["reconciliation"]["excess"][0]["bucketTimestamp"] == MONDAY_ISO


def test_older_rollup_is_stale() -> None:
    """A rollup from before its details leaves no residual; one from after them does."""
    old = Delivery(COMPLETIONS, "primary", page(rollups=(used(9),)), 100)
    new = Delivery(COMPLETIONS, "primary", page(used(5)), 200)
    report = expected([old, new])
    assert tokens_in(report) == [5]
    assert found(report, "stale") == [({}, "input_tokens", 9, 5, 4)]
    swapped = [Delivery(COMPLETIONS, "primary", d.page, 300 - d.revision) for d in (old, new)]
    assert input_tokens(expected(swapped)) == 9


def test_residual_is_as_new_as_its_rollup() -> None:
    """A rollup older than the finer one that left a residual is stale beside it."""
    fine = Delivery(COMPLETIONS, "primary", page(rollups=(used(5, model="m"),)), 200)
    coarse = Delivery(COMPLETIONS, "dual", page(rollups=(used(9),)), 100)
    report = expected([coarse, fine])
    assert tokens_in(report) == [5]
    assert found(report, "stale") == [({}, "input_tokens", 9, 5, 4)]


def test_rollups_of_labels_merge_like_rows() -> None:
    """The same rollup in two labels counts once, with the greater figure."""
    report = expected(
        [
            Delivery(COMPLETIONS, "primary", page(rollups=(used(5),))),
            Delivery(COMPLETIONS, "dual", page(rollups=(used(6),))),
        ]
    )
    assert tokens_in(report) == [6]
    assert report["dedupedUsage"][0]["sources"] == ["daily_costs:dual", "daily_costs:primary"]


@pytest.mark.parametrize("amount", [Decimal("1.5"), "1.5", {"value": "1.5", "currency": "usd"}])
def test_amount_of_a_rollup_is_its_cost(amount: object) -> None:
    """The amount of a line item is money in each form that it has arrived in."""
    report = figures(page(rollups=({"amount": amount},)))
    assert report["usageSummary"]["costEstimate"] == Decimal("1.5")


def test_data_rows_are_never_rollups() -> None:
    """A coarser row of `data[]` adds up with the finer ones beside it."""
    assert input_tokens(figures(page(used(5, model="m", project_id="a"), used(5, model="m")))) == 10


# The report -----------------------------------------------------------------------------


def test_groups_are_sorted_with_null_first() -> None:
    """Groups are arrays of dimensions and sums, null first."""
    entry = figures(
        page(
            used(1, project_id="b", service_tier="scale"),
            used(2, project_id="a", service_tier="standard", model="m"),
            used(4, project_id="a", service_tier="scale"),
            used(8),
        )
    )["endpoints"][COMPLETIONS]
    sums = {
        kind: [
            (
                *(v for k, v in group.items() if k not in {"metrics", "projectName"}),
                group["metrics"]["input_tokens"],
            )
            for group in entry[kind]
        ]
        for kind in ("byKey", "byProject", "byServiceTier", "byModel")
    }
    assert sums == {
        "byKey": [(None, None, 8), ("a", "scale", 4), ("a", "standard", 2), ("b", "scale", 1)],
        "byProject": [(None, 8), ("a", 6), ("b", 1)],
        "byServiceTier": [(None, 8), ("scale", 5), ("standard", 2)],
        "byModel": [(None, 13), ("m", 2)],
    }


def test_endpoint_without_a_dimension_has_no_such_group() -> None:
    """An endpoint without tiers or models says null there, and has its own breakdowns."""
    rows: list[Json] = [
        {"num_requests": 3, "vector_store_id": "vs"},
        {"num_requests": 4},
        {"vector_store_id": "idle"},
    ]
    entry = figures(page(*rows), endpoint="usage/file_search_calls")["endpoints"]
    calls = entry["usage/file_search_calls"]
    assert calls["byServiceTier"] is calls["byModel"] is None
    assert calls["breakdowns"] == {"byVectorStore": {"vs": 3, "unspecified": 4, "idle": None}}


def test_costs_have_their_own_dimensions() -> None:
    """Costs are broken down by line item and by the currency of the amount."""
    rows: list[Json] = [
        {"amount": {"value": Decimal("12.34"), "currency": "usd"}, "line_item": "images"},
        {"amount": {"value": "3.21", "currency": " usd "}, "quantity": 7, "quantity_unit": "n"},
    ]
    report = figures(page(*rows), endpoint="costs")
    entry = report["endpoints"]["costs"]
    assert entry["breakdowns"] == {
        "byLineItem": {"images": Decimal("12.34"), "unspecified": Decimal("3.21")},
        "byCurrency": {"usd": Decimal("15.55")},
    }
    assert entry["metrics"] == {"amount_value": Decimal("15.55"), "quantity": 7}
    assert [r["dimensions"] for r in report["dedupedUsage"]] == [
        {"apiSource": None, "lineItem": None, "currency": "usd", "quantityUnit": "n"},
        {"apiSource": None, "lineItem": "images", "currency": "usd", "quantityUnit": None},
    ]
    assert report["usageSummary"] is None


def test_deliveries_are_counted_as_delivered() -> None:
    """Rows and summary buckets count each delivery; endpoint buckets are distinct windows."""
    once = page(used(5), rollups=(used(5), used(5, model="m")))
    report = figures(once, once, page(used(1), window=TUESDAY), {"data": [bucket(MORNING, [])]})
    summary = report["usageSummary"]
    entry = report["endpoints"][COMPLETIONS]
    assert (summary["totalBuckets"], summary["totalRawEvents"]) == (4, 7)
    assert (entry["totalBuckets"], entry["totalResults"]) == (3, 7)


def test_records_are_in_canonical_order() -> None:
    """Records are sorted by endpoint, window, and dimensions: null, then bools, then text."""
    report = expected(
        [
            Delivery("usage/embeddings", "primary", page(used(1))),
            Delivery(
                COMPLETIONS,
                "primary",
                page(used(7, batch="odd"), used(6, batch=True), used(5, batch=False), used(4)),
            ),
            Delivery(COMPLETIONS, "primary", page(used(8, user_id="u"), used(9, project_id="p"))),
            Delivery("costs", "primary", page({"quantity": 1})),
        ]
    )
    assert tokens_in(report) == [None, 4, 5, 6, 7, 8, 9, 1]


@settings(max_examples=60, deadline=None)
@given(chains().flatmap(lambda made: st.tuples(*[st.permutations(deliveries(made))] * 2)))
def test_order_of_deliveries_changes_nothing(orders: tuple[list[Delivery], ...]) -> None:
    """The oracle gives the same figures for any order of pages over all chains."""
    first, second = (expected(order) for order in orders)
    for report in (first, second):
        for entries in report["reconciliation"].values():
            entries.sort(key=str)
    assert first == second


# What the property tests write -----------------------------------------------------------


@pytest.mark.parametrize("text", ["12.50", "2E-7", "0E-6176", "1E+2", "0.1000000000000000055"])
def test_numbers_are_written_digit_for_digit(text: str) -> None:
    """A Decimal comes back from its JSON with every digit that it had."""
    back = read(written({"value": [Decimal(text), True, None, "é"]}))
    assert back["value"] == [Decimal(text), True, None, "é"]
    assert str(back["value"][0]) == text


def test_fixtures_are_named_by_label_and_page() -> None:
    """The primary label and the first page leave no trace in a file's name."""
    assert file_name(COMPLETIONS, "primary", 1) == "usage_completions_fixture.json"
    assert file_name(COMPLETIONS, "dual", 2) == "usage_completions_fixture_dual_page2.json"
    assert file_name("costs", "primary", 3) == "costs_fixture_page3.json"


def test_pages_lead_from_one_to_the_next(tmp_path: Path) -> None:
    """Each page but the last has a cursor that leads to the next."""
    made: Chains = {("costs", "dual"): [{"data": []}, {"data": []}]}
    write_chains(tmp_path, made)
    pages = [read(path.read_bytes()) for path in sorted(tmp_path.iterdir())]
    assert [path.name for path in sorted(tmp_path.iterdir())] == [
        "costs_fixture_dual.json",
        "costs_fixture_dual_page2.json",
    ]
    assert [(p["object"], p["has_more"], p["next_page"]) for p in pages] == [
        ("page", True, "cursor_2"),
        ("page", False, None),
    ]


def buckets(*found: tuple[int, int, Json]) -> Json:
    """Write a page of windows with a row each; times are hours after the first day's start."""
    return {
        "data": [
            {
                "start_time": FIRST_DAY + start * HOUR,
                "end_time": FIRST_DAY + end * HOUR,
                "results": [row],
            }
            for start, end, row in found
        ]
    }


def test_days_are_joined_by_what_they_share() -> None:
    """A window over two days makes them one, also with an hour of one of them; the next stands."""
    row = {"project_id": "p", "model": "m"}
    content = buckets((0, 1, used(1, **row)), (23, 25, used(2, **row)), (48, 49, used(4, **row)))
    entry = figures(content)["endpoints"][COMPLETIONS]
    assert [
        (one["bucketTimestamp"], one["windowEnd"], one["model"], one["metrics"]["input_tokens"])
        for one in entry["byDay"]
    ] == [
        (MONDAY_ISO, "2024-09-25T00:00:00Z", "m", 3),
        ("2024-09-25T00:00:00Z", "2024-09-26T00:00:00Z", "m", 4),
    ]


def test_a_level_of_a_day_is_its_last_window() -> None:
    """Bytes of a day's hours are not added up; an hour that says nothing is not the last."""
    rows = [{"project_id": "p", "usage_bytes": 7}, {"project_id": "p", "usage_bytes": 5}, {}]
    content = buckets(*((hour, hour + 1, row) for hour, row in enumerate(rows)))
    report = expected([Delivery("usage/vector_stores", "primary", content)])
    (one,) = report["endpoints"]["usage/vector_stores"]["byDay"]
    assert one["metrics"] == {"usage_bytes": 5}
