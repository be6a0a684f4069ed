"""What is logged of each delivery, and of what is none, and remembered when it is wrong."""

from __future__ import annotations

from pathlib import Path

from stream.daemon.events import log_event
from stream.daemon.health import Health
from stream.intake.intake import TakeResult
from stream.intake.letters import refusal_in
from stream.records.delivery import UNKNOWN_CHAIN, Delivery, LeftOut

__all__ = ["log_delivery", "log_left_out"]


def log_delivery(delivery: Delivery, taken: TakeResult, health: Health, dead_letters: Path) -> None:
    """Log a page that was taken, and remember what is wrong with it."""
    page = delivery.page
    where = {"source": delivery.part.source, "file": delivery.name}
    if taken.is_rewritten:
        said = "written anew; what had been counted still counts"
        log_event("warning", "file_rewritten", f"{delivery.name}: {said}", **where)
    if taken.mended_letters:
        said = f"{delivery.name}: {taken.mended_letters} dead letters fewer, mended or gone"
        log_event("info", "dead_letter_mended", said, **where, letters=taken.mended_letters)
    if page is None:
        return
    place: dict[str, object] = {"page": page.number} if page.number else {"line": page.place}
    if page.chain.endpoint != UNKNOWN_CHAIN:
        place |= {"endpoint": page.chain.endpoint, "label": page.chain.label}
    said = f"{delivery.name}: taken"
    log_event("debug", "page", said, **where, **place, bytes=len(page.content))
    if page.nul_bytes:
        said = f"{delivery.name}: NUL bytes in front were passed over"
        log_event("warning", "nul_bytes", said, **where, **place, bytes=page.nul_bytes)
    for sentence in taken.falls:
        log_event("warning", "figures_fell", sentence, **where, **place)
    if taken.letters:
        name = delivery.name if page.number else f"{delivery.name} (line {page.place})"
        first = refusal_in(taken.letters[0])
        said = f"{name}: {len(taken.letters)} set aside, see {dead_letters}: {first.name_place('')}"
        counts = {"reason": first.reason, "letters": len(taken.letters)}
        health.note_mishap("dead_letter", said, **where, **place, **counts)


def log_left_out(source: str, before: set[LeftOut], now: set[LeftOut]) -> None:
    """Log what a source does not read since now, and what it did not read and now does or lacks."""
    for name, reason in sorted(now - before):
        said = f"{name}: left out, {reason}"
        log_event("warning", "left_out", said, source=source, file=name, reason=reason)
    for name, reason in sorted(before - now):
        said = f"{name}: left out no more"
        log_event("info", "left_out_ended", said, source=source, file=name, reason=reason)
