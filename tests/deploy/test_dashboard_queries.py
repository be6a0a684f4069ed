"""The dashboards' queries: what they speak of exists, and a real Prometheus answers each."""

from __future__ import annotations

import json
import math
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.dashboards import (
    Expression,
    carried,
    expressions,
    figures_in,
    groupings_in,
    labels_in,
    matchers_in,
    metrics_in,
)
from tests.support.metric_labels import METRICS, TARGET, samples
from tests.support.prometheus import Prometheus, prometheus

EXPRESSIONS = expressions()
NOW = 1735689600


def identity(expression: Expression) -> str:
    """Name an expression by its place."""
    return f"{expression.dashboard}/{expression.panel}/{expression.legend}"


@pytest.mark.parametrize("expression", EXPRESSIONS, ids=identity)
def test_an_expression_speaks_of_what_there_is(expression: Expression) -> None:
    """Metrics exist, with the labels they are chosen and grouped by; a quantile keeps ``le``."""
    metrics = metrics_in(figures_in(expression.expr))
    assert metrics
    assert metrics <= METRICS.keys()
    for metric, labels in matchers_in(expression.expr):
        assert labels <= METRICS[metric] | TARGET
    for labels in groupings_in(figures_in(expression.expr)):
        assert all(labels <= METRICS[metric] | TARGET for metric in metrics)
    if "histogram_quantile" in expression.expr:
        assert groupings_in(expression.expr)
        assert all("le" in labels for labels in groupings_in(expression.expr))
        assert all(metric.endswith("_bucket") for metric in metrics)


@pytest.mark.parametrize("expression", EXPRESSIONS, ids=identity)
def test_a_legend_names_labels_that_results_have(expression: Expression) -> None:
    """A legend has text, and its labels are left over by the expression."""
    assert expression.legend
    assert "$" not in expression.legend
    assert labels_in(expression.legend) <= carried(expression.expr)


@pytest.mark.parametrize("expression", EXPRESSIONS, ids=identity)
def test_currencies_are_never_added_up(expression: Expression) -> None:
    """An expression of costs keeps the currency, and its legend or a column shows it."""
    if any("_cost" in metric for metric in metrics_in(expression.expr)):
        assert "currency" in carried(expression.expr)
        assert expression.kind == "table" or "currency" in labels_in(expression.legend)


@pytest.mark.parametrize("expression", EXPRESSIONS, ids=identity)
def test_only_tokens_of_one_kind_are_added_up(expression: Expression) -> None:
    """Kinds of tokens overlap, so each expression of tokens names one, or just counts series."""
    for metric, labels in matchers_in(expression.expr):
        if metric.startswith("openai_api_tokens") and "count by" not in expression.expr:
            assert "token_type" in labels


def test_what_is_accepted_goes_with_what_is_corrected() -> None:
    """An expression with a measured counter has the twin that is taken off, series counts aside."""
    for expression in EXPRESSIONS:
        metrics = {name for name in metrics_in(expression.expr) if name.startswith("openai_")}
        counters = {name for name in metrics if name.endswith("_total")}
        if counters and "count by" not in expression.expr:
            stem = min(counters, key=len).removesuffix("_total").removesuffix("_corrected")
            assert {f"{stem}_total", f"{stem}_corrected_total"} <= counters


def test_other_programs_processes_are_left_out() -> None:
    """Every scraped program has process metrics: an expression of them asks who it is."""
    found = [one.expr for one in EXPRESSIONS if "process_" in one.expr]
    assert found
    assert all(expr.rstrip(") *10").endswith("usage_stream_build_info") for expr in found)


def test_expressions_are_read_as_they_are_meant() -> None:
    """The small reader of expressions finds metrics, groups, and the labels that are left."""
    ratio = 'sum by (model) (openai_api_images_total{model="by (x) y"}) / 2 > bool 0'
    assert metrics_in(ratio) == {"openai_api_images_total"}
    assert carried(ratio) == {"model"}
    assert carried("sum(process_open_fds) or process_max_fds") == set()
    assert carried("process_open_fds and on (job) usage_stream_build_info") == TARGET
    quantile = "histogram_quantile(0.5, sum by (le, job) (rate(a_bucket[5m])))".replace(
        "a_bucket", "usage_stream_page_read_duration_seconds_bucket"
    )
    assert carried(quantile) == {"job"}
    assert carried("topk by (currency) (3, openai_api_cost)") >= {"project_id", "currency"}


@pytest.mark.needs_program("promtool")
def test_promtool_reads_every_expression(tmp_path: Path) -> None:
    """Put into a file of rules, every expression is one that Prometheus can parse."""
    rules = [
        {"record": f"panel:{number}", "expr": expression.expr}
        for number, expression in enumerate(EXPRESSIONS)
    ]
    path = tmp_path / "rules.yml"
    path.write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}), "utf-8")
    command = ["promtool", "check", "rules", "--lint=none", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"{len(EXPRESSIONS)} rules found" in done.stdout


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """Run a Prometheus that holds made-up series of every metric."""
    scratch = tmp_path_factory.mktemp("prometheus")
    (scratch / "samples").write_text("".join(f"{line}\n" for line in samples(NOW)), "utf-8")
    blocks = ["promtool", "tsdb", "create-blocks-from", "openmetrics"]
    subprocess.run(
        [*blocks, scratch / "samples", scratch / "data"], check=True, capture_output=True
    )
    with prometheus(scratch) as running:
        yield running


@pytest.mark.needs_program("promtool")
@pytest.mark.needs_program("prometheus")
@pytest.mark.parametrize("expression", EXPRESSIONS, ids=identity)
def test_prometheus_answers_every_expression(server: Prometheus, expression: Expression) -> None:
    """A real Prometheus has results, with figures, that carry the labels of the legend."""
    moment = NOW - 86400 if "offset -1d" in expression.expr else NOW
    results = server.ask("query", query=expression.expr, time=moment)["result"]
    assert results
    for result in results:
        assert math.isfinite(float(result["value"][1]))
        assert labels_in(expression.legend) <= result["metric"].keys()
