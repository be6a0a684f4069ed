"""What the machine gives the daemon: memory, and room on the disks that it writes to."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import anyio
import anyio.to_thread

from stream.daemon.config import Settings
from stream.daemon.core import Core
from stream.sinks.metrics.status import DiskSpace
from stream.state.machine import find_memory_limit

__all__ = ["measure_disks", "measure_regularly"]

PAUSE: Final = 10.0
"""Seconds between two looks."""


async def measure_regularly(core: Core) -> None:
    """Bring up to date what a core shows of the machine, in a thread: a disk may not answer."""
    while True:
        core.status.memory_limit = await anyio.to_thread.run_sync(find_memory_limit)
        core.status.disks = await anyio.to_thread.run_sync(
            measure_disks, core.settings, abandon_on_cancel=True
        )
        await anyio.sleep(PAUSE)


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
