"""Every metric of a scrape, with its labels: the daemon's, written apart from the code; Flink's."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from tests.support.flink_metrics import FLINK

USUAL = frozenset({"endpoint", "project_id", "service_tier", "model"})
NONE: frozenset[str] = frozenset()
BUDGET = frozenset({"budget", "currency"})
COMPARED = frozenset({"month", "currency", "reason"})

# Prometheus gives these to every series that it scrapes.
TARGET = frozenset({"job", "instance"})

GAUGES = {
    "usage_stream_build_info": frozenset({"version"}),
    "usage_stream_config_last_reload_successful": NONE,
    "usage_stream_channel_depth": NONE,
    "usage_stream_channel_capacity": NONE,
    "usage_stream_watermark_timestamp_seconds": frozenset({"endpoint"}),
    "usage_stream_cursor_updated_timestamp_seconds": frozenset({"endpoint"}),
    "usage_stream_last_success_timestamp_seconds": frozenset({"endpoint"}),
    "usage_stream_state_records": NONE,
    "usage_stream_state_open_windows": NONE,
    "usage_stream_state_bytes": NONE,
    "usage_stream_checkpoint_last_success_timestamp_seconds": NONE,
    "usage_stream_windows_missing": frozenset({"endpoint"}),
    "usage_stream_relationship_issues": NONE,
    "usage_stream_fallen_pages": frozenset({"endpoint"}),
    "usage_stream_ready": NONE,
    "usage_stream_unready_reason": frozenset({"reason"}),
    "usage_stream_memory_limit_bytes": NONE,
    "usage_stream_disk_free_bytes": frozenset({"use"}),
    "usage_stream_disk_size_bytes": frozenset({"use"}),
    "usage_stream_report_last_success_timestamp_seconds": NONE,
    "usage_stream_export_last_success_timestamp_seconds": frozenset({"export"}),
    "usage_stream_export_interval_seconds": frozenset({"export"}),
    "usage_stream_export_duration_seconds": frozenset({"export"}),
    "usage_stream_source_chain_wait_seconds": frozenset({"source"}),
    "usage_stream_source_interval_seconds": frozenset({"source", "endpoint"}),
    "usage_stream_source_last_success_timestamp_seconds": frozenset({"source", "endpoint"}),
    "usage_stream_source_up": frozenset({"source"}),
    "usage_stream_source_unreadable_files": frozenset({"source"}),
    "usage_stream_source_stopped_chains": frozenset({"source"}),
    "usage_stream_api_last_walk_timestamp_seconds": frozenset({"source", "endpoint"}),
    "usage_stream_api_lag_seconds": frozenset({"source", "endpoint"}),
    "usage_stream_api_key_refused": frozenset({"source"}),
    "usage_stream_api_evidence_bytes": frozenset({"source"}),
    "usage_stream_series_limit": NONE,
    "usage_stream_series_folded": frozenset({"metric"}),
    "usage_stream_reconciliation_billed": COMPARED,
    "usage_stream_reconciliation_estimated": COMPARED,
    "usage_stream_reconciliation_matched": COMPARED,
    "usage_stream_reconciliation_difference": COMPARED,
    "usage_stream_budget_limit": BUDGET,
    "usage_stream_budget_billed": BUDGET,
    "usage_stream_budget_estimated_unbilled": BUDGET,
    "usage_stream_budget_spent_ratio": BUDGET,
    "usage_stream_budget_forecast": BUDGET,
    "usage_stream_budget_threshold_reached": BUDGET | {"threshold"},
    "usage_stream_budget_unclear": BUDGET | {"reason"},
    "openai_api_vector_store_bytes": USUAL,
    "openai_api_cost": frozenset({"project_id", "line_item", "currency"}),
    "openai_project_cost": frozenset({"project_id", "currency"}),
    "openai_api_estimated_cost": frozenset({"project_id", "service_tier", "model", "currency"}),
    "openai_project_estimated_cost": frozenset({"project_id", "currency"}),
    "openai_api_unpriced_usage": frozenset({"endpoint", "model", "service_tier", "kind"}),
    "openai_project_info": frozenset({"project_id", "name"}),
    "process_start_time_seconds": NONE,
    "process_resident_memory_bytes": NONE,
    "process_virtual_memory_bytes": NONE,
    "process_open_fds": NONE,
    "process_max_fds": NONE,
}

COUNTERS = (
    {
        "usage_stream_pages_read_total": frozenset({"endpoint", "outcome"}),
        "usage_stream_page_bytes_total": NONE,
        "usage_stream_records_total": frozenset({"endpoint", "outcome"}),
        "usage_stream_dead_letters_total": frozenset({"endpoint", "reason"}),
        "usage_stream_pagination_anomalies_total": frozenset({"kind"}),
        "usage_stream_unknown_fields_total": frozenset({"endpoint"}),
        "usage_stream_channel_blocked_seconds_total": NONE,
        "usage_stream_checkpoint_failures_total": NONE,
        "usage_stream_report_failures_total": NONE,
        "usage_stream_export_failures_total": frozenset({"export"}),
        "usage_stream_export_rows_total": frozenset({"export", "outcome"}),
        "usage_stream_api_requests_total": frozenset({"source", "endpoint", "status"}),
        "usage_stream_api_walks_total": frozenset({"source", "endpoint", "outcome"}),
        "usage_stream_api_budget_wait_seconds_total": frozenset({"source"}),
        "process_cpu_seconds_total": NONE,
        "python_gc_collections_total": frozenset({"generation"}),
        "python_gc_objects_collected_total": frozenset({"generation"}),
        "python_gc_objects_uncollectable_total": frozenset({"generation"}),
    }
    | {
        f"openai_api_{unit}_{kind}": USUAL | extra
        for unit, extra in {
            "tokens": frozenset({"token_type"}),
            "requests": NONE,
            "images": NONE,
            "characters": NONE,
            "audio_seconds": NONE,
            "sessions": NONE,
            "calls": NONE,
        }.items()
        for kind in ("total", "corrected_total")
    }
    | {
        f"openai_project_{unit}_{kind}": frozenset({"project_id", "service_tier"})
        for unit in ("tokens", "requests")
        for kind in ("total", "corrected_total")
    }
)

# What the rules record, and dashboards ask for.
RECORDED = {
    "instance_project_currency:openai_project_cost:delta1d": frozenset({"project_id", "currency"}),
    "instance_project_tier:openai_project_tokens:delta1d_net": frozenset(
        {"project_id", "service_tier"}
    ),
    "instance_project_tier:openai_project_requests:delta1d_net": frozenset(
        {"project_id", "service_tier"}
    ),
}

# What a backfill of history holds beside the gauges above.
HISTORY = {
    "openai_api_tokens": USUAL | {"token_type"},
    "openai_api_requests": USUAL,
}

HISTOGRAMS = {
    "usage_stream_page_read_duration_seconds": NONE,
    "usage_stream_page_decode_duration_seconds": NONE,
    "usage_stream_checkpoint_duration_seconds": NONE,
    "usage_stream_report_write_duration_seconds": NONE,
}

# By the names that a query uses: a histogram has three.
METRICS = (
    GAUGES
    | FLINK
    | COUNTERS
    | RECORDED
    | HISTORY
    | {f"{name}_bucket": labels | {"le"} for name, labels in HISTOGRAMS.items()}
    | {f"{name}_{part}": labels for name, labels in HISTOGRAMS.items() for part in ("sum", "count")}
)

# Values of labels that queries ask for; any other label has its own name as its value.
VALUES = {
    "token_type": ("input", "output", "input_cached"),
    "endpoint": ("usage/completions", "costs"),
    "month": ("current", "last"),
    "le": ("0.1", "1", "+Inf"),
    "job_name": ("usage_stream_captures",),
}


def samples(end: int, step: int = 15, count: int = 80) -> Iterator[str]:
    """Make up samples of every metric, as the lines of OpenMetrics; a tenth is taken back."""
    for metric, names in METRICS.items():
        growth = 1 if "_corrected_" in metric else 10
        labels = sorted(names | TARGET)
        for values in product(*(VALUES.get(label, (label,)) for label in labels)):
            pairs = ",".join(
                f'{name}="{value}"' for name, value in zip(labels, values, strict=True)
            )
            for number in range(count + 1):
                yield f"{metric}{{{pairs}}} {1 + growth * number} {end - (count - number) * step}"
    yield "# EOF"
