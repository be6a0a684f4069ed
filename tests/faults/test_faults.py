"""Faults at every moment that matters: kills at syncs and renames, a disk full or broken."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.places import FIXTURES
from tests.support.processes import faulty
from tests.support.running import NOW

KILLED = -9
MOST = 60

pytestmark = [pytest.mark.needs_program("strace"), pytest.mark.no_cover]


def command(place: Path) -> list[str]:
    """Write the command of a replay with state, all of whose outputs are in one place."""
    base = [sys.executable, "-m", "stream", "replay", str(FIXTURES), "--now", NOW]
    return [*base, "--report", str(place / "report.json"), "--state", str(place / "state.db")]


def run(place: Path, tracer: Sequence[str] = ()) -> subprocess.CompletedProcess[bytes]:
    """Run a replay, with faults where it is traced; coverage would write files of its own."""
    return subprocess.run([*tracer, *command(place)], check=False, capture_output=True)


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return the report of a run that nothing disturbs."""
    place = tmp_path_factory.mktemp("whole")
    assert run(place).returncode == 0
    return (place / "report.json").read_bytes()


@pytest.mark.parametrize("calls", ["fsync,fdatasync", "rename"])
def test_a_kill_at_each_sync_and_rename_loses_nothing(
    calls: str, expected: bytes, tmp_path: Path
) -> None:
    """Killed at its first sync, its second, and so on, a run leaves what the next finishes."""
    kills = 0
    for when in range(1, MOST):
        place = tmp_path / str(when)
        place.mkdir()
        if run(place, faulty(calls, f"signal=KILL:when={when}")).returncode == 0:
            break
        kills += 1
        report = place / "report.json"
        assert not report.exists() or report.read_bytes() == expected
        done = run(place)
        assert done.returncode == 0, done.stderr
        assert report.read_bytes() == expected
    assert 0 < kills < MOST - 1


@pytest.mark.parametrize("fault", ["ENOSPC", "EIO"])
@pytest.mark.parametrize(("call", "step"), [("pwrite64", 7), ("fdatasync", 2), ("fsync", 1)])
def test_a_store_that_cannot_be_written_is_69(
    call: str, step: int, fault: str, expected: bytes, tmp_path: Path
) -> None:
    """A full or broken disk ends the run with 69 and one line, and the next run recovers."""
    faults = 0
    for when in range(1, MOST, step):
        place = tmp_path / str(when)
        place.mkdir()
        done = run(place, faulty(call, f"error={fault}:when={when}+"))
        if done.returncode == 0:
            break
        faults += 1
        assert done.returncode == 69, done.stderr
        assert len(done.stderr.splitlines()) == 1, done.stderr
        report = place / "report.json"
        assert not report.exists() or (call == "fsync" and report.read_bytes() == expected)
        again = run(place)
        assert again.returncode == 0, again.stderr
        assert report.read_bytes() == expected
    assert faults < MOST - 1


@pytest.mark.parametrize(("fault", "code"), [("error=EIO", 69), ("signal=KILL", KILLED)])
def test_a_fault_behind_the_rename_leaves_a_whole_report(
    fault: str, code: int, expected: bytes, tmp_path: Path
) -> None:
    """The report stands already where its directory cannot be synced; the next run ends it."""
    # Whether one thread syncs both the report's file and its directory is chance.
    done = run(tmp_path, faulty("fsync", fault, tmp_path))
    assert done.returncode == code, done.stderr
    assert (tmp_path / "report.json").read_bytes() == expected
    again = run(tmp_path)
    assert again.returncode == 0, again.stderr
    assert (tmp_path / "report.json").read_bytes() == expected
