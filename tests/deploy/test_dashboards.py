"""The dashboards: files and code agree, places do not overlap, variables are defined."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.dashboards import (
    BUILT_IN,
    VALUES,
    Box,
    boxes,
    carried,
    dashboards,
    overlapping,
    panels,
    queries,
    variables_in,
)
from tests.support.metric_labels import METRICS, TARGET
from tests.support.places import GRAFANA

OPENED = {
    "usage-stream-flink": ("now-6h", "browser"),
    "usage-stream-history": ("now-90d", "utc"),
    "usage-stream-machine": ("now-6h", "browser"),
    "usage-stream-overview": ("now-30d", "utc"),
}
"""The dashboards, and on which time they open: days of usage are days of UTC."""


def generate(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the script that writes the dashboards."""
    command = [sys.executable, str(GRAFANA / "generate.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def declared(dashboard: dict[str, Any]) -> set[str]:
    """Name the variables of a dashboard."""
    return {variable["name"] for variable in dashboard["templating"]["list"]}


@pytest.fixture(params=dashboards(), ids=lambda dashboard: dashboard["uid"])
def dashboard(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Give each dashboard in turn."""
    found: dict[str, Any] = request.param
    return found


def test_the_committed_files_are_what_the_code_makes() -> None:
    """The script, asked to compare, finds no byte that differs."""
    done = generate("--check")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_file_that_differs_is_named(tmp_path: Path) -> None:
    """One changed byte, a missing file and one too many are each named, and exit 1."""
    assert generate("--directory", tmp_path).returncode == 0
    assert {path.stem for path in tmp_path.iterdir()} == OPENED.keys()
    changed, missing, *_ = sorted(tmp_path.iterdir())
    changed.write_bytes(changed.read_bytes() + b"\n")
    missing.rename(tmp_path / "other.json")
    done = generate("--check", "--directory", tmp_path)
    assert done.returncode == 1
    for name in (changed.name, missing.name, "other.json"):
        assert f"{name} is not what the code makes" in done.stderr


def test_a_dashboard_can_be_told_from_others(dashboard: dict[str, Any]) -> None:
    """It has a fixed uid, a title, and numbers of its own for its panels; it starts as agreed."""
    assert dashboard["title"].startswith("usage-stream: ")
    since, zone = OPENED[dashboard["uid"]]
    assert dashboard["time"] == {"from": since, "to": "now"}
    assert dashboard["timezone"] == zone
    assert dashboard["refresh"] == ("5m" if zone == "utc" else "30s")
    numbers = [panel["id"] for panel in panels(dashboard)]
    assert numbers == list(range(1, len(numbers) + 1))


def test_titles_are_unique(dashboard: dict[str, Any]) -> None:
    """No two panels of a dashboard have the same title."""
    titles = [panel["title"] for panel in panels(dashboard)]
    assert len(set(titles)) == len(titles)


def test_every_panel_explains_itself(dashboard: dict[str, Any]) -> None:
    """Each panel has a title and a sentence, and each that draws figures has a unit and queries."""
    for panel in panels(dashboard):
        assert panel["title"]
        if panel["type"] == "row":
            continue
        assert panel["description"].endswith(".")
        if panel["type"] != "text":
            assert panel["targets"]
            assert panel["fieldConfig"]["defaults"]["unit"]
        if panel["type"] == "timeseries":
            assert panel["options"]["legend"]["showLegend"]


def test_panels_do_not_overlap(dashboard: dict[str, Any]) -> None:
    """Each panel has its place on the 24 columns to itself."""
    assert overlapping(dashboard) == []


def test_lines_of_panels_leave_no_gap(dashboard: dict[str, Any]) -> None:
    """Panels fill the page: every line of the grid is 24 columns wide."""
    width: dict[int, int] = {}
    for x, y, w, h in boxes(dashboard).values():
        assert 0 <= x < x + w <= 24
        for line in range(y, y + h):
            width[line] = width.get(line, 0) + w
    assert set(width.values()) == {24}
    assert sorted(width) == list(range(len(width)))


def test_two_panels_on_one_place_are_found() -> None:
    """The check for overlaps sees one that shares a single cell, and no mere neighbours."""
    placed = {"a": Box(0, 0, 8, 8), "b": Box(7, 7, 8, 8), "c": Box(15, 7, 9, 8)}
    shown = [{"title": title, "gridPos": box._asdict()} for title, box in placed.items()]
    assert overlapping({"panels": shown}) == [("a", "b")]


def test_every_variable_is_defined(dashboard: dict[str, Any]) -> None:
    """Each variable that a panel or a variable uses is one of the dashboard's or Grafana's own."""
    choices = [variable["query"] for variable in dashboard["templating"]["list"]]
    used = variables_in(json.dumps([dashboard["panels"], choices]))
    assert declared(dashboard) <= used
    assert used - BUILT_IN == declared(dashboard)
    assert used <= VALUES.keys()


def test_no_data_source_is_named(dashboard: dict[str, Any]) -> None:
    """Every query of a panel or a variable asks the data source that the reader chose."""
    chosen = {"type": "prometheus", "uid": "${datasource}"}
    source, *others = dashboard["templating"]["list"]
    assert {source["name"], source["type"], source["query"]} == {"datasource", "prometheus"}
    assert all(variable["datasource"] == chosen for variable in others)
    assert all(target["datasource"] == chosen for _, _, target in queries())


def test_choices_take_many_values(dashboard: dict[str, Any]) -> None:
    """Each variable but the data source takes several values, and starts with all of them."""
    for variable in dashboard["templating"]["list"][1:]:
        assert variable["multi"]
        assert variable["includeAll"]
        assert variable["current"]["value"] == ["$__all"]
        assert variable["query"].startswith(("label_values(", "query_result("))


def test_choices_ask_for_what_there_is() -> None:
    """A variable's values come from a label that its metric has, or name projects by a pattern."""
    asked = {
        (variable["name"], variable["query"])
        for dashboard in dashboards()
        for variable in dashboard["templating"]["list"][1:]
    }
    assert len(asked) == 11
    for name, query in asked:
        if name == "project":
            assert {"name", "project_id"} <= carried(query.removeprefix("query_result"))
            continue
        metric, label = query.removeprefix("label_values(").removesuffix(")").rsplit(", ", 1)
        assert label in METRICS[metric.partition("{")[0]] | TARGET


@pytest.mark.parametrize("uid", ["usage-stream-overview", "usage-stream-history"])
def test_what_does_not_apply_to_cost_says_so(uid: str) -> None:
    """Cost has no tier and no model: no panel of it is filtered by them, and all of them say so."""
    (found,) = (one for one in dashboards() if one["uid"] == uid)
    choices = {one["name"]: one for one in found["templating"]["list"]}
    assert all("cost has no" in choices[name]["description"] for name in ("tier", "model"))
    costs = [
        one
        for one in panels(found)
        if re.search("(api|project)_cost", json.dumps(one.get("targets", ())))
    ]
    assert len(costs) >= 5
    for panel in costs:
        assert not {"tier", "model"} & variables_in(json.dumps(panel["targets"]))
        assert "cost has neither" in panel["description"]
    assert any("do not apply" in one["title"] for one in panels(found) if one["type"] == "row")


def test_currencies_are_units() -> None:
    """A figure whose legend is a currency, or ends with one, has the currency's sign."""
    found = [panel for _, panel, target in queries() if "currency}}" in target["legendFormat"]]
    assert len(found) > 8
    for panel in found:
        signs = {
            override["matcher"]["options"]: override["properties"][0]["value"]
            for override in panel["fieldConfig"]["overrides"]
        }
        (usd,) = (
            sign for pattern, sign in signs.items() if re.search(pattern.strip("/"), "Lab (usd)")
        )
        assert usd == "currencyUSD"
        assert [one for one in signs if re.search(one.strip("/"), "Lab usd")] == []


def test_months_begin_with_the_month() -> None:
    """What is called a month to date has a time of its own, whatever the reader chooses."""
    found = {
        panel["title"]: panel
        for _, panel, _ in queries()
        if "month to date" in json.dumps(panel).lower()
    }
    assert len(found) > 2
    assert {panel["timeFrom"] for panel in found.values()} == {"now/M"}


def test_grafana_is_provisioned_with_what_the_dashboards_need() -> None:
    """The data source knows the scrape interval, and dashboards are read where they are mounted."""
    provisioning = GRAFANA / "provisioning"
    sources = yaml.safe_load((provisioning / "datasources" / "prometheus.yml").read_text("utf-8"))
    (source,) = sources["datasources"]
    assert (source["type"], source["url"]) == ("prometheus", "http://prometheus:9090")
    assert source["editable"] is False
    scraped = (GRAFANA.parent / "prometheus" / "prometheus.yml").read_text("utf-8")
    interval = yaml.safe_load(scraped)["global"]["scrape_interval"]
    assert source["jsonData"]["timeInterval"] == interval
    files = yaml.safe_load((provisioning / "dashboards" / "usage-stream.yml").read_text("utf-8"))
    (provider,) = files["providers"]
    mounted = yaml.safe_load((GRAFANA.parent / "compose.yaml").read_text("utf-8"))
    volumes = mounted["services"]["grafana"]["volumes"]
    assert f"./grafana/dashboards:{provider['options']['path']}:ro" in volumes
    assert "./grafana/provisioning:/etc/grafana/provisioning:ro" in volumes
