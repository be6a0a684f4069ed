"""Worker processes that end before their time, in whatever way: one line, and the right code."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from stream.engines.workers.handles import Worker
from stream.engines.workers.worker import FigureRequest, failure_of
from stream.records.errors import BadInput, Unavailable
from tests.support.envelopes import line, zstd
from tests.support.pages import bucket, page, used
from tests.support.running import run
from tests.support.workers import Started, has_ended, listens_to, moments

# Coverage holds a lock now and then, and a handler of signals that is traced waits for it.
pytestmark = pytest.mark.no_cover


def generate(path: Path) -> Path:
    """Generate what takes two processes a while."""
    code, _, errors = run(["generate", str(path), "--rows", "60000", "--rows-per-bucket", "25"])
    assert code == 0, errors
    return path


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Generate a capture that takes two workers a while; two labels have its days shared out."""
    made = generate(tmp_path_factory.mktemp("made") / "made.ndjson.zst")
    other = line(page(bucket(used(1))), label="other") + b"\n"
    made.write_bytes(zstd(other) + made.read_bytes())
    return made


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Generate pages that are cut into ranges, one of which the main process takes."""
    return generate(tmp_path_factory.mktemp("made") / "pages")


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


FIRST: dict[str, Callable[[Started], bool]] = {
    "it listens": lambda run: listens_to(run.process.pid, signal.SIGTERM),
    "there are workers": lambda run: len(run.children()) == run.beside,
    "a worker listens": lambda run: listens_to(run.children()[0], signal.SIGTERM),
    "shards are written": lambda run: any(run.report.parent.glob("*/shard-*")),
    "the report is written": lambda run: run.has_file(),
}
"""When the first signal comes."""
SECOND: dict[str, Callable[[Started], bool]] = {
    "at once": lambda _: True,
    "when a worker has ended": lambda run: len(run.living()) < run.beside,
    "when all workers have ended": lambda run: not run.living(),
    "when the scratch directory is gone": lambda run: not any(run.report.parent.iterdir()),
}
"""When the second one comes, unless the process has ended before."""


@pytest.mark.parametrize("group", [False, True], ids=["the main process", "its group"])
@pytest.mark.parametrize("second", SECOND)
@pytest.mark.parametrize("first", FIRST)
def test_two_signals_end_all_in_order(
    first: str, second: str, capture: Path, tmp_path: Path, *, group: bool
) -> None:
    """An impatient hand changes nothing, at whatever moment: a code, a line, and nothing left."""
    end_twice(Started(capture, tmp_path / "r.json"), first, second, group=group)


@pytest.mark.parametrize("group", [False, True], ids=["the main process", "its group"])
@pytest.mark.parametrize("second", ["at once", "when all workers have ended"])
@pytest.mark.parametrize("first", FIRST)
def test_two_signals_end_ranges_in_order(
    first: str, second: str, pages: Path, tmp_path: Path, *, group: bool
) -> None:
    """Nor where the main process reads pages itself."""
    end_twice(Started(pages, tmp_path / "r.json", beside=1), first, second, group=group)


def end_twice(started: Started, first: str, second: str, *, group: bool) -> None:
    """Send a run two signals; see that it ends in order."""
    tmp_path, send = started.report.parent, os.killpg if group else os.kill
    assert any(FIRST[first](started) for _ in moments())
    send(started.process.pid, signal.SIGTERM)
    assert any(SECOND[second](started) or started.has_ended() for _ in moments())
    with suppress(ProcessLookupError):
        send(started.process.pid, signal.SIGINT)
    code, errors = started.end()
    left = [path.name for path in tmp_path.iterdir()]
    if first == "the report is written" and left:  # it was whole before the signal was seen
        assert left == ["r.json"]
        assert code == 0 or errors.endswith("the report is written\n")
        return
    assert code in {130, 143}, errors  # of two that wait, the lower number is seen first
    assert (len(errors.splitlines()), left) == (1, []), errors


def test_signals_in_a_row_end_all_in_order(capture: Path, tmp_path: Path) -> None:
    """However many signals come, the first one's code and line are given, and nothing is left."""
    started = Started(capture, tmp_path / "r.json")
    children = started.children()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGTERM, signal.SIGINT):
        os.killpg(started.process.pid, number)
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
