"""How much memory there is: what control groups and the machine say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

__all__ = ["find_memory_limit"]

PROC: Final = Path("/proc")
CGROUPS: Final = Path("/sys/fs/cgroup")
V1, V2 = "memory.limit_in_bytes", "memory.max"


def find_memory_limit(proc: Path = PROC, groups: Path = CGROUPS) -> int | None:
    """Return how many bytes of memory this process may have at most; ``None``: nobody says.

    That is the least of the machine's memory and of the limits of its control group and of those
    above it (version 2 or 1); a container or a systemd unit has such a limit.
    """
    limits = [*limits_of_groups(read_text(proc / "self" / "cgroup"), groups)]
    for line in read_text(proc / "meminfo").splitlines():
        name, _, amount = line.partition(":")
        if name == "MemTotal" and (kib := amount.split()[0]).isdecimal():
            limits.append(int(kib) * 1024)
    return min(limits, default=None)


def limits_of_groups(membership: str, groups: Path) -> Iterator[int]:
    """Yield the limits, in bytes, of the groups that ``/proc/self/cgroup`` names."""
    for line in membership.splitlines():
        _, controllers, place = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        root, name = (groups / "memory", V1) if controllers else (groups, V2)
        parts = [] if ".." in place else place.strip("/").split("/")  # beyond what it may see
        for length in range(len(parts) + 1):
            limit = read_text(root.joinpath(*parts[:length], name)).strip()
            if limit.isdecimal():  # not "max"
                yield int(limit)


def read_text(path: Path) -> str:
    """Return what a small file of the kernel's says, nothing if it is not there."""
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
