#!/usr/bin/env python3
"""Write the runbook's address into every alert, and the rules as Kubernetes' PrometheusRule.

With ``--check`` only compare, and exit 1 where anything differs.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import yaml

DEPLOY: Final = Path(__file__).resolve().parents[1]
RUNBOOK: Final = "https://usage-stream.example/deploy/runbook.md"
"""Where the runbook is, as long as nobody says otherwise: nowhere, as the name tells."""
LINK: Final = re.compile(r"(?m)(?<=runbook_url: )\S+?(?=#\w+$)")
JOB: Final = "flink.yml"
"""The rules on the job on Flink, which is deployed apart."""


class Literal(yaml.SafeDumper):
    """Writes texts of several lines as they are."""


def put_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    """Write a text, as a block if it has several lines."""
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style)


Literal.add_representer(str, put_text)


def linked(path: Path, runbook: str) -> str:
    """Read a file of rules, or of their tests, with the runbook's address in each link."""
    return LINK.sub(lambda _: runbook, path.read_text("utf-8"))


def prometheus_rule(name: str, groups: list[dict[str, Any]]) -> str:
    """Write groups of rules as the Prometheus operator reads them."""
    labels = {"app.kubernetes.io/name": "usage-stream"}
    resource = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": name, "labels": labels},
        "spec": {"groups": groups},
    }
    head = (
        "# Made of deploy/prometheus/rules by `make rules`; change it there. For its operator,\n"
        "# add the label that your Prometheus selects by (ruleSelector).\n"
    )
    text: str = yaml.dump(resource, Dumper=Literal, sort_keys=False, width=100, allow_unicode=True)
    return head + text


def generate(deploy: Path, runbook: str) -> dict[Path, str]:
    """Make each file's content, by its path."""
    rules = deploy / "prometheus" / "rules"
    made = {
        path: linked(path, runbook)
        for path in sorted([*rules.glob("*.yml"), *(rules / "tests").glob("*.yml")])
    }
    groups: dict[bool, list[dict[str, Any]]] = {True: [], False: []}
    for path in sorted(rules.glob("*.yml")):
        groups[path.name == JOB] += yaml.safe_load(made[path])["groups"]
    resource = deploy / "kubernetes" / "monitoring" / "prometheusrule.yaml"
    made[resource] = prometheus_rule("usage-stream", groups[False])
    made[deploy / "flink" / "prometheusrule.yaml"] = prometheus_rule(
        "usage-stream-flink", groups[True]
    )
    return made


def address(text: str) -> str:
    """Read the runbook's address: http or https with a host, and no fragment."""
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.fragment:
        raise argparse.ArgumentTypeError(f"{text!r} is no http(s) address without a fragment")
    if re.search(r"[\s#{}]", text):
        raise argparse.ArgumentTypeError(f"{text!r} has characters that an address has not")
    return text


def main() -> int:
    """Write or compare, and say what differs on stderr."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if any differs")
    parser.add_argument("--runbook", type=address, default=RUNBOOK, help="default: %(default)s")
    parser.add_argument("--deploy", type=Path, default=DEPLOY, help="default: %(default)s")
    chosen = parser.parse_args()
    made = generate(chosen.deploy, chosen.runbook)
    different = [
        path for path, text in made.items() if not path.exists() or path.read_text("utf-8") != text
    ]
    if chosen.check:
        sys.stderr.writelines(
            f"{path.relative_to(chosen.deploy)} is not what the rules make\n" for path in different
        )
        return 1 if different else 0
    for path in different:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(made[path], "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
