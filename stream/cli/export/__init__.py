"""``usage-stream export``: a file for each format.

``csv``, ``focus``, ``openmetrics`` and ``parquet`` are those, and ``html``, which is a page;
``postgres`` writes tables.
``options`` is what they share: what is read, which records are wanted, and how a file is made.
"""

from __future__ import annotations

from typing import Final

import click

from stream.cli.basics import EXIT_CODES
from stream.cli.commands import Commands

__all__ = ["export_command"]

FILES: Final = {
    "csv": "csv",
    "focus": "focus",
    "html": "html",
    "openmetrics": "openmetrics",
    "parquet": "parquet",
    "postgres": "postgres",
}
"""Where each format is."""


@click.group("export", epilog=EXIT_CODES, commands=Commands("stream.cli.export", FILES))
def export_command() -> None:
    """Write figures in another tool's format."""
