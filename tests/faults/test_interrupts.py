"""Signals at awkward moments, inside the test's own process, where the moment can be chosen."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import aiofiles.os
import anyio
import pytest

from stream.engines.signals import run_until_signalled
from stream.records.errors import Interrupted, Unavailable
from stream.sinks.atomic import atomic_file, open_together
from stream.sinks.directory import atomic_directory
from tests.support.bad_pages import GOOD, ONE
from tests.support.pages import page, put_all
from tests.support.running import run

# Coverage holds a lock now and then, and a handler of signals that is traced waits for it.
pytestmark = pytest.mark.no_cover


def test_a_signal_counts_from_the_first_step() -> None:
    """A signal that comes before the work first waits for anything is not lost."""

    async def work() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        await anyio.sleep_forever()

    with pytest.raises((Interrupted, KeyboardInterrupt)) as raised:
        run_until_signalled(work)
    assert isinstance(raised.value, Interrupted)
    assert raised.value.signal_number == signal.SIGINT


def test_work_that_ends_gives_its_result() -> None:
    """Where no signal comes, the work's result is returned and its error is raised."""

    async def work() -> int:
        await anyio.lowlevel.checkpoint()
        return 7

    async def failing() -> None:
        await anyio.lowlevel.checkpoint()
        raise ValueError("it failed")

    assert run_until_signalled(work) == 7
    with pytest.raises(ValueError, match="it failed"):
        run_until_signalled(failing)


def test_an_interrupt_before_the_replay_is_130(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C while the command is still being prepared ends with 130 too, in one line."""

    def interrupted(_: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("stream.cli.replay.prepare_file", interrupted)
    pages = put_all(tmp_path / "pages", {ONE: page(GOOD)})
    code, output, errors = run(["replay", str(pages), "--report", str(tmp_path / "report.json")])
    assert (code, output, len(errors.splitlines())) == (130, "", 1)


def contents(directory: Path) -> list[str]:
    """Read every file of a directory."""
    return [path.read_text("utf-8") for path in directory.iterdir()]


def names(directory: Path) -> list[str]:
    """List a directory."""
    return sorted(path.name for path in directory.iterdir())


async def write_half(path: Path) -> None:
    """Fail in the midst of writing."""
    async with atomic_file(path) as file:
        await file.write(b"half")
        raise ValueError("it failed")


async def test_a_file_is_gone_or_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Writing that is cancelled during the rename leaves no file, or ends well all the same."""
    path = tmp_path / "report.json"
    rename = aiofiles.os.replace
    ended = False
    with anyio.CancelScope() as scope:

        async def cancelled_meanwhile(source: str, target: Path) -> None:
            scope.cancel()
            os.replace(source, target)  # noqa: PTH105 -- what the thread does, whoever still waits
            await rename(target, target)

        monkeypatch.setattr(aiofiles.os, "replace", cancelled_meanwhile)
        async with atomic_file(path) as file:
            await file.write(b"whole")
        ended = True
    assert contents(tmp_path) == ["whole"] * ended


async def test_a_block_that_fails_leaves_no_file(tmp_path: Path) -> None:
    """An error inside the block leaves what stood there before, and no temporary file."""
    path = tmp_path / "report.json"
    path.write_text("before", "utf-8")
    with pytest.raises(ValueError, match="it failed"):
        await write_half(path)
    assert contents(tmp_path) == ["before"]


async def write_both(directory: Path, act: Callable[[], object]) -> None:
    """Write two files together; something happens before they get their places."""
    async with open_together() as files:
        for name in ("one", "two"):
            file = await files.enter_async_context(atomic_file(directory / name))
            await file.write(b"whole")
        act()


@pytest.mark.parametrize("cancelled", [False, True])
async def test_files_appear_together(tmp_path: Path, *, cancelled: bool) -> None:
    """Files that belong together are both there, or given up both."""
    with anyio.CancelScope() as scope:
        await write_both(tmp_path, scope.cancel if cancelled else bool)
    assert contents(tmp_path) == ([] if cancelled else ["whole"] * 2)


async def test_a_file_without_a_place_gives_up_the_other(tmp_path: Path) -> None:
    """Where one of two files cannot be put in its place, the other is not there either."""
    with pytest.raises(Unavailable, match="two"):
        await write_both(tmp_path, (tmp_path / "two").mkdir)
    assert names(tmp_path) == ["two"]


async def test_a_directory_is_given_up_while_it_is_filled(tmp_path: Path) -> None:
    """Cancelled between two batches of files, a directory leaves none of them behind."""
    with anyio.CancelScope() as scope:
        async with atomic_directory(tmp_path / "out") as drawer:
            await drawer.put("one", bytes(2 << 20))
            scope.cancel()
            await drawer.put("two", bytes(2 << 20))
    assert drawer.bytes == 2 << 20
    assert names(tmp_path) == []
