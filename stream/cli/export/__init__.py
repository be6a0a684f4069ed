"""``usage-stream export``: ``focus`` and ``openmetrics``, a file each, and ``html``, a page."""

from __future__ import annotations

from typing import Final

import click

from stream.cli.basics import EXIT_CODES
from stream.cli.commands import Commands

__all__ = ["export_command"]

FILES: Final = {
    "focus": "focus",
    "html": "html",
    "openmetrics": "openmetrics",
}
"""Where each format is."""


@click.group("export", epilog=EXIT_CODES, commands=Commands("stream.cli.export", FILES))
def export_command() -> None:
    """Write figures in another tool's format."""
