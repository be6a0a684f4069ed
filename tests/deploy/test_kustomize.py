"""The kustomize bases: what they list is there, and what refers to another finds it."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
import yaml

from tests.support.places import DEPLOY

STATE = "/var/lib/usage-stream"
KUBERNETES = DEPLOY / "kubernetes"
BASES = {"daemon": KUBERNETES, "monitoring": KUBERNETES / "monitoring"}
"""The folders that have a kustomization."""
DOCKERFILE = (DEPLOY / "Dockerfile").read_text("utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
MANIFESTS: dict[str, Any] = {
    path.stem: yaml.safe_load(path.read_text("utf-8")) for path in sorted(KUBERNETES.glob("*.yaml"))
}
SET = MANIFESTS["statefulset"]["spec"]
POD = SET["template"]["spec"]
DAEMON = POD["containers"][0]


@pytest.mark.parametrize("name", BASES)
def test_a_kustomization_lists_what_is_there(name: str) -> None:
    """Each manifest of a base is in its list, but for the secret, which is an example."""
    base = yaml.safe_load((BASES[name] / "kustomization.yaml").read_text("utf-8"))
    assert base["apiVersion"] == "kustomize.config.k8s.io/v1beta1"
    assert base.keys() == {"apiVersion", "kind", "resources"}
    assert base["kind"] == "Kustomization"
    there = {path.name for path in BASES[name].glob("*.yaml")} - {"kustomization.yaml"}
    assert sorted(base["resources"]) == sorted(there - {"secret.yaml"})
    listed = [yaml.safe_load((BASES[name] / one).read_text("utf-8")) for one in base["resources"]]
    names = [(one["kind"], one["metadata"]["name"]) for one in listed]
    assert len(set(names)) == len(names)
    assert all("namespace" not in one["metadata"] for one in listed)


def test_manifests_find_each_other() -> None:
    """What the pod takes from others is there: ConfigMap, Secret, claims, and its labels."""
    (volume,) = POD["volumes"]
    configuration, secret = volume["projected"]["sources"]
    asked = configuration["configMap"]
    assert asked["name"] == MANIFESTS["configmap"]["metadata"]["name"]
    assert {one["key"] for one in asked["items"]} <= MANIFESTS["configmap"]["data"].keys()
    assert {one["key"] for one in secret["secret"]["items"]} <= MANIFESTS["secret"]["data"].keys()
    labels = SET["template"]["metadata"]["labels"]
    assert SET["selector"]["matchLabels"] == labels
    assert MANIFESTS["networkpolicy"]["spec"]["podSelector"]["matchLabels"] == labels
    assert MANIFESTS["service"]["spec"]["selector"] == labels
    volumes = {one["metadata"]["name"] for one in SET["volumeClaimTemplates"]}
    for container in POD["containers"] + POD["initContainers"]:
        assert {one["name"] for one in container["volumeMounts"]} <= volumes | {volume["name"]}


def test_pages_and_evidence_have_volumes_of_their_own() -> None:
    """Neither fills the disk of state; what is mounted in the pod was made by then."""
    wanted = {STATE: "state", f"{STATE}/pages": "pages", f"{STATE}/evidence": "evidence"}
    mounts = {one["mountPath"]: one for one in DAEMON["volumeMounts"]}
    assert {path: mounts[path]["name"] for path in wanted} == wanted
    claims = {one["metadata"]["name"] for one in SET["volumeClaimTemplates"]}
    assert claims == set(wanted.values())
    (folders,) = POD["initContainers"]
    places = {one["name"]: one["mountPath"] for one in folders["volumeMounts"]}
    made = {
        f"{places[one['name']]}/{one['subPath']}" for one in mounts.values() if "subPath" in one
    }
    assert set(folders["command"][2:]) == made
    composed = [one.split(":") for one in COMPOSE["services"]["usage-stream"]["volumes"]]
    assert wanted.items() <= {path: source for source, path, *_ in composed}.items()
    installed = DOCKERFILE.partition("install -d -o 10001 -g 10001 -m 0700 ")[2].partition(
        "\nCOPY"
    )[0]
    assert set(installed.replace("\\", " ").split()) == wanted.keys()
    for watched in tomllib.loads(MANIFESTS["configmap"]["data"]["usage-stream.toml"])["watch"]:
        assert watched["path"] == f"{STATE}/pages"
