"""The committed dashboards as Grafana reads them, and what their expressions speak of."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import combinations
from typing import Any, NamedTuple

from tests.support.metric_labels import METRICS, TARGET
from tests.support.places import GRAFANA

# What stands in for each variable when an expression is tried.
VALUES = {
    "datasource": "prometheus",
    "__rate_interval": "1m",
    "__interval": "15s",
    "__range": "5m",
    "instance": ".*",
    "flink": ".*",
    "project": ".*",
    "model": ".*",
    "tier": ".*",
    "currency": ".*",
}
BUILT_IN = {"__rate_interval", "__interval", "__range"}

# What `$1` stands for is a part of a match.
VARIABLE = re.compile(r"\$(?:\{(\w+)(?::\w+)?\}|([^\W\d]\w*))")
# How projects get their names: by a join, or where there is none by their ids.
JOIN = re.compile(
    r" \* on \(project_id\) group_left \(name\) topk by \(project_id\) "
    r"\(1, group by \(project_id, name\) \(openai_project_info @ end\(\)\)\)"
)
# What asks whether the daemon was scraped at a moment.
GUARD = re.compile(r" and on \(job, instance\) usage_stream_state_records offset \w+")
GROUPING = re.compile(r"\b(\w+)\s+by\s*\(([^)]*)\)")
SELECTOR = re.compile(r"([\w:]+)\{([^}]*)\}")
TEXT = re.compile(r'"[^"]*"')
WORDS = {"and", "bool", "by", "ignoring", "offset", "on", "or", "unless", "without"}
CHOOSING = {"bottomk", "topk"}  # these keep the labels that they do not name
MERGING = re.compile(r"\b(?:avg|count|group|max|min|quantile|stddev|stdvar|sum)\s*\(")


class Expression(NamedTuple):
    """A query as Prometheus gets it, and where it stands, on what kind of panel."""

    dashboard: str
    kind: str
    panel: str
    legend: str
    expr: str


class Box(NamedTuple):
    """Where a panel stands on the grid of 24 columns."""

    x: int
    y: int
    w: int
    h: int


def dashboards() -> list[dict[str, Any]]:
    """Read the committed files, in the order of their names."""
    paths = sorted((GRAFANA / "dashboards").glob("*.json"))
    return [json.loads(path.read_bytes()) for path in paths]


def panels(dashboard: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Find all panels, rows among them, and those inside a row that is folded up."""
    for panel in dashboard["panels"]:
        yield panel
        yield from panel.get("panels", ())


def queries() -> Iterator[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]]:
    """Find each query, with its dashboard and its panel."""
    for dashboard in dashboards():
        for panel in panels(dashboard):
            for target in panel.get("targets", ()):
                yield dashboard, panel, target


def variables_in(text: str) -> set[str]:
    """Name the variables that a text uses."""
    return {braced or bare for braced, bare in VARIABLE.findall(text)}


def substituted(text: str, **values: str) -> str:
    """Put a value in place of each variable, as Grafana does when all is chosen; leave others."""
    known = VALUES | values
    return VARIABLE.sub(lambda found: known.get(found[1] or found[2], found[0]), text)


def expressions() -> list[Expression]:
    """List every query of every panel, ready to be run."""
    return [
        Expression(
            dashboard["title"],
            panel["type"],
            panel["title"],
            target["legendFormat"],
            substituted(target["expr"]),
        )
        for dashboard, panel, target in queries()
    ]


def labels_in(legend: str) -> set[str]:
    """Name the labels that a legend shows."""
    return set(re.findall(r"\{\{\s*(\w+)\s*\}\}", legend))


def listed(labels: str) -> set[str]:
    """Split a list of labels."""
    return {label for label in re.split(r"[,\s]+", labels) if label}


def metrics_in(expr: str) -> set[str]:
    """Name the metrics of an expression: what is left of its words without the rest of PromQL."""
    bare = re.sub(r"\b(?:by|ignoring|on|without)\s*\([^)]*\)", " ", TEXT.sub(" ", expr))
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]", " ", bare)
    found = re.findall(r"(?<![\w.])[A-Za-z_:][\w:]*(?!\w)(?!\s*\()", bare)
    return {name for name in found if name not in WORDS}


def figures_in(expr: str) -> str:
    """Take away the join by which projects get their names, and what guards the figures."""
    return GUARD.sub("", JOIN.sub("", expr))


def groupings_in(expr: str) -> list[set[str]]:
    """List the labels of each ``by (…)``."""
    return [listed(by) for _, by in GROUPING.findall(expr)]


def carried(expr: str) -> set[str]:
    """Name the labels that every result of an expression has, at the least."""
    if MERGING.search(expr):
        return set()
    bare = figures_in(expr)
    kept = [METRICS[metric] | TARGET for metric in metrics_in(bare)]
    kept += [frozenset(listed(by)) for what, by in GROUPING.findall(bare) if what not in CHOOSING]
    spent = {"le"} if "histogram_quantile" in expr else set()
    given = {"name"} if JOIN.search(expr) else set()
    return set(frozenset.intersection(*kept)) - spent | given


def matchers_in(expr: str) -> list[tuple[str, set[str]]]:
    """List the metrics that are selected by labels, with those labels."""
    return [
        (metric, set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", TEXT.sub('""', inside))))
        for metric, inside in SELECTOR.findall(expr)
    ]


def boxes(dashboard: dict[str, Any]) -> dict[str, Box]:
    """Find the place of each panel by its title."""
    return {panel["title"]: Box(**panel["gridPos"]) for panel in panels(dashboard)}


def overlapping(dashboard: dict[str, Any]) -> list[tuple[str, str]]:
    """Name the pairs of panels that share a cell of the grid."""
    return [
        (one, other)
        for (one, a), (other, b) in combinations(boxes(dashboard).items(), 2)
        if a.x < b.x + b.w and b.x < a.x + a.w and a.y < b.y + b.h and b.y < a.y + a.h
    ]
