"""The rollups of ``daily_costs``: a UTC day's usage by model, and some that say more than it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

import msgspec

from stream.recordings.synth.expected_sums import Metrics
from stream.recordings.synth.figures import expected_money_of
from stream.recordings.synth.rows import Rows
from stream.records.windows import DAY

__all__ = ["daily_costs"]

NAMES: Final = ("input_tokens", "output_tokens", "num_model_requests")
encode: Final = msgspec.json.Encoder(decimal_format="number").encode


def daily_costs(rows: Rows, buckets: range, walk: int) -> tuple[bytes, list[Metrics]]:
    """Write the rollups of the days that a walk is the last to deliver, and end in these buckets.

    They stand where all of the day's figures are final, so that what they have beyond their
    details (the second part of the answer) is what was added here: tokens, and an amount.
    """
    days: list[dict[str, Any]] = []
    left: list[Metrics] = []
    for last in buckets:
        plan = rows.plan
        day = plan.time_of(last) // DAY
        ends = last + 1 == plan.walks.distinct or plan.time_of(last + 1) // DAY > day
        if not ends or plan.walks.last(last) != walk:
            continue
        items: list[dict[str, Any]] = []
        for model, sums in sums_of(rows, last).items():
            item: dict[str, Any] = {"model": model, **sums}
            drawn = plan.draw_number("rollup", day, model)
            if drawn % 4 == 0:
                more: dict[str, int | Decimal] = {
                    "input_tokens": drawn % 9973 + 1,
                    "cost": expected_money_of(drawn % 10**12 + 1),
                }
                item["input_tokens"] += more["input_tokens"]
                item["amount"] = more["cost"]
                left.append(more)
            items.append(item)
        days.append({"timestamp": day * DAY, "line_items": items})
    return b'"daily_costs":' + encode(days) + b",", left


def sums_of(rows: Rows, last: int) -> dict[str, dict[str, int]]:
    """Add up the day that ends with a bucket, by model."""
    plan = rows.plan
    places = [plan.endpoint.counts.index(name) for name in NAMES]
    models = rows.dimensions.models
    sums: dict[str, dict[str, int]] = {}
    day = plan.time_of(last) // DAY
    for bucket in range(max(0, last + 1 - DAY // plan.width), last + 1):
        if plan.time_of(bucket) // DAY == day:
            delivered = rows.bucket(bucket, plan.walks.last(bucket))
            for record, vector in zip(delivered.records, rows.sum_of(delivered), strict=True):
                total = sums.setdefault(models[record], dict.fromkeys(NAMES, 0))
                for name, place in zip(NAMES, places, strict=True):
                    total[name] += vector[place]
    return dict(sorted(sums.items()))
