"""What the program promises to those who watch it: the names that a scrape may hold."""

from __future__ import annotations

from typing import Final

__all__ = ["METRICS"]

GAUGES: Final = (
    "usage_stream_api_evidence_bytes",
    "usage_stream_api_key_refused",
    "usage_stream_api_lag_seconds",
    "usage_stream_api_last_walk_timestamp_seconds",
    "usage_stream_budget_billed",
    "usage_stream_budget_estimated_unbilled",
    "usage_stream_budget_forecast",
    "usage_stream_budget_limit",
    "usage_stream_budget_spent_ratio",
    "usage_stream_budget_threshold_reached",
    "usage_stream_budget_unclear",
    "usage_stream_build_info",
    "usage_stream_channel_capacity",
    "usage_stream_channel_depth",
    "usage_stream_checkpoint_last_success_timestamp_seconds",
    "usage_stream_config_last_reload_successful",
    "usage_stream_cursor_updated_timestamp_seconds",
    "usage_stream_disk_free_bytes",
    "usage_stream_disk_size_bytes",
    "usage_stream_export_duration_seconds",
    "usage_stream_export_interval_seconds",
    "usage_stream_export_last_success_timestamp_seconds",
    "usage_stream_fallen_pages",
    "usage_stream_last_success_timestamp_seconds",
    "usage_stream_memory_limit_bytes",
    "usage_stream_ready",
    "usage_stream_reconciliation_billed",
    "usage_stream_reconciliation_difference",
    "usage_stream_reconciliation_estimated",
    "usage_stream_reconciliation_matched",
    "usage_stream_relationship_issues",
    "usage_stream_report_last_success_timestamp_seconds",
    "usage_stream_series_folded",
    "usage_stream_series_limit",
    "usage_stream_source_chain_wait_seconds",
    "usage_stream_source_interval_seconds",
    "usage_stream_source_last_success_timestamp_seconds",
    "usage_stream_source_stopped_chains",
    "usage_stream_source_unreadable_files",
    "usage_stream_source_up",
    "usage_stream_state_bytes",
    "usage_stream_state_open_windows",
    "usage_stream_state_records",
    "usage_stream_unready_reason",
    "usage_stream_watermark_timestamp_seconds",
    "usage_stream_windows_missing",
    "openai_api_cost",
    "openai_api_estimated_cost",
    "openai_api_unpriced_usage",
    "openai_api_vector_store_bytes",
    "openai_project_cost",
    "openai_project_estimated_cost",
    "openai_project_info",
)

COUNTERS: Final = (
    "usage_stream_api_budget_wait_seconds",
    "usage_stream_api_requests",
    "usage_stream_api_walks",
    "usage_stream_channel_blocked_seconds",
    "usage_stream_checkpoint_failures",
    "usage_stream_dead_letters",
    "usage_stream_export_failures",
    "usage_stream_export_rows",
    "usage_stream_page_bytes",
    "usage_stream_pages_read",
    "usage_stream_pagination_anomalies",
    "usage_stream_records",
    "usage_stream_report_failures",
    "usage_stream_unknown_fields",
)

MEASURED: Final = (
    "openai_api_audio_seconds",
    "openai_api_calls",
    "openai_api_characters",
    "openai_api_images",
    "openai_api_requests",
    "openai_api_sessions",
    "openai_api_tokens",
    "openai_project_requests",
    "openai_project_tokens",
)

HISTOGRAMS: Final = (
    "usage_stream_checkpoint_duration_seconds",
    "usage_stream_page_decode_duration_seconds",
    "usage_stream_page_read_duration_seconds",
    "usage_stream_report_write_duration_seconds",
)

COLLECTORS: Final = (
    "process_cpu_seconds_total",
    "process_max_fds",
    "process_open_fds",
    "process_resident_memory_bytes",
    "process_start_time_seconds",
    "process_virtual_memory_bytes",
    "python_gc_collections_total",
    "python_gc_objects_collected_total",
    "python_gc_objects_uncollectable_total",
)

METRICS: Final = frozenset(
    (
        *GAUGES,
        *(f"{name}_total" for name in COUNTERS),
        *(f"{name}{end}" for name in MEASURED for end in ("_total", "_corrected_total")),
        *(f"{name}{end}" for name in HISTOGRAMS for end in ("_bucket", "_count", "_sum")),
        *COLLECTORS,
    )
)
"""The names of samples, as PromQL asks for them."""
