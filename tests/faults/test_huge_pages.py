"""A signal during a long stretch of work, in which no event loop has a turn, ends it there.

Each stretch sends the signal itself, and would go on until patience ends.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stream.decode import Decoder
from stream.state.windows import KeyedState
from tests.support.bad_pages import END, MORE, ONE, TWO
from tests.support.pages import bucket, page, put_all, used
from tests.support.processes import command
from tests.support.running import replay
from tests.support.workers import moments

STUCK = (
    "import os, signal, threading\n"
    "from stream.sources import files\n"
    "def wait(_):\n"
    "    os.kill(os.getpid(), signal.SIGTERM)\n"
    "    threading.Event().wait()\n"
    "files.is_page_file = wait\n"
    "from stream.__main__ import main\n"
    "main()"
)
"""What runs a command whose threads never have done with a file."""
TIDYING = (
    "import os, signal, sys, time\n"
    "import stream.cli\n"
    "class Late:\n"
    "    def __del__(self):\n"
    "        os.kill(os.getpid(), signal.SIGINT)\n"
    "def work():\n"
    "    Late()\n"
    "    end = time.monotonic() + 30\n"
    "    while time.monotonic() < end:\n"
    "        pass\n"
    "    return 0\n"
    "stream.cli.run_command = work\n"
    "from stream.__main__ import main\n"
    "main()"
)
"""What gets a signal where Python lets no exception through."""


def work_on(number: int = signal.SIGTERM) -> None:
    """Send a signal, and work until patience ends."""
    os.kill(os.getpid(), number)
    for _ in moments():
        pass
    raise AssertionError("nothing broke it off")


def fail_slowly(*_: object, **__: object) -> Any:
    """Stand for work that takes long."""
    work_on()


def yield_slowly(*_: object, **__: object) -> Iterator[bytes]:
    """Yield a piece of a report, and no other one soon."""
    yield b"{"
    work_on()


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize(
    ("place", "stretch"),
    [
        ("decode.Decoder.decode", fail_slowly),
        ("figures.outline.outline_of", fail_slowly),
        ("sinks.report.pieces_of", yield_slowly),
    ],
)
def test_work_that_only_reads_is_broken_off(
    place: str, stretch: Any, workers: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page that is decoded, figures and the report end with the signal, and leave nothing."""
    pages = put_all(tmp_path / "pages", {ONE: MORE, TWO: END})
    monkeypatch.setattr(f"stream.{place}", stretch)
    replayed = replay(pages, workers=workers)
    in_worker = workers > 1 and "Decoder" in place  # a signal to each alone: one is the first
    assert replayed.code in ({143, 69} if in_worker else {143})
    assert len(replayed.errors.splitlines()) == 1


def test_a_list_is_broken_off_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A list of objects is read at one go as well."""
    pages = put_all(tmp_path / "pages", {ONE: MORE, TWO: END, "projects.json": "{}"})
    monkeypatch.setattr("stream.decode.lists.decode_list", fail_slowly)
    assert replay(pages).code == 143


def test_nothing_of_half_a_page_is_stored(
    tmp_path: Path, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A large page that a signal breaks off while it is merged leaves state as it was stored."""
    pages = put_all(tmp_path / "pages", {ONE: page(bucket(used(7)))})
    before = replay(pages, state=state)
    many = [bucket(used(1, model="m" * (1 << 19)), day=day) for day in range(1, 5)]
    put_all(pages, {"usage_embeddings.json": page(*many)})
    take, count = KeyedState.take, 0

    def take_some(self: KeyedState, *others: Any) -> Any:
        nonlocal count
        count += 1
        return take(self, *others) if count < 3 else work_on()

    with monkeypatch.context() as patched:
        patched.setattr(KeyedState, "take", take_some)
        assert replay(pages, state=state).code == 143
    (pages / "usage_embeddings.json").unlink()
    assert replay(pages, state=state).raw == before.raw


def test_what_was_taken_before_is_stored(
    tmp_path: Path, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A signal while a page is decoded costs no page that was counted before it."""
    pages = put_all(tmp_path / "pages", {ONE: MORE, TWO: END})
    decode, seen = Decoder.decode, list[int]()

    def decode_one(self: Decoder, payload: bytes, **options: Any) -> Any:
        seen.append(len(payload))
        return decode(self, payload, **options) if len(seen) == 1 else work_on()

    with monkeypatch.context() as patched:
        patched.setattr(Decoder, "decode", decode_one)
        assert replay(pages, state=state).code == 143
    seen.clear()

    def decode_any(self: Decoder, payload: bytes, **options: Any) -> Any:
        seen.append(len(payload))
        return decode(self, payload, **options)

    monkeypatch.setattr(Decoder, "decode", decode_any)
    assert replay(pages, state=state).code == 0
    assert len(seen) == 1


def test_nobody_waits_for_a_thread_that_reads(tmp_path: Path) -> None:
    """A signal ends the process although a thread is busy with a file, for ever."""
    arguments = command(put_all(tmp_path / "in", {ONE: END}), tmp_path / "out" / "r.json")[3:]
    done = subprocess.run(
        [sys.executable, "-c", STUCK, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, len(done.stderr.splitlines())) == (143, 1), done.stderr
    assert list((tmp_path / "out").iterdir()) == []


def test_a_signal_while_python_tidies_up_counts(tmp_path: Path) -> None:
    """Where no exception gets through, the signal ends the command a moment later, and quietly."""
    done = subprocess.run(
        [sys.executable, "-c", TIDYING], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert (done.returncode, "Traceback" in done.stderr) == (130, False), done.stderr


def test_a_signal_behind_the_report_says_that_it_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who is interrupted while the summary is printed has a report, and is told so."""

    def interrupted(_: bytes) -> None:
        raise KeyboardInterrupt(signal.SIGTERM)

    monkeypatch.setattr("stream.cli.basics.show_summary", interrupted)
    replayed = replay(put_all(tmp_path, {ONE: MORE, TWO: END}))
    assert (replayed.code, replayed.report is not None) == (143, True)
    assert replayed.errors.endswith("interrupted by signal 15; the report is written\n")


def test_a_signal_behind_the_report_is_too_late(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the report and the summary nothing is broken off: both are there, and 0."""

    def end_late(*_: object) -> bytes:
        os.kill(os.getpid(), signal.SIGTERM)
        return b"{}\n"

    monkeypatch.setattr("stream.sinks.summary.summary_of", end_late)
    replayed = replay(put_all(tmp_path, {ONE: MORE, TWO: END}))
    assert (replayed.code, replayed.report is not None) == (0, True)
