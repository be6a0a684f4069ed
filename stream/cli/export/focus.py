"""``usage-stream export focus``."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from stream.cli.basics import EXIT_CODES, NOT_PACKED, OUTPUT_FILE, show_json, show_note
from stream.cli.export.options import load_parquet, run_export, source_argument
from stream.cli.figure_source import open_recorded
from stream.cli.outputs import refuse_input
from stream.cli.selection import read_span, span_options
from stream.sinks.atomic import prepare_file
from stream.sinks.captures import PACKED

__all__ = ["focus_command"]


@click.command("focus", epilog=EXIT_CODES)
@source_argument
@click.option(
    "--focus-version",
    "version",
    type=click.Choice(["1.2", "1.4"]),
    required=True,
    help="The version of the specification that the reader knows.",
)
@click.option(
    "--billing-account",
    "account",
    metavar="ID",
    help="Who is billed: your organization's id, as org-… on the settings page. Pages do not say.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["csv", "parquet"]),
    default="csv",
    show_default=True,
    help="How it is written; Parquet needs the extra usage-stream[parquet].",
)
@span_options
@click.option(
    "--out",
    metavar="FILE",
    type=OUTPUT_FILE,
    required=True,
    help="Where the charges go; CSV is packed when it ends in .gz or .zst.",
)
@click.pass_context
def focus_command(
    context: click.Context,
    source: Path,
    *,
    version: str,
    account: str | None,
    form: Literal["csv", "parquet"],
    since: str | None,
    until: str | None,
    out: Path,
) -> None:
    """Write what was billed as FOCUS has it, the open specification of FinOps for bills.

    SOURCE is a state file (which may be in use), a capture, or a directory of pages. Each record of
    costs is a charge, exact, and what is negative a credit; usage is no charge. Billing periods are
    months of UTC. 1.2 is what most tools take today.

    What a version wants and the API does not say stays null, and is counted on stdout. Exit 1: the
    file is whole, but some costs have no amount and are left out, or no currency of ISO 4217.

    \b
    Examples:
      usage-stream export focus state.db --focus-version 1.2 --billing-account org-abc \\
          --since 2026-10 --until 2026-10 --out october.csv
      usage-stream export focus pages --focus-version 1.4 --billing-account org-abc \\
          --format parquet --out charges.parquet
    """  # noqa: D301 -- \b is click's mark for a paragraph that keeps its lines
    from stream.sinks.exports.focus import FocusFile, export_focus  # noqa: PLC0415 -- only this command needs it

    if not (account or "").strip():
        raise click.UsageError(
            "--billing-account is missing: a charge has to say who is billed, and pages do not; "
            "give your organization's id, as in --billing-account org-abc"
        )
    if form == "parquet" and out.suffix in PACKED:
        raise click.BadParameter(NOT_PACKED, param_hint="'--out'")
    write_table = load_parquet().export_table if form == "parquet" else None
    asked = FocusFile(version, str(account).strip(), read_span(since, until))
    refuse_input(out, prepare_file(out), source)
    with open_recorded(source) as recorded:
        written = run_export(
            lambda on_records: export_focus(recorded, asked, out, on_records, write_table)
        )
    for note in written.notes:
        show_note(note)
    show_json(written)
    context.exit(0 if written.is_conformant else 1)
