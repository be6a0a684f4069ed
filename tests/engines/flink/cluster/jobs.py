"""Jobs on a cluster, submitted as a user does, and what the REST API says of them."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any, Final, NamedTuple

from tests.engines.flink.cluster.cluster import Cluster
from tests.support.running import NOW

COUNTERS: Final = "flink_taskmanager_job_task_operator_usage_stream_"
"""How the names of the job's own counters begin, as Prometheus sees them."""
WHOLE: Final = 240
"""Seconds that a bounded run may take."""


class Ended(NamedTuple):
    """How a command ended."""

    code: int
    output: str
    errors: str


def submitted(cluster: Cluster, captures: Path, out: Path, *options: str, now: str = NOW) -> Ended:
    """Submit a job as a user of the Flink environment does."""
    done = subprocess.run(
        [
            *("timeout", str(WHOLE)),  # which ends Flink's client too
            *(cluster.flink / "bin" / "usage-stream", "flink", "submit", captures, out),
            *("--jobmanager", cluster.address, "--now", now, *options),
        ],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "FLINK_LOG_DIR": str(cluster.place / "log")},
    )
    return Ended(done.returncode, done.stdout, done.stderr)


class Job:
    """A job that was submitted."""

    def __init__(self, cluster: Cluster, captures: Path, out: Path, *options: str) -> None:
        """Submit it."""
        done = submitted(cluster, captures, out, *options)
        assert (done.code, done.errors) == (0, ""), done
        self.cluster, self.id = cluster, json.loads(done.output)["jobId"]

    @classmethod
    def known(cls, cluster: Cluster, job: str) -> Job:
        """Return a job that somebody has submitted."""
        found = cls.__new__(cls)
        found.cluster, found.id = cluster, job
        return found

    def ask(self, path: str = "") -> Any:
        """Return an answer of the REST API on this job."""
        return self.cluster.ask(f"/jobs/{self.id}{path}")

    def restored(self) -> int | None:
        """Return the checkpoint that the job went on from, if it has."""
        latest = self.ask("/checkpoints")["latest"]["restored"]
        return None if latest is None else latest["id"]

    def taskmanagers(self) -> set[str]:
        """Return the names of the TaskManagers that run it."""
        return {
            one["taskmanager-id"]
            for vertex in self.ask()["vertices"]
            for one in self.ask(f"/vertices/{vertex['id']}/taskmanagers")["taskmanagers"]
        }

    def running(self) -> bool:
        """Tell whether each of its tasks runs."""
        states = [vertex["status"] for vertex in self.ask()["vertices"]]
        return set(states) == {"RUNNING"}


def jobs_of(cluster: Cluster) -> set[str]:
    """Return the ids of all jobs."""
    return {one["id"] for one in cluster.ask("/jobs")["jobs"]}
