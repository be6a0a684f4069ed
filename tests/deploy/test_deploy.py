"""What stands in deploy/: each file by a tool that knows its kind, and all of them together."""

from __future__ import annotations

import base64
import binascii
import re
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from stream import __version__
from stream.daemon.config import (
    Http,
    Log,
    PaceSettings,
    PollSettings,
    Settings,
    WatchSettings,
    load_settings,
)
from stream.records.durations import seconds_of
from stream.records.errors import BadConfiguration, BadInput, KeyRefused
from stream.records.privacy import find_secrets
from tests.support.checkers import BIN, told
from tests.support.places import DEPLOY, ROOT

STATE = "/var/lib/usage-stream"
PORT = 9464
UID = 10001
# The keys of the configuration, "" for those outside any table.
KEYS = {
    name: {field.name for field in msgspec.structs.fields(struct)}
    for name, struct in dict[str, type[msgspec.Struct]](
        {
            "": Settings,
            "watch": WatchSettings,
            "pace": PaceSettings,
            "poll": PollSettings,
            "http": Http,
            "log": Log,
        }
    ).items()
}

DOCKERFILE = (DEPLOY / "Dockerfile").read_text("utf-8")
UNIT = (DEPLOY / "usage-stream.service").read_text("utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
SERVICES: dict[str, Any] = COMPOSE["services"]
KUBERNETES = DEPLOY / "kubernetes"
MANIFESTS: dict[str, Any] = {
    path.stem: yaml.safe_load(path.read_text("utf-8"))
    for path in sorted(KUBERNETES.rglob("*.yaml"))
    if path.stem != "kustomization"
}
CORE = sorted(MANIFESTS.keys() - {"servicemonitor", "prometheusrule"})
SET = MANIFESTS["statefulset"]["spec"]
POD = SET["template"]["spec"]
DAEMON = POD["containers"][0]
TEXTS: dict[str, str] = {
    "compose": (DEPLOY / "compose" / "usage-stream.toml").read_text("utf-8"),
    "kubernetes": MANIFESTS["configmap"]["data"]["usage-stream.toml"],
    "systemd": (DEPLOY / "usage-stream.toml").read_text("utf-8"),
}
CONFIGURATIONS: dict[str, Any] = {name: tomllib.loads(text) for name, text in TEXTS.items()}


def number(pattern: str, text: str) -> float:
    """Find the one number that a line has behind a name."""
    (found,) = re.findall(rf"(?m)^ *{pattern} *[=:] *(\d+)[sM]?$", text)
    return float(found)


@pytest.mark.parametrize("place", [DEPLOY, DEPLOY / "flink"], ids=["daemon", "flink"])
def test_the_dockerfile_is_clean(place: Path) -> None:
    """Hadolint has nothing to say about a Dockerfile, not even at its lowest level."""
    dockerfile = place / "Dockerfile"
    assert told(BIN / "hadolint", "--failure-threshold", "style", dockerfile) == (0, "")
    assert "hadolint ignore" not in dockerfile.read_text("utf-8")


@pytest.mark.parametrize("place", [DEPLOY, DEPLOY / "flink"], ids=["daemon", "flink"])
def test_the_build_sees_what_it_copies(place: Path) -> None:
    """The ignore file lets through exactly what the Dockerfile copies, and that is there."""
    lines = (place / "Dockerfile.dockerignore").read_text("utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    copies = re.findall(r"(?m)^COPY (?!--from)(.+) \S+$", (place / "Dockerfile").read_text("utf-8"))
    copied = {name for line in copies for name in line.split()}
    assert rules[0] == "*"
    assert {rule[1:] for rule in rules if rule.startswith("!")} == copied
    assert all((ROOT / name).exists() for name in copied)


def test_everything_runs_as_the_same_stranger() -> None:
    """The image and the pod agree on a user that is not root and has no way to become root."""
    assert re.findall(r"(?m)^USER (.+)$", DOCKERFILE) == [f"{UID}:{UID}"]
    security = POD["securityContext"]
    assert [security[name] for name in ("runAsUser", "runAsGroup", "fsGroup")] == [UID] * 3
    assert security["runAsNonRoot"] is True
    assert security["seccompProfile"] == {"type": "RuntimeDefault"}
    assert (POD["automountServiceAccountToken"], POD["enableServiceLinks"]) == (False, False)
    for container in POD["containers"] + POD["initContainers"]:
        confined = container["securityContext"]
        assert confined["readOnlyRootFilesystem"] is True
        assert confined["allowPrivilegeEscalation"] is False
        assert confined["capabilities"] == {"drop": ["ALL"]}
        assert container["resources"]["limits"].keys() == {"cpu", "memory"}


def test_the_compose_file_is_valid() -> None:
    """compose.yaml is what the compose specification's schema wants."""
    arguments = ("--builtin-schema", "vendor.compose-spec", DEPLOY / "compose.yaml")
    assert told(BIN / "check-jsonschema", *arguments)[0] == 0


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_confined(name: str) -> None:
    """A service has limits, tells its health, and is published on this machine alone."""
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["mem_limit"]
    assert service["healthcheck"]["test"][0] == "CMD"
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    for other, how in service.get("depends_on", {}).items():
        assert other in SERVICES
        assert how == {"condition": "service_healthy"}


@pytest.mark.parametrize("name", SERVICES)
def test_what_a_service_mounts_is_there(name: str) -> None:
    """Each folder or file of a mount is in the repository and read-only; the rest are volumes."""
    for mount in SERVICES[name]["volumes"]:
        source, _, rest = mount.partition(":")
        if source.startswith("."):
            assert (DEPLOY / source).exists(), source
            assert rest.endswith(":ro")
        else:
            assert source in COMPOSE["volumes"]


@pytest.mark.parametrize("name", CORE)
def test_a_manifest_is_valid(name: str) -> None:
    """A manifest holds against Kubernetes' own schema, which refuses fields it does not know."""
    path = DEPLOY / "kubernetes" / f"{name}.yaml"
    code, said = told(BIN / "kubernetes-validate", "--strict", path)
    assert (code, said.count(" passed for resource ")) == (0, 1), said  # unknown kinds exit 0 too
    assert "namespace" not in MANIFESTS[name]["metadata"]


def test_the_service_monitor_fits_the_rest() -> None:
    """A kind without a schema at hand: its fields are known, and it finds Service and Secret."""
    monitor, secret, service = (MANIFESTS[name] for name in ("servicemonitor", "secret", "service"))
    limits = [f"{name}Limit" for name in ("sample", "target", "label")]
    limits += ["labelNameLengthLimit", "labelValueLengthLimit"]
    assert monitor["spec"].keys() == {*limits, "selector", "endpoints", "bodySizeLimit"}
    assert all(isinstance(monitor["spec"][name], int) for name in limits)
    assert monitor["spec"]["selector"]["matchLabels"] == service["metadata"]["labels"]
    (endpoint,) = monitor["spec"]["endpoints"]
    wanted = {"port", "path", "interval", "scrapeTimeout", "authorization"}
    assert endpoint.keys() == wanted | {"honorLabels", "relabelings"}
    assert endpoint["honorLabels"] is True
    assert endpoint["port"] == service["spec"]["ports"][0]["name"]
    credentials = {"name": secret["metadata"]["name"], "key": next(iter(secret["data"]))}
    assert endpoint["authorization"] == {"type": "Bearer", "credentials": credentials}
    assert POD["volumes"][0]["projected"]["sources"][1]["secret"]["name"] == credentials["name"]
    assert SET["serviceName"] == service["metadata"]["name"]
    assert SET["selector"]["matchLabels"] == service["spec"]["selector"]


@pytest.mark.needs_program("systemd-analyze")
def test_the_unit_is_valid(tmp_path: Path) -> None:
    """Systemd has nothing to say about the unit, once its program is one that is installed."""
    unit = tmp_path / "usage-stream.service"
    unit.write_text(re.sub("(?m)^ExecStart=.*", "ExecStart=/bin/true", UNIT), "utf-8")
    assert told("systemd-analyze", "verify", "--man=no", unit) == (0, "")


@pytest.mark.needs_program("systemd-analyze")
def test_the_unit_exposes_little() -> None:
    """Systemd rates the unit's exposure at 1.0 of 10 or less."""
    path = DEPLOY / "usage-stream.service"
    code, said = told("systemd-analyze", "security", "--offline=true", "--threshold=10", path)
    assert (code, "Overall exposure level" in said) == (0, True), said.splitlines()[-1]


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_a_configuration_has_known_keys(name: str) -> None:
    """Each key of a configuration is one that the program knows, and those it wants are there."""
    found = CONFIGURATIONS[name]
    assert found.keys() >= {"state", "report", "dead_letters"}
    assert found.keys() <= KEYS[""]
    for table in ("watch", "pace", "poll", "http", "log"):
        given = found.get(table, {})
        for one in given if isinstance(given, list) else [given]:
            assert one.keys() <= KEYS[table]


def polling(text: str) -> str:
    """Take the comment marks off a configuration's ``[[poll]]``."""
    block = re.search(r"(?m)^# \[\[poll\]\]\n(?:^#.*\n)+", text)
    assert block is not None
    return text.replace(block[0], re.sub(r"(?m)^# ", "", block[0]))


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_an_account_can_be_asked(name: str, tmp_path: Path) -> None:
    """The commented ``[[poll]]`` is right once its marks are gone, and keeps evidence in state."""
    config = tmp_path / "config.toml"
    config.write_text(re.sub("(?m)^token_file.*", "", polling(TEXTS[name])), "utf-8")
    config.write_text(
        config.read_text("utf-8").replace("0.0.0.0", "127.0.0.1"),  # noqa: S104 -- it is taken away
        "utf-8",
    )
    (poll,) = load_settings(config, {}, {}).poll
    assert (poll.name, str(poll.evidence)) == ("acme", f"{STATE}/evidence")


def test_every_key_of_an_account_is_explained() -> None:
    """The example of the unit names each key of ``[[poll]]``; what has a default shows it."""
    (poll,) = tomllib.loads(polling(TEXTS["systemd"]))["poll"]
    assert poll.keys() == KEYS["poll"]
    chosen = {"name", "since", "evidence", "keep", "key_file", "organization", "endpoints"}
    plain = PollSettings(since=poll["since"], evidence=Path(poll["evidence"]))
    for key in ("every", "settle", "costs_every", "costs_settle", "lists_every"):
        poll[key] = seconds_of(poll[key])
    assert {key: poll[key] for key in poll.keys() - chosen} == {
        key: getattr(plain, key) for key in KEYS["poll"] - chosen
    }


def test_a_key_has_a_way_in_everywhere() -> None:
    """Each supervisor shows, as a comment, where the admin key comes from; none starts it again."""
    texts = [UNIT, (DEPLOY / "compose.yaml").read_text("utf-8")]
    texts.append((DEPLOY / "kubernetes" / "statefulset.yaml").read_text("utf-8"))
    assert ["OPENAI_ADMIN_KEY" in text for text in texts] == [True] * 3
    (never,) = re.findall("(?m)^RestartPreventExitStatus=(.+)$", UNIT)
    assert {int(code) for code in never.split()} == {
        error.exit_code for error in (BadConfiguration, BadInput, KeyRefused)
    }


@pytest.mark.parametrize(
    ("name", "mark"), [("statefulset", "env:"), ("networkpolicy", "egress:")], ids=["key", "way"]
)
def test_a_manifest_for_an_account_is_valid(name: str, mark: str, tmp_path: Path) -> None:
    """With the comment marks gone the pod has its key, and the policy lets it out."""
    text = (DEPLOY / "kubernetes" / f"{name}.yaml").read_text("utf-8")
    block = re.search(rf"(?m)^ *# {mark}\n(?:^ *#  .*\n)+", text)
    assert block is not None
    changed = tmp_path / f"{name}.yaml"
    whole = text.replace("  egress: []\n", "") if name == "networkpolicy" else text
    whole = whole.replace(block[0], re.sub(r"(?m)^( *)# ", r"\1", block[0]))
    changed.write_text(whole, "utf-8")
    code, said = told(BIN / "kubernetes-validate", "--strict", changed)
    assert (code, said.count(" passed for resource ")) == (0, 1), said


def test_one_port_everywhere() -> None:
    """All say 9464, and a listener beyond loopback has a token or says that it wants none."""
    assert re.findall(r"(?m)^EXPOSE (.+)$", DOCKERFILE) == [str(PORT)]
    assert SERVICES["usage-stream"]["ports"] == [f"127.0.0.1:{PORT}:{PORT}"]
    assert DAEMON["ports"][0]["containerPort"] == PORT
    assert MANIFESTS["service"]["spec"]["ports"][0]["port"] == PORT
    (rule,) = MANIFESTS["networkpolicy"]["spec"]["ingress"]
    assert [port["port"] for port in rule["ports"]] == [PORT]
    for http in (found["http"] for found in CONFIGURATIONS.values()):
        host, _, port = http["listen"].rpartition(":")
        assert port == str(PORT)
        assert host == "127.0.0.1" or "token_file" in http or http["allow_anonymous"]
    scraped = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text("utf-8"))
    (job,) = scraped["scrape_configs"]
    assert job["static_configs"] == [{"targets": [f"usage-stream:{PORT}"]}]
    assert "usage-stream" in CONFIGURATIONS["compose"]["http"]["hosts"]


def test_nothing_is_killed_before_it_may_stop() -> None:
    """Each supervisor waits longer than its configuration's stop_seconds, and a bit more."""
    waits = {
        "compose": float(SERVICES["usage-stream"]["stop_grace_period"].removesuffix("s")),
        "kubernetes": POD["terminationGracePeriodSeconds"],
        "systemd": number("TimeoutStopSec", UNIT),
    }
    for name, seconds in waits.items():
        assert seconds >= CONFIGURATIONS[name]["stop_seconds"] + 10


def test_memory_holds_the_largest_page() -> None:
    """Each memory limit is ten times the largest page that the daemon may read, or more."""
    limits = {
        "compose": float(SERVICES["usage-stream"]["mem_limit"].removesuffix("m")),
        "kubernetes": float(DAEMON["resources"]["limits"]["memory"].removesuffix("Mi")),
        "systemd": number("MemoryMax", UNIT),
    }
    for name, mebibytes in limits.items():
        assert mebibytes * 2**20 >= CONFIGURATIONS[name]["max_page_bytes"] * 10


def test_probes_ask_for_what_is_served() -> None:
    """Every probe asks for a path that exists and wants no token."""
    asked = [DAEMON[f"{name}Probe"]["httpGet"] for name in ("startup", "liveness", "readiness")]
    assert [one["path"] for one in asked] == ["/healthz", "/healthz", "/readyz"]
    assert {one["port"] for one in asked} == {DAEMON["ports"][0]["name"]}
    assert f"'127.0.0.1', {PORT}, timeout=4); asked.request('GET', '/healthz')" in DOCKERFILE


def test_every_image_is_pinned() -> None:
    """Images carry a whole version, and our own the program's; an ours-only name is not pulled."""
    bases = re.findall(r"(?m)^ARG PYTHON_TAG=(.+)$", DOCKERFILE)
    images = [service["image"] for service in SERVICES.values()]
    images += [one["image"] for one in POD["containers"] + POD["initContainers"]]
    for image in [f"python:{bases[0]}", *images]:
        assert re.search(r":v?\d+\.\d+\.\d+(-[\w-]+)?$", image), image
        if "usage-stream" in image:
            assert image.endswith(f"usage-stream:{__version__}")
    assert re.findall(r"(?m)^ARG VERSION=(.+)$", DOCKERFILE) == [__version__]
    assert SERVICES["usage-stream"]["pull_policy"] == "build"


def test_no_secret_is_committed() -> None:
    """The example's token is one that a cluster refuses, and no file has a key or an address."""
    with pytest.raises(binascii.Error):
        base64.b64decode(MANIFESTS["secret"]["data"]["token"], validate=True)
    assert "stringData" not in MANIFESTS["secret"]
    for path in DEPLOY.rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            assert find_secrets(path.read_text("utf-8")) == [], path


def test_grafana_finds_its_dashboards() -> None:
    """Each folder that Grafana is told to look into is one that compose.yaml mounts."""
    (mounted,) = (one for one in SERVICES["grafana"]["volumes"] if "/dashboards:" in one)
    providers = list((DEPLOY / "grafana" / "provisioning" / "dashboards").glob("*.yml"))
    assert providers
    home = SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert (DEPLOY / "grafana" / "dashboards" / Path(home).name).is_file()
    for path in providers:
        for provider in yaml.safe_load(path.read_text("utf-8"))["providers"]:
            assert provider["options"]["path"] == mounted.split(":")[1]
