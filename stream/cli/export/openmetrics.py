"""``usage-stream export openmetrics``."""

from __future__ import annotations

from pathlib import Path

import click

from stream.cli.basics import EXIT_CODES, PLAIN_FILE, clock_option, show_json
from stream.cli.export.options import source_argument
from stream.cli.figure_source import open_recorded
from stream.cli.outputs import refuse_input
from stream.sinks.atomic import prepare_file

__all__ = ["openmetrics_command"]


@click.command("openmetrics", epilog=EXIT_CODES)
@source_argument
@click.option(
    "--out", metavar="FILE", type=PLAIN_FILE, required=True, help="Where the history goes."
)
@clock_option(" Windows that have not ended by then are left out.")
def openmetrics_command(source: Path, out: Path, now: int) -> None:
    """Write recorded usage with each window's own time, ready for a backfill of Prometheus.

    SOURCE is a state file (which may be in use), a capture, or a directory of pages.

    Each window is one sample, a second before its end. Add up with sum_over_time, as in
    sum by (project_id) (sum_over_time(openai_api_tokens{token_type="input"}[1d])).

    \b
    Example:
      usage-stream export openmetrics state.db --out usage.om
      promtool tsdb create-blocks-from --max-block-duration=744h openmetrics usage.om data/

    Blocks do not overwrite each other: after figures were corrected, delete the series before the
    next backfill. Prometheus must keep data longer than the history is.
    """  # noqa: D301 -- \b is click's mark for a paragraph that keeps its lines
    from stream.sinks.exports.openmetrics import export_openmetrics  # noqa: PLC0415 -- only this command needs it

    refuse_input(out, prepare_file(out), source)
    with open_recorded(source) as recorded:
        written = export_openmetrics(recorded.windows, out, now)
    show_json(written)
