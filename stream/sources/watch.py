"""What the kernel tells of a directory: only when to look.

A look decides what is new, by comparing each file with what was emitted. So an event that is lost
costs time, and no page.
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Final

import anyio
from watchfiles import Change, awatch

from stream.records.errors import Unavailable

__all__ = ["changes_in"]

TELLING: Final = 1000  # milliseconds after which the watcher reports that nothing happened
DEBOUNCE: Final = 200
STEP: Final = 50


async def changes_in(place: Path, seconds: float) -> AsyncGenerator[bool]:
    """Yield for so many seconds whether something has changed in a directory.

    Raises:
        Unavailable: it cannot be watched.
    """
    with anyio.move_on_after(seconds):
        first = True
        try:
            async for changes in awatch(
                place,
                watch_filter=is_visible,
                debounce=DEBOUNCE,
                step=STEP,
                rust_timeout=TELLING,
                yield_on_timeout=True,
                recursive=False,
            ):
                yield first or bool(changes)
                first = False
        except (OSError, RuntimeError) as error:
            raise Unavailable(f"{place}: cannot be watched ({error})") from None


def is_visible(_: Change, path: str) -> bool:
    """Tell whether a file may be a page; hidden ones are being written."""
    return not os.path.basename(path).startswith(".")  # noqa: PTH119 -- called for every event
