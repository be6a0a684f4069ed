"""The report's schedule: written anew when figures changed, in a thread, from a view of state."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from itertools import chain
from time import perf_counter
from typing import Final

import anyio
import anyio.to_thread
import structlog

from stream.daemon.core import Core
from stream.figures.outline import FrozenState
from stream.pipeline import Outputs, finish_run, freeze_state
from stream.records.errors import Unavailable

__all__ = ["ReportWriter"]

RETRY: Final = 5.0


class ReportWriter:
    """Writes the report of a core's state."""

    def __init__(self, core: Core) -> None:
        """Start with nothing written."""
        self.core = core
        self._written = -1
        self._writing = anyio.Lock()

    async def write_regularly(self) -> None:
        """Write the report when a source has caught up, and then as often as the settings say.

        Raises:
            Unavailable: it could not be written for ``give_up_seconds``.
        """
        while True:
            failed = False
            if self.core.health.caught_up and self._written != self.core.changes:
                try:
                    await self.write()
                except Unavailable as error:
                    failed = True
                    patience = self.core.settings.give_up_seconds
                    self.core.health.note_failure("report", error, patience)
            pause = self.core.settings.report_seconds
            if not self.core.health.caught_up or failed:
                pause = min(RETRY if failed else 0.2, pause)
            await anyio.sleep(pause)

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
                    state = state._replace(left_out=sorted(chain(*self.core.left_out.values())))
                sentences = self.core.health.troubles.sentences()
                issues = await anyio.to_thread.run_sync(
                    self._write, state, self.core.clock(), sentences
                )
            seconds = perf_counter() - started
            self._written = changes
            self.core.status.issues = issues
            self.core.tally.report_write.observe(seconds)
            self.core.health.note_success("report")
            structlog.get_logger().debug("report", issues=issues, seconds=round(seconds, 3))

    def _write(self, state: FrozenState, now: int, sentences: list[str]) -> int:
        """Compute the figures and write them; return how many things do not hold.

        ``sentences`` say what of the sources does not work.
        """
        settings = self.core.settings
        outputs = Outputs(settings.report, settings.details)
        losses = self.core.intake.checkpoints.store.losses
        issues = [*losses, *sentences]
        report = anyio.run(partial(finish_run, state, now, outputs, issues=issues))
        return len(report.outline.issues)
