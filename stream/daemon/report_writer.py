"""The report's schedule: written anew when figures changed, in a thread, from a view of state.

One that cannot be written is tried again for as long as the daemon runs; state and metrics do not
depend on it. One that is gone, or is not what was written, is written again.
"""

from __future__ import annotations

import stat
from contextlib import ExitStack
from functools import partial
from itertools import chain
from pathlib import Path
from time import perf_counter
from typing import Final, NamedTuple

import anyio
import anyio.to_thread
from msgspec.structs import replace

from stream.daemon.core import Core
from stream.daemon.events import log_event
from stream.figures.outline import FrozenState
from stream.pipeline import Outputs, finish_run, freeze_state
from stream.records.errors import Unavailable

__all__ = ["ReportWriter"]

RETRY: Final = 5.0


class ReportMark(NamedTuple):
    """What tells a file from another in its place, and from itself after a change."""

    device: int
    inode: int
    size: int
    changed_at: int


class ReportWriter:
    """Writes the report of a core's state."""

    def __init__(self, core: Core) -> None:
        """Start with nothing written."""
        self.core = core
        self._written = -1
        self._mark: ReportMark | None = None
        """The report as it was written last."""
        self._writing = anyio.Lock()

    async def write_regularly(self) -> None:
        """Write the report when a source has caught up, and then as often as the settings say.

        What cannot be written is named, and tried again for ever.
        """
        while True:
            failed = False
            if self.core.health.caught_up and await self.is_due():
                try:
                    await self.write()
                except Unavailable as error:
                    failed = True
                    self.core.tally.report_failures += 1
                    self.core.health.note_failure("report", error)
            pause = self.core.settings.report_seconds
            if not self.core.health.caught_up or failed:
                pause = min(RETRY if failed else 0.2, pause)
            await anyio.sleep(pause)

    async def is_due(self) -> bool:
        """Tell whether figures changed, or the report is not there as it was written."""
        if self._written != self.core.changes or self._mark is None:
            return True
        return await anyio.to_thread.run_sync(mark_of, self.core.settings.report) != self._mark

    async def write(self) -> None:
        """Write the report as state stands.

        Raises:
            BadInput: the state file is damaged.
            Unavailable: it cannot be written; the one before is still there.
        """
        async with self._writing:
            changes, started = self.core.changes, perf_counter()
            with ExitStack() as stack:
                async with self.core.state_lock:  # or windows could leave between the two looks
                    frozen = self.core.intake.checkpoints.store.freeze()
                    state = freeze_state(self.core.intake, stack.enter_context(frozen))
                    state = replace(state, left_out=sorted(chain(*self.core.left_out.values())))
                sentences = self.core.health.troubles.sentences()
                issues = await anyio.to_thread.run_sync(
                    self._write, state, self.core.clock(), sentences
                )
            seconds = perf_counter() - started
            self._written = changes
            self._mark = await anyio.to_thread.run_sync(mark_of, self.core.settings.report)
            self.core.status.issues = issues
            self.core.tally.report_write.observe(seconds)
            self.core.tally.reported_at = self.core.clock()
            self.core.health.note_success("report")
            said = f"{self.core.settings.report}: written"
            log_event("debug", "report", said, issues=issues, seconds=round(seconds, 3))

    def _write(self, state: FrozenState, now: int, sentences: list[str]) -> int:
        """Compute the figures and write them; return how many things do not hold.

        ``sentences`` say what of the sources does not work.
        """
        settings = self.core.settings
        outputs = Outputs(settings.report, settings.details, prices=self.core.money.prices)
        losses = self.core.intake.checkpoints.store.losses
        issues = [*losses, *sentences]
        report = anyio.run(partial(finish_run, state, now, outputs, issues=issues))
        return len(report.outline.issues)


def mark_of(path: Path) -> ReportMark | None:
    """Return what tells a file from another; ``None`` when no regular file is there."""
    try:
        found = path.stat()
    except OSError:
        return None
    if not stat.S_ISREG(found.st_mode):  # it took the report's place already
        return None
    return ReportMark(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
