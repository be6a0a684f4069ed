"""A bounded run on a cluster: the report of a replay, to the last byte."""

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.engines.flink.cluster.cluster import Cluster
from tests.engines.flink.cluster.jobs import COUNTERS, Job, jobs_of
from tests.support.captures import BROKEN, WRITTEN, generated, mixed
from tests.support.engines import reported, same
from tests.support.envelopes import put_capture
from tests.support.pages import letters_in
from tests.support.places import ROOT

TWICE = ("--parallelism", "2")
DAYS = "--rows-per-bucket 66 --width 1d --start 2012-01-01T00:00:00Z"


@pytest.mark.smoke
def test_everything_that_the_rules_speak_of(flink: Cluster, tmp_path: Path) -> None:
    """Revised, fallen, late and repeated rows, wider windows, rollups, views, lists and money."""
    captures = mixed(tmp_path / "in of ours, 100%", 4000)
    Job(flink, captures, tmp_path / "out", *TWICE)
    found = same(captures, tmp_path / "out")
    assert found.code == 1
    assert found.report is not None
    kinds = ("labelsDiffer", "overlappingWindows", "identityCollisions", "widerWindowsCovered")
    for kind in (*kinds, "excess"):
        assert found.report["reconciliation"][kind], kind
    same(captures, tmp_path / "out", "--no-details")


def test_flinks_own_client_submits_it_too(flink: Cluster, tmp_path: Path) -> None:
    """``flink run -py``, with the Python that the cluster's configuration names."""
    captures = mixed(tmp_path / "in", 4000)
    job = [str(ROOT / "stream" / "engines" / "flink" / "operators.py"), captures.as_uri()]
    done = subprocess.run(
        [flink.home / "bin" / "flink", "run", "-py", *job, (tmp_path / "out").as_uri()],
        check=False,
        capture_output=True,
        text=True,
        env=flink.environment,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert same(captures, tmp_path / "out").code == 1


def test_what_a_replay_refuses_or_sets_aside(flink: Cluster, tmp_path: Path) -> None:
    """Bad lines end a report with 65 and one line, or are dead letters, as in a replay."""
    (tmp_path / "in").mkdir()
    put_capture(tmp_path / "in" / "a.ndjson", [*WRITTEN, *BROKEN])
    put_capture(tmp_path / "in" / "b.ndjson.gz", [*BROKEN, *WRITTEN])
    Job(flink, tmp_path / "in", tmp_path / "out", *TWICE)
    _, code, errors = reported(tmp_path / "in", tmp_path / "out")
    assert (code, errors.count("\n")) == (65, 1)
    dead = tmp_path / "dead"
    aside = ("--on-error", "dead-letter", "--dead-letters", str(dead))
    assert same(tmp_path / "in", tmp_path / "out", *aside).code == 1
    assert len(letters_in(dead)) == 2 * (len(BROKEN) - 1)  # a walk without an end is none
    same(tmp_path / "in", tmp_path / "out", "--no-details", *aside)


def test_no_row_is_too_late_for_the_one_window(flink: Cluster, tmp_path: Path) -> None:
    """The facts of three thousand days all come before the end of event time closes the sums."""
    (tmp_path / "in").mkdir()
    generated(tmp_path / "in" / "days.ndjson", 200_000, "completions", DAYS)
    Job(flink, tmp_path / "in", tmp_path / "out", *TWICE)
    same(tmp_path / "in", tmp_path / "out")


def test_a_run_whose_taskmanager_is_killed_writes_each_sum_once(
    flink: Cluster, tmp_path: Path
) -> None:
    """It begins again, and what was written before does not count."""
    (tmp_path / "in").mkdir()
    for name, endpoint in (("a", "completions"), ("b", "embeddings")):
        generated(tmp_path / "in" / f"{name}.ndjson", 30_000, endpoint, DAYS)
    known = jobs_of(flink)
    with ThreadPoolExecutor() as threads:
        ending = threads.submit(Job, flink, tmp_path / "in", tmp_path / "out", *TWICE)
        flink.until(lambda: jobs_of(flink) - known, "a job")
        (job,) = (Job.known(flink, one) for one in jobs_of(flink) - known)
        flink.until(lambda: flink.counters(COUNTERS).get("pages"), "a page that was read")
        flink.kill(min(job.taskmanagers()))
        flink.start("first", "second")
        assert ending.result().id == job.id
    assert job.ask("/exceptions")["exceptionHistory"]["entries"]
    same(tmp_path / "in", tmp_path / "out")


def test_a_long_line_goes_through_whole(flink: Cluster, tmp_path: Path) -> None:
    """A page of 20 MB, of which no windows are kept."""
    (tmp_path / "in").mkdir()
    shape = "--rows-per-bucket 250 --buckets-per-page 100000 --width 1h"
    long = generated(tmp_path / "in" / "long.ndjson", 45_000, "completions", shape)
    (size,) = map(len, long.read_bytes().splitlines())
    assert size > 20_000_000
    Job(flink, tmp_path / "in", tmp_path / "out", "--no-details", *TWICE)
    assert same(tmp_path / "in", tmp_path / "out", "--no-details").code == 0
    _, code, errors = reported(tmp_path / "in", tmp_path / "out")
    assert code == 78
    assert "has not kept its windows" in errors
