"""How a daemon stands, in numbers: what its metrics are made of beside a run's counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from msgspec import Struct

from stream.sinks.money_metrics import MoneyStatus

__all__ = ["DaemonStatus", "DiskSpace", "ExportStatus", "PollStatus"]


class PollStatus(NamedTuple):
    """How an account stands, in numbers; mappings are by endpoint or list.

    ``requests`` are by class of status too, and ``walks`` by outcome: whole, or why not.
    """

    requests: Mapping[tuple[str, str], int]
    waited_seconds: float
    walks: Mapping[tuple[str, str], int]
    last_walk: Mapping[str, float]
    lag: Mapping[str, float]
    evidence_bytes: int
    is_refused: bool


class ExportStatus(Struct):
    """How an export stands, in numbers: times in seconds, rows by what became of them."""

    interval: float
    last_success: int = 0
    duration: float = 0.0
    failures: int = 0
    rows: dict[str, int] = {}


class DiskSpace(NamedTuple):
    """The room on a disk, in bytes."""

    free: int
    size: int


class DaemonStatus(Struct):
    """How the daemon stands, in numbers; mappings are by endpoint, the last by source.

    ``exports`` are by their names.
    ``unready_reasons`` has each reason with 1 if it holds, ``disks`` are by what is written there,
    and ``memory_limit`` is in bytes, ``None`` where nobody knows it.
    """

    unready_reasons: dict[str, int] = {}
    memory_limit: int | None = None
    disks: dict[str, DiskSpace] = {}
    config_ok: bool = True
    watermarks: dict[str, int] = {}
    missing_windows: dict[str, int] = {}
    fallen_pages: dict[str, int] = {}
    records: int = 0
    open_windows: int = 0
    state_bytes: int = 0
    issues: int = 0
    exports: dict[str, ExportStatus] = {}
    series_limit: int = 0
    series_folded: Mapping[str, int] = {}
    """Metric → how many of its series are added up in coarser ones."""
    successes: dict[tuple[str, str], float] = {}
    intervals: dict[tuple[str, str], float] = {}
    chain_waits: dict[str, float] = {}
    failing_directories: dict[str, int] = {}
    unreadable_files: dict[str, int] = {}
    stopped_chains: dict[str, int] = {}
    polls: dict[str, PollStatus] = {}
    money: MoneyStatus = MoneyStatus()
