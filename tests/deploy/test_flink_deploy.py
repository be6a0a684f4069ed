"""What stands in deploy/flink/: each file by a tool that knows its kind, and all together."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from stream import __version__
from stream.engines.flink.job import read_arguments
from tests.support.checkers import BIN, told
from tests.support.commands import COMMANDS
from tests.support.places import ROOT, SUPPORT

FLINK = ROOT / "deploy" / "flink"
DOCKERFILE = (FLINK / "Dockerfile").read_text("utf-8")
README = (FLINK / "README.md").read_text("utf-8")
CONFIG: dict[str, Any] = yaml.safe_load((FLINK / "config.yaml").read_text("utf-8"))
DEPLOYMENT: dict[str, Any] = yaml.safe_load((FLINK / "flinkdeployment.yaml").read_text("utf-8"))
SPEC = DEPLOYMENT["spec"]
SETTINGS: dict[str, str] = SPEC["flinkConfiguration"]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
HOME = "/opt/usage-stream"
OLDER = {"numpy", "pyarrow", "python-dateutil"}
"""What Flink wants in an older version than the rest of us."""
STAND_IN = """#!/bin/sh
# Stands in for Python: `-m venv` makes an environment whose Python says what it was asked.
case "$*" in
*" venv "*) for last; do :; done; mkdir -p "$last/bin" && cp "$0" "$last/bin/python" ;;
*pip*) echo "$PIP_CONSTRAINT $PIP_BUILD_CONSTRAINT" "$@" ;;
esac
"""


def pins(path: Path) -> dict[str, str]:
    """Read a file of constraints; each line is a comment, or a name and one version."""
    lines = [line for line in path.read_text("utf-8").splitlines() if not line.startswith("#")]
    found = [re.fullmatch(r"([a-z0-9-]+)==([\w.]+)", line) for line in lines]
    assert all(found), [line for line, pin in zip(lines, found, strict=True) if not pin]
    named = {pin[1]: pin[2] for pin in found if pin}
    assert list(named) == sorted(named)
    assert len(named) == len(lines)
    return named


PINS = pins(FLINK / "constraints.txt")


def test_every_requirement_is_pinned() -> None:
    """What the package and its extra want is pinned, in our versions but where Flink bars them."""
    wanted = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["flink"]]
    names = {re.split(r"[>=<]", requirement)[0] for requirement in wanted}
    assert names <= PINS.keys()
    ours = pins(ROOT / "constraints.txt")
    assert {name for name in PINS.keys() & ours.keys() if PINS[name] != ours[name]} == OLDER
    for requirement in PROJECT["optional-dependencies"]["flink"]:
        name, _, version = requirement.partition("==")
        assert PINS[name] == version


def test_the_environment_is_made_from_its_own_pins(tmp_path: Path) -> None:
    """``make flink`` hands pip Flink's constraints alone, speaks on stderr, and is done once."""
    python, environment = tmp_path / "python", tmp_path / "venv"
    python.write_text(STAND_IN, "utf-8")
    python.chmod(0o755)
    command = ["make", "flink", f"PYTHON={python}", f"FLINK_VENV={environment}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    constraints = "deploy/flink/constraints.txt"
    asked = f"{constraints} {constraints} -m pip install --quiet -c {constraints} -e .[flink]"
    assert (done.stdout, done.stderr.splitlines()[1:]) == ("", [asked])
    again = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert (again.stdout, again.stderr) == ("", "")


def test_the_script_says_how_it_is_used() -> None:
    """Without a verb and a directory the script of the cluster does nothing, and exits 2."""
    for arguments in ((), ("start",), ("restart", "out")):
        code, said = told(FLINK / "cluster.sh", *arguments)
        assert code == 2
        assert said.count("cluster.sh ") == 4


def test_the_cluster_is_reached_from_this_machine_alone() -> None:
    """Every address is the loopback's, and each setting stands in the file once."""
    addresses = [key for key in CONFIG if key.endswith((".address", "host", "bind-address"))]
    assert {CONFIG[key] for key in addresses} == {"127.0.0.1"}
    assert len(addresses) == 6
    written = re.findall(r"(?m)^([a-z][\w.-]+):", (FLINK / "config.yaml").read_text("utf-8"))
    assert written == list(CONFIG)


def switched_on(name: str) -> Any:
    """Read a file with the comment marks off what is about the reporter."""
    text = (FLINK / name).read_text("utf-8")
    marked = r"(?m)^( *)# (?=metrics\.reporter\.|ports:$|  - name: metrics$|    containerPort:)"
    return yaml.safe_load(re.sub(marked, r"\1", text))


def test_metrics_are_off_until_they_are_switched_on() -> None:
    """The reporter cannot be bound to loopback: none names it, but in comments."""
    assert [key for key in SETTINGS.keys() | CONFIG.keys() if "reporter" in key] == []
    config, deployment = switched_on("config.yaml"), switched_on("flinkdeployment.yaml")["spec"]
    settings = deployment["flinkConfiguration"]
    for key in ("metrics.reporter.prom.factory.class", "metrics.reporter.prom.port"):
        assert key in config
        assert key in settings
    name = "org.apache.flink.metrics.prometheus.PrometheusReporterFactory"
    assert config["metrics.reporter.prom.factory.class"] == name
    assert settings["metrics.reporter.prom.factory.class"] == name
    (container,) = deployment["podTemplate"]["spec"]["containers"]
    (port,) = container["ports"]
    assert str(port["containerPort"]) == settings["metrics.reporter.prom.port"]
    first, last = map(int, config["metrics.reporter.prom.port"].split("-"))
    assert first == port["containerPort"] < last


def test_python_s_ports_are_bound_wherever_flink_starts() -> None:
    """The script and the image change the jar of Python."""
    for name in ("cluster.sh", "Dockerfile"):
        assert "from stream.engines.flink.loopback import put_loopback" in (FLINK / name).read_text(
            "utf-8"
        )


def test_the_package_s_options_of_java_are_kept() -> None:
    """What Java is told is one line of exports and opens, of which Flink wants nineteen."""
    options = CONFIG["env.java.opts.all"].split(" ")
    assert len(options) == len(set(options)) == 19
    for option in options:
        assert re.fullmatch(r"--add-(exports|opens)=[\w.]+/[\w.]+=ALL-UNNAMED", option)


def test_one_version_everywhere() -> None:
    """Image, jar, pins and the operator's name mean one Flink, and our image is this version."""
    (tag,) = re.findall(r"(?m)^ARG FLINK_TAG=(.+)-java21$", DOCKERFILE)
    assert tag == PINS["apache-flink"]
    assert SPEC["flinkVersion"] == "v{}_{}".format(*tag.split("."))
    assert SPEC["job"]["jarURI"].endswith(f"/flink-python-{tag}.jar")
    assert SPEC["image"].endswith(f":{__version__}")
    assert re.findall(r"(?m)^ARG VERSION=(.+)$", DOCKERFILE) == [__version__]


def test_the_deployment_is_valid() -> None:
    """Each field is one that the operator knows, of the right kind."""
    schema = SUPPORT / "flinkdeployment.schema.json"
    code, said = told(
        BIN / "check-jsonschema", "--schemafile", schema, FLINK / "flinkdeployment.yaml"
    )
    assert code == 0, said


def test_the_pods_are_valid_and_confined(tmp_path: Path) -> None:
    """The template of the pods holds against Kubernetes' own schema; nobody in it is root."""
    pod = tmp_path / "pod.yaml"
    pod.write_text(yaml.safe_dump(SPEC["podTemplate"]), "utf-8")
    code, said = told(BIN / "kubernetes-validate", "--strict", pod)
    assert (code, said.count(" passed for resource ")) == (0, 1), said
    template = SPEC["podTemplate"]["spec"]
    users = {
        user for line in re.findall(r"(?m)^USER (.+)$", DOCKERFILE) for user in line.split(":")
    }
    assert re.findall(r"(?m)^USER (.+)$", DOCKERFILE)[-1] == "9999:9999"
    assert users == {"0", "9999"}
    security = template["securityContext"]
    assert [security[name] for name in ("runAsUser", "runAsGroup", "fsGroup")] == [9999] * 3
    assert security["runAsNonRoot"] is True
    (container,) = template["containers"]
    assert "ports" not in container
    assert container["name"] == "flink-main-container"
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def test_the_job_s_arguments_are_those_of_the_job() -> None:
    """Flink's own arguments come first, then those that the job's command takes."""
    arguments = SPEC["job"]["args"]
    place = arguments.index("-py") + 1
    python = f"{HOME}/bin/python"
    assert arguments[: place - 1] == ["-pyclientexec", python]
    assert SETTINGS["python.executable"] == SETTINGS["python.client.executable"] == python

    job = read_arguments(arguments[place + 1 :])
    assert (job.follow, job.details) == (60, False)
    assert (job.captures[:5], job.out[:5]) == ("s3://", "s3://")


def test_the_job_s_file_is_in_the_image() -> None:
    """The path of the job is where its file comes to lie, below the Python that is installed."""
    arguments = SPEC["job"]["args"]
    path = arguments[arguments.index("-py") + 1]
    versions = set(re.findall(r" python3(?:-venv)?=(3\.\d+)\.\*", DOCKERFILE))
    (version,) = versions
    start = f"{HOME}/lib/python{version}/site-packages/"
    assert path.startswith(start)
    assert (ROOT / path.removeprefix(start)).is_file()
    assert f"python3 -m venv {HOME}" in DOCKERFILE
    assert PROJECT["requires-python"] == ">=3.11"


def test_both_configurations_mean_the_same() -> None:
    """Where machine and operator have a setting in common it has one value, bar the named ones."""
    shared = (SETTINGS.keys() & CONFIG.keys()) - {"execution.checkpointing.interval"}
    assert len(shared) > 10
    for key in shared:
        value = CONFIG[key]
        assert SETTINGS[key] == (str(value).lower() if isinstance(value, bool) else str(value))
    assert CONFIG["taskmanager.memory.process.size"] == "3g"
    assert SPEC["taskManager"]["resource"]["memory"] == "3072m"
    assert float(SETTINGS["kubernetes.taskmanager.memory.limit-factor"]) >= 1.5
    assert all("s3://bucket/" in SETTINGS[key] for key in SETTINGS if key.endswith(("dir", "Dir")))


def test_the_readme_speaks_of_options_that_exist() -> None:
    """Each command of ours that the README shows is one, and has the options it is shown with."""
    blocks = "\n".join(re.findall(r"```console\n(.+?)```", README, re.DOTALL))
    shown = re.findall(r"usage-stream ((?:flink )?[a-z]+) (.+)", blocks.replace("\\\n", " "))
    assert len(shown) > 5
    for command, rest in shown:
        parameters = COMMANDS[tuple(command.split())].params
        known = {option for one in parameters for option in (*one.opts, *one.secondary_opts)}
        assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", rest)) <= known


def test_the_readme_s_links_lead_somewhere() -> None:
    """Each file that the README names by a link is there."""
    links = re.findall(r"\]\(([^)#:]+)(?:#[\w-]*)?\)", README)
    assert links
    assert [link for link in links if not (FLINK / link).exists()] == []


@pytest.mark.parametrize("name", ["README.md", "config.yaml", "flinkdeployment.yaml"])
def test_no_address_is_named(name: str) -> None:
    """No file sends anybody to another machine than this one, or to a made-up registry."""
    text = (FLINK / name).read_text("utf-8")
    assert set(re.findall(r"https?://([\w.-]+)", text)) <= {"127.0.0.1"}
    assert sys.prefix not in text
