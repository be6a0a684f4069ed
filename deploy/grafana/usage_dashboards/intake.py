"""The machine's way in: pages, their freshness, back-pressure, and what is wrong with them."""

from __future__ import annotations

from usage_dashboards.board import Row
from usage_dashboards.panels import QUANTILES, series
from usage_dashboards.queries import INSTANCE, Query, added, age, growth, quantiles

EVENTS = "Counted since the process began or the state was made; nothing is shown before the first."

INTAKE = Row(
    "Intake",
    (
        series(
            "Pages read, a second",
            "Pages by endpoint and outcome; dead_lettered ones were set aside.",
            "short",
            Query(
                growth("usage_stream_pages_read_total", "endpoint, outcome"),
                "{{endpoint}} {{outcome}}",
            ),
        ),
        series(
            "Records, a second",
            "Every record has one outcome. Many duplicates are no fault: pages overlap.",
            "short",
            Query(growth("usage_stream_records_total", "outcome"), "{{outcome}}"),
        ),
        series(
            "Bytes read, a second",
            "Bytes of the pages as they were read.",
            "binBps",
            Query(growth("usage_stream_page_bytes_total"), "pages"),
        ),
    ),
)

FRESHNESS = Row(
    "Freshness",
    tuple(
        series(title, said, "s", Query(age(f"usage_stream_{metric}", "endpoint"), "{{endpoint}}"))
        for title, metric, said in (
            (
                "Watermark lag",
                "watermark_timestamp_seconds",
                "From the end of the newest window to now. Below zero, that window is still open.",
            ),
            (
                "Cursor age",
                "cursor_updated_timestamp_seconds",
                "How long ago the chain's cursor last moved.",
            ),
            (
                "Since the last success",
                "last_success_timestamp_seconds",
                "How long ago a page of the endpoint was last taken in.",
            ),
        )
    ),
)

PRESSURE = Row(
    "Back-pressure and latency",
    (
        series(
            "Channel",
            "Pages that wait to be decoded. At its capacity the channel makes the sources wait.",
            "short",
            Query(added(f"usage_stream_channel_depth{INSTANCE}"), "depth"),
            Query(added(f"usage_stream_channel_capacity{INSTANCE}"), "capacity"),
        ).span(6),
        series(
            "Sources that wait",
            "Seconds blocked on a full channel, a second: how many sources waited on average.",
            "short",
            Query(growth("usage_stream_channel_blocked_seconds_total"), "waiting"),
        ).span(6),
        series(
            "Reading a page", QUANTILES, "s", *quantiles("usage_stream_page_read_duration_seconds")
        ).span(6),
        series(
            "Decoding a page",
            QUANTILES,
            "s",
            *quantiles("usage_stream_page_decode_duration_seconds"),
        ).span(6),
    ),
)

FINDINGS = (
    ("Dead letters by reason", "dead_letters_total", "reason", EVENTS),
    ("Pagination anomalies by kind", "pagination_anomalies_total", "kind", EVENTS),
    (
        "Unknown fields by endpoint",
        "unknown_fields_total",
        "endpoint",
        f"Fields that the registry does not know: kept, and named in the report. {EVENTS}",
    ),
    (
        "Windows missing by endpoint",
        "windows_missing",
        "endpoint",
        "Holes between the windows of a chain; a late page closes its hole.",
    ),
    (
        "Pages that fell by endpoint",
        "fallen_pages",
        "endpoint",
        "Pages whose figures fell on re-reading; what had been counted still counts.",
    ),
    (
        "Relationship issues over time",
        "relationship_issues",
        "instance",
        "What does not hold, such as a project that no list has; the report says what.",
    ),
)

PAGES = Row(
    "What is wrong with the pages",
    tuple(
        series(
            title,
            said,
            "short",
            Query(added(f"usage_stream_{metric}{INSTANCE}", by), f"{{{{{by}}}}}"),
        )
        for title, metric, by, said in FINDINGS
    ),
)
