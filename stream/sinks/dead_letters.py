"""Dead letters: what could not be counted, set aside with its reason, its secrets masked."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from stream.sinks.atomic import atomic_file, write_pieces

__all__ = ["FILE", "write_letters"]

FILE: Final = "dead_letters.ndjson"


async def write_letters(directory: Path, letters: Iterable[bytes]) -> None:
    """Write ``dead_letters.ndjson``, whole or not at all.

    Raises:
        Unavailable: it cannot be written.
    """
    async with atomic_file(directory / FILE) as file:
        await write_pieces(file, letters)
