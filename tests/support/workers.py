"""A replay with worker processes, started to be ended in some way or other."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from tests.support.running import NOW

__all__ = ["Started", "has_ended", "listens_to", "moments"]

PATIENCE = 30.0


class Started:
    """A replay with two workers, in processes of its own."""

    def __init__(self, capture: Path, report: Path, *options: str, beside: int = 2) -> None:
        """Start it; scratch files go beside the report.

        So many workers are processes ``beside`` the main one: it is one itself where pages are cut.
        """
        self.beside = beside
        base = [sys.executable, "-m", "stream", "replay", str(capture), "--now", NOW]
        self.report = report
        self.process = subprocess.Popen(
            [*base, "--report", str(report), "--workers", "2", *options],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env={**os.environ, "TMPDIR": str(report.parent)},
        )

    def children(self) -> list[int]:
        """Wait until its workers are there; return their process ids."""
        for _ in moments():
            found = self._processes()
            if len(found) == self.beside:
                return found
        raise AssertionError("no workers")

    def living(self) -> list[int]:
        """Return those of its workers that have not ended."""
        return [one for one in self._processes() if not has_ended(one)]

    def has_ended(self) -> bool:
        """Tell whether it has ended."""
        return self.process.poll() is not None

    def has_file(self) -> bool:
        """Tell whether it is writing a file beside the report, and not only a directory."""
        return any(path.is_file() for path in self.report.parent.iterdir())

    def _processes(self) -> list[int]:
        place = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        with suppress(OSError):
            return [int(one) for one in place.read_text("ascii").split()]
        return []

    def end(self) -> tuple[int, str]:
        """Wait for its end; return the exit code and what it said."""
        try:
            _, errors = self.process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:  # one test has failed, and it is to be no other one too
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.communicate()
            raise
        return self.process.returncode, errors


def moments() -> Iterator[None]:
    """Yield again and again, until patience ends."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        yield
        os.sched_yield()


def has_ended(process: int) -> bool:
    """Tell whether a process has ended."""
    with suppress(OSError):
        return Path(f"/proc/{process}/stat").read_text("ascii").rpartition(")")[2].split()[0] == "Z"
    return True


def listens_to(process: int, number: int) -> bool:
    """Tell from /proc whether a process has a handler of its own for a signal, and lets it in."""
    with suppress(OSError):
        lines = Path(f"/proc/{process}/status").read_text("utf-8").splitlines()
        masks = {name: int(mask, 16) >> (number - 1) & 1 for name, _, mask in map(parts_of, lines)}
        return bool(masks["SigCgt"] and not masks["SigBlk"])
    return False


def parts_of(line: str) -> tuple[str, str, str]:
    """Split a line of /proc; what is no mask of signals is none."""
    name, _, value = line.partition(":")
    return name, "", value.strip() if name.startswith("Sig") and "/" not in value else "0"
