"""How sources end: whatever an account has answered by then is taken in from its evidence."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from stream.daemon.config import PollSettings, Settings
from stream.daemon.consumer import Consumer
from stream.daemon.core import Core
from stream.daemon.feeding import Feeding
from tests.support.appending import FIRST, of_day


class LastWords:
    """An account whose only answer comes as it is ended."""

    def __init__(self, path: Path) -> None:
        """Answer into ``path``."""
        self.path = path

    async def run(self) -> None:
        """Wait for the end."""
        try:
            await anyio.sleep_forever()
        finally:
            self.path.write_bytes(of_day(0, 7, observed_at=FIRST))


@pytest.mark.anyio
async def test_what_an_account_answered_last_is_taken_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its evidence is looked through once more before the channel ends."""
    evidence = tmp_path / "evidence"
    evidence.mkdir()

    async def open_poller(_: Feeding, __: PollSettings) -> LastWords:
        return LastWords(evidence / "acme.ndjson")

    monkeypatch.setattr(Feeding, "_open_poller", open_poller)
    settings = Settings(
        state=tmp_path / "state.db",
        report=tmp_path / "report.json",
        dead_letters=tmp_path,
        poll=(PollSettings(name="acme", since="2026-01-01", evidence=evidence),),
        rescan_seconds=60.0,
    )
    stopping = anyio.Event()
    with closing(Core(settings, lambda: 1_800_000_000)) as core:
        feeding = Feeding(core)
        with anyio.fail_after(20):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(feeding.run, stopping)
                tasks.start_soon(Consumer(core).consume)
                while not (core.health.caught_up and core.pollers):  # noqa: ASYNC110 -- they tell nobody
                    await anyio.sleep(0.01)
                stopping.set()
        assert core.tally.lasting_counts.pages == {("usage/completions", "ok"): 1}
