"""The machine's upkeep: checkpoints, state, report, process, series and configuration."""

from __future__ import annotations

from usage_dashboards.board import Row
from usage_dashboards.panels import QUANTILES, series
from usage_dashboards.queries import INSTANCE, STARTED, Query, added, age, of_the_process, quantiles

STATE = Row(
    "State, checkpoints and report",
    (
        series(
            "Writing a checkpoint",
            QUANTILES,
            "s",
            *quantiles("usage_stream_checkpoint_duration_seconds"),
        ).span(6),
        series(
            "Checkpoint failures over time",
            "Checkpoints that could not be written of late; memory keeps what they held.",
            "short",
            Query(
                f"sum by (instance) (increase(usage_stream_checkpoint_failures_total{INSTANCE}"
                "[$__rate_interval]))",
                "{{instance}}",
            ),
        ).span(6),
        series(
            "Checkpoint age",
            "How long ago state was last made durable.",
            "s",
            Query(
                age("usage_stream_checkpoint_last_success_timestamp_seconds", "instance"),
                "{{instance}}",
            ),
        ).span(6),
        series(
            "Writing the report",
            f"{QUANTILES} Over a quarter of an hour, since reports are few.",
            "s",
            *quantiles("usage_stream_report_write_duration_seconds", "15m"),
        ).span(6),
        *(
            series(
                title,
                said,
                unit,
                Query(added(f"usage_stream_{metric}{INSTANCE}", "instance"), "{{instance}}"),
            )
            for title, metric, unit, said in (
                ("Records in state", "state_records", "short", "Rows that state holds."),
                ("State file", "state_bytes", "bytes", "The size of the state file."),
                (
                    "Open windows",
                    "state_open_windows",
                    "short",
                    "Windows whose end is still to come: their figures will grow.",
                ),
            )
        ),
    ),
)

PROCESS = Row(
    "Process, series and configuration",
    (
        series(
            "Memory",
            "Resident memory; it follows the budget, not the history.",
            "bytes",
            Query(of_the_process(f"process_resident_memory_bytes{INSTANCE}"), "{{instance}}"),
        ),
        series(
            "Processor",
            "Share of one core.",
            "percentunit",
            Query(
                of_the_process(f"rate(process_cpu_seconds_total{INSTANCE}[$__rate_interval])"),
                "{{instance}}",
            ),
        ),
        series(
            "Open file descriptors",
            "What is open, and how much may be.",
            "short",
            Query(of_the_process(f"process_open_fds{INSTANCE}"), "{{instance}}"),
            Query(of_the_process(f"process_max_fds{INSTANCE}"), "{{instance}} limit"),
        ),
        series(
            "Restarts in the last hour",
            "How often the process began anew.",
            "short",
            Query(of_the_process(f"changes({STARTED}[1h])"), "{{instance}}"),
        ),
        series(
            "Series",
            "Series of the tokens, which are the most; beyond the limit they are folded, for good.",
            "short",
            Query(
                f"count by (instance) (openai_api_tokens_total{INSTANCE})", "{{instance}} tokens"
            ),
            Query(f"max by (instance) (usage_stream_series_limit{INSTANCE})", "{{instance}} limit"),
            Query(
                f"sum by (instance) (usage_stream_series_folded{INSTANCE})", "{{instance}} folded"
            ),
        ),
        series(
            "Configuration over time",
            "1: the last reload was taken. 0: it was refused, and the one before still holds.",
            "none",
            Query(
                f"min by (instance) (usage_stream_config_last_reload_successful{INSTANCE})",
                "{{instance}}",
            ),
        )
        .min(0)
        .max(1),
    ),
)
