"""The statements that bring the tables up to date with what was sent into a temporary one.

What did not change is not written: a table that is exported into each minute does not grow by it.
Tables are found in the schema that is searched first.
"""

from __future__ import annotations

from typing import Final

from stream.sinks.exports.postgres.layout import KEY, RECORD_COLUMNS

__all__ = [
    "DAYS_COLUMNS",
    "DELETE_GONE_RECORDS",
    "DROP_DAYS",
    "INSERT_NEW_RECORDS",
    "NAME_PROJECTS",
    "NOTE_EXPORT",
    "READ_DAYS",
    "READ_LATEST",
    "REGIONS",
    "RENAME_IN_SPAN",
    "RENAME_OUTSIDE",
    "SENT",
    "TEMPORARY_TABLES",
    "UPDATE_RECORDS",
]

SENT: Final = "usage_stream_sent"
REGIONS: Final = "usage_stream_regions"
DAYS_COLUMNS: Final = ("endpoint", "first", "last", "digest", "records")

TEMPORARY_TABLES: Final = (
    f"CREATE TEMPORARY TABLE {SENT} (LIKE records) ON COMMIT DROP",
    (
        f"CREATE TEMPORARY TABLE {REGIONS} "
        "(endpoint text, first timestamptz, last timestamptz) ON COMMIT DROP"
    ),
)
SAME: Final = " AND ".join(f"held.{one} = sent.{one}" for one in KEY)
VALUES: Final = tuple(one for one in RECORD_COLUMNS if one not in KEY)
HELD_ROW: Final = ", ".join(f"held.{one}" for one in VALUES)
SENT_ROW: Final = ", ".join(f"sent.{one}" for one in VALUES)

DELETE_GONE_RECORDS: Final = (
    f"DELETE FROM records AS held USING {REGIONS} AS region "
    "WHERE held.endpoint = region.endpoint "
    "AND held.window_start >= region.first AND held.window_start < region.last "
    f"AND NOT EXISTS (SELECT FROM {SENT} AS sent WHERE {SAME})"
)
UPDATE_RECORDS: Final = (
    f"UPDATE records AS held SET {', '.join(f'{one} = sent.{one}' for one in VALUES)} "
    f"FROM {SENT} AS sent WHERE {SAME} AND ({HELD_ROW}) IS DISTINCT FROM ({SENT_ROW})"
)
INSERT_NEW_RECORDS: Final = (
    f"INSERT INTO records ({', '.join(RECORD_COLUMNS)}) "
    f"SELECT {', '.join(RECORD_COLUMNS)} FROM {SENT} ON CONFLICT ({', '.join(KEY)}) DO NOTHING"
)
READ_DAYS: Final = (
    "SELECT endpoint, extract(epoch FROM first)::bigint, extract(epoch FROM last)::bigint, "
    "CASE WHEN first >= %s::timestamptz AND last <= %s::timestamptz AND days.records = ("
    "SELECT count(*) FROM records AS held WHERE held.endpoint = days.endpoint "
    "AND held.window_start >= days.first AND held.window_start < days.last) THEN digest END, "
    "days.records FROM days ORDER BY 1, 2"
)
"""Days in a span of which there are not as many records as were sent have no digest: somebody has
changed them by hand, and they are sent again. So have those outside, which nobody looks at."""
DROP_DAYS: Final = (
    f"DELETE FROM days AS held USING {REGIONS} AS region "
    "WHERE held.endpoint = region.endpoint "
    "AND held.first < region.last AND held.last > region.first"
)
NAME_PROJECTS: Final = (
    "INSERT INTO projects (project_id, name) SELECT * FROM unnest(%s::text[], %s::text[]) "
    "ON CONFLICT (project_id) DO UPDATE SET name = excluded.name"
)
RENAME: Final = (
    "UPDATE records AS held SET project_name = named.name "
    "FROM unnest(%s::text[], %s::text[]) AS named(id, name) "
    "WHERE held.project_id = named.id AND held.project_name IS DISTINCT FROM named.name"
)
IN_SPAN: Final = "(held.window_start >= %s::timestamptz AND held.window_start < %s::timestamptz)"
RENAME_IN_SPAN: Final = f"{RENAME} AND {IN_SPAN}"
RENAME_OUTSIDE: Final = f"{RENAME} AND NOT {IN_SPAN}"
READ_LATEST: Final = (
    "SELECT extract(epoch FROM max(last.window_end))::bigint "
    "FROM unnest(%s::text[]) AS known(endpoint), LATERAL (SELECT window_end "
    "FROM records WHERE records.endpoint = known.endpoint "
    "ORDER BY window_start DESC, window_end DESC LIMIT 1) AS last"
)
NOTE_EXPORT: Final = (
    "INSERT INTO exports (number, exported_at, version, source_digest, since, until, "
    "latest_window_end, inserted, updated, deleted, unchanged) "
    "SELECT coalesce(max(number), 0) + 1, date_trunc('second', statement_timestamp()), "
    "%s, %s, %s, %s, to_timestamp(%s), %s, %s, %s, %s FROM exports "
    "RETURNING number, extract(epoch FROM exported_at)::bigint"
)
