"""The tables and views in PostgreSQL, as statements that make them.

A record's key is its endpoint, its window, a digest of its dimensions, and which of several with
the same ones it is: what remains of a rollup may have the dimensions of a record.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from xxhash import xxh3_64_hexdigest

from stream.sinks.exports.schema import COLUMNS

__all__ = [
    "DEFAULT_SCHEMA",
    "KEY",
    "RECORD_COLUMNS",
    "SCHEMA",
    "layout_digest",
    "layout_statements",
]

DEFAULT_SCHEMA: Final = "usage_stream"
SCHEMA: Final = re.compile(r"(?!pg_)[a-z_][a-z0-9_]{0,62}")
"""The schemas that there may be: names that mean the same with quotes and without."""
TYPES: Final = {
    "text": "text",
    "flag": "boolean",
    "count": "numeric",  # days that were folded may come to more than a bigint holds
    "money": "numeric",
    "time": "timestamptz",
    "texts": "text[]",
    "json": "jsonb",
}
REQUIRED: Final = frozenset({"provider", "endpoint", "window_start", "window_end", "sources"})
IDENTITY: Final = {
    "identity": ("bytea", "A digest of the provider and all dimensions"),
    "ordinal": ("integer", "0, and more where records have one identity: residuals of rollups"),
}
KEY: Final = ("endpoint", "window_start", "window_end", *IDENTITY)
RECORD_COLUMNS: Final = (*(one.name for one in COLUMNS), *IDENTITY)
"""The columns of ``records``, in order."""

TABLES: Final = (
    "CREATE TABLE layout (digest text PRIMARY KEY, made_by text NOT NULL)",
    "CREATE TABLE projects (project_id text PRIMARY KEY, name text NOT NULL)",
    (
        "CREATE TABLE days (endpoint text, first timestamptz, last timestamptz NOT NULL, "
        "digest bytea, records bigint NOT NULL, PRIMARY KEY (endpoint, first))"
    ),
    (
        "CREATE TABLE exports (number bigint PRIMARY KEY, exported_at timestamptz NOT NULL, "
        "version text NOT NULL, source_digest text, since timestamptz, until timestamptz, "
        "latest_window_end timestamptz, inserted bigint NOT NULL, updated bigint NOT NULL, "
        "deleted bigint NOT NULL, unchanged bigint NOT NULL)"
    ),
    "COMMENT ON TABLE records IS 'The records that count, each once'",
    "COMMENT ON TABLE projects IS 'What projects are called'",
    "COMMENT ON TABLE days IS 'What was sent: a digest of what each day was made from'",
    "COMMENT ON TABLE exports IS 'The last exports, and what each of them changed'",
)
DAY: Final = "(window_start AT TIME ZONE 'UTC')::date"
COUNTERS: Final = ("input_tokens", "input_cached_tokens", "output_tokens", "num_model_requests")
SUMS: Final = ", ".join(f"sum({one}) AS {one}" for one in COUNTERS)
VIEWS: Final = (
    (
        "CREATE VIEW usage_by_day AS "
        f"SELECT {DAY} AS day, project_id, max(project_name) AS project_name, service_tier, model, "
        f"{SUMS} FROM records WHERE num_nonnulls({', '.join(COUNTERS)}) > 0 "
        "GROUP BY 1, 2, 4, 5"
    ),
    (
        "CREATE VIEW cost_by_day AS "
        f"SELECT {DAY} AS day, project_id, max(project_name) AS project_name, line_item, "
        "currency, sum(amount_value) AS billed FROM records "
        "WHERE endpoint = 'costs' AND amount_value IS NOT NULL GROUP BY 1, 2, 4, 5"
    ),
    (
        "COMMENT ON VIEW usage_by_day IS "
        "'What was used on each UTC day, by project, service tier and model'"
    ),
    (
        "COMMENT ON VIEW cost_by_day IS "
        "'What was billed for each UTC day, by project, line item and currency'"
    ),
)


def layout_statements() -> Iterator[str]:
    """Yield the statements that make tables and views, in the schema that is searched first."""
    columns = [
        f"{one.name} {TYPES[one.kind]}{' NOT NULL' if one.name in REQUIRED else ''}"
        for one in COLUMNS
    ]
    columns += [f"{name} {kind} NOT NULL" for name, (kind, _) in IDENTITY.items()]
    yield f"CREATE TABLE records ({', '.join(columns)}, PRIMARY KEY ({', '.join(KEY)}))"
    told = {one.name: one.explanation for one in COLUMNS}
    told |= {name: explanation for name, (_, explanation) in IDENTITY.items()}
    for name, explanation in told.items():
        quoted = explanation.replace("'", "''")
        yield f"COMMENT ON COLUMN records.{name} IS '{quoted}'"
    yield from (*TABLES, *VIEWS)


def layout_digest() -> str:
    """Return what tells this layout from every other one."""
    return xxh3_64_hexdigest("\n".join(layout_statements()).encode())
