"""What is logged of each delivery, and remembered when something is wrong with it."""

from __future__ import annotations

from pathlib import Path

import structlog

from stream.daemon.health import Health
from stream.intake.intake import TakeResult
from stream.intake.letters import refusal_in
from stream.records.delivery import UNKNOWN_CHAIN, Delivery

__all__ = ["log_delivery"]


def log_delivery(delivery: Delivery, taken: TakeResult, health: Health, dead_letters: Path) -> None:
    """Log a page that was taken, and remember what is wrong with it."""
    log, page = structlog.get_logger(), delivery.page
    where = {"source": delivery.part.source, "file": delivery.name}
    if taken.is_rewritten:
        log.warning("written anew; what had been counted still counts", **where)
    if page is None:
        return
    place: dict[str, object] = {"page": page.number} if page.number else {"line": page.place}
    if page.chain.endpoint != UNKNOWN_CHAIN:
        place |= {"endpoint": page.chain.endpoint, "label": page.chain.label}
    log.debug("page", **where, **place, bytes=len(page.content))
    if page.nul_bytes:
        log.warning("NUL bytes in front were passed over", **where, **place, bytes=page.nul_bytes)
    for sentence in taken.falls:
        log.warning(sentence, **where, **place)
    if taken.letters:
        name = delivery.name if page.number else f"{delivery.name} (line {page.place})"
        reason = str(refusal_in(taken.letters[0]).name_place(""))
        said = f"{name}: {len(taken.letters)} set aside, see {dead_letters}: {reason}"
        health.note_mishap(said, **where, **place)
