"""The rules by which pages are taken in."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from msgspec import Struct

from stream.state.memory import SMALL_BUDGET

__all__ = ["Rules"]


class Rules(Struct, frozen=True, kw_only=True):
    """How pages are taken in.

    ``state`` is the file to resume from and to checkpoint into, every so many pages or seconds.
    ``dead_letters`` is the directory that bad records go to; ``None`` ends the run at the first.
    ``unfinished_walks`` is what becomes of a chain whose last page says that more follows.
    ``memory`` is how many bytes windows may take of it, those of all workers together; windows
    beyond that are in the state file, or in a temporary one.
    """

    state: Path | None = None
    dead_letters: Path | None = None
    unfinished_walks: Literal["refuse", "report", "wait"] = "refuse"
    checkpoint_pages: int = 500
    checkpoint_seconds: float = 5.0
    memory: int = SMALL_BUDGET

    @property
    def tolerant(self) -> bool:
        """Whether bad input is set aside, rather than the end of the run."""
        return self.dead_letters is not None
