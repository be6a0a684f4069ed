"""DuckDB: one SQL statement for each endpoint, over the page files or the capture as they are.

The columns are named, so that nothing is guessed from a sample. Sums of BIGINT are HUGEINT, and
DECIMAL is read from the JSON text: everything is exact. It unpacks a capture itself.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import duckdb

QUERY = """
WITH buckets AS ({buckets}
), results AS (
    SELECT bucket.start_time AS start_time, bucket.end_time AS end_time,
           unnest(bucket.results) AS result
    FROM buckets
), records AS (
    SELECT start_time, end_time, {dimensions}, {maxima}
    FROM results
    GROUP BY ALL
)
SELECT project_id, {tier} AS service_tier, {sums}
FROM records
GROUP BY ALL
"""
BUCKETS = """
    SELECT unnest(data) AS bucket
    FROM read_json($pages, format = 'newline_delimited', columns = {{data: '{page}'}})"""
LATEST_BUCKETS = """
    SELECT bucket
    FROM (
        SELECT observed_at, unnest(page.data) AS bucket
        FROM read_json($pages, format = 'newline_delimited', columns = {{
            endpoint: 'VARCHAR', observed_at: 'TIMESTAMP', page: 'STRUCT(data {page})'
        }})
        WHERE endpoint = '{endpoint}'
    )
    QUALIFY observed_at = max(observed_at) OVER (PARTITION BY bucket.start_time, bucket.end_time)"""
MONEY = "DECIMAL(38, 12)"
PLACES = {"amount_value": "amount.value", "currency": "amount.currency"}


def query(shape: dict[str, Any], buckets: str, endpoint: str) -> str:
    """Write an endpoint's statement over the buckets of page files, or of a capture."""
    dimensions, counters = shape["dimensions"], shape["counters"]
    types = dict.fromkeys(dimensions, "VARCHAR") | dict.fromkeys(counters, "BIGINT")
    if "batch" in types:
        types["batch"] = "BOOLEAN"
    if "amount_value" in types:
        types = {name: kind for name, kind in types.items() if name not in PLACES}
        types |= {"amount": f"STRUCT(value {MONEY}, currency VARCHAR)", "quantity": MONEY}
    row = ", ".join(f"{name} {kind}" for name, kind in types.items())
    page = f"STRUCT(start_time BIGINT, end_time BIGINT, results STRUCT({row})[])[]"
    return QUERY.format(
        buckets=buckets.format(page=page, endpoint=endpoint),
        dimensions=", ".join(f"result.{PLACES.get(name, name)} AS {name}" for name in dimensions),
        maxima=", ".join(f"max(result.{PLACES.get(name, name)}) AS {name}" for name in counters),
        tier="service_tier" if "service_tier" in dimensions else "NULL",
        sums=", ".join(f"sum({name}) AS {name}" for name in counters),
    )


def main(schema: str, pages: str) -> None:
    """Print the totals of every endpoint."""
    answer, place = {}, Path(pages)
    with duckdb.connect() as database:
        for key, shape in json.loads(Path(schema).read_bytes()).items():
            if place.is_dir():
                statement, where = query(shape, BUCKETS, key), place / shape["files"]
            else:
                statement, where = query(shape, LATEST_BUCKETS, key), place
            rows = database.execute(statement, {"pages": str(where)}).fetchall()
            answer[key] = [
                [project, tier, dict(zip(shape["counters"], sums, strict=True))]
                for project, tier, *sums in rows
            ]
    print(json.dumps(answer, default=str))  # noqa: T201 -- the answer that the benchmark compares


if __name__ == "__main__":
    main(*sys.argv[1:])
