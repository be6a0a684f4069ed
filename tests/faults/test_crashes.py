"""Real kills: whatever moment a run dies at, the next one goes on and ends with the same bytes."""

from __future__ import annotations

import random
import signal
import subprocess
from pathlib import Path

import pytest

from tests.support.pages import bucket, page, put_all, used
from tests.support.processes import command, killed_at, ticks_of

PAGES = 2_000
HISTORIES = 5
KILLS = 10

pytestmark = pytest.mark.no_cover


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a long chain whose buckets come again and grow."""
    directory = tmp_path_factory.mktemp("pages")
    names = ["usage_completions.json"]
    names += [f"usage_completions_page{number}.json" for number in range(2, PAGES + 1)]
    for number, name in enumerate(names, 1):
        rows = [used(number, model=f"m{index}") for index in range(5)]
        cursor = f"c{number}" if number < PAGES else None
        put_all(directory, {name: page(bucket(*rows, day=number % 300), cursor=cursor)})
    return directory


def test_runs_killed_at_random_moments_resume_to_the_same_bytes(
    pages: Path, tmp_path: Path
) -> None:
    """After kills at fifty random moments, each history's report is that of an unbroken run."""
    whole, moments, kills = tmp_path / "whole.json", random.Random(7), 0
    ticks = ticks_of(subprocess.Popen(command(pages, whole), stdout=subprocess.DEVNULL))
    for history in range(HISTORIES):
        report = tmp_path / f"report{history}.json"
        state = ["--state", str(tmp_path / f"state{history}.db")]
        for _ in range(KILLS):
            child = subprocess.Popen(command(pages, report, *state), stdout=subprocess.DEVNULL)
            kills += killed_at(child, moments.randint(ticks // 8, ticks * 7 // 8))
        subprocess.run(command(pages, report, *state), check=True, capture_output=True)
        assert report.read_bytes() == whole.read_bytes()
    assert kills > HISTORIES * KILLS // 3


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_has_checkpointed(
    number: signal.Signals, pages: Path, tmp_path: Path
) -> None:
    """A signal ends the run without a report, and what it had taken in is in the state file."""
    report, state = tmp_path / "report.json", tmp_path / "state.db"
    child = subprocess.Popen(
        command(pages, report, "--state", str(state)), stderr=subprocess.DEVNULL
    )
    while child.poll() is None and not state.with_name("state.db-wal").exists():
        pass
    child.send_signal(number)
    code = child.wait()
    assert (code, report.exists()) == (128 + number, False)
    resumed = command(pages, report, "--state", str(state))
    assert subprocess.run(resumed, check=False, stdout=subprocess.DEVNULL).returncode == 0
