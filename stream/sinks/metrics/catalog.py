"""Every metric of the machine: its name, its kind, its help and its labels."""

from __future__ import annotations

from typing import Final, NamedTuple

__all__ = ["METRICS", "PREFIX", "Metric"]

PREFIX: Final = "usage_stream_"


class Metric(NamedTuple):
    """A metric of the machine: its kind (counter, gauge, histogram), its help, and its labels."""

    kind: str
    help: str
    labels: tuple[str, ...] = ()


BY_BUDGET: Final = ("budget", "currency")
BY_EXPORT: Final = ("export",)
BY_MONTH: Final = ("month", "currency", "reason")
BY_OUTCOME: Final = ("endpoint", "outcome")
BY_PART: Final = ("source", "endpoint")
BY_STATUS: Final = (*BY_PART, "status")
BY_USE: Final = ("use",)
BY_WALK: Final = (*BY_PART, "outcome")
METRICS: Final = {
    "build_info": Metric("gauge", "The version that runs.", ("version",)),
    "pages_read": Metric("counter", "Pages read, by outcome.", BY_OUTCOME),
    "page_bytes": Metric("counter", "Bytes of the pages read."),
    "page_read_duration_seconds": Metric("histogram", "How long reading a page took."),
    "page_decode_duration_seconds": Metric("histogram", "How long decoding a page took."),
    "records": Metric("counter", "Records delivered, by what became of them.", BY_OUTCOME),
    "dead_letters": Metric("counter", "Records and pages set aside.", ("endpoint", "reason")),
    "pagination_anomalies": Metric("counter", "Faults of page chains.", ("kind",)),
    "unknown_fields": Metric(
        "counter", "Fields that the registry does not know, by page.", ("endpoint",)
    ),
    "channel_depth": Metric("gauge", "Pages that wait in the channel."),
    "channel_capacity": Metric("gauge", "Pages that the channel holds at most."),
    "channel_blocked_seconds": Metric(
        "counter", "Seconds that producers waited for room in the channel."
    ),
    "cursor_updated_timestamp_seconds": Metric(
        "gauge", "When the cursor of one of the endpoint's chains last moved.", ("endpoint",)
    ),
    "last_success_timestamp_seconds": Metric(
        "gauge", "When a page of the endpoint was last taken in.", ("endpoint",)
    ),
    "checkpoint_duration_seconds": Metric("histogram", "How long storing a checkpoint took."),
    "checkpoint_failures": Metric("counter", "Checkpoints that could not be stored."),
    "checkpoint_last_success_timestamp_seconds": Metric(
        "gauge", "When a checkpoint was last stored; 0 before the first."
    ),
    "report_write_duration_seconds": Metric("histogram", "How long writing the report took."),
    "report_failures": Metric("counter", "Reports that could not be written."),
    "report_last_success_timestamp_seconds": Metric(
        "gauge", "When the report was last written; 0 before the first."
    ),
    "export_last_success_timestamp_seconds": Metric(
        "gauge", "When an export last came to its end; 0 before the first.", BY_EXPORT
    ),
    "export_interval_seconds": Metric("gauge", "How often an export is made.", BY_EXPORT),
    "export_duration_seconds": Metric("gauge", "How long the last export took.", BY_EXPORT),
    "export_failures": Metric("counter", "Exports that failed.", BY_EXPORT),
    "export_rows": Metric(
        "counter", "Records that exports changed, by outcome.", (*BY_EXPORT, "outcome")
    ),
    "ready": Metric("gauge", "Whether the daemon is ready, as /readyz says."),
    "unready_reason": Metric(
        "gauge", "Whether the daemon is not ready for a reason; all reasons are there.", ("reason",)
    ),
    "memory_limit_bytes": Metric(
        "gauge", "Memory that the process may have: its control group's limit, or the machine's."
    ),
    "disk_free_bytes": Metric("gauge", "Bytes that are free where something is written.", BY_USE),
    "disk_size_bytes": Metric("gauge", "Bytes of the disk where something is written.", BY_USE),
    "config_last_reload_successful": Metric(
        "gauge", "Whether the configuration could be loaded when it was last tried."
    ),
    "watermark_timestamp_seconds": Metric(
        "gauge", "The greatest window end of the endpoint's chains.", ("endpoint",)
    ),
    "state_records": Metric("gauge", "Rows in state."),
    "state_open_windows": Metric("gauge", "Windows in state that have not ended yet."),
    "state_bytes": Metric("gauge", "Bytes of the state file and the log beside it."),
    "windows_missing": Metric(
        "gauge", "Windows that chains lack between their first and last.", ("endpoint",)
    ),
    "relationship_issues": Metric("gauge", "Things that the last report says do not hold."),
    "fallen_pages": Metric(
        "gauge", "Changed pages whose figures fell, and still count as they were.", ("endpoint",)
    ),
    "source_up": Metric(
        "gauge", "Whether the directory of a source can be read and watched.", ("source",)
    ),
    "source_unreadable_files": Metric(
        "gauge", "Files of a source that cannot be read.", ("source",)
    ),
    "source_stopped_chains": Metric(
        "gauge", "Chains of a source that wait for their next page for too long.", ("source",)
    ),
    "source_chain_wait_seconds": Metric(
        "gauge", "How long the oldest chain of a source waits for its next page.", ("source",)
    ),
    "source_interval_seconds": Metric(
        "gauge", "How often pages of an endpoint are expected from a source.", BY_PART
    ),
    "source_last_success_timestamp_seconds": Metric(
        "gauge", "When a page of an endpoint was last taken in from a source.", BY_PART
    ),
    "api_requests": Metric(
        "counter", "Requests to an account's API, by class of status.", BY_STATUS
    ),
    "api_budget_wait_seconds": Metric(
        "counter", "Seconds that requests waited for their turn.", ("source",)
    ),
    "api_walks": Metric("counter", "Walks over an account's pages, by outcome.", BY_WALK),
    "api_last_walk_timestamp_seconds": Metric(
        "gauge", "When a walk last began that came to its end.", BY_PART
    ),
    "api_lag_seconds": Metric(
        "gauge", "How long ago the newest window ended that is not asked for again.", BY_PART
    ),
    "api_key_refused": Metric("gauge", "Whether the provider refuses the key.", ("source",)),
    "api_evidence_bytes": Metric("gauge", "Bytes of the answers that are kept.", ("source",)),
    "series_limit": Metric("gauge", "How many series each measured metric may have."),
    "series_folded": Metric(
        "gauge", "Series of a measured metric that are added up under __other__.", ("metric",)
    ),
    "reconciliation_billed": Metric(
        "gauge", "What was billed for a month, by what explains the difference.", BY_MONTH
    ),
    "reconciliation_estimated": Metric(
        "gauge", "What a month should have cost, which is no bill.", BY_MONTH
    ),
    "reconciliation_matched": Metric(
        "gauge", "What of a month is both billed and estimated.", BY_MONTH
    ),
    "reconciliation_difference": Metric(
        "gauge", "What was billed for a month, less what was estimated.", BY_MONTH
    ),
    "budget_limit": Metric("gauge", "What may be spent in a UTC month.", BY_BUDGET),
    "budget_billed": Metric("gauge", "What is billed for this month so far.", BY_BUDGET),
    "budget_estimated_unbilled": Metric(
        "gauge", "What is estimated of this month's use that is not billed yet.", BY_BUDGET
    ),
    "budget_spent_ratio": Metric(
        "gauge", "Billed and estimated together, as a share of the budget.", BY_BUDGET
    ),
    "budget_forecast": Metric(
        "gauge",
        "What this month may come to: what is spent on known days, and for each other day the mean "
        "of the last seven known ones. Not there before these.",
        BY_BUDGET,
    ),
    "budget_threshold_reached": Metric(
        "gauge", "Whether so much of a budget is spent.", (*BY_BUDGET, "threshold")
    ),
    "budget_unclear": Metric(
        "gauge",
        "Whether a budget's figures may not be all there is for a reason; all reasons are there.",
        (*BY_BUDGET, "reason"),
    ),
}
"""Every metric of the machine, without prefix and without the counters' ``_total``."""
