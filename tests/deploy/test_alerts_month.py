"""A simulated month: every alert fires by its cause, alone, and is over when that is."""

from __future__ import annotations

import itertools
import re
import subprocess
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.alerts_month import STEP, Month, make_month
from tests.support.month_series import DAY, STEPS
from tests.support.places import DEPLOY
from tests.support.prometheus import Prometheus, prometheus

RULES = DEPLOY / "prometheus" / "rules"
UNITS = {"m": 60, "h": 3_600}
FIRING = 'group by (alertname) (ALERTS{alertstate="firing"})'


@pytest.fixture(scope="module")
def month() -> Month:
    """Make the month."""
    return make_month()


def groups_in(name: str) -> list[dict[str, Any]]:
    """Return the groups of a file of rules."""
    found: list[dict[str, Any]] = yaml.safe_load((RULES / name).read_text("utf-8"))["groups"]
    return found


def alerts() -> dict[str, dict[str, Any]]:
    """Return the alerts on the daemon by their names."""
    return {rule["alert"]: rule for group in groups_in("alerts.yml") for rule in group["rules"]}


def notation(samples: Iterable[float | None]) -> str:
    """Write samples as promtool reads them: runs with one difference are one word."""
    return " ".join(words(list(samples)))


def words(samples: list[float | None]) -> Iterator[str]:
    """Yield the runs of samples, the longest from the left."""
    step = 0
    while step < len(samples):
        first, end = samples[step], step + 1
        if first is None:
            while end < len(samples) and samples[end] is None:
                end += 1
            yield f"_x{end - step}"
        else:
            after = samples[end] if end < len(samples) else None
            difference = 0.0 if after is None else after - first
            while end < len(samples):
                one = samples[end]
                if one is None or one != first + difference * (end - step):
                    break
                end += 1
            yield f"{first:.0f}{difference:+.0f}x{end - step - 1}"
        step = end


def test_the_notation_says_every_sample() -> None:
    """Runs, gaps and single samples are written so that their number is that of the samples."""
    assert notation([1, 1, 1, None, None, 5, 8, 11, 2, -4]) == "1+0x2 _x2 5+3x2 2-6x1"
    assert notation([7]) == "7+0x0"


def test_every_alert_has_its_cause(month: Month) -> None:
    """No alert on the daemon is left out of the month, and no two faults are at the same time."""
    assert {alert for fault in month.faults for alert in fault.alerts} == alerts().keys()
    for before, after in itertools.pairwise(month.faults):
        assert before.end + before.rest <= after.start
    assert month.faults[-1].end + month.faults[-1].rest < min(map(len, month.series.values()))


@pytest.mark.needs_program("promtool")
def test_each_alert_fires_by_its_cause_and_is_over_with_it(month: Month, tmp_path: Path) -> None:
    """Before a fault nothing fires, at its end just what it causes, and after it nothing again."""
    groups = [*groups_in("recording.yml"), *groups_in("alerts.yml")]  # recorded, then alerted on
    cases: list[dict[str, Any]] = [
        {
            "expr": FIRING,
            "eval_time": f"{step * STEP}s",
            "exp_samples": [
                {"labels": f'{{alertname="{alert}"}}', "value": 1} for alert in sorted(firing)
            ],
        }
        for step, firing in month.moments()
    ]
    assert sum(bool(case["exp_samples"]) for case in cases) == len(month.faults)
    series = [
        {"series": name, "values": notation(samples)} for name, samples in month.series.items()
    ]
    text = {
        "rule_files": [str(RULES / "recording.yml"), str(RULES / "alerts.yml")],
        "evaluation_interval": f"{STEP}s",
        "group_eval_order": [group["name"] for group in groups],
        "tests": [{"interval": f"{STEP}s", "input_series": series, "promql_expr_test": cases}],
    }
    path = tmp_path / "month.yml"
    path.write_text(yaml.safe_dump(text, width=10**9), "utf-8")
    done = subprocess.run(
        ["promtool", "test", "rules", path], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def write_history(month: Month, base: int, path: Path) -> None:
    """Write the month as OpenMetrics, as if it had begun at ``base``, in Unix seconds."""
    lines: dict[str, list[str]] = {}
    for key, samples in month.series.items():
        name = key.partition("{")[0]
        shift = base if "_time" in name else 0
        lines.setdefault(name, [f"# TYPE {name} unknown"]).extend(
            f"{key} {value + shift:.0f} {base + step * STEP}"
            for step, value in enumerate(samples)
            if value is not None
        )
    ordered = [line for _, some in sorted(lines.items()) for line in some]
    path.write_text("\n".join([*ordered, "# EOF", ""]), "utf-8")


def firing_steps(server: Prometheus, rule: dict[str, Any], base: int) -> set[int]:
    """Return at which steps an alert fires: its expression has held for as long as it waits."""
    end = base + STEPS * STEP
    found = server.ask("query_range", query=rule["expr"], start=base, end=end, step=STEP)
    match = re.fullmatch(r"(\d+)([mh])", rule["for"])
    assert match is not None
    rounds = -(-int(match[1]) * UNITS[match[2]] // STEP)
    firing: set[int] = set()
    for series in found["result"]:
        held = {(int(at) - base) // STEP for at, _ in series["values"]}
        firing |= {step for step in held if held.issuperset(range(step - rounds, step))}
    return firing


@pytest.mark.needs_program("prometheus")
@pytest.mark.needs_program("promtool")
def test_a_real_prometheus_says_the_same(month: Month, tmp_path: Path) -> None:
    """The server's own engine, over the month as blocks on disk, finds the same alerts firing."""
    base = (int(time.time()) // DAY - 32) * DAY
    history, data = tmp_path / "history.om", tmp_path / "data"
    write_history(month, base, history)
    create = ("promtool", "tsdb", "create-blocks-from", "-q", "--max-block-duration=744h")
    subprocess.run([*create, "openmetrics", history, data], check=True)
    with prometheus(tmp_path) as server:
        options = [f"--url=http://{server.address}", f"--start={base}", f"--output-dir={data}"]
        options += [f"--end={base + STEPS * STEP}", f"--eval-interval={STEP}s"]
        command = [*create, "rules", *options]
        subprocess.run([*command, RULES / "recording.yml"], check=True, capture_output=True)
    with prometheus(tmp_path) as server:
        firing = {name: firing_steps(server, rule, base) for name, rule in alerts().items()}
    for step, expected in month.moments():
        assert {name for name, steps in firing.items() if step in steps} == expected, step
