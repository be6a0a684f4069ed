"""Commands as processes of their own: what memory they take, and kills at some CPU time."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from contextlib import suppress
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


def faulty(calls: str, fault: str, only: Path | None = None) -> tuple[str, ...]:
    """Write what a command begins with for faults in its system calls, or in those of one path.

    ``fault`` is as strace has it: ``signal=KILL:when=3``; it counts the calls of each thread on its
    own. Where no other call has to stop it is quicker, but a signal is not sent then.
    """
    base = ("strace", "-f", "-qqq", "-e", "signal=none", "-o", "/dev/null")
    quick = () if fault.startswith("signal=") else ("--seccomp-bpf", "-e", f"trace={calls}")
    paths = () if only is None else ("-P", str(only))
    return (*base, *quick, *paths, "-e", f"inject={calls}:{fault}")


PEAK = """
import sys
import time
from contextlib import suppress
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


def spent_in(pid: int, seconds: float) -> tuple[int, int]:
    """Let time pass; return how often a process woke in it, and the hundredths of CPU seconds."""
    before = spent_by(pid)
    time.sleep(seconds)
    after = spent_by(pid)
    wakes = sum(max(count - before[0].get(task, 0), 0) for task, count in after[0].items())
    return wakes, after[1] - before[1]


def spent_by(pid: int) -> tuple[dict[str, int], int]:
    """Return how often each thread has given up the CPU by itself, and all threads' CPU time."""
    wakes = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(OSError):  # it has ended
            lines = (task / "status").read_text("ascii").splitlines()
            named = dict(line.split(":", 1) for line in lines)
            wakes[task.name] = int(named["voluntary_ctxt_switches"])
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return wakes, int(fields[11]) + int(fields[12])


def killed_at(child: subprocess.Popen[bytes], ticks: int) -> bool:
    """Kill a process when it has used so much CPU time; tell whether it was still running."""
    stat = Path(f"/proc/{child.pid}/stat")
    while child.poll() is None:
        fields = stat.read_text("ascii").rpartition(")")[2].split()
        if int(fields[11]) + int(fields[12]) >= ticks:
            os.kill(child.pid, signal.SIGKILL)
            child.wait()
            return True
        time.sleep(0.001)
    return False
