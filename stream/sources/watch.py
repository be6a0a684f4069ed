"""What the kernel tells of a directory: only when to look.

A look decides what is new, by comparing each file with what was emitted. So an event that is lost
costs time, and no page.
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Final

import anyio
from watchfiles import Change, awatch

from stream.records.errors import Unavailable

__all__ = ["changes_in"]

TELLING: Final = 1000  # milliseconds after which the watcher reports that nothing happened
DEBOUNCE: Final = 200
STEP: Final = 50
UNSPEAKABLE: Final = "Unable to decode path"
"""What watchfiles says, and gives up, of a file whose name is no UTF-8: something has changed."""


class WatchEnd:
    """What the watcher's thread asks whether it is to end; who is cancelled waits for it."""

    def __init__(self, scope: anyio.CancelScope) -> None:
        """End when a scope has been cancelled."""
        self.scope = scope

    def is_set(self) -> bool:
        """Tell whether it is to end."""
        return self.scope.cancel_called

    def set(self) -> None:
        """Take notice of what the scope says already."""


async def changes_in(place: Path, seconds: float, scope: anyio.CancelScope) -> AsyncGenerator[None]:
    """Yield at once, and whenever the kernel tells of a change in a directory.

    It ends after so many seconds, when another directory stands in its place, or within
    milliseconds when ``scope`` has been cancelled.

    Raises:
        Unavailable: it cannot be watched.
    """
    inode, is_first, is_unspeakable = inode_of(place), True, False
    is_visible = visibility_in(place)
    end = anyio.current_time() + seconds
    try:
        async for changes in awatch(
            place,
            watch_filter=is_visible,
            debounce=DEBOUNCE,
            step=STEP,
            rust_timeout=TELLING,
            yield_on_timeout=True,
            recursive=True,
            stop_event=WatchEnd(scope),  # type: ignore[arg-type]  # as an event of anyio
        ):
            if is_first or changes:
                yield
            is_first = False
            if inode_of(place) != inode or anyio.current_time() >= end:
                return
    except (OSError, RuntimeError, ExceptionGroup) as error:
        cause: Exception = error
        while isinstance(cause, ExceptionGroup):
            cause = cause.exceptions[0]
        if not isinstance(cause, OSError | RuntimeError):
            raise
        is_unspeakable = UNSPEAKABLE in str(cause)
        if not is_unspeakable:
            raise Unavailable(f"{place}: cannot be watched ({cause})") from None
    if is_unspeakable:
        yield


def inode_of(place: Path) -> tuple[int, int] | None:
    """Return what tells a directory from another that stands in its place."""
    try:
        status = os.stat(place)  # noqa: PTH116 -- as short
    except OSError:
        return None
    return status.st_dev, status.st_ino


def visibility_in(place: Path) -> Callable[[Change, str], bool]:
    """Return what tells whether a path below a directory may be of a page; hidden ones are not."""
    above = (os.path.realpath(place), str(place))

    def is_visible(_: Change, path: str) -> bool:
        below = next((path[len(one) :] for one in above if path.startswith(one)), path)
        return f"{os.sep}." not in below

    return is_visible
