"""What a replay was asked to do."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

__all__ = ["DEFAULT_CAPACITY", "DEFAULT_PAGE_BYTES", "DEFAULT_REPORT", "Replay"]

DEFAULT_CAPACITY = 4
DEFAULT_PAGE_BYTES = 256 * 1024 * 1024
DEFAULT_REPORT = Path("out/admin_ingestion_report.json")


class Replay(Struct, frozen=True, kw_only=True):
    """One run over a fixture directory; ``now`` is the clock, in Unix seconds.

    ``state`` is the file that the run resumes from and checkpoints into, every so many pages or
    seconds. ``report`` may be ``None`` (nothing is written: ``verify`` only wants the findings).
    ``dead_letters`` is the directory that bad records go to; ``None`` ends the run at the first.
    """

    directory: Path
    now: int
    report: Path | None = DEFAULT_REPORT
    details: bool = True
    allow_incomplete: bool = False
    dead_letters: Path | None = None
    state: Path | None = None
    checkpoint_pages: int = 500
    checkpoint_seconds: float = 5.0
    channel_capacity: int = DEFAULT_CAPACITY
    max_page_bytes: int = DEFAULT_PAGE_BYTES
