"""The machine's other way in: accounts that the daemon asks for their usage itself."""

from __future__ import annotations

from usage_dashboards.board import Row
from usage_dashboards.panels import series
from usage_dashboards.queries import INSTANCE, Query, added, age, growth

LIVE = Row(
    "Accounts that are asked",
    (
        series(
            "Requests, a second",
            "By class of status; none: no whole answer came. 4xx: refused, or too many.",
            "short",
            Query(
                growth("usage_stream_api_requests_total", "source, status"), "{{source}} {{status}}"
            ),
        ).span(6),
        series(
            "Walks, a second",
            "By how they ended. One that is not whole moves nothing; the page at / says why.",
            "short",
            Query(
                growth("usage_stream_api_walks_total", "source, outcome"), "{{source}} {{outcome}}"
            ),
        ).span(6),
        series(
            "Walks that wait for their turn",
            "How many at once, on average. A backfill keeps up to four waiting until it is done.",
            "short",
            Query(growth("usage_stream_api_budget_wait_seconds_total", "source"), "{{source}}"),
        ).span(6),
        series(
            "Keys refused",
            "1: the provider does not accept the account's key, and nothing of it comes in.",
            "short",
            Query(
                f"max by (source) (usage_stream_api_key_refused{INSTANCE})",
                "{{source}}",
            ),
        ).span(6),
        series(
            "Since the last whole walk",
            "By endpoint and list. Usage is asked for every few minutes, the rest every hour.",
            "s",
            Query(
                age("usage_stream_api_last_walk_timestamp_seconds", "source, endpoint"),
                "{{source}} {{endpoint}}",
            ),
        ),
        series(
            "Lag",
            "Since the newest settled window ended. For costs four days are as it should be.",
            "s",
            Query(
                f"max by (source, endpoint) (usage_stream_api_lag_seconds{INSTANCE})",
                "{{source}} {{endpoint}}",
            ),
        ),
        series(
            "Evidence",
            "Bytes of the answers that are kept: what figures can be replayed from.",
            "bytes",
            Query(added(f"usage_stream_api_evidence_bytes{INSTANCE}", "source"), "{{source}}"),
        ),
    ),
)
