"""Polars: pages into frames by its own JSON reader, and the aggregation as one lazy query.

Pages, or a capture's lines, are read some at a time, as one JSON array of about a megabyte: that
costs the least of the ways that Polars has (``scan_ndjson`` over all files takes twice the CPU
seconds on large pages, one ``read_json`` for each file five times as many on small ones; on a
capture, which ``scan_ndjson`` can unpack, it takes half as many again). Frames then hold every row,
as Polars is meant to be used. Sums of counts are 64 bits wide. Money is decimal, but the reader
makes doubles of JSON's numbers first, so amounts of more than 15 digits would not be exact.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import polars as pl

from tests.bench.contenders.capture_lines import lines_of

READ_AT_ONCE = 1 << 20
MONEY = ("amount_value", "quantity")


def page_schema(shape: dict[str, Any]) -> dict[str, Any]:
    """Return the types of a page's members; what is not named is passed over."""
    row: dict[str, Any] = {name: pl.Int64 for name in shape["counters"] if name not in MONEY}
    row |= {name: pl.String for name in shape["dimensions"] if name != "currency"}
    row |= {name: pl.Boolean for name in shape["dimensions"] if name == "batch"}
    if "amount_value" in shape["counters"]:
        # A text holds an amount that came as a text as well as one that came as a number.
        row |= {"amount": pl.Struct({"value": pl.String, "currency": pl.String})}
        row |= {"quantity": pl.String}
    bucket = {"start_time": pl.Int64, "end_time": pl.Int64, "results": pl.List(pl.Struct(row))}
    return {"data": pl.List(pl.Struct(bucket))}


def arrays(texts: Iterable[bytes]) -> Iterator[bytes]:
    """Yield JSON texts as arrays of about a megabyte."""
    held: list[bytes] = []
    size = 0
    for text in texts:
        held.append(text)
        size += len(text)
        if size >= READ_AT_ONCE:
            yield b"[" + b",".join(held) + b"]"
            held, size = [], 0
    if held:
        yield b"[" + b",".join(held) + b"]"


def buckets_of(key: str, shape: dict[str, Any], place: Path) -> Iterator[pl.DataFrame]:
    """Yield an endpoint's buckets, some pages at a time; those of a capture with their times."""
    schema = page_schema(shape)
    if place.is_dir():
        files = sorted(place.glob(shape["files"]))
        for array in arrays(path.read_bytes() for path in files):
            yield pl.read_json(array, schema=schema)
    else:
        line = {"endpoint": pl.String, "observed_at": pl.String, "page": pl.Struct(schema)}
        for array in arrays(lines_of(place)):
            lines = pl.read_json(array, schema=line).filter(pl.col("endpoint") == key)
            yield lines.select("observed_at", pl.col("page").struct.field("data"))


def rows_of(key: str, shape: dict[str, Any], place: Path) -> pl.DataFrame:
    """Return every row that counts, its bucket's window beside it."""
    buckets = pl.concat(
        some.explode("data").unnest("data") for some in buckets_of(key, shape, place)
    )
    if "observed_at" in buckets.columns:
        last = pl.col("observed_at").max().over("start_time", "end_time")
        buckets = buckets.filter(pl.col("observed_at") == last)
    rows = buckets.explode("results").unnest("results")
    if "amount" in rows.columns:
        rows = rows.unnest("amount").rename({"value": "amount_value"})
        rows = rows.with_columns(pl.col(MONEY).cast(pl.Decimal(38, 12)))
    return rows


def totals(key: str, shape: dict[str, Any], place: Path) -> list[Any]:
    """Deduplicate the rows by identity, and add up what is left by project and tier."""
    identity = ["start_time", "end_time", *shape["dimensions"]]
    counters = shape["counters"]
    grouped_by = [name for name in ("project_id", "service_tier") if name in identity]
    found = (
        rows_of(key, shape, place)
        .lazy()
        .group_by(identity)
        .agg(pl.col(counters).max())
        .group_by(grouped_by)
        # A sum of nothing is 0 to Polars; what was never there is to be absent.
        .agg(pl.when(pl.col(counters).count() > 0).then(pl.col(counters).sum()))
        .collect()
    )
    return [
        [row["project_id"], row.get("service_tier"), {name: row[name] for name in counters}]
        for row in found.iter_rows(named=True)
    ]


def main(schema: str, pages: str) -> None:
    """Print the totals of every endpoint."""
    answer = {
        key: totals(key, shape, Path(pages))
        for key, shape in json.loads(Path(schema).read_bytes()).items()
    }
    print(json.dumps(answer, default=str))  # noqa: T201 -- the answer that the benchmark compares


if __name__ == "__main__":
    main(*sys.argv[1:])
