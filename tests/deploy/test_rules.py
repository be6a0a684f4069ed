"""Prometheus' files in deploy/: real promtool takes them, and nothing in them is made up."""

from __future__ import annotations

import functools
import re
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from tests.support.contract import METRICS
from tests.support.flink_metrics import FLINK
from tests.support.places import DEPLOY
from tests.support.prometheus import PATIENCE, prometheus

CONFIGURATION = DEPLOY / "prometheus" / "prometheus.yml"
RULES = sorted((DEPLOY / "prometheus" / "rules").glob("*.yml"))
UNIT_TESTS = sorted((DEPLOY / "prometheus" / "rules" / "tests").glob("*.yml"))
RUNBOOK = (DEPLOY / "runbook.md").read_text("utf-8")
TEXTS = RUNBOOK + (DEPLOY / "prometheus" / "README.md").read_text("utf-8")
"""What is written about metrics and rules."""

NOT_NAMES = re.compile(
    r"""
    "[^"]*"                                                 # texts
    | \{[^}]*\} | \[[^]]*\]                                 # matchers, ranges
    | \b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)
    | \boffset\s+\w+
    | \b(?:and|or|unless|bool)\b
    | \b[a-z_0-9]+(?=\s*(?:\(|by\b|without\b))              # functions
    """,
    re.VERBOSE,
)


@functools.cache
def loaded(path: Path) -> Any:
    """Read a YAML file."""
    return yaml.safe_load(path.read_text("utf-8"))


def rules(kind: str) -> dict[str, dict[str, Any]]:
    """Return the rules that are an ``alert`` or a ``record``, by name; no name occurs twice."""
    found = [
        rule
        for path in RULES
        for group in loaded(path)["groups"]
        for rule in group["rules"]
        if kind in rule
    ]
    named = {rule[kind]: rule for rule in found}
    assert len(named) == len(found)
    return named


ALERTS, RECORDED = rules("alert"), rules("record")
KNOWN = METRICS | FLINK.keys() | RECORDED.keys() | {"up"}


def cases(kind: str) -> Iterator[dict[str, Any]]:
    """Yield what the unit tests ask: ``alert_rule_test`` or ``promql_expr_test``."""
    for path in UNIT_TESTS:
        for test in loaded(path)["tests"]:
            yield from test.get(kind, ())


def names_in(expression: str) -> set[str]:
    """Find the series that an expression asks for."""
    return set(re.findall(r"(?<![\w:])[a-zA-Z_:][\w:]*", NOT_NAMES.sub(" ", expression)))


def anchors(text: str) -> list[str]:
    """Make the anchors of the headings as GitHub does."""
    headings = re.findall(r"^#+ (.+)$", text.lower(), re.MULTILINE)
    return [re.sub(r"[^\w -]", "", heading).replace(" ", "-") for heading in headings]


def promtool(*arguments: str | Path) -> None:
    """Run promtool; what it has to say stands in the failure."""
    done = subprocess.run(["promtool", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_names_are_found_in_an_expression() -> None:
    """Names are told from functions, words, labels, matchers, ranges and numbers."""
    expression = """sum without (le, x) (rate(a_total{b="c d"}[5m] offset 1d)) > 2 * 1e3
        and on (job) (level:e:f / (g > 0)) unless time() - h == 0"""
    assert names_in(expression) == {"a_total", "level:e:f", "g", "h"}


@pytest.mark.needs_program("promtool")
def test_promtool_takes_the_configuration() -> None:
    """The configuration and the rules that it loads are valid as they lie in the repository."""
    promtool("check", "config", CONFIGURATION)


@pytest.mark.needs_program("promtool")
def test_the_token_can_be_switched_on(tmp_path: Path) -> None:
    """The commented lines of the bearer token are valid once their comment marks are gone."""
    token = tmp_path / "token"
    token.write_text("made up", "utf-8")
    text = CONFIGURATION.read_text("utf-8").replace("rules/*.yml", str(RULES[0]))
    block = re.search(r"    # authorization:\n(?:    #   .+\n)+", text)
    assert block is not None
    lines = re.sub(r"(?m)^    # ", "    ", block[0])
    lines = re.sub(r"(?<=credentials_file: ).+", str(token), lines)
    changed = tmp_path / "prometheus.yml"
    changed.write_text(text.replace(block[0], lines), "utf-8")
    promtool("check", "config", changed)
    assert loaded(changed)["scrape_configs"][0]["authorization"]["credentials_file"] == str(token)


@pytest.mark.needs_program("promtool")
def test_flink_can_be_scraped(tmp_path: Path) -> None:
    """The commented job of Flink's processes is valid once its comment marks are gone."""
    text = CONFIGURATION.read_text("utf-8").replace("rules/*.yml", str(RULES[0]))
    block = re.search(r"  # - job_name: flink\n(?:  #   .+\n)+", text)
    assert block is not None
    changed = tmp_path / "prometheus.yml"
    changed.write_text(text.replace(block[0], re.sub(r"(?m)^  # ", "  ", block[0])), "utf-8")
    promtool("check", "config", changed)
    ours, flinks = loaded(changed)["scrape_configs"]
    assert (ours["job_name"], flinks["job_name"]) == ("usage-stream", "flink")
    assert flinks["static_configs"][0]["targets"]


@contextmanager
def exposing(text: str) -> Iterator[str]:
    """Serve ``text`` to a scrape; the address is given."""

    class Metrics(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Metrics) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.needs_program("prometheus")
@pytest.mark.parametrize(("length", "up"), [(1_000, "1"), (1_025, "0")])
def test_the_limits_have_room_for_long_names(tmp_path: Path, length: int, up: str) -> None:
    """A scrape with a model's name of 1,000 bytes is taken, and one of a longer name refused."""
    (tmp_path / "rules").symlink_to(RULES[0].parent)
    text = CONFIGURATION.read_text("utf-8").replace("30s", "1s").replace("10s", "1s")
    labels = 'endpoint="e",project_id="p",service_tier="t",token_type="input"'
    sample = f'openai_api_tokens_total{{{labels},model="{"m" * length}"}} 1\n'
    with exposing(sample) as address:
        text = text.replace("usage-stream:9464", address)
        with prometheus(tmp_path, text) as server:
            end = time.monotonic() + PATIENCE
            found: list[Any] = []
            while not found and time.monotonic() < end:
                found = server.ask("query", query="up")["result"]
    assert [series["value"][1] for series in found] == [up]


def test_every_rule_file_is_loaded() -> None:
    """The configuration's pattern, relative to it, matches the rules and not their tests."""
    (pattern,) = loaded(CONFIGURATION)["rule_files"]
    assert sorted(CONFIGURATION.parent.glob(pattern)) == RULES
    assert [path.name for path in RULES] == ["alerts.yml", "flink.yml", "recording.yml"]


@pytest.mark.needs_program("promtool")
def test_promtool_takes_the_rules() -> None:
    """No rule has a fault that promtool's lint knows."""
    promtool("check", "rules", "--lint=all", "--lint-fatal", *RULES)


@pytest.mark.needs_program("promtool")
@pytest.mark.parametrize("path", UNIT_TESTS, ids=lambda path: path.stem)
def test_the_rules_pass_their_unit_tests(path: Path) -> None:
    """Alerts fire when they should and not before; recorded figures are exact."""
    promtool("test", "rules", path)


def test_the_alerts_select_the_job_of_the_configuration() -> None:
    """The job's name in the rules is that of the scrape configuration."""
    (scrape,) = loaded(CONFIGURATION)["scrape_configs"]
    expressions = " ".join(rule["expr"] for rule in ALERTS.values())
    assert set(re.findall(r'job="([^"]*)"', expressions)) == {scrape["job_name"]}


@pytest.mark.parametrize("name", ALERTS)
def test_every_alert_is_tested_both_ways(name: str) -> None:
    """Each alert has a unit test in which it fires, and one in which it does not."""
    fires = {
        bool(case["exp_alerts"]) for case in cases("alert_rule_test") if case["alertname"] == name
    }
    assert fires == {True, False}


@pytest.mark.parametrize("name", ALERTS)
def test_every_alert_says_what_it_means(name: str) -> None:
    """Each alert waits, has a severity and two sentences, and leads to its own runbook."""
    rule = ALERTS[name]
    assert re.fullmatch(r"[1-9]\d*[mh]", rule["for"])
    assert rule["labels"].keys() == {"severity"}
    assert rule["labels"]["severity"] in {"warning", "critical"}
    assert rule["annotations"].keys() == {"summary", "description", "runbook_url"}
    link = urlsplit(rule["annotations"]["runbook_url"])
    assert (link.scheme, link.fragment) == ("https", name.lower())
    assert link.hostname
    assert link.path.endswith("/deploy/runbook.md")


def test_the_runbook_has_a_section_for_each_alert() -> None:
    """The runbook's headings are the alerts, in their order, and each anchor is there once."""
    assert re.findall(r"^## (.+)$", RUNBOOK, re.MULTILINE) == list(ALERTS)
    for rule in ALERTS.values():
        assert anchors(RUNBOOK).count(rule["annotations"]["runbook_url"].partition("#")[2]) == 1


@pytest.mark.parametrize("name", RECORDED)
def test_every_recorded_figure_is_tested(name: str) -> None:
    """Each recording rule has a unit test that expects a sample."""
    assert any(case["expr"] == name and case["exp_samples"] for case in cases("promql_expr_test"))


@pytest.mark.parametrize("name", [*ALERTS, *RECORDED])
def test_every_metric_in_a_rule_exists(name: str) -> None:
    """Rules ask for metrics of the program and of Flink, for recorded figures and for ``up``."""
    asked = names_in({**ALERTS, **RECORDED}[name]["expr"])
    assert asked
    assert asked <= KNOWN


def test_every_counter_of_usage_has_its_net() -> None:
    """Each family that can be corrected is recorded as accepted less corrected."""
    for corrected in (name for name in METRICS if name.endswith("_corrected_total")):
        family = corrected.removesuffix("_corrected_total")
        level, _, measured = family.removeprefix("openai_").partition("_")
        rule = RECORDED[f"openai_{level}:{measured}:net"]
        assert rule["expr"] == f"{family}_total - {corrected}"


def test_every_metric_in_the_readme_exists() -> None:
    """Each metric and recorded figure that is written about is there."""
    named = re.findall(
        r"(?<![\w:])(?:\w+:)?(?:openai_api|openai_project|usage_stream)[_:][\w:]*\w", TEXTS
    )
    assert len(named) > len(ALERTS)
    assert set(named) <= KNOWN


@pytest.mark.needs_program("promtool")
def test_the_queries_of_the_readme_are_promql(tmp_path: Path) -> None:
    """Each line of a promql block can be parsed, and asks for what exists."""
    blocks = re.findall(r"```promql\n(.+?)\n```", TEXTS, re.DOTALL)
    queries = "\n".join(blocks).splitlines()
    assert len(queries) >= len(blocks) > 0
    assert [query for query in queries if not names_in(query) <= KNOWN] == []
    path = tmp_path / "queries.yml"
    written = [{"record": f"query{n}", "expr": query} for n, query in enumerate(queries)]
    path.write_text(yaml.safe_dump({"groups": [{"name": "readme", "rules": written}]}), "utf-8")
    promtool("check", "rules", path)
