"""The standard library: ``json.loads``, and a dict from identity to counters."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from decimal import Decimal
from operator import itemgetter
from pathlib import Path
from typing import Any

from tests.bench.contenders.capture_lines import lines_of


def larger(one: Any, other: Any) -> Any:
    """Return the larger value; an absent one is below all."""
    if one is None or other is None:
        return other if one is None else one
    return one if one >= other else other  # noqa: FURB136 -- max() takes four times as long


def flatten(row: dict[str, Any]) -> None:
    """Take a cost's amount apart, and make its figures decimal: they come as numbers or texts."""
    amount = row["amount"] or {"value": None, "currency": None}
    row["amount_value"], row["currency"] = amount["value"], amount["currency"]
    for name in ("amount_value", "quantity"):
        row[name] = None if row[name] is None else Decimal(row[name])


def pages_of(key: str, shape: dict[str, Any], place: Path) -> Iterator[tuple[str, Any]]:
    """Yield an endpoint's pages, each with when it was observed, if that is known."""
    if place.is_dir():
        for path in sorted(place.glob(shape["files"])):
            yield "", json.loads(path.read_bytes(), parse_float=Decimal)
    else:
        for text in lines_of(place):
            line = json.loads(text, parse_float=Decimal)
            if line["endpoint"] == key:
                yield line["observed_at"], line["page"]


def records(shape: dict[str, Any], pages: Iterable[tuple[str, Any]]) -> dict[Any, Any]:
    """Return the counters of each identity, by window: of each one what was observed last."""
    names = shape["dimensions"]
    # The object's name is there so that a getter of one dimension gives a tuple too.
    identity_of = itemgetter(*names, "object")
    counters_of = itemgetter(*shape["counters"], "object")
    windows: dict[Any, tuple[str, dict[Any, Any]]] = {}
    for observed_at, page in pages:
        for bucket in page["data"]:
            window = bucket["start_time"], bucket["end_time"]
            observed_before, found = windows.setdefault(window, (observed_at, {}))
            if observed_at < observed_before:
                continue
            if observed_at > observed_before:
                found = {}
                windows[window] = observed_at, found
            for row in bucket["results"]:
                if "amount" in row:
                    flatten(row)
                identity = identity_of(row)
                counters = counters_of(row)
                known = found.setdefault(identity, counters)
                if known is not counters and known != counters:
                    found[identity] = tuple(map(larger, known, counters))
    return windows


def totals(shape: dict[str, Any], windows: dict[Any, Any]) -> list[Any]:
    """Add the records up by project and tier."""
    names, counters = shape["dimensions"], shape["counters"]
    project = names.index("project_id")
    tier = names.index("service_tier") if "service_tier" in names else None
    rows: dict[Any, list[Any]] = {}
    for _, found in windows.values():
        for dimensions, values in found.items():
            key = dimensions[project], None if tier is None else dimensions[tier]
            rows.setdefault(key, []).append(values)
    return [
        [
            *key,
            {
                name: sum(value for value in column if value is not None)
                for name, column in zip(counters, zip(*values, strict=True), strict=False)
                if column.count(None) < len(column)
            },
        ]
        for key, values in rows.items()
    ]


def main(schema: str, pages: str) -> None:
    """Print the totals of every endpoint."""
    answer = {
        key: totals(shape, records(shape, pages_of(key, shape, Path(pages))))
        for key, shape in json.loads(Path(schema).read_bytes()).items()
    }
    print(json.dumps(answer, default=str))  # noqa: T201 -- the answer that the benchmark compares


if __name__ == "__main__":
    main(*sys.argv[1:])
