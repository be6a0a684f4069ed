"""``usage-stream export html``."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from stream.cli.basics import (
    EXIT_CODES,
    PLAIN_FILE,
    clock_option,
    prices_option,
    show_json,
    show_warning,
)
from stream.cli.export.options import SourcePath
from stream.cli.figure_source import is_state
from stream.cli.outputs import refuse_input
from stream.cli.replay import run_replay
from stream.cli.standard_input import spool_input
from stream.engines.signals import defer_signals, run_until_signalled
from stream.intake.rules import Rules
from stream.intake.stored_intake import open_stored_intake
from stream.pipeline import Outputs, Replay, finish_run, freeze_state
from stream.providers.prices.choice import load_prices
from stream.providers.prices.price_list import PriceList
from stream.records.privacy import one_line, spell_name
from stream.records.tally import Tally
from stream.sinks.atomic import prepare_file
from stream.sinks.report import Report

__all__ = ["html_command"]


@click.command("html", epilog=EXIT_CODES)
@click.argument("source", metavar="SOURCE", type=SourcePath(has_input=True))
@click.option("--out", metavar="FILE", type=PLAIN_FILE, required=True, help="Where the page goes.")
@prices_option
@click.option(
    "--allow-incomplete",
    is_flag=True,
    help="Of pages: show a chain whose last page says that more follows; exit 1. Of a state file "
    "it is shown anyway.",
)
@clock_option()
@click.pass_context
def html_command(
    context: click.Context,
    source: Path,
    out: Path,
    prices: str | None,
    *,
    allow_incomplete: bool,
    now: int,
) -> None:
    """Write usage and cost as a page: one file without a script, that needs no network.

    SOURCE is a state file (it may be in use, and is only read), or pages as replay takes them: a
    capture, a directory, or - for standard input. The page has what wants a look first, cost and
    tokens by month, the last month by day, projects, line items, tiers and models, with --prices
    what use should have cost, and what was read. The same pages give the same bytes.

    A state file does not know which files were left out, nor what figures were expected: both are
    in the page of the pages alone.

    \b
    Examples:
      usage-stream export html state.db --out out/report.html
      usage-stream export html month.ndjson.zst --out out/report.html --prices default
    """  # noqa: D301 -- \b is click's mark for a paragraph that keeps its lines
    price_list = None if prices is None else load_prices(prices)
    refuse_input(out, prepare_file(out), source)
    if is_state(source):
        report = render_state(source, out, now, price_list)
    else:
        run = Replay(
            directory=context.with_resource(spool_input(source)),
            now=now,
            report=None,
            html=out,
            side_outputs=(out,),
            prices=price_list,
            rules=Rules(unfinished_walks="report" if allow_incomplete else "refuse"),
        )
        with defer_signals():
            report = run_replay(run, Tally(), 1)
    show_json({"page": spell_name(str(out)), "relationshipIssues": report.outline.issues})
    for warning in report.outline.warnings:
        show_warning(one_line(warning))
    context.exit(report.outline.exit_code)


def render_state(state: Path, out: Path, now: int, prices: PriceList | None) -> Report:
    """Write the page of a state file; return the report that it shows.

    Raises:
        BadInput: state is damaged.
        Unavailable: it cannot be read, or the page not written.
    """
    outputs = Outputs(None, details=False, prices=prices, html=out)
    with open_stored_intake(state, now) as intake:
        losses = intake.checkpoints.store.losses
        return run_until_signalled(
            partial(finish_run, freeze_state(intake), now, outputs, issues=losses)
        )
