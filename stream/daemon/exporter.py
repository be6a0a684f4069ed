"""Exports on a schedule: each is a process of its own, which reads the state file and is no more.

So counting waits for none of them, and one that hangs at a database is ended with the daemon. What
fails is said once, and tried again for as long as the daemon runs.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import anyio
import msgspec
from anyio.abc import ByteReceiveStream, Process

from stream.daemon.config import ExportSettings, Settings
from stream.daemon.core import Core
from stream.daemon.events import log_event
from stream.records.errors import Unavailable
from stream.records.privacy import one_line
from stream.sinks.metrics.status import ExportStatus

__all__ = ["Exporter"]

LOOK: Final = 0.2
"""Seconds from one look at whether sources were looked through to the next."""
FIRST_RETRY: Final = 1.0
LAST_RETRY: Final = 300.0
GRACE: Final = 3.0
"""Seconds that a process has to end by itself."""
INTERRUPTED: Final = frozenset({129, 130, 143, -signal.SIGINT, -signal.SIGTERM})
WRITTEN: Final = frozenset({0, 1})
"""The exit codes of one that has done it; 1: something does not hold, as of walks under way."""
LONGEST: Final = 1 << 16
"""How much of what a process says is kept: the end of it."""
OUTCOMES: Final = ("inserted", "updated", "deleted")


class Exporter:
    """Makes the exports of the settings, which may change."""

    def __init__(self, core: Core) -> None:
        """Export the state of ``core``; nothing runs yet."""
        self.core = core
        self._tasks: anyio.abc.TaskGroup | None = None
        self._scopes: dict[ExportSettings, anyio.CancelScope] = {}

    async def run(self, stopping: anyio.Event) -> None:
        """Export again and again until ``stopping`` is set; what runs then is ended."""
        while not self.core.health.caught_up:  # noqa: ASYNC110 -- health tells nobody of itself
            await anyio.sleep(LOOK)
        async with anyio.create_task_group() as tasks:
            self._tasks = tasks
            self.follow(self.core.settings)
            await stopping.wait()
            self._tasks = None
            tasks.cancel_scope.cancel()

    def follow(self, settings: Settings) -> None:
        """Begin with the exports that are new, and end those that are gone."""
        if self._tasks is None:
            return
        for one in self._scopes.keys() - set(settings.export):
            self._scopes.pop(one).cancel()
            self.core.status.exports.pop(one.label, None)
        for one in settings.export:
            if one not in self._scopes:
                self._scopes[one] = scope = anyio.CancelScope()
                status = ExportStatus(one.every, rows=dict.fromkeys(OUTCOMES, 0))
                self.core.status.exports[one.label] = status
                self._tasks.start_soon(self._export_regularly, one, status, scope)

    async def _export_regularly(
        self, wanted: ExportSettings, status: ExportStatus, scope: anyio.CancelScope
    ) -> None:
        """Export as often as is wanted; after a failure sooner, and then less and less often."""
        reason: str | None = None
        retry = FIRST_RETRY
        with scope:
            while True:
                started = anyio.current_time()
                try:
                    said = await self._export(wanted)
                except Unavailable as error:
                    status.failures += 1
                    reason = self._note_failure(wanted.label, str(error), reason)
                    await anyio.sleep(min(retry, wanted.every))
                    retry = min(retry * 2, LAST_RETRY)
                    continue
                seconds = anyio.current_time() - started
                self._note_success(wanted.label, status, said, seconds, had_failed=bool(reason))
                reason, retry = None, FIRST_RETRY
                await anyio.sleep(max(wanted.every - seconds, LOOK))

    def _note_failure(self, name: str, said: str, reason: str | None) -> str:
        """Log that an export failed, when it did not before, or for another reason; return that."""
        found = one_line(said)
        if found != reason:
            told = f"export {name} failed, and is tried again: {found}"
            self.core.health.note_mishap("export_failed", told, export=name, reason=found)
        return found

    def _note_success(
        self,
        name: str,
        status: ExportStatus,
        said: Mapping[str, Any],
        seconds: float,
        *,
        had_failed: bool,
    ) -> None:
        """Note what an export has changed, and that it works again."""
        status.last_success, status.duration = self.core.clock(), seconds
        rows = {one: int(said.get(f"{one}Rows", 0)) for one in OUTCOMES}
        for one, count in rows.items():
            status.rows[one] += count
        if had_failed:
            log_event("info", "export_works", f"export {name} works again", export=name)
        done = f"export {name}: written"
        log_event("info", "export", done, export=name, seconds=round(seconds, 3), **rows)

    async def _export(self, wanted: ExportSettings) -> Mapping[str, Any]:
        """Export once, in a process; return what that says it has done.

        Raises:
            Unavailable: it failed.
        """
        command = command_of(wanted, self.core.settings.state)
        try:
            process = await anyio.open_process(command, stdin=subprocess.DEVNULL)
        except OSError as error:
            raise Unavailable(f"no process can be started ({error.strerror})") from None
        output, errors = bytearray(), bytearray()
        async with process:
            try:
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(take_all, process.stdout, output)
                    tasks.start_soon(take_all, process.stderr, errors)
                code = await process.wait()
            except BaseException:
                await end_child(process)
                raise
        if code in INTERRUPTED:
            await anyio.sleep(LOOK)  # whoever ends all processes of a unit ends the daemon, too
        if code not in WRITTEN or (code and not output.strip()):
            lines = errors.decode(errors="replace").strip().splitlines()
            said = lines[-1].removeprefix("usage-stream: ") if lines else "it said nothing"
            raise Unavailable(f"exit code {code}: {said}")
        try:
            return msgspec.json.decode(output, type=dict[str, Any]) if output.strip() else {}
        except ValueError:
            raise Unavailable("it did not say what it has done") from None


def command_of(wanted: ExportSettings, state: Path) -> list[str]:
    """Return the command that makes an export; another format is another case."""
    match wanted.format:
        case "postgres":
            service = () if wanted.service is None else ("--service", wanted.service)
            arguments = [str(state), "--schema", wanted.schema, *service]
        case "openmetrics":
            arguments = [str(state), "--out", str(wanted.out)]
    return [sys.executable, "-P", "-m", "stream", "export", wanted.format, *arguments]


async def take_all(stream: ByteReceiveStream | None, found: bytearray) -> None:
    """Take what a process says until it says no more; keep the end of it."""
    assert stream is not None  # noqa: S101 -- a pipe was asked for
    async for chunk in stream:
        found += chunk
        del found[:-LONGEST]


async def end_child(process: Process) -> None:
    """Ask a process to end, and wait a little; who closes it then does not ask."""
    if process.returncode is None:
        process.terminate()
        with anyio.move_on_after(GRACE, shield=True):
            await process.wait()
