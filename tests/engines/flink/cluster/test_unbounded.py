"""An unbounded run on a cluster whose processes are killed: nothing is lost, nothing twice."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Final

import pytest

from tests.engines.flink.cluster.cluster import JOBMANAGER, Cluster
from tests.engines.flink.cluster.jobs import COUNTERS, Job
from tests.support.captures import generated
from tests.support.engines import reported
from tests.support.running import replay

FOLLOW: Final = (
    *("--follow", "1", "--every", "1", "--parallelism", "2"),
    *("-D", "execution.checkpointing.interval=1s"),
)
GOING_ON: Final = {65, 69}
"""What a report may end with while pages arrive: a walk is not whole yet, or files are missing."""


class Arriving:
    """Captures that arrive one by one in a directory that a job follows."""

    def __init__(self, place: Path, rows: int, parts: int) -> None:
        """Generate walks, and share them out; nothing has arrived."""
        self.captures, self.out = place / "in", place / "out"
        self.captures.mkdir()
        walks: defaultdict[str, list[bytes]] = defaultdict(list)
        made = generated(place / "all.ndjson", rows, "completions,embeddings,costs")
        for line in made.read_bytes().splitlines(keepends=True):
            walks[json.loads(line)["observed_at"]].append(line)
        found = [b"".join(lines) for lines in walks.values()]
        self.coming = [b"".join(found[part::parts]) for part in range(parts)]
        self.arrived: list[bytes] = []

    def arrive(self) -> None:
        """Let the next capture arrive, whole."""
        content = self.coming.pop(0)
        self.arrived.append(content)
        beside = self.captures.parent / "beside"
        beside.write_bytes(content)
        beside.rename(self.captures / f"part {len(self.arrived)}.ndjson")

    def lines(self) -> int:
        """Return how many lines have arrived."""
        return sum(content.count(b"\n") for content in self.arrived)

    def settle(self, cluster: Cluster) -> None:
        """Wait until the report is that of a replay; until then it is none, or an earlier one."""
        wanted = replay(self.captures)
        assert (wanted.code, wanted.errors) == (0, "")

        files: set[Path] = set()

        def settled() -> bool:
            found = {one for one in self.out.rglob("part-*") if one.is_file()}
            if found <= files:
                return False
            files.update(found)
            self.out.with_suffix(".json").unlink(missing_ok=True)
            raw, code, errors = reported(self.captures, self.out)
            assert code in ({0, 1} if raw else GOING_ON), errors
            assert errors.count("\n") == (not raw)
            return raw == wanted.raw

        cluster.until(settled, "the report of a replay")

    def go_on(self, cluster: Cluster) -> Job:
        """Submit the job again, from the newest checkpoint; return it when it has caught up."""
        restore = ("--restore", str(cluster.checkpoints))
        job = Job(cluster, self.captures, self.out, *FOLLOW, *restore)
        self.settle(cluster)
        assert job.restored() is not None
        return job

    def rows(self) -> int:
        """Return how many rows have arrived."""
        return sum(
            len(bucket["results"]) + len(bucket.get("daily_costs", []))
            for content in self.arrived
            for line in content.splitlines()
            for bucket in json.loads(line)["page"]["data"]
        )


def taken_back(out: Path) -> int:
    """Return what the rows come to that were taken back of the sums by project and tier."""
    files = [one for one in (out / "totals").rglob("part-*") if one.is_file()]
    changes = [json.loads(line) for one in files for line in one.read_text("utf-8").splitlines()]
    return sum(one["before"]["whole"] for one in changes if one["op"] == "d")


@pytest.mark.smoke
def test_a_job_survives_its_processes(flink: Cluster, tmp_path: Path) -> None:
    """A TaskManager is killed, then the JobManager, while pages arrive, and nothing is lost."""
    arriving = Arriving(tmp_path, 3000, 5)
    arriving.arrive()
    job = Job(flink, arriving.captures, arriving.out, *FOLLOW)
    arriving.settle(flink)
    counted = flink.counters(COUNTERS)
    assert counted["pages"] == arriving.lines()
    outcomes = [counted[f"rows_{one}"] for one in ("new", "duplicate", "revised", "superseded")]
    assert sum(outcomes) == arriving.rows() > 0
    assert job.restored() is None

    victim = min(job.taskmanagers())
    arriving.arrive()
    flink.kill(victim)
    arriving.arrive()
    flink.start(victim)
    flink.until(lambda: job.restored() is not None and job.running(), "a restored job")
    arriving.settle(flink)
    assert flink.counters(COUNTERS)["pages"] < arriving.lines()

    arriving.arrive()
    flink.kill(JOBMANAGER)
    flink.stop()
    arriving.arrive()
    flink.mend()
    again = arriving.go_on(flink)
    assert again.id != job.id
    assert flink.counters(COUNTERS)["pages"] < arriving.lines()
    assert arriving.coming == []
    assert taken_back(arriving.out) > 0


def test_a_job_survives_a_power_cut_and_its_end(flink: Cluster, tmp_path: Path) -> None:
    """All processes are killed, then the job is cancelled; each time it goes on where it was."""
    arriving = Arriving(tmp_path, 3000, 4)
    arriving.arrive()
    Job(flink, arriving.captures, arriving.out, *FOLLOW)
    arriving.settle(flink)
    arriving.arrive()
    for name in list(flink.processes):
        flink.kill(name)
    arriving.arrive()
    flink.mend()
    arriving.go_on(flink)
    flink.mend()
    arriving.arrive()
    arriving.go_on(flink)
    assert flink.counters(COUNTERS)["pages"] < arriving.lines()
    assert taken_back(arriving.out) > 0
