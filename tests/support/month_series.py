"""A month of a daemon as Prometheus scrapes it while all is well: each series, step by step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

__all__ = ["STEP", "STEPS", "Sample", "healthy_series", "named", "ours"]

STEP: Final = 300
"""Seconds from one sample to the next; time starts at 0."""
DAY: Final = 86_400
STEPS: Final = 20 * DAY // STEP
"""A short month: as long as the faults take that come one after the other."""
TARGET: Final = 'job="usage-stream",instance="a:9464"'
MIB: Final = 1 << 20
GIB: Final = 1 << 30
USAGE: Final = 'endpoint="usage/completions"'
COSTS: Final = 'endpoint="costs"'
MAIN, ACME, EVIDENCE = 'source="main"', 'source="acme"', 'source="evidence"'
BUDGET: Final = 'budget="Search",currency="usd"'
TABLES: Final = 'export="postgres"'
REASONS: Final = ("checkpoint", "report", "directory", "key", "catching_up", "stuck")
USES: Final = ("state", "report", "dead_letters", "evidence")

Sample: TypeAlias = float | None


def named(metric: str, labels: str = "") -> str:
    """Write the name of a series, with the labels of its target."""
    return f"{metric}{{{TARGET}{',' * bool(labels)}{labels}}}"


def ours(metric: str, labels: str = "") -> str:
    """Write the name of a series of the machine."""
    return named(f"usage_stream_{metric}", labels)


def filled(value: Callable[[int], float]) -> list[Sample]:
    """Make the samples of a series from what it is at a time."""
    return [value(step * STEP) for step in range(STEPS + 1)]


def every(seconds: int) -> Callable[[int], float]:
    """Return a time that is renewed every so many seconds."""
    return lambda now: now - now % seconds


def healthy_series() -> Iterator[tuple[str, list[Sample]]]:
    """Yield every series that alerts ask for, as it is while all is well."""
    constants: dict[str, float] = {
        named("up"): 1,
        ours("build_info", 'version="1.0"'): 1,
        named("process_start_time_seconds"): -86_400,
        named("process_resident_memory_bytes"): 150 * MIB,
        ours("memory_limit_bytes"): 512 * MIB,
        ours("config_last_reload_successful"): 1,
        ours("ready"): 1,
        ours("source_up", MAIN): 1,
        ours("state_records"): 1_000,
        ours("export_interval_seconds", TABLES): 600,
        ours("api_lag_seconds", f"{ACME},{USAGE}"): 5_400,
        ours("api_lag_seconds", f"{ACME},{COSTS}"): 4 * 86_400,
        ours("budget_limit", BUDGET): 500,
        ours("budget_forecast", BUDGET): 420,
        ours("source_interval_seconds", f"{MAIN},{USAGE}"): 3_600,
        ours("source_interval_seconds", f"{MAIN},{COSTS}"): 86_400,
        ours("source_interval_seconds", f"{EVIDENCE},{USAGE}"): 300,
        ours("source_interval_seconds", f"{ACME},{USAGE}"): 300,
        ours("source_interval_seconds", f"{ACME},{COSTS}"): 3_600,
    }
    zeros = [ours("unready_reason", f'reason="{one}"') for one in REASONS]
    zeros += [ours(f"source_{name}", MAIN) for name in ("unreadable_files", "stopped_chains")]
    zeros += [ours("source_chain_wait_seconds", MAIN), ours("windows_missing", USAGE)]
    zeros += [ours("fallen_pages", USAGE), ours("relationship_issues"), ours("series_folded")]
    zeros += [ours("api_key_refused", ACME), ours("api_budget_wait_seconds_total", ACME)]
    zeros += [ours("checkpoint_failures_total"), ours("channel_blocked_seconds_total")]
    zeros += [ours("pagination_anomalies_total", 'kind="gap"')]
    zeros += [ours("dead_letters_total", f'{USAGE},reason="count"')]
    zeros += [ours("unknown_fields_total", USAGE), ours("report_failures_total")]
    zeros += [ours("pages_read_total", f'{USAGE},outcome="dead_lettered"')]
    zeros += [ours("budget_threshold_reached", f'{BUDGET},threshold="{one}"') for one in (0.5, 1)]
    zeros += [ours("budget_unclear", f'{BUDGET},reason="no_price"')]
    zeros += [ours("budget_spent_ratio", BUDGET)]
    moving: dict[str, Callable[[int], float]] = {
        ours("source_last_success_timestamp_seconds", f"{MAIN},{USAGE}"): every(3_600),
        ours("source_last_success_timestamp_seconds", f"{MAIN},{COSTS}"): every(86_400),
        ours("source_last_success_timestamp_seconds", f"{EVIDENCE},{USAGE}"): every(STEP),
        ours("last_success_timestamp_seconds", USAGE): every(STEP),
        ours("last_success_timestamp_seconds", COSTS): every(86_400),
        ours("watermark_timestamp_seconds", USAGE): every(3_600),
        ours("watermark_timestamp_seconds", COSTS): every(86_400),
        ours("api_last_walk_timestamp_seconds", f"{ACME},{USAGE}"): every(STEP),
        ours("api_last_walk_timestamp_seconds", f"{ACME},{COSTS}"): every(3_600),
        ours("api_walks_total", f'{ACME},{USAGE},outcome="whole"'): lambda now: now // STEP,
        ours("pages_read_total", f'{USAGE},outcome="ok"'): lambda now: now // STEP * 12,
        ours("records_total", f'{USAGE},outcome="new"'): lambda now: now // STEP * 600,
        ours("checkpoint_last_success_timestamp_seconds"): every(STEP),
        ours("export_last_success_timestamp_seconds", TABLES): every(600),
        named("openai_project_cost", 'project_id="p",currency="usd"'): (
            lambda now: 10 * (now // 86_400)
        ),
    }
    yield from ((key, filled(lambda _, value=value: value)) for key, value in constants.items())  # type: ignore[misc]  # a number
    yield from ((key, filled(lambda _: 0)) for key in zeros)
    yield from ((key, filled(value)) for key, value in moving.items())
    for use in USES:
        yield ours("disk_free_bytes", f'use="{use}"'), filled(lambda _: 60 * GIB)
        yield ours("disk_size_bytes", f'use="{use}"'), filled(lambda _: 100 * GIB)
