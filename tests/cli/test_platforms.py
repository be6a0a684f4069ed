"""What other platforms lack is said in a line, and gone on without; Linux without it stands in."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from stream.sources import settling
from tests.support.daemons import configure
from tests.support.pages import put
from tests.support.running import NOW, PLAIN

WINDOWS = """
import asyncio, importlib, multiprocessing.context, os, pkgutil, shutil, signal, sqlite3, sys
import tempfile
def missing(*_):
    raise NotImplementedError
asyncio.SelectorEventLoop.add_signal_handler = missing
multiprocessing.context._concrete_contexts.pop("fork")
sys.modules["fcntl"] = None
for name in "CLOEXEC DIRECTORY NOFOLLOW NONBLOCK".split():
    delattr(os, "O_" + name)
for name in "fork pread pwrite sched_getaffinity".split():
    delattr(os, name)
os.cpu_count = lambda: 2
for name in "SIGHUP SIGURG pthread_sigmask".split():
    delattr(signal, name)
"""
"""Takes away what Python has on Linux and not on Windows, once Python's own modules have it."""
COMMAND = "from stream.__main__ import main; main()"
IMPORTS = """
import stream
for module in pkgutil.walk_packages(stream.__path__, "stream."):
    if module.name not in ("stream.__main__", "stream.engines.flink.operators"):
        importlib.import_module(module.name)
"""
REPORT = Path("out/admin_ingestion_report.json")


def on_windows(
    place: Path, *arguments: str, program: str = COMMAND
) -> subprocess.CompletedProcess[str]:
    """Run a command, or another program, without what Windows lacks."""
    return subprocess.run(
        [sys.executable, "-c", WINDOWS + program, *arguments],
        cwd=place,
        env={**PLAIN, "SOURCE_DATE_EPOCH": NOW},
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_module_can_be_imported(tmp_path: Path) -> None:
    """No module wants at its import what only some platforms have."""
    done = on_windows(tmp_path, program=IMPORTS)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("workers", ["1", "2", "auto"])
def test_a_replay_needs_no_workers(workers: str, pages: Path, tmp_path: Path) -> None:
    """Where processes cannot be forked one process does it all, and says so where more was said."""
    command = ["replay", str(pages), "--workers", workers, "--notes", "notes"]
    done = on_windows(tmp_path, *command)
    said = [line for line in done.stderr.splitlines() if "no worker processes" in line]
    assert (done.returncode, done.stderr.splitlines()) == (0, said)
    assert len(said) == (workers != "1")
    without = (tmp_path / REPORT).read_bytes()
    subprocess.run(
        [sys.executable, "-m", "stream", *command],
        cwd=tmp_path,
        env={**PLAIN, "SOURCE_DATE_EPOCH": NOW},
        capture_output=True,
        check=True,
    )
    assert (tmp_path / REPORT).read_bytes() == without


def test_pages_can_be_made(tmp_path: Path) -> None:
    """Fixtures are generated where a directory cannot be synced, and verify finds nothing wrong."""
    assert on_windows(tmp_path, "generate", "made", "--rows", "50").returncode == 0
    assert on_windows(tmp_path, "verify", "made").returncode == 0


def test_state_without_locks_is_69(pages: Path, tmp_path: Path) -> None:
    """Where a state file cannot be locked nothing is written to it, and one line says why."""
    done = on_windows(tmp_path, "replay", str(pages), "--state", "state.db")
    assert done.returncode == 69
    (line,) = done.stderr.splitlines()
    assert "state.db: cannot be locked (this platform has no flock" in line
    assert not list(tmp_path.glob("state.db*"))


def test_a_daemon_says_what_it_lacks(tmp_path: Path) -> None:
    """A daemon says that leases are missing, and ends with 69 where locks are missing too."""
    (tmp_path / "pages").mkdir()
    done = on_windows(tmp_path, "daemon", "--config", str(configure(tmp_path, 0)))
    assert done.returncode == 69
    leases, locks = done.stderr.splitlines()
    assert "no file leases on this platform" in leases
    assert "cannot be locked" in locks


def test_without_leases_nobody_has_a_file_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where leases are missing, a file that is open for writing is left to its time alone."""
    path = put(tmp_path, "file", "{")
    with path.open("a", encoding="utf-8"):
        assert settling.is_open_elsewhere(path)
        monkeypatch.setattr(settling, "LEASES", False)
        assert not settling.is_open_elsewhere(path)
