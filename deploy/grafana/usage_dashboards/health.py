"""Whether the machine runs well: its status and findings on top, then intake and upkeep."""

from __future__ import annotations

from grafana_foundation_sdk.models.dashboard import ValueMap, ValueMappingResult

from usage_dashboards.board import Names, Row, board, choice
from usage_dashboards.intake import FRESHNESS, INTAKE, PAGES, PRESSURE
from usage_dashboards.live import LIVE
from usage_dashboards.panels import ALARM, WARN, Steps, colours, figure
from usage_dashboards.queries import INSTANCE, STARTED, Query, age, of_the_process, or_none
from usage_dashboards.upkeep import PROCESS, STATE

NAMES = Names(
    "usage-stream-machine",
    "usage-stream: the machine",
    "Whether the daemon takes pages in, keeps its state, and what is wrong with what it reads.",
)

VARIABLES = (choice("instance", "Instance", "label_values(usage_stream_build_info, instance)"),)

LOADED = ValueMap(
    options={
        "0": ValueMappingResult(text="refused", color="red", index=0),
        "1": ValueMappingResult(text="loaded", color="green", index=1),
    }
)
MUST_BE_ONE: Steps = ((None, "red"), (1, "green"))

STATUS = Row(
    "",
    (
        figure(
            "Version",
            "The versions that run, and on how many instances.",
            "none",
            Query(f"count by (version) (usage_stream_build_info{INSTANCE})", "{{version}}"),
        ),
        figure(
            "Running since",
            "The latest start of a process.",
            "dateTimeFromNow",
            Query(f"max({of_the_process(STARTED)}) * 1000", "latest start"),
        ),
        figure(
            "Configuration",
            "Whether the last reload was taken. When it was refused, the one before still holds.",
            "none",
            Query(f"min(usage_stream_config_last_reload_successful{INSTANCE})", "last reload"),
        )
        .mappings([LOADED])
        .thresholds(colours(MUST_BE_ONE)),
        figure(
            "Oldest success",
            "How long ago the endpoint that waits longest last had a page taken in.",
            "s",
            Query(age("usage_stream_last_success_timestamp_seconds"), "longest wait"),
        ),
        figure(
            "Last checkpoint",
            "How long ago state was last made durable; later pages are read again after a kill.",
            "s",
            Query(age("usage_stream_checkpoint_last_success_timestamp_seconds"), "longest ago"),
        ),
        figure(
            "Checkpoint failures",
            "Checkpoints in the range that could not be written.",
            "short",
            Query(
                f"sum(ceil(increase(usage_stream_checkpoint_failures_total{INSTANCE}[$__range])))",
                "failures",
            ),
        ).thresholds(colours(ALARM)),
    ),
)

FINDINGS = (
    ("Dead letters", "dead_letters_total", "Pages and records that were set aside.", ALARM),
    ("Windows missing", "windows_missing", "Holes between the windows of the chains.", WARN),
    ("Pagination anomalies", "pagination_anomalies_total", "Chains whose cursors are odd.", WARN),
    (
        "Relationship issues",
        "relationship_issues",
        "What does not hold; the report says what.",
        WARN,
    ),
    ("Pages that fell", "fallen_pages", "Their figures fell on re-reading; the old count.", WARN),
    ("Series folded", "series_folded", "Series beyond the limit, now in __other__.", WARN),
)

FOUND = Row(
    "",
    tuple(
        figure(
            title, said, "short", Query(or_none(f"usage_stream_{metric}"), title.lower())
        ).thresholds(colours(steps))
        for title, metric, said, steps in FINDINGS
    ),
)


def health() -> str:
    """Write the dashboard of the machine."""
    return board(
        NAMES, VARIABLES, (STATUS, FOUND, INTAKE, LIVE, FRESHNESS, PRESSURE, PAGES, STATE, PROCESS)
    )
