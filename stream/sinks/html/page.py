"""A report as a page: one file that needs no network and no script, for whoever opens a mail.

It is a function of the outline and its clock: the same pages give the same bytes.
"""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Final

from stream.records.windows import timestamp
from stream.sinks.atomic import atomic_file, write_pieces
from stream.sinks.html.money import view_money
from stream.sinks.html.origins import find_origins
from stream.sinks.html.templates import BASE_STYLE, load_template, read_file
from stream.sinks.html.usage import view_usage
from stream.sinks.html.wants import look_at
from stream.sinks.report import Report

__all__ = ["render_report", "write_page"]

HERE: Final = "stream.sinks.html"
STYLE: Final = BASE_STYLE + read_file(HERE, "report.css")
STYLE_DIGEST: Final = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
"""What the page's policy knows its own style by; no other style, and nothing else, may run."""
TEMPLATE: Final = load_template(HERE, "report.html")


def render_report(report: Report) -> str:
    """Render a report; its figures must have been added up by day."""
    outline = report.outline
    return TEMPLATE.render(
        style=STYLE,
        style_digest=STYLE_DIGEST,
        version=outline.version,
        generated_at=timestamp(outline.now),
        look=look_at(outline),
        usage=view_usage(outline),
        bills=None if outline.bills is None else view_money(outline.bills),
        origins=find_origins(report),
        folded=outline.folded_days,
    )


async def write_page(path: Path, report: Report) -> None:
    """Write the page: whole, or not at all.

    Raises:
        Unavailable: it cannot be written.
    """
    async with atomic_file(path) as file:
        await write_pieces(file, [render_report(report).encode(errors="backslashreplace")])
