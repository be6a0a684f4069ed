"""What is made of the rules: links to the runbook, and Kubernetes' resources."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.places import DEPLOY

RULES = sorted((DEPLOY / "prometheus" / "rules").glob("*.yml"))
GENERATE = DEPLOY / "prometheus" / "generate_rules.py"
RESOURCES = {
    DEPLOY / "kubernetes" / "monitoring" / "prometheusrule.yaml": {"alerts.yml", "recording.yml"},
    DEPLOY / "flink" / "prometheusrule.yaml": {"flink.yml"},
}
"""The rules as the Prometheus operator reads them, and which files are in them."""


def loaded(path: Path) -> Any:
    """Read a YAML file."""
    return yaml.safe_load(path.read_text("utf-8"))


def generate(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the script that writes links and resources."""
    command = [sys.executable, str(GENERATE), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_resources_are_made_of_the_rules() -> None:
    """The script, asked to compare, finds no byte that differs."""
    done = generate("--check")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("path", RESOURCES, ids=lambda path: path.parent.name)
def test_a_prometheus_rule_says_what_the_rules_say(path: Path) -> None:
    """The operator's resource has the groups of its files, in their order, and no other."""
    resource = loaded(path)
    assert (resource["apiVersion"], resource["kind"]) == (
        "monitoring.coreos.com/v1",
        "PrometheusRule",
    )
    assert resource.keys() == {"apiVersion", "kind", "metadata", "spec"}
    assert resource["spec"].keys() == {"groups"}
    groups = [
        group for file in RULES if file.name in RESOURCES[path] for group in loaded(file)["groups"]
    ]
    assert resource["spec"]["groups"] == groups
    assert set().union(*RESOURCES.values()) == {file.name for file in RULES}


@pytest.mark.needs_program("promtool")
def test_the_runbook_may_be_anywhere(tmp_path: Path) -> None:
    """With an address of one's own all links have it, and rules still pass their unit tests."""
    for name in ("prometheus", "kubernetes", "flink"):
        shutil.copytree(DEPLOY / name, tmp_path / name)
    address = "https://git.acme.example/a/b.html"
    assert generate("--check", "--deploy", tmp_path).returncode == 0
    done = generate("--deploy", tmp_path, "--runbook", address)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    rules_ = tmp_path / "prometheus" / "rules"
    for path in [*rules_.rglob("*.yml"), *tmp_path.rglob("prometheusrule.yaml")]:
        links = re.findall(r"runbook_url: (\S+)", path.read_text("utf-8"))
        assert {link.partition("#")[0] for link in links} <= {address}, path
    command = ["promtool", "test", "rules", str(rules_ / "tests" / "process.yml")]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
    assert generate("--check", "--deploy", tmp_path, "--runbook", address).returncode == 0
    done = generate("--check", "--deploy", tmp_path)
    assert done.returncode == 1
    assert "prometheus/rules/alerts.yml is not what the rules make" in done.stderr


@pytest.mark.parametrize("address", ["deploy/runbook.md", "https://", "ftp://a/b", "https://a/#b"])
def test_an_address_is_one(address: str) -> None:
    """The runbook is on a host, and each alert brings its section along."""
    done = generate("--check", "--runbook", address)
    assert done.returncode == 2
    assert "--runbook" in done.stderr
