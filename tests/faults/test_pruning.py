"""Real kills through folding, forgetting, giving space back, and copying: nothing is lost."""

from __future__ import annotations

import json
import random
import shutil
import signal
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path

import pytest

from tests.support.daemons import daemon
from tests.support.processes import killed_at, ticks_of
from tests.support.pruning import totals_in
from tests.support.running import NOW, replay, run

HISTORIES = 2
KILLS = 3
FOLD_SECONDS = (3, 7)  # from before the first day is folded
ROWS = "20000"
ENDPOINTS = "usage/completions,usage/embeddings,costs"

pytestmark = pytest.mark.no_cover


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a capture of walks that overlap, and a state file of it."""
    place = tmp_path_factory.mktemp("made")
    (place / "pages").mkdir()
    what = ["--rows-per-bucket", "20", "--walks", "4", "--overlap", "0.5", "--revised", "0.3"]
    capture = str(place / "pages" / "walks.ndjson.zst")
    done = run(["generate", capture, "--endpoints", ENDPOINTS, "--rows", ROWS, "--rollups", *what])
    assert done[0] == 0, done[2]
    (place / "pages" / "walks.expectations.json").unlink()
    assert replay(place / "pages", state=place / "state.db").report is not None
    return place


def report_of(place: Path, state: Path, *flags: str) -> bytes:
    """Replay what is read already, in a process of its own; return the report."""
    report = state.with_suffix(".json")
    report.unlink(missing_ok=True)
    command = ["replay", str(place / "pages"), "--state", str(state), "--report", str(report)]
    done = subprocess.run(
        [sys.executable, "-m", "stream", *command, "--now", NOW, *flags],
        check=False,
        capture_output=True,
    )
    assert report.exists(), done.stderr
    return report.read_bytes()


def totals_of(place: Path, state: Path) -> dict[str, str]:
    """Replay what is read already; return the totals of the report."""
    report = report_of(place, state, "--no-details")
    return totals_in(json.loads(report, parse_float=Decimal))


def started(*arguments: str) -> subprocess.Popen[bytes]:
    """Start a command of ``usage-stream state``."""
    command = [sys.executable, "-m", "stream", "state", *arguments]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL)


def test_pruning_that_is_killed_loses_nothing(made: Path, tmp_path: Path) -> None:
    """After each kill the state is whole and says what it said; in the end all of it is folded."""
    whole, moments, kills = totals_of(made, made / "state.db"), random.Random(7), 0
    reports, unbroken = set(), tmp_path / "unbroken.db"
    shutil.copy(made / "state.db", unbroken)
    ticks = ticks_of(started("prune", str(unbroken), "--retention", "30d"))
    for history in range(HISTORIES):
        state = tmp_path / f"{history}.db"
        shutil.copy(made / "state.db", state)
        for _ in range(KILLS):
            child = started("prune", str(state), "--retention", "30d")
            kills += killed_at(child, moments.randint(ticks // 4, ticks * 3 // 4))
            assert started("check", str(state)).wait() == 0
            assert totals_of(made, state) == whole
        assert started("prune", str(state), "--retention", "30d").wait() == 0
        assert totals_of(made, state) == whole
        assert state.stat().st_size < (made / "state.db").stat().st_size / 2
        reports.add(report_of(made, state))
    assert kills > HISTORIES * KILLS // 4
    assert len(reports) == 1


def test_a_copy_that_is_killed_is_whole_or_not_there(made: Path, tmp_path: Path) -> None:
    """Nothing is left of a copy whose maker was killed, once the next one is made."""
    state, out, moments, kills = tmp_path / "state.db", tmp_path / "copy.db", random.Random(7), 0
    shutil.copy(made / "state.db", state)
    ticks = ticks_of(started("backup", str(state), str(tmp_path / "whole.db")))
    (tmp_path / "whole.db").unlink()
    for _ in range(KILLS * 2):
        child = started("backup", str(state), str(out))
        kills += killed_at(child, moments.randint(ticks // 3, ticks))
        if out.exists():
            assert started("check", str(out)).wait() == 0
            out.unlink()
    assert kills > KILLS // 3
    code, _, errors = run(["state", "backup", str(state), str(out)])
    assert code == 0, errors
    assert {path.name for path in tmp_path.iterdir()} - {"copy.db-wal", "copy.db-shm"} <= {
        f"state.db{end}" for end in ("", "-wal", "-shm", ".lock")
    } | {"copy.db"}
    assert totals_of(made, out) == totals_of(made, state)


def test_a_daemon_that_is_killed_while_it_folds_shows_the_same(made: Path, tmp_path: Path) -> None:
    """Killed again and again, a daemon with a retention ends with the series of one without."""
    shutil.copytree(made / "pages", tmp_path / "pages")
    shutil.copy(made / "state.db", tmp_path / "state.db")
    with daemon(tmp_path) as found:
        before = {n: one for n, one in found.metrics().items() if n.startswith("openai_api_")}
        assert found.stop() == 0
    whole, moments = totals_in(found.report()), random.Random(7)
    for _ in range(KILLS):
        with daemon(tmp_path, more='retention = "30d"', wait=False):
            time.sleep(moments.uniform(*FOLD_SECONDS))
    with daemon(tmp_path, more='retention = "30d"') as found:
        report = tmp_path / "report.json"
        found.until(lambda: b'"folded"' in report.read_bytes(), "folding")
        after = {n: one for n, one in found.metrics().items() if n.startswith("openai_api_")}
        assert found.stop(signal.SIGTERM) == 0
    assert after == before
    assert totals_in(found.report()) == whole
    assert "folded" in found.report()["run"]
