"""Commands as processes of their own: what memory they take, and kills at some CPU time."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

from tests.support.running import NOW


def command(pages: Path, report: Path, *options: str) -> list[str]:
    """Write the command of a replay."""
    base = [sys.executable, "-m", "stream", "replay", str(pages), "--now", NOW]
    return [*base, "--report", str(report), *options]


def ticks_of(child: subprocess.Popen[bytes]) -> int:
    """Wait for a process; return the CPU time that it took, in hundredths of a second."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert child.wait() == 0
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    took = (after.ru_utime - before.ru_utime) + (after.ru_stime - before.ru_stime)
    return int(took * 100)


PEAK = """
import sys
from pathlib import Path
from stream.cli import run_command
code = run_command(sys.argv[1:])
lines = Path("/proc/self/status").read_text("ascii").splitlines()
print(next(line.split()[1] for line in lines if line.startswith("VmHWM:")), file=sys.stderr)
sys.exit(code)
"""
"""Runs a command, and says last what it had of memory at most, in KiB.

What the system tells whoever waits for a process (``ru_maxrss``) is no less than what the one had
that started it.
"""


def peak_of(arguments: list[str], before: str = "") -> int:
    """Run a command in a process of its own, after some Python; return its most memory in KiB."""
    done = subprocess.run(
        [sys.executable, "-c", before + PEAK, *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return int(done.stderr.split()[-1])


def killed_at(child: subprocess.Popen[bytes], ticks: int) -> bool:
    """Kill a process when it has used so much CPU time; tell whether it was still running."""
    stat = Path(f"/proc/{child.pid}/stat")
    while child.poll() is None:
        fields = stat.read_text("ascii").rpartition(")")[2].split()
        if int(fields[11]) + int(fields[12]) >= ticks:
            os.kill(child.pid, signal.SIGKILL)
            child.wait()
            return True
    return False
