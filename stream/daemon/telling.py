"""What is logged of each page and line, and remembered when something is wrong with it."""

from __future__ import annotations

from pathlib import Path

import structlog

from stream.daemon.health import Health
from stream.intake.reading import Captured, LineDelivery
from stream.sources.captures import Start
from stream.sources.fixtures import Delivery
from stream.sources.lines import Line

__all__ = ["tell_line", "tell_page"]


def tell_page(delivery: Delivery, intake: Captured, health: Health, dead_letters: Path) -> None:
    """Log a page that was taken, and remember what is wrong with it."""
    origin, page = delivery.chain.origin, delivery.page
    entry = intake.runs[origin].pages.get(page.page) if page is not None else None
    if page is None or entry is None:
        return
    log = structlog.get_logger()
    where = {"source": origin.source, "endpoint": origin.chain.endpoint}
    more = {**where, "label": origin.chain.label, "page": page.page, "file": page.name}
    log.debug("page", **more, rows=entry.rows, bytes=len(page.payload), loop=delivery.loop)
    for sentence in entry.fell:
        log.warning(sentence, **more)
    if entry.letters:
        health.mishap(f"{page.name}: {entry.letters} set aside, see {dead_letters}", **more)


def tell_line(delivery: LineDelivery, intake: Captured, health: Health, dead_letters: Path) -> None:
    """Log a line that was taken, and remember what is wrong with it; ``intake`` has its letters."""
    capture, line = delivery
    log, where = structlog.get_logger(), {"source": capture.source}
    if isinstance(line, Line):
        log.debug("page", **where, line=line.number, bytes=len(line.content))
        if intake.letters:
            said = f"{capture.name} (line {line.number}): {len(intake.letters)} set aside"
            health.mishap(f"{said}, see {dead_letters}", **where)
    elif isinstance(line, Start) and line.anew:
        log.warning("written anew; what had been counted still counts", **where)
