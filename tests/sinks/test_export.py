"""A backfill: three months of usage, seen in a real Prometheus on the days they happened."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterable
from decimal import Decimal
from pathlib import Path
from typing import cast

import pytest
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from tests.support.pages import DAY, FIRST, Content, bucket, page, put_all, used
from tests.support.prometheus import prometheus
from tests.support.running import replay, run

DAYS = 92
LATE = str(FIRST + 400 * DAY)


def rows_of(day: int) -> list[dict[str, object]]:
    """Make one day's rows, different each day; one value wants every escape."""
    odd = 'proj "b" \\ \n c'
    return [
        used(1_000 + day, project_id="proj_a", service_tier="default", model="m"),
        used(day * day, project_id=odd, service_tier="scale", model="m"),
    ]


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    """Replay three months into state, and export them."""
    days = [bucket(*rows_of(day), day=day) for day in range(DAYS)]
    money = [
        bucket({"amount": {"value": Decimal(f"{day}.25"), "currency": "usd"}}, day=day)
        for day in range(DAYS)
    ]
    files: dict[str, Content] = {
        "usage_completions.json": page(*days),
        "costs.json": page(*money),
    }
    state = tmp_path / "state.db"
    assert replay(put_all(tmp_path / "pages", files), state=state).code == 0
    out = tmp_path / "usage.om"
    command = ["export", "openmetrics", str(state), "--out", str(out), "--now", LATE]
    code, output, errors = run(command)
    assert (code, errors) == (0, "")
    assert json.loads(output)["samples"] == 3 * DAYS - 1  # of what is zero there is none
    return out


def test_the_file_is_openmetrics(exported: Path) -> None:
    """A strict parser reads the file, whole seconds and the end mark included."""
    text = exported.read_text("utf-8")
    parse = cast("Callable[[str], Iterable[Metric]]", text_string_to_metric_families)
    families = {one.name: one for one in parse(text)}
    assert sorted(families) == ["openai_api_cost", "openai_api_tokens"]
    times = [float(sample.timestamp or 0) for sample in families["openai_api_tokens"].samples]
    assert {time % DAY for time in times} == {DAY - 1}
    assert text.endswith("# EOF\n")


def test_windows_that_have_not_ended_are_left_out(exported: Path) -> None:
    """No sample lies in the future; how many windows were left out is said."""
    state, out = exported.with_name("state.db"), exported.with_name("early.om")
    now = str(FIRST + 10 * DAY)
    code, output, _ = run(["export", "openmetrics", str(state), "--out", str(out), "--now", now])
    assert code == 0
    assert json.loads(output)["openWindows"] == 2 * (DAYS - 10)
    assert json.loads(output)["samples"] == 3 * 10 - 1


def test_state_that_is_not_there_is_69(tmp_path: Path) -> None:
    """An export makes no state file of its own."""
    state, out = tmp_path / "state.db", tmp_path / "usage.om"
    code, _, errors = run(["export", "openmetrics", str(state), "--out", str(out)])
    assert (code, len(errors.splitlines()), list(tmp_path.iterdir())) == (69, 1, [])


@pytest.mark.needs_program("promtool")
@pytest.mark.needs_program("prometheus")
def test_each_day_has_its_total_at_that_day(exported: Path) -> None:
    """After a backfill Prometheus has each day's tokens and cost at that day, exactly."""
    data = exported.with_name("data")
    command = ["promtool", "tsdb", "create-blocks-from", "--max-block-duration=744h"]
    subprocess.run([*command, "openmetrics", exported, data], check=True, capture_output=True)
    span = {"start": FIRST + DAY, "end": FIRST + DAYS * DAY, "step": DAY}
    with prometheus(exported.parent) as server:
        query = "sum(sum_over_time(openai_api_tokens[1d]))"
        (tokens,) = server.ask("query_range", query=query, **span)["result"]
        cost = "sum by (currency) (sum_over_time(openai_api_cost[1d]))"
        (money,) = server.ask("query_range", query=cost, **span)["result"]
    expected = [1_000 + day + day * day for day in range(DAYS)]
    assert [int(value) for _, value in tokens["values"]] == expected
    assert [Decimal(value) for _, value in money["values"]] == [
        Decimal(day) + Decimal("0.25") for day in range(DAYS)
    ]
    assert money["metric"] == {"currency": "usd"}
