"""What a checkpoint left is written once, off the event loop, and shown whole."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import anyio
import pytest

from stream.daemon.config import Settings
from stream.daemon.consumer import Consumer
from stream.daemon.core import Core
from stream.figures.series import Series
from stream.sinks.metrics.exposition import Exposition, ShownCheckpoint

SERIES = Series("openai_project_requests", ("p", "default"))
LINE = b'\nopenai_project_requests_total{project_id="p",service_tier="default"} '
PAGES = b'\nusage_stream_pages_read_total{endpoint="costs",outcome="ok"} '


class Writing:
    """Counts when usage is written, and by which thread; each time it waits until it may go on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Look on from now on."""
        self.threads: list[int] = []
        self.begun, self.may_end = threading.Event(), threading.Event()
        self.may_end.set()
        write = Exposition.write

        def write_slowly(exposition: Exposition) -> ShownCheckpoint:
            self.threads.append(threading.get_ident())
            self.begun.set()
            assert self.may_end.wait(20)
            return write(exposition)

        monkeypatch.setattr(Exposition, "write", write_slowly)


class Shown(NamedTuple):
    """What a scrape says of a series and of pages."""

    requests: float
    pages: float


def count(core: Core, number: int) -> None:
    """Have a series and pages come to a number with the next checkpoint."""
    core.ledger.counts[SERIES] = number, 0
    core.tally.pages["costs", "ok"] = number


def scrape(core: Core) -> Shown:
    """Scrape a daemon's core."""
    found = core.scrape("")
    text = b"\n" + found.machine + b"".join(one.plain for one in found.usage)
    return Shown(*(float(text.partition(one)[2].partition(b"\n")[0] or 0) for one in (LINE, PAGES)))


@pytest.fixture
def core(tmp_path: Path) -> Iterator[Core]:
    """Open the core of a daemon that watches nothing."""
    settings = Settings(
        state=tmp_path / "state.db", report=tmp_path / "report.json", dead_letters=tmp_path / "dead"
    )
    with closing(Core(settings, lambda: 1_800_000_000)) as found:
        yield found


@pytest.mark.anyio
async def test_usage_is_written_once_for_each_checkpoint(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread writes it; scrapes take what is written, however many there are."""
    writing, consumer = Writing(monkeypatch), Consumer(core)
    for number in (1, 2):
        count(core, number)
        await consumer.checkpoint()
        assert [scrape(core) for _ in range(3)] == [Shown(number, number)] * 3
        assert len(writing.threads) == number
    assert threading.get_ident() not in writing.threads


@pytest.mark.anyio
async def test_a_scrape_shows_one_checkpoint(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the next one's text is being written, all of a scrape is of the one before."""
    writing, consumer = Writing(monkeypatch), Consumer(core)
    count(core, 1)
    await consumer.checkpoint()
    count(core, 2)
    writing.begun.clear()
    writing.may_end.clear()
    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(consumer.checkpoint)
            assert await anyio.to_thread.run_sync(writing.begun.wait, 20)
            assert core.tally.lasting_counts.pages["costs", "ok"] == 2
            assert scrape(core) == Shown(1, 1)
            writing.may_end.set()
    assert scrape(core) == Shown(2, 2)


@pytest.mark.anyio
async def test_who_is_ready_shows_what_it_counted(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A daemon that was behind stays so until a scrape has the figures it has caught up with."""
    writing, consumer = Writing(monkeypatch), Consumer(core)
    core.health.caught_up = core.health.figures_behind = True
    count(core, 1)
    writing.may_end.clear()
    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(consumer.checkpoint)
            assert await anyio.to_thread.run_sync(writing.begun.wait, 20)
            assert core.health.why_not_ready()
            writing.may_end.set()
    assert not core.health.figures_behind
    assert scrape(core) == Shown(1, 1)
