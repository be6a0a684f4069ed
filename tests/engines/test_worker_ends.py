"""Worker processes that end before their time, in whatever way: one line, and the right code."""

from __future__ import annotations

import multiprocessing
import os
import signal
from pathlib import Path

import pytest

from stream.engines.workers.pool import Worker
from stream.engines.workers.worker import FigureRequest, failure_of
from stream.records.errors import BadInput, Unavailable
from tests.support.running import run
from tests.support.workers import Started, has_ended, listens_to, moments


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Generate a capture that takes two workers a while."""
    path = tmp_path_factory.mktemp("made") / "made.ndjson.zst"
    code, _, errors = run(["generate", str(path), "--rows", "60000", "--rows-per-bucket", "25"])
    assert code == 0, errors
    return path


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_one_worker_ends_the_run(
    number: signal.Signals, capture: Path, tmp_path: Path
) -> None:
    """Whoever ends a worker while it works, one line names it, and the run can be repeated."""
    started = Started(capture, tmp_path / "r.json")
    victim, other = started.children()
    assert any(listens_to(victim, number) for _ in moments())
    os.kill(victim, number)
    code, errors = started.end()
    assert (code, len(errors.splitlines())) == (69, 1), errors
    assert f"worker process {victim} was ended by signal {number}" in errors
    assert has_ended(other)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("group", [False, True], ids=["the main process", "its group"])
def test_signals_in_a_row_end_all_in_order(capture: Path, tmp_path: Path, *, group: bool) -> None:
    """An impatient hand changes nothing: the first signal's code, one line, and nothing left."""
    started = Started(capture, tmp_path / "r.json")
    children = started.children()
    send = os.killpg if group else os.kill
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGTERM, signal.SIGINT):
        send(started.process.pid, number)
    code, errors = started.end()
    assert (code, len(errors.splitlines())) == (130, 1), errors
    assert all(has_ended(child) for child in children)
    assert list(tmp_path.iterdir()) == []


def test_a_worker_that_ends_while_others_read_is_named() -> None:
    """Who has delivered, and ends before it is asked for figures, ends the run with 69."""
    fork = multiprocessing.get_context("fork")
    ours, theirs = fork.Pipe()
    child = fork.Process(target=os._exit, args=(3,))
    child.start()
    theirs.close()
    child.join()
    worker = Worker(child, ours, Path("shard"))
    with pytest.raises(Unavailable, match=f"worker process {child.pid} ended with 3"):
        worker.ask(FigureRequest(frozenset(), flush=False))
    ours.close()


def test_a_bug_in_a_worker_is_one() -> None:
    """What no error of ours explains ends the run with 70, in a line; ours stay what they are."""
    bug = failure_of(KeyError("x")).make_error()
    assert (bug.exit_code, str(bug)) == (70, "a bug in a worker process (KeyError: 'x')")
    bad = failure_of(BadInput("type", "found x", path="$.a").name_place("f")).make_error()
    assert (bad.exit_code, str(bad)) == (65, "f: $.a: found x")
