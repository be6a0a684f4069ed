"""Signals end a replay with 128 and their number, at any moment, and leave nothing behind."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.pages import bucket, page, put, used
from tests.support.strategies import written

# Coverage holds a lock now and then, and a handler of signals that is traced waits for it.
pytestmark = pytest.mark.no_cover

PAGES = 800
ROWS = 60
LOOKS = 5_000_000
CODES = [(signal.SIGINT, 130), (signal.SIGTERM, 143)]


@pytest.fixture(scope="module")
def many_pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a chain that takes seconds to replay; its rows are of no known shape."""
    directory = tmp_path_factory.mktemp("pages")
    rows = [used(row, note=f"row {row}") for row in range(ROWS)]
    for number in range(1, PAGES + 1):
        cursor = f"cursor_{number + 1}" if number < PAGES else None
        name = f"usage_completions_fixture_page{number}.json"
        put(directory, name, written(page(bucket(*rows, day=number), cursor=cursor)))
    return directory


@pytest.fixture
def started(many_pages: Path, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Start a replay of those pages; whatever happens, it ends with the test."""
    report = tmp_path / "out" / "report.json"
    report.parent.mkdir()
    heard = ["env", "--default-signal=HUP"]  # whoever runs the tests may ignore it, as nohup does
    program = [sys.executable, "-m", "stream", "replay", str(many_pages), "--report", str(report)]
    with subprocess.Popen(
        heard + program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        try:
            yield running
        finally:
            running.kill()


def awaited(running: subprocess.Popen[str], seen: Callable[[], bool]) -> None:
    """Look until something is to be seen; the program must be running still."""
    for _ in range(LOOKS):
        if seen():
            assert running.poll() is None
            return
        if running.poll() is not None:
            break
    raise AssertionError(f"it ended unseen: {running.communicate()}")


def catches(process: int, number: int) -> bool:
    """Tell from /proc whether a process has a handler of its own for a signal."""
    status = Path(f"/proc/{process}/status").read_text("utf-8")
    (mask,) = [line.split()[1] for line in status.splitlines() if line.startswith("SigCgt:")]
    return bool(int(mask, 16) >> (number - 1) & 1)


def ended(running: subprocess.Popen[str], directory: Path, code: int) -> None:
    """Expect the exit code, one line on stderr, and neither report nor temporary file."""
    output, errors = running.communicate(timeout=180)
    assert (running.returncode, output) == (code, ""), errors
    assert len(errors.splitlines()) == 1
    assert "Traceback" not in errors
    assert list(directory.iterdir()) == []


@pytest.mark.parametrize(("number", "code"), CODES)
def test_a_signal_while_pages_are_read(
    number: int, code: int, started: subprocess.Popen[str], tmp_path: Path
) -> None:
    """A signal while pages are read ends the replay with its code, and leaves no report."""
    awaited(started, lambda: catches(started.pid, signal.SIGTERM))
    started.send_signal(number)
    ended(started, tmp_path / "out", code)


def test_who_ignores_hangups_still_does(many_pages: Path, tmp_path: Path) -> None:
    """Where the terminal's end is ignored, as nohup has it, no handler takes the place of that."""
    command = [sys.executable, "-m", "stream", "replay", str(many_pages)]
    nohup = ["sh", "-c", 'trap "" HUP; exec "$@"', "sh", *command]
    with subprocess.Popen(nohup, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as running:
        try:
            awaited(running, lambda: catches(running.pid, signal.SIGTERM))
            assert not catches(running.pid, signal.SIGHUP)
        finally:
            running.kill()


@pytest.mark.parametrize(("number", "code"), [*CODES, (signal.SIGHUP, 129)])
def test_a_signal_while_the_report_is_written(
    number: int, code: int, started: subprocess.Popen[str], tmp_path: Path
) -> None:
    """A signal while the report is written ends the replay, and the part of it is gone."""
    awaited(started, lambda: any((tmp_path / "out").iterdir()))
    started.send_signal(number)
    ended(started, tmp_path / "out", code)


@pytest.mark.parametrize(("number", "code"), CODES)
def test_a_second_signal_changes_nothing(
    number: int, code: int, started: subprocess.Popen[str], tmp_path: Path
) -> None:
    """An impatient second signal does not break the first one's end."""
    awaited(started, lambda: catches(started.pid, signal.SIGTERM))
    started.send_signal(number)
    started.send_signal(number)
    ended(started, tmp_path / "out", code)


@pytest.mark.parametrize(("number", "code"), CODES)
def test_a_report_from_before_stays(
    number: int, code: int, started: subprocess.Popen[str], tmp_path: Path
) -> None:
    """A replay that a signal ends leaves the report of an earlier one as it was."""
    report = tmp_path / "out" / "report.json"
    report.write_text("before", "utf-8")
    awaited(started, lambda: catches(started.pid, signal.SIGTERM))
    started.send_signal(number)
    assert started.wait(60) == code
    assert [path.read_text("utf-8") for path in report.parent.iterdir()] == ["before"]
