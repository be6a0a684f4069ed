"""``usage-stream export``: a file for each format.

``csv``, ``focus``, ``openmetrics`` and ``parquet`` are those, and ``html``, which is a page;
``postgres`` writes tables.
``options`` is what they share: what is read, which records are wanted, and how a file is made.
"""

from __future__ import annotations

import signal
from typing import Any, Final

import click

from stream.cli.basics import EXIT_CODES
from stream.cli.commands import Commands
from stream.records.errors import NO_REPORT, Interrupted

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
NOTHING: Final = "nothing was written"


class Exports(click.Group):
    """The formats; what ends one by a signal says of a file, and not of a report, that none is."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command of a format.

        Raises:
            Interrupted: a signal came, and nothing was written; and what the command raises.
        """
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            raise Interrupted(error.args[0] if error.args else signal.SIGINT, NOTHING) from None
        except Interrupted as error:
            raise Interrupted(
                error.signal_number, NOTHING if error.remains == NO_REPORT else error.remains
            ) from None


@click.group("export", Exports, epilog=EXIT_CODES, commands=Commands("stream.cli.export", FILES))
def export_command() -> None:
    """Write figures in another tool's format."""
