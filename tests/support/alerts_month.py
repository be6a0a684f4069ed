"""A month of a daemon as Prometheus scrapes it, with one fault after another.

Time starts at 0, and a sample is there every five minutes. What a fault changes is what its cause
would change, and each says when its alerts have to fire, and when they have to be over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, NamedTuple, TypeAlias

from tests.support.month_series import (
    ACME,
    BUDGET,
    GIB,
    MAIN,
    MIB,
    STEP,
    STEPS,
    TABLES,
    USAGE,
    USES,
    Sample,
    healthy_series,
    named,
    ours,
)

__all__ = ["STEP", "Fault", "Month", "make_month"]

HOUR: Final = 3_600 // STEP
DAY: Final = 24 * HOUR

Change: TypeAlias = Callable[[int, Sample, Sample], Sample]
"""What a sample becomes: steps since the fault began, what it would be, and the last one before."""


class Fault(NamedTuple):
    """What goes wrong, in steps: from ``start`` to before ``end``.

    Its alerts fire ``delay`` after the start at the latest, to the end, and are over ``rest`` after
    that at the latest.
    """

    alerts: tuple[str, ...]
    start: int
    end: int
    delay: int
    rest: int


class Month:
    """Samples of each series by step, and the faults among them."""

    def __init__(self) -> None:
        """Start with a month in which all is well."""
        self.series = dict(healthy_series())
        self.faults: list[Fault] = []
        self._next = DAY

    def fail(
        self,
        *alerts: str,
        hours: float,
        delay: float,
        rest: float = 0.25,
        slot: float = 6,
        changes: Mapping[str, Change],
    ) -> None:
        """Let something go wrong for some hours, in a slot of its own; times are in hours."""
        start, self._next = self._next + HOUR, self._next + int(slot * HOUR)
        end = start + int(hours * HOUR)
        for key, change in changes.items():
            found = self.series[key]
            last = found[start - 1]
            for step in range(start, end):
                found[step] = change(step - start, found[step], last)
        self.faults.append(Fault(alerts, start, end, int(delay * HOUR), int(rest * HOUR)))

    def add(self, key: str, amount: Callable[[int], float], last: int) -> None:
        """Add to a counter with the next slot's first steps up to ``last``, and for good."""
        found, total = self.series[key], 0.0
        for step in range(self._next + HOUR, STEPS + 1):
            age = step - self._next - HOUR
            total += amount(age) if age < last else 0
            found[step] = (found[step] or 0) + total

    def moments(self) -> Iterator[tuple[int, set[str]]]:
        """Yield steps at which it is certain which alerts fire, and which these are."""
        wanted = sorted(
            {at for f in self.faults for at in (f.start - 1, f.end - 1, f.end + f.rest)}
        )
        for step in wanted:
            certain = {
                a for f in self.faults for a in f.alerts if f.start + f.delay <= step < f.end
            }
            possible = {
                a for f in self.faults for a in f.alerts if f.start <= step < f.end + f.rest
            }
            assert certain == possible, (step, certain, possible)
            yield step, certain


def becomes(value: Sample) -> Change:
    """Return a change to one value, for as long as the fault lasts."""
    return lambda _, __, ___: value


def stands(keys: Iterable[str]) -> dict[str, Change]:
    """Return changes with which times stand still at what they were when the fault began."""
    return dict.fromkeys(keys, lambda _, __, last: last)


def unready(reason: str) -> dict[str, Change]:
    """Return the changes with which the daemon is not ready for a reason."""
    return {ours("unready_reason", f'reason="{reason}"'): becomes(1), ours("ready"): becomes(0)}


def make_month() -> Month:
    """Make a month in which every cause of an alert comes and goes once."""
    month = Month()
    fail_process(month)
    fail_feed(month)
    fail_accounts(month)
    fail_figures(month)
    fail_state(month)
    fail_cost(month)
    fail_budgets(month)
    return month


def fail_process(month: Month) -> None:
    """Let the process be gone, restart, and be short of what it needs."""
    gone = dict.fromkeys(month.series, becomes(None))
    month.fail("UsageStreamTargetMissing", hours=1, delay=0.25, changes=gone)
    down = {**gone, named("up"): becomes(0)}
    month.fail("UsageStreamDown", hours=1, delay=0.25, changes=down)
    begun = named("process_start_time_seconds")
    loop: dict[str, Change] = {begun: lambda age, _, __: float(age)}
    month.fail("UsageStreamRestartLoop", hours=1, delay=0.5, rest=0.75, changes=loop)
    refused = {ours("config_last_reload_successful"): becomes(0)}
    month.fail("UsageStreamReloadFailed", hours=1, delay=0.25, changes=refused)
    month.fail("UsageStreamNotReady", hours=1, delay=0.5, changes=unready("catching_up"))
    month.fail("UsageStreamNotReady", hours=1, delay=0.5, changes=unready("stuck"))
    full = {named("process_resident_memory_bytes"): becomes(500 * MIB)}
    month.fail("UsageStreamMemoryNearLimit", hours=1, delay=0.5, changes=full)
    for use in USES:
        little = {ours("disk_free_bytes", f'use="{use}"'): becomes(5 * GIB)}
        month.fail("UsageStreamDiskNearFull", hours=1, delay=0.5, changes=little)


def fail_feed(month: Month) -> None:
    """Let pages be late, old, in the future, or not come at all."""
    success = "source_last_success_timestamp_seconds"
    taken = [key for key in month.series if "last_success_timestamp_seconds" in key]
    never = dict.fromkeys((one for one in taken if "checkpoint" not in one), becomes(None))
    month.fail("UsageStreamNothingRead", hours=4, delay=3.25, changes=never)
    late = stands([ours(success, f"{MAIN},{USAGE}")])
    month.fail("UsageStreamNoSuccess", hours=5, delay=4.25, slot=12, changes=late)
    waits = {
        ours("source_chain_wait_seconds", MAIN): lambda age, _, __: float(age * STEP),
        ours("source_stopped_chains", MAIN): lambda age, _, __: float(age > 0),
    }
    month.fail("UsageStreamChainWaiting", "UsageStreamStoppedChains", hours=26, delay=25, slot=36,
               changes=waits)  # fmt: skip
    old = stands([ours("watermark_timestamp_seconds", USAGE)])
    month.fail("UsageStreamWatermarkStalled", hours=58, delay=56, slot=72, changes=old)
    ahead: dict[str, Change] = {
        ours("watermark_timestamp_seconds", USAGE): lambda _, now, __: (now or 0) + 26 * 3_600
    }
    month.fail("UsageStreamClockAhead", hours=1, delay=0.5, changes=ahead)
    missing = {ours("windows_missing", USAGE): becomes(2)}
    month.fail("UsageStreamWindowsMissing", hours=2, delay=1.25, changes=missing)
    month.add(ours("pagination_anomalies_total", 'kind="gap"'), lambda age: age == 0, DAY)
    month.fail("UsageStreamPaginationAnomaly", hours=0.5, delay=0.25, rest=1, changes={})
    month.add(ours("channel_blocked_seconds_total"), lambda _: 280, 2 * HOUR)
    month.fail("UsageStreamBackPressure", hours=2, delay=0.75, changes={})


def fail_accounts(month: Month) -> None:
    """Let an account refuse its key, not answer, lag behind, and want more requests."""
    walks = [ours("api_last_walk_timestamp_seconds", f"{ACME},{USAGE}")]
    key = {ours("api_key_refused", ACME): becomes(1), **unready("key"), **stands(walks)}
    month.fail("UsageStreamKeyRefused", hours=3, delay=0.25, changes=key)
    month.fail("UsageStreamWalksFailing", hours=3, delay=1.5, changes=stands(walks))
    lag: dict[str, Change] = {
        ours("api_lag_seconds", f"{ACME},{USAGE}"): lambda age, _, __: 5_400.0 + age * STEP
    }
    month.fail("UsageStreamApiLag", hours=28, delay=26, slot=36, changes=lag)
    month.add(ours("api_budget_wait_seconds_total", ACME), lambda _: 280, 8 * HOUR)
    month.fail("UsageStreamBudgetExhausted", hours=8, delay=6.5, slot=12, changes={})


def fail_figures(month: Month) -> None:
    """Let pages be bad, gone, unreadable, or not what they were."""
    letters = ours("dead_letters_total", f'{USAGE},reason="count"')
    month.add(letters, lambda age: age == 0, DAY)
    month.fail("UsageStreamDeadLetters", hours=0.5, delay=0.25, rest=1, changes={})
    month.add(letters, lambda _: 12, 2 * HOUR)
    month.add(ours("pages_read_total", f'{USAGE},outcome="dead_lettered"'), lambda _: 12, 2 * HOUR)
    month.fail("UsageStreamErrorRatio", "UsageStreamDeadLetters", hours=2, delay=1, rest=1.25,
               changes={})  # fmt: skip
    directory = {ours("source_up", MAIN): becomes(0), **unready("directory")}
    month.fail("UsageStreamSourceGone", hours=1, delay=0.25, changes=directory)
    files = {ours("source_unreadable_files", MAIN): becomes(3)}
    month.fail("UsageStreamUnreadableFiles", hours=1, delay=0.5, changes=files)
    fallen = {ours("fallen_pages", USAGE): becomes(1)}
    month.fail("UsageStreamFiguresFallen", hours=1, delay=0.25, changes=fallen)
    issues = {ours("relationship_issues"): becomes(1)}
    month.fail("UsageStreamRelationshipIssues", hours=2, delay=1.25, changes=issues)
    folded = {ours("series_folded"): becomes(7)}
    month.fail("UsageStreamSeriesFolded", hours=1, delay=0.5, changes=folded)
    month.add(ours("unknown_fields_total", USAGE), lambda age: 2 * (age < HOUR), DAY)
    month.fail("UsageStreamUnknownFields", hours=20, delay=0.25, rest=6, slot=36, changes={})


def fail_state(month: Month) -> None:
    """Let state and report be impossible to write, and the consumer hang."""
    times = [ours("checkpoint_last_success_timestamp_seconds")]
    month.add(ours("checkpoint_failures_total"), lambda _: 3, HOUR // 2)
    failing = {**stands(times), **unready("checkpoint")}
    month.fail("UsageStreamCheckpointFailing", "UsageStreamCheckpointOld", hours=0.5, delay=0.25,
               changes=failing)  # fmt: skip
    month.fail("UsageStreamCheckpointOld", hours=0.5, delay=0.25, changes=stands(times))
    month.add(ours("report_failures_total"), lambda _: 60, HOUR)
    month.fail("UsageStreamReportFailing", hours=1, delay=0.25, changes=unready("report"))
    exported = stands([ours("export_last_success_timestamp_seconds", TABLES)])
    month.fail("UsageStreamExportStale", hours=3, delay=1.5, changes=exported)


def fail_cost(month: Month) -> None:
    """Let a day cost ten times as much as others."""
    cost = named("openai_project_cost", 'project_id="p",currency="usd"')
    month.add(cost, lambda age: 100 * (age == 0), DAY)
    month.fail("UsageStreamCostSpike", hours=20, delay=1.5, rest=5, slot=36, changes={})


def fail_budgets(month: Month) -> None:
    """Let a budget reach a threshold, be foreseen to be spent, and not see everything."""
    reached = {ours("budget_threshold_reached", f'{BUDGET},threshold="0.5"'): becomes(1)}
    month.fail("UsageStreamBudgetWarnReached", hours=1, delay=0.25, changes=reached)
    foreseen = {ours("budget_forecast", BUDGET): becomes(520)}
    month.fail("UsageStreamBudgetWarnForecast", hours=2, delay=1.25, changes=foreseen)
    unclear = {ours("budget_unclear", f'{BUDGET},reason="no_price"'): becomes(1)}
    month.fail("UsageStreamBudgetWarnUnclear", hours=3, delay=2.25, changes=unclear)
