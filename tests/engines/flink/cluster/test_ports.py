"""Where a cluster with a running job listens: on loopback, but for what it was told to show."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engines.flink.cluster.cluster import JOBMANAGER, Cluster
from tests.engines.flink.cluster.jobs import COUNTERS, Job
from tests.support.captures import generated
from tests.support.listening import listeners_of

MANY = 4
"""A TaskManager has ports of its own, and for each Python process several more."""


def open_ports(flink: Cluster, captures: Path, out: Path) -> dict[str, set[int]]:
    """Run a job until its Python works; return each process' ports that others could reach.

    What the reporter was told to show is left out. The job is ended.
    """
    lines = (captures / "a.ndjson").read_bytes().count(b"\n")
    job = Job(flink, captures, out, "--follow", "1", "--parallelism", "2")
    flink.until(lambda: flink.counters(COUNTERS).get("pages") == lines, "all pages")
    assert job.running()
    found = {name: listeners_of(process.pid) for name, process in flink.processes.items()}
    for name in job.taskmanagers():
        assert len(found[name]) > MANY, found
    assert found[JOBMANAGER]
    flink.mend()
    return {
        name: {one.port for one in some if not one.is_loopback} - {flink.ports[name]}
        for name, some in found.items()
    }


def test_nobody_listens_beyond_the_machine(
    flink: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Java and Python of a job that runs are on loopback; Flink's own jar of Python is not."""
    (tmp_path / "in").mkdir()
    generated(tmp_path / "in" / "a.ndjson", 500, "completions")
    found = open_ports(flink, tmp_path / "in", tmp_path / "out")
    assert not any(found.values()), found
    monkeypatch.setenv("FLINK_OPT_DIR", str(flink.home / "opt"))
    assert any(open_ports(flink, tmp_path / "in", tmp_path / "out2").values())
