"""What can be logged: each event by a name that stays, with a sentence and fields beside it."""

from __future__ import annotations

from typing import Literal, TypeAlias

import structlog

__all__ = ["Event", "Level", "log_event"]

Level: TypeAlias = Literal["debug", "info", "warning", "error"]
Event: TypeAlias = Literal[
    "started",
    "stopping",
    "stopped",
    "ready",
    "unready",
    "reloaded",
    "reload_failed",
    "no_leases",
    "page",
    "dead_letter",
    "dead_letter_mended",
    "figures_fell",
    "file_rewritten",
    "nul_bytes",
    "left_out",
    "left_out_ended",
    "replayed",
    "checkpoint",
    "checkpoint_failed",
    "checkpoint_works",
    "state_lost",
    "pruned",
    "prune_failed",
    "report",
    "report_failed",
    "report_works",
    "export",
    "export_failed",
    "export_works",
    "source_failed",
    "source_works",
    "file_failed",
    "file_works",
    "chain_stopped",
    "chain_goes_on",
    "key_refused",
    "key_accepted",
    "endpoint_failed",
    "endpoint_works",
    "watch_failed",
    "watch_works",
    "budget_unclear",
    "budget_clear",
]
"""Names that programs may look for; README.md says what each means, and which fields it has."""


def log_event(level: Level, event: Event, message: str, **fields: object) -> None:
    """Log an event: ``message`` says it to people, ``fields`` to programs; secrets are masked."""
    getattr(structlog.get_logger(), level)(event, message=message, **fields)
