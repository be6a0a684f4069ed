"""A real Prometheus scrapes the real daemon: figures, rules and every panel of the dashboards."""

from __future__ import annotations

import datetime as dt
import math
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from stream.providers.openai import ENDPOINTS
from tests.support.contract import METRICS
from tests.support.counters import wanted
from tests.support.daemons import Daemon, daemon
from tests.support.dashboards import expressions
from tests.support.pages import DAY, Content, bucket, page, put, put_all, used
from tests.support.places import ROOT
from tests.support.prometheus import Prometheus, prometheus
from tests.support.twin_processes import TwinServer, poll_table, twin_server

RULES = ROOT / "deploy" / "prometheus" / "rules"
FAMILIES = ("tokens", "requests", "images", "characters", "audio_seconds", "sessions", "calls")
# Comparisons choose series; as questions they answer for each, with 0 or 1.
COMPARISON = re.compile(r"(?<![=!<>~])(==|!=|>=|<=|>|<)(?![=~])")
QUICK = ('every = "1h"', 'costs_settle = "0s"', "requests_per_minute = 10000")
FLINK = "flink_"
"""What begins like this is Flink's, and no daemon shows it."""
BACKFILLED = "usage-stream: history"
"""The dashboard that shows another Prometheus."""
QUOTED = re.compile(r"(\{[^}]*\})")

pytestmark = [
    pytest.mark.needs_program("prometheus"),
    pytest.mark.needs_program("promtool"),
    pytest.mark.no_cover,
]


READ = "usage_stream_page_read_duration_seconds_count"


class Scraped(NamedTuple):
    """A daemon, the Prometheus that has scraped it, and when all of it was there."""

    daemon: Daemon
    server: Prometheus
    moment: float


MONEY = """
series_limit = 10000
prices = "default"
[[budget]]
monthly = "500 usd"
[[budget]]
project = "nobody"
monthly = "20 eur"
"""


def trouble(pages: Path) -> None:
    """Put in what every panel wants to see: good pages, bad ones, gaps, and unknown fields."""
    shutil.copytree(ROOT / "fixtures", pages)
    now = int(time.time())
    today = now - now % DAY
    cached = used(50, project_id="p", input_cached_tokens=20, output_tokens=5, num_model_requests=2)
    fresh = bucket(cached, start_time=today - DAY, end_time=today)
    old = bucket(used(1), start_time=today - 9 * DAY, end_time=today - 8 * DAY)
    money = [{"amount": {"value": "12.5", "currency": "usd"}, "project_id": "p"}]
    names: dict[str, Content] = {
        "usage_completions_fresh.json": page(old, fresh),
        "costs_fresh.json": page(
            *(bucket(*money, start_time=at, end_time=at + DAY) for at in days_before(today))
        ),
        "usage_embeddings_odd.json": page(bucket(used(3, novelty=1), used(-1))),
        "usage_moderations_long.json": page(bucket(used(4))),
        "usage_moderations_long_page2.json": page(bucket(used(5), day=1)),
    }
    put_all(pages, names)


def days_before(today: int) -> range:
    """Return when days began that a forecast can go by, and the last ones, which may change."""
    return range(today - 11 * DAY, today, DAY)


def asking(place: Path, twin: TwinServer) -> str:
    """Write the sources: the pages, and an account whose time stands still, asked once an hour."""
    since = dt.datetime.fromtimestamp(time.time() - DAY, dt.UTC).date().isoformat()
    polls = poll_table(place, twin, since, *QUICK)
    exports = '[[export]]\nformat = "openmetrics"\nout = "usage.om"\n'
    return f'[[watch]]\npath = "pages"\n{polls}\n{exports}'


def is_asked(found: Daemon) -> bool:
    """Tell whether all that is shown of the account has come, and counts."""
    shown = found.metrics()
    lag = shown.get("usage_stream_api_lag_seconds", {})
    cost = shown.get("openai_project_cost", {})
    # What the pages bill p for is covered once the account's own costs have come.
    return len(lag) == len(ENDPOINTS) and any("proj_0" in dict(one)["project_id"] for one in cost)


def stamped(found: Daemon, moments: list[int]) -> str:
    """Write a scrape as OpenMetrics, as if it had been made at some moments of the past."""
    target = f'job="usage-stream",instance="127.0.0.1:{found.port}"'
    lines = []
    for family in text_string_to_metric_families(found.ask("/metrics").text):
        by_name: dict[str, list[str]] = {}
        for sample in family.samples:
            pairs = [f'{name}="{value}"' for name, value in sorted(sample.labels.items())]
            labels = ",".join([target, *pairs])
            for moment in moments:
                line = f"{sample.name}{{{labels}}} {sample.value} {moment}"
                by_name.setdefault(sample.name, []).append(line)
        for name, some in sorted(by_name.items()):
            lines += [f"# TYPE {name} unknown", *some]
    return "\n".join([*lines, "# EOF", ""])


@pytest.fixture(scope="module")
def scraped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scraped]:
    """Run both, with a day and a week of history, until the rules have been evaluated."""
    place = tmp_path_factory.mktemp("scraped")
    trouble(place / "pages")
    real = {"SOURCE_DATE_EPOCH": ""}
    with (
        twin_server("--speed", "0", "--projects", "1") as twin,
        daemon(
            place,
            "--details",
            "true",
            sources=asking(place, twin),
            more=MONEY,
            variables=real,
        ) as found,
    ):
        found.until(lambda: is_asked(found), "walks over all endpoints and lists")
        exported = "usage_stream_export_last_success_timestamp_seconds"
        found.until(lambda: found.value(exported) > 0, "an export")
        put(place / "pages", "usage_completions_fixture_dual.json", page(bucket(used(1))))
        found.until(lambda: found.value("usage_stream_fallen_pages") == 1, "the fallen page")
        now = int(time.time())
        moments = [now - days * DAY + late for days in (8, 7, 1) for late in (0, 60, 120)]
        moments += [now - seconds for seconds in (3900, 3840, 3780, 1800, 540, 240, 180, 120)]
        history = place / "history.om"
        history.write_text(stamped(found, sorted(moments)), "utf-8")
        command = ["promtool", "tsdb", "create-blocks-from", "openmetrics"]
        subprocess.run([*command, history, place / "data"], check=True, capture_output=True)
        configuration = f"""
global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}
rule_files: ["{RULES}/*.yml"]
scrape_configs:
  - job_name: usage-stream
    static_configs: [{{targets: ["127.0.0.1:{found.port}"]}}]
"""
        with prometheus(place, configuration) as server:
            read = found.value(READ)
            for round_ in range(1, 4):
                number = scrapes(server) + 1
                found.until(lambda number=number: scrapes(server) > number, "scrapes")  # type: ignore[misc]  # a number
                late: dict[str, Content] = {
                    "usage_completions_late.json": page(bucket(used(round_))),
                    f"usage_images_bad{round_}.json": "{}",
                    f"usage_decisions_end{round_}.json": page(bucket(used(1))),
                    f"usage_decisions_end{round_}_page2.json": page(bucket(used(2), day=1)),
                }
                put_all(place / "pages", late)
            found.until(lambda: found.value(READ) >= read + 9, "that all pages are shown")
            number = scrapes(server) + 3
            found.until(lambda: scrapes(server) > number, "scrapes")
            yield Scraped(found, server, time.time())


def scrapes(server: Prometheus) -> float:
    """Count the scrapes so far that the last rule was worked out after.

    Rules are worked out of what was filled in, too, before the first scrape.
    """
    counts = []
    for name in ("up", "instance:usage_stream_channel_blocked_seconds:rate5m"):
        result = server.ask("query", query=f"count_over_time({name}[5m])")["result"]
        counts.append(float(result[0]["value"][1]) if result else 0.0)
    return min(counts)


def test_each_figure_is_the_reports(scraped: Scraped) -> None:
    """What Prometheus has of tokens and requests is the report's, for each series and exactly."""
    expected = wanted(scraped.daemon.report()["dedupedUsage"])
    for family in FAMILIES:
        labels = ["endpoint", "project_id", "service_tier", "model"]
        labels += ["token_type"] if family == "tokens" else []
        found = {
            (f"openai_api_{family}", *(one["metric"][label] for label in labels)): int(
                float(one["value"][1])
            )
            for one in scraped.server.ask("query", query=f"openai_api:{family}:net")["result"]
        }
        assert {key: value for key, value in found.items() if value} == {
            key: value for key, value in expected.items() if key[0] == f"openai_api_{family}"
        }
        assert found


def test_cost_is_the_reports(scraped: Scraped) -> None:
    """The gauge of cost adds up to what the report says, as well as floats can be added."""
    result = scraped.server.ask("query", query="sum by (currency) (openai_api_cost)")["result"]
    report = scraped.daemon.report()["endpoints"]["costs"]["breakdowns"]["byCurrency"]
    assert {one["metric"]["currency"]: float(one["value"][1]) for one in result} == pytest.approx(
        {currency: float(value) for currency, value in report.items()}, rel=1e-12
    )


def test_cost_can_be_seen_by_name(scraped: Scraped) -> None:
    """What the documentation says to join on finds a name for each project of the lists."""
    query = "openai_project_cost * on (instance, project_id) group_left (name) openai_project_info"
    assert f"`{query}`" in (ROOT / "deploy" / "prometheus" / "README.md").read_text("utf-8")
    costs = scraped.server.ask("query", query="openai_project_cost")["result"]
    names = scraped.server.ask("query", query="openai_project_info")["result"]
    named = {one["metric"]["project_id"]: one["metric"]["name"] for one in names}
    found = scraped.server.ask("query", query=query)["result"]
    assert found
    assert {(one["metric"]["name"], one["value"][1]) for one in found} == {
        (named[one["metric"]["project_id"]], one["value"][1])
        for one in costs
        if one["metric"]["project_id"] in named
    }


def test_promtool_has_nothing_to_say(scraped: Scraped) -> None:
    """The metrics follow Prometheus' conventions."""
    checked = subprocess.run(
        ["promtool", "check", "metrics"],
        input=scraped.daemon.ask("/metrics").body,
        check=False,
        capture_output=True,
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


def test_every_promised_metric_is_there(scraped: Scraped) -> None:
    """A scrape has the metrics that rules and runbook count on, and none that nobody knows."""
    found = set(scraped.daemon.metrics())
    assert found <= METRICS
    assert {name for name in METRICS if name.startswith(("usage_stream_", "openai_"))} <= found


def names_in(legend: str) -> set[str]:
    """Find the labels that a legend names."""
    return set(re.findall(r"\{\{\s*(\w+)\s*\}\}", legend))


def test_every_panel_has_data(scraped: Scraped) -> None:
    """Each expression of the dashboards returns figures, with the labels that its legend names."""
    empty = []
    for one in expressions():
        if FLINK in one.expr or one.dashboard == BACKFILLED:
            continue
        # Other tests may have come in between: rates are those of when pages came.
        moment = scraped.moment - (DAY if "offset -1d" in one.expr else 0)
        result = scraped.server.ask("query", query=one.expr, time=moment)["result"]
        numbers = [float(series["value"][1]) for series in result]
        labels = set().union(*(series["metric"].keys() for series in result)) if result else set()
        if not numbers or all(map(math.isnan, numbers)) or not names_in(one.legend) <= labels:
            empty.append((one.dashboard, one.panel, one.expr, numbers[:3], sorted(labels)))
    assert empty == []


def rules() -> list[dict[str, Any]]:
    """Read every rule."""
    found = [yaml.safe_load(path.read_text("utf-8")) for path in sorted(RULES.glob("*.yml"))]
    return [rule for file in found for group in file["groups"] for rule in group["rules"]]


def as_question(expr: str) -> str:
    """Turn the comparisons of an alert into questions, which have an answer for every series."""
    parts = QUOTED.split(expr.partition("\nunless")[0])  # what excuses a series is no question
    parts[::2] = [COMPARISON.sub(r"\1 bool", part) for part in parts[::2]]
    return "".join(parts)


def test_every_rule_has_data(scraped: Scraped) -> None:
    """Each rule's expression answers something; an alert's, whether it holds for each series."""
    silent = {"UsageStreamTargetMissing", "UsageStreamNothingRead"}  # they are about what is absent
    empty = []
    for rule in rules():
        name = rule.get("record") or rule["alert"]
        if name in silent or FLINK in rule["expr"]:
            continue
        query = rule["expr"] if "record" in rule else as_question(rule["expr"])
        result = scraped.server.ask("query", query=query)["result"]
        numbers = [float(series["value"][1]) for series in result]
        if not numbers or all(map(math.isnan, numbers)):
            empty.append((name, query))
    assert empty == []


def test_alerts_that_should_fire_do(scraped: Scraped) -> None:
    """Dead letters, anomalies, fallen pages and missing windows are pending or firing by now."""
    states = {
        one["name"]: one["state"]
        for group in scraped.server.ask("rules")["groups"]
        for one in group["rules"]
        if one["type"] == "alerting"
    }
    wanted_ = {"DeadLetters", "PaginationAnomaly", "FiguresFallen", "WindowsMissing"}
    active = {
        name.removeprefix("UsageStream") for name, state in states.items() if state != "inactive"
    }
    assert wanted_ <= active, states
    assert states["UsageStreamDown"] == "inactive"
