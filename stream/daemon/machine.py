"""What the machine gives the daemon: memory, and room on the disks that it writes to."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import anyio
import anyio.to_thread

from stream.daemon.config import Settings
from stream.daemon.core import Core
from stream.sinks.metrics.status import DiskSpace

__all__ = ["find_memory_limit", "measure_disks", "measure_regularly"]

PAUSE: Final = 10.0
"""Seconds between two looks."""
PROC: Final = Path("/proc")
CGROUPS: Final = Path("/sys/fs/cgroup")
V1, V2 = "memory.limit_in_bytes", "memory.max"


async def measure_regularly(core: Core) -> None:
    """Bring up to date what a core shows of the machine, in a thread: a disk may not answer."""
    while True:
        core.status.memory_limit = await anyio.to_thread.run_sync(find_memory_limit)
        core.status.disks = await anyio.to_thread.run_sync(
            measure_disks, core.settings, abandon_on_cancel=True
        )
        await anyio.sleep(PAUSE)


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


def measure_disks(settings: Settings) -> dict[str, DiskSpace]:
    """Return the room, by what is written there; of several disks that with the least left."""
    if not hasattr(os, "statvfs"):  # Windows
        return {}
    places: dict[str, Iterable[Path]] = {
        "state": [settings.state.parent],
        "report": [settings.report.parent],
        "dead_letters": [settings.dead_letters],
        "evidence": sorted({one.evidence for one in settings.poll}),
    }
    found: dict[str, DiskSpace] = {}
    for name, paths in places.items():
        spaces = [space for path in paths if (space := measure_disk(path)) is not None]
        if spaces:
            found[name] = min(spaces, key=lambda one: one.free / one.size)
    return found


def measure_disk(path: Path) -> DiskSpace | None:
    """Return the room where a directory stands, or is to stand; ``None`` if nobody can say."""
    path = path.absolute()
    for one in (path, *path.parents):
        try:
            disk = os.statvfs(one)
        except OSError:
            continue
        size = disk.f_blocks * disk.f_frsize
        return DiskSpace(disk.f_bavail * disk.f_frsize, size) if size else None
    return None
